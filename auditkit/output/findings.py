"""The findings as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.evidence import Finding
from auditkit.judgement.findings import about, every
from auditkit.tables.cells import csv_bytes

COLUMNS: Final = (
    "rule", "outcome", "statement", "evidence", "key", "value", "lower", "upper", "finding_id",
    "group", "n", "operator", "threshold", "severity", "waived_until", "statement_sha256",
)  # fmt: skip

Row = tuple[str | float | int | None, ...]


def finding_rows(findings: Sequence[Finding], statement: str) -> list[Row]:
    """One row for each finding, in the order of the statement: rules, then their conditions.

    Args:
        findings: Those of rules, with their conditions.
        statement: The statement's digest, which each row names; empty: not stated.
    """
    return [
        (
            f.rule,
            f.outcome.words,
            f.statement,
            f.evidence,
            f.key,
            f.value,
            f.lower,
            f.upper,
            f.id,
            about(f.group),
            f.n if f.key else None,
            f.operator,
            f.threshold,
            f.severity,
            f.waiver["expires"] if f.waiver else None,
            statement.removeprefix("sha256:"),
        )
        for f in every(findings)
    ]


def findings_csv(findings: Sequence[Finding], *, statement: str = "") -> bytes:
    """The rows of `finding_rows` as CSV; no cell is run as a formula."""
    return csv_bytes([COLUMNS, *finding_rows(findings, statement)])
