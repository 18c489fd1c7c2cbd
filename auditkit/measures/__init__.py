"""Arrays in, small frozen results out: no thresholds, no evidence, no files."""
