"""`auditkit access user` and `token`: who may log in to the guarded server, and with what."""
