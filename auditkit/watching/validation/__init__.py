"""Validation: a table against its contract, test against training, serving against training.

Every question gives a `Result`: how many rows are wrong, of how many, and what is tolerated.
"""
