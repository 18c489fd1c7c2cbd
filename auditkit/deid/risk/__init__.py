"""Disclosure risk: k-anonymity, l-diversity, t-closeness, and generalization to reach a k."""
