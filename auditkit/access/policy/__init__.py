"""The access policy: its rules, its decisions, and its lint."""
