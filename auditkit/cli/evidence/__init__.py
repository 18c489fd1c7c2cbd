"""`auditkit evidence`: what happened in a period, from the log."""
