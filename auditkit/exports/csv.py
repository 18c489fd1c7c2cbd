"""The findings as CSV: every finding, one row each, in the order of the statement."""

from __future__ import annotations

from auditkit.exports.source import Source
from auditkit.output.findings import findings_csv


def write(source: Source) -> bytes:
    """The same file as `auditkit run` writes."""
    return findings_csv(source.rules, statement=str(source.digest))
