"""Statistics of drift: effects with intervals, from the counts of two profiles.

Each takes the counts of a baseline and of a window over the same cells, and gives an `Estimate`:
how large the change is, not whether there is any. With enough rows there always is one.
"""
