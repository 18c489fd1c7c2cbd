"""Findings in other tools' formats: an audit in, text out."""

from __future__ import annotations

from auditkit.output.findings import findings_csv

__all__ = ["findings_csv"]
