"""Audits in a log: what is written of one, and what can be read of all."""
