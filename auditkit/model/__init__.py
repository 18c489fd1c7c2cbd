"""A model as one function from a table to scores, and what its output means."""
