"""Keeping a log for years: payloads destroyed, segments rotated, stretches exported."""
