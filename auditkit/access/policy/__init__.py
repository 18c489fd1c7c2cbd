"""The access policy: its rules, its decisions, and what is wrong with it."""
