"""Intervals, tests and areas of plain numbers; knows nothing of groups or people."""
