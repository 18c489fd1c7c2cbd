"""Witnesses: cosign a log's checkpoints, and refuse a log that forked or shrank."""
