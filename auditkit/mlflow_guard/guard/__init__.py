"""The gate: a request decided, held to four eyes and evidence, and logged."""
