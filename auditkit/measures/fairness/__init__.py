"""Public functions that compare groups, and their results."""
