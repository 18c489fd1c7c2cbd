"""Commands around the gate: what got worse since an earlier audit, and the work on policies."""
