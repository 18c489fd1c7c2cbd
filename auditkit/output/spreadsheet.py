"""Tables of the evidence for spreadsheets, with no cell that a spreadsheet runs as a formula."""

from __future__ import annotations

import csv
import io

from auditkit.canonical import parse_json
from auditkit.tables.cells import csv_bytes


def table_csv(table: bytes) -> bytes:
    """A table for spreadsheets: the same cells, none of which is run as a formula.

    Args:
        table: What `Table.to_bytes` wrote, so that a verifier can write the same from the file.
    """
    content = parse_json(table)
    return csv_bytes([content["columns"], *content["rows"]])


def is_table_csv(written: bytes, table: bytes) -> bool:
    """Whether a spreadsheet is that of a table, as this or an earlier release wrote it."""
    return written in (table_csv(table), _first_csv(table))


def _first_csv(table: bytes) -> bytes:
    """As version 0.1.0 wrote it: control characters as they were, all that begins by a sign."""

    def harmless(value: object) -> object:
        is_risky = isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}
        return f"'{value}" if is_risky else value

    content = parse_json(table)
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerows([harmless(c) for c in row] for row in [content["columns"], *content["rows"]])
    return written.getvalue().encode("utf-8")
