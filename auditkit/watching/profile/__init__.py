"""Profiles: mergeable counts of a table over edges that the baseline froze."""
