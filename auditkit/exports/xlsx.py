"""A workbook for examiners: every finding as a row, and a sheet that says what the rows are."""

from __future__ import annotations

import io

from auditkit.canonical import Digest
from auditkit.exports import csv
from auditkit.exports.source import Source
from auditkit.output.findings import COLUMNS, finding_rows
from auditkit.output.workbook import Cell, Sheet, write_workbook


def write(source: Source) -> bytes:
    """Two sheets: "Read me" and "Findings"."""
    rows = finding_rows(source.rules, str(source.digest))
    written = io.BytesIO()
    write_workbook(
        written,
        [
            Sheet("Read me", _read_me(source, len(rows)), widths=(26, 90)),
            Sheet("Findings", [COLUMNS, *rows], widths=(10, 14, 70), is_table=True),
        ],
        time=source.time,
    )
    return written.getvalue()


def _read_me(source: Source, count: int) -> list[tuple[Cell, ...]]:
    model = source.model
    return [
        ("What the rows are", ("Every finding of one audit: each rule of its policy, and then each "
         "of its conditions, which is the rule on one group. Nothing is left out.")),
        ("Query", "all findings of the statement, in its order"),
        ("Rows", count),
        ("Model", f"{model['name']}, version {model['version']}"),
        ("Model artifact", model["digest"]),
        ("Policy", f"{source.policy['id']}, version {source.policy['version']}"),
        ("As of", source.predicate["as_of"] or "not stated"),
        ("Verdict", source.decision),
        ("Statement", str(source.digest)),
        ("findings.csv", f"{Digest.of(csv.write(source))}, the same rows as text"),
        ("How to check", ("'auditkit verify report.pdf' checks the statement that these rows are "
         "of; 'auditkit export' makes the same file from it again.")),
    ]  # fmt: skip
