"""Tables of the evidence as spreadsheets open them, with no cell that one would obey."""

from __future__ import annotations

import csv
import io

from auditkit.canonical import parse_json


def table_csv(table: bytes) -> bytes:
    """A table for spreadsheets: the same cells, none of which a spreadsheet obeys.

    Args:
        table: What `Table.to_bytes` wrote, so that a verifier can write the same from the file.
    """
    content = parse_json(table)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([harmless_cell(c) for c in content["columns"]])
    for row in content["rows"]:
        writer.writerow(["" if c is None else harmless_cell(c) for c in row])
    return written.getvalue().encode("utf-8")


def harmless_cell(value: object) -> object:
    """A cell of a CSV file that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}:
        return "'" + value
    return value
