"""Shapley values: of trees, of linear models, and of any function."""
