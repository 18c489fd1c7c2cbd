"""`auditkit log`: what can be asked of a log, and done with it."""
