"""Change over time, one observation after another: e-processes, ADWIN, Page-Hinkley."""
