"""The plain form: every measurement in a table, every small table of rows below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.evidence import Evidence, Measurement, Table
from auditkit.report.blocks import Block, Cell, Column, TableBlock
from auditkit.report.book import Book, Line
from auditkit.report.glossary import in_words

_MAX_ROWS: Final = 24
_MAX_COLUMNS: Final = 7


def plain(book: Book, evidence: Evidence) -> Sequence[Block]:
    """A section for a check that has no form of its own."""
    blocks: list[Block] = []
    if evidence.measurements:
        blocks.append(measurements(book, evidence, evidence.measurements))
    blocks += [rows(book, evidence, table) for table in evidence.tables]
    return blocks


def measurements(
    book: Book,
    evidence: Evidence,
    shown: Sequence[Measurement],
    *,
    caption: str = "What was measured",
) -> TableBlock:
    """Measurements with their intervals and n, at most forty; the rest is attached."""
    grouped = any(m.group for m in shown)
    listed = shown[:40]
    note = Line()
    if len(listed) < len(shown):
        note = Line("The rest of the measurements is in the attached statement.")
    columns = [Column(heading="Measure")]
    if grouped:
        columns.append(Column(heading="Of"))
    columns += [
        Column(heading="Value (interval)", align="right"),
        Column(heading="n", align="right", narrow=True),
        Column(heading="Unit"),
    ]
    with_method = any(m.method for m in listed)
    if with_method:
        columns.append(Column(heading="Method"))
    body: list[list[Cell]] = []
    reasons: dict[str, None] = {}
    for m in listed:
        row: list[Cell] = [in_words(m.name)]
        if grouped:
            row.append(book.group(m.group) if m.group else "all")
        row += [book.interval(evidence, m), book.n(evidence, m), book.quote(m.unit)]
        if with_method:
            row.append(book.quote(m.method))
        body.append(row)
        if m.value is None:
            reasons[m.reason] = None
    if reasons:
        told = [part for reason in reasons for part in ("; ", book.quote(reason))]
        note = Line(note, " Not estimable: ", *told[1:], ".")
    level = next((m for m in listed if m.level is not None), None)
    if level is not None:
        note = Line("Intervals at ", book.percent(evidence, level), ". ", note)
    return TableBlock(
        caption=caption, columns=columns, rows=body, evidence=book.quote(evidence.id), note=note
    )


def rows(book: Book, evidence: Evidence, table: Table) -> TableBlock:
    """The first rows of a table; the whole is attached to the report."""
    kept = table.columns[:_MAX_COLUMNS]
    numeric = {
        name: all(isinstance(c, int | float) or c is None for c in table.column(name))
        for name in kept
    }
    body: list[list[Cell]] = [
        [book.cell(evidence, table, i, name) for name in kept]
        for i in range(min(len(table.rows), _MAX_ROWS))
    ]
    return TableBlock(
        caption=book.quote(table.title),
        columns=[
            Column(
                heading=book.quote(name),
                align="right" if numeric[name] else "left",
            )
            for name in kept
        ],
        rows=body,
        evidence=book.quote(evidence.id),
        note=attached(book, evidence, table, printed=len(body)),
        wide=len(kept) > 5,
    )


def attached(book: Book, evidence: Evidence, table: Table, *, printed: int) -> Line | str:
    """Says which file holds the whole table, where the page does not."""
    if printed == len(table.rows) and len(table.columns) <= _MAX_COLUMNS:
        return ""
    position = evidence.tables.index(table)
    where = ("evidence", int(evidence.id[2:]) - 1, "tables", position, "rows")
    return Line(
        "The attached table-",
        book.quote(table.name),
        ".csv has all ",
        book.fact(*where, value=len(table.rows)),
        " rows.",
    )
