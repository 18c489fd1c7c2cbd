"""Comparisons of groups as people call for them, and what they print."""
