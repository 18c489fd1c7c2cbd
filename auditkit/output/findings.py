"""The findings as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.evidence import Finding
from auditkit.tables.cells import csv_bytes

_COLUMNS: Final = ("rule", "outcome", "statement", "evidence", "key", "value", "lower", "upper")


def findings_csv(findings: Sequence[Finding]) -> bytes:
    """One row per finding, with its outcome in words; no cell is run as a formula."""
    rows = [
        (f.rule, f.outcome.words, f.statement, f.evidence, f.key, f.value, f.lower, f.upper)
        for f in findings
    ]
    return csv_bytes([_COLUMNS, *rows])
