"""From evidence to a verdict: suppress small cells, apply rules, assess controls."""
