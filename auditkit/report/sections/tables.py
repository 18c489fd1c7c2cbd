"""Sections on privacy, access and lineage that show the rows of the evidence."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.evidence import Evidence
from auditkit.report.blocks.kinds import Block, Cell, TableBlock, TableColumn
from auditkit.report.figures.figure_ledger import FigureLedger
from auditkit.report.sections.generic import attached, measurements, plain

_MAX_ROWS = 40


def identifiers(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """The identifiers found and the treatment, by column."""
    columns = {
        "column": TableColumn(heading="Column"),
        "identifier_class": TableColumn(heading="Class", narrow=True),
        "kinds": TableColumn(heading="Found as"),
        "found": TableColumn(heading="Found", align="right", narrow=True),
        "treated": TableColumn(heading="Treated", align="right", narrow=True),
        "treatment": TableColumn(heading="Treatment"),
        "reason": TableColumn(heading="Reason"),
    }
    note = "Classes are the letters of the list of identifiers in the cited regulation."
    return _with_table(
        book, evidence, "identifier_columns", columns, note=note, layout="identifiers"
    )


def decisions(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Every request and its decision."""
    columns = {
        "user": TableColumn(heading="Requested by"),
        "verb": TableColumn(heading="Request"),
        "object": TableColumn(heading="On"),
        "decision": TableColumn(heading="Decision"),
        "rule": TableColumn(heading="By"),
    }
    return _with_table(book, evidence, "access_decisions", columns)


def artifacts(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """The files that the model's digest commits to."""
    columns = {
        "path": TableColumn(heading="File"),
        "bytes": TableColumn(heading="Bytes", align="right", narrow=True),
        "sha256": TableColumn(heading="SHA-256", code=True),
    }
    return _with_table(book, evidence, "artifacts", columns)


def _with_table(
    book: FigureLedger,
    evidence: Evidence,
    name: str,
    columns: dict[str, TableColumn],
    *,
    note: str = "",
    layout: str = "",
) -> Sequence[Block]:
    table = next((t for t in evidence.tables if t.name == name), None)
    if table is None or not set(columns) <= set(table.columns):
        return plain(book, evidence)
    rows: list[list[Cell]] = [
        [book.cell(evidence, table, i, column) for column in columns]
        for i in range(min(len(table.rows), _MAX_ROWS))
    ]
    rest = attached(book, evidence, table, printed=len(rows))
    block = TableBlock(
        caption=book.quote(table.title),
        columns=list(columns.values()),
        rows=rows,
        evidence=book.quote(evidence.id),
        note=rest or note,
        wide=any(c.code for c in columns.values()),
        layout=layout,
    )
    return [*measurements(book, evidence, evidence.measurements), block]
