"""The server: the gate in front of every route, and the routes that auditkit adds."""
