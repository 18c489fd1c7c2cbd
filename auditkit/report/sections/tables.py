"""Privacy, access and lineage: evidence whose rows are worth reading."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.evidence import Evidence
from auditkit.report.blocks.kinds import Block, Cell, Column, TableBlock
from auditkit.report.figures.book import Book
from auditkit.report.sections.generic import attached, measurements, plain

_MAX_ROWS = 40


def identifiers(book: Book, evidence: Evidence) -> Sequence[Block]:
    """What was found and done, column by column."""
    columns = {
        "column": Column(heading="Column"),
        "identifier_class": Column(heading="Class", narrow=True),
        "kinds": Column(heading="Found as"),
        "found": Column(heading="Found", align="right", narrow=True),
        "treated": Column(heading="Treated", align="right", narrow=True),
        "treatment": Column(heading="Treatment"),
        "reason": Column(heading="Reason"),
    }
    note = "Classes are the letters of the list of identifiers in the cited regulation."
    return _with_table(
        book, evidence, "identifier_columns", columns, note=note, layout="identifiers"
    )


def decisions(book: Book, evidence: Evidence) -> Sequence[Block]:
    """Every request and its decision."""
    columns = {
        "user": Column(heading="Requested by"),
        "verb": Column(heading="Request"),
        "object": Column(heading="On"),
        "decision": Column(heading="Decision"),
        "rule": Column(heading="By"),
    }
    return _with_table(book, evidence, "access_decisions", columns)


def artifacts(book: Book, evidence: Evidence) -> Sequence[Block]:
    """The files that the model's digest commits to."""
    columns = {
        "path": Column(heading="File"),
        "bytes": Column(heading="Bytes", align="right", narrow=True),
        "sha256": Column(heading="SHA-256", code=True),
    }
    return _with_table(book, evidence, "artifacts", columns)


def _with_table(
    book: Book,
    evidence: Evidence,
    name: str,
    columns: dict[str, Column],
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
