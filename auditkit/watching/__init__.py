"""Watching a model after its audit: what was true on that day, is it still?

A `Profile` counts the rows of a baseline over edges that are then frozen; each later window is
counted over the same edges. Every statistic of drift is computed from two profiles, so that it can
be computed again without the rows.
"""
