"""Adverse-action letters: one page to one applicant."""
