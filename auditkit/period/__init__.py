"""A period's evidence: populations, samples, exceptions, all computed from the log."""
