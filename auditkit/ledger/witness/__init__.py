"""Witnesses: someone else who remembers how long a log was."""
