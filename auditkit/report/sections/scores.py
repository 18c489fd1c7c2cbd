"""Sections on scores by group: calibration, other cut-offs, and alternative models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from auditkit.charts import calibration, frontier, letters, sweep
from auditkit.evidence import Evidence, Table
from auditkit.report.blocks.kinds import Block, ChartBlock
from auditkit.report.figures.figure_ledger import FigureLedger, Line, Text
from auditkit.report.sections.generic import attached, measurements, plain, rows
from auditkit.report.typeset.text import shown

_MOST: Final = 6
_LABEL: Final = 160.0


def by_group(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Calibration: a curve for each group, attribute by attribute."""
    table = _table(evidence, "calibration_by_group", ("mean_score", "observed", "lower", "upper"))
    if table is None:
        return plain(book, evidence)
    charts: list[Block] = []
    for attribute, groups in _attributes(table).items():
        curves: list[tuple[str, list[tuple[float, float, float | None, float | None]]]] = []
        texts: list[Text] = []
        for group, positions in groups.items():
            bins = [
                (x, y, _number(table, i, "lower"), _number(table, i, "upper"))
                for i in positions
                if (x := _number(table, i, "mean_score")) is not None
                and (y := _number(table, i, "observed")) is not None
            ]
            label = book.words(group, limit=letters(shown(group), _LABEL))
            if bins and len(curves) < _MOST:
                curves.append((str(label), bins))
                texts.append(label)
        if not curves:
            continue
        charts.append(
            ChartBlock(
                title=Line("Favourable outcomes by score and ", book.words(attribute), "."),
                chart=calibration(curves),
                texts=texts,
                how=""
                if charts
                else Line(
                    "How to read it: where curves differ, the same score means different things "
                    "for different groups. Bins of few cases are left out. ",
                    attached(book, evidence, table, printed=0),
                ),
                evidence=book.quote(evidence.id),
            )
        )
    return [
        *measurements(book, evidence, evidence.measurements),
        *charts,
        *(rows(book, evidence, t) for t in evidence.tables if t is not table),
    ]


def cut_offs(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Selection rates over cut-offs, attribute by attribute, with the cut-off in use."""
    table = _table(evidence, "threshold_sweep", ("threshold", "in_use", "selection_rate"))
    if table is None:
        return plain(book, evidence)
    used = [c for c, u in zip(table.column("threshold"), table.column("in_use"), strict=True) if u]
    charts: list[Block] = []
    for attribute, groups in _attributes(table).items():
        chosen = list(groups.items())[:_MOST]
        labels = [book.words(group, limit=letters(shown(group), _LABEL)) for group, _ in chosen]
        lines = [
            (
                str(label),
                [
                    (x, y)
                    for i in positions
                    if (x := _number(table, i, "threshold")) is not None
                    and (y := _number(table, i, "selection_rate")) is not None
                ],
            )
            for label, (_, positions) in zip(labels, chosen, strict=True)
        ]
        in_use = float(used[0]) if used and isinstance(used[0], int | float) else None
        charts.append(
            ChartBlock(
                title=Line("Selection rate at other cut-offs, by ", book.words(attribute), "."),
                chart=sweep(lines, in_use=in_use),
                texts=labels,
                how=""
                if charts
                else Line(
                    "How to read it: the dashed line is the cut-off in use; the wider the gap "
                    "between curves, the more selection rates differ at that cut-off. ",
                    attached(book, evidence, table, printed=0),
                ),
                evidence=book.quote(evidence.id),
            )
        )
    return [
        *measurements(book, evidence, evidence.measurements),
        *charts,
        *(rows(book, evidence, t) for t in evidence.tables if t is not table),
    ]


def alternatives(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Every candidate by its accuracy and by how evenly it treats groups."""
    table = next((t for t in evidence.tables if t.name == "alternatives"), None)
    if table is None:
        return plain(book, evidence)
    points = [
        (str(name), x, y, bool(on), bool(by))
        for i, (name, on, by) in enumerate(
            zip(
                table.column("candidate"),
                table.column("frontier"),
                table.column("uses_group"),
                strict=True,
            )
        )
        if (x := _number(table, i, "balanced_accuracy")) is not None
        and (y := _number(table, i, "smallest_ratio")) is not None
    ]
    return [
        *measurements(book, evidence, evidence.measurements),
        *(
            [
                ChartBlock(
                    title="Every candidate: its balanced accuracy and how evenly it treats groups.",
                    chart=frontier(points),
                    how=Line(
                        "How to read it: further right is more accurate, further up more even; "
                        "the line joins those that no other beats in both, the dashed line is the "
                        "four-fifths rule of thumb. ",
                        attached(book, evidence, table, printed=0),
                    ),
                    evidence=book.quote(evidence.id),
                )
            ]
            if points
            else []
        ),
    ]


def _table(evidence: Evidence, name: str, columns: tuple[str, ...]) -> Table | None:
    found = next((t for t in evidence.tables if t.name == name), None)
    if found is None or not {"attribute", "group", *columns} <= set(found.columns):
        return None
    return found


def _attributes(table: Table) -> Mapping[str, Mapping[str, list[int]]]:
    """The positions of the rows of each group, by attribute, in the table's order."""
    found: dict[str, dict[str, list[int]]] = {}
    pairs = zip(table.column("attribute"), table.column("group"), strict=True)
    for position, (attribute, group) in enumerate(pairs):
        found.setdefault(str(attribute), {}).setdefault(str(group), []).append(position)
    return found


def _number(table: Table, row: int, column: str) -> float | None:
    cell = table.rows[row][table.columns.index(column)]
    return float(cell) if isinstance(cell, int | float) else None
