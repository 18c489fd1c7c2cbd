"""Sections on de-identification: identifiers found and left, recall, disclosure risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.charts import ForestRow, before_after, class_sizes, forest
from auditkit.evidence import Evidence, Table
from auditkit.report.blocks.kinds import Block, Cell, ChartBlock, TableBlock, TableColumn
from auditkit.report.figures.figure_ledger import FigureLedger, Line, Text
from auditkit.report.sections.generic import attached, measurements, plain

_RECALL = ("class", "identifier", "labelled", "found", "missed", "recall", "at_least")
_EIGHTEEN = (
    *("class", "identifier", "found", "in_text"),
    *("recall_in_text", "recall_at_least", "action", "residual"),
)

# The width of charts by class, whose names are long, in points.
_WIDTH: Final = 330.0
_NAMES: Final = 150.0

# So that the empty column of a form is wide enough to write in.
_ROOM: Final = "\N{NO-BREAK SPACE}" * 90
_FORMS: Final = {
    "safe-harbor": (
        "For a person to state: no actual knowledge",
        (
            "I know of no way in which the remaining data could identify someone",
            "On whose behalf I state this",
            "Name and position",
            "Date and signature",
        ),
    ),
    "expert": (
        "For an expert to determine",
        (
            "Who will receive the table, and what else they can reasonably get",
            "Whether the risk of identifying someone is very small, and why",
            "Where methods and results are documented",
            "Conditions, and the day until which this holds",
            "Name and qualification",
            "Date and signature",
        ),
    ),
}


def recall(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Recall in text by class, each with its lower bound."""
    table = _table(evidence, "recall_by_class", _RECALL)
    if table is None:
        return plain(book, evidence)
    shown = range(len(table.rows))
    names = [book.cell(evidence, table, i, "identifier") for i in shown]
    counts = [book.cell(evidence, table, i, "labelled") for i in shown]
    overall = [m for m in evidence.measurements if not m.group]
    bounded = evidence.named("recall")[0]
    lowest = min(_floats(table, "at_least"), default=0.0)
    return [
        *measurements(book, evidence, overall),
        ChartBlock(
            title="Share of labelled identifiers that are found, by class.",
            chart=forest(
                [
                    ForestRow(label=str(name), value=value, lower=low, upper=1.0, n=str(n))
                    for name, n, value, low in zip(
                        names,
                        counts,
                        _floats(table, "recall"),
                        _floats(table, "at_least"),
                        strict=True,
                    )
                ],
                measure="Recall",
                axis_label="Share of labelled identifiers found",
                limits=(max(0.0, min(0.9, lowest - 0.02)), 1.003),
                label_width=_NAMES,
                width=_WIDTH,
            ),
            texts=[text for pair in zip(names, counts, strict=True) for text in pair],
            how=Line(
                "How to read it: the left end of a line is the lower bound of recall, at ",
                book.percent(evidence, bounded),
                " confidence; few labelled cases give long lines.",
            ),
            evidence=book.quote(evidence.id),
        ),
        TableBlock(
            caption=book.quote(table.title),
            columns=[
                TableColumn(heading="Class", narrow=True),
                TableColumn(heading="Identifier"),
                *(
                    TableColumn(heading=heading, align="right", narrow=True)
                    for heading in ("Labelled", "Found", "Missed", "Recall", "At least")
                ),
            ],
            rows=[
                [
                    book.cell(evidence, table, i, c, digits=3, share=c in _RECALL[5:])
                    for c in _RECALL
                ]
                for i in shown
            ],
            evidence=book.quote(evidence.id),
            note="Only identifiers in free text depend on recall; columns are treated whole.",
        ),
    ]


def disclosure_risk(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """The sizes of the equivalence classes: rows with the same quasi-identifiers."""
    table = _table(evidence, "class_sizes", ("size", "classes", "rows"))
    if table is None or not table.rows:
        return plain(book, evidence)
    cells = [
        [book.cell(evidence, table, i, c) for c in ("size", "classes")]
        for i in range(len(table.rows))
    ]
    chart = ChartBlock(
        title="Rows by the size of their equivalence class.",
        chart=class_sizes(
            [
                (str(size), sets, rows)
                for (size, _), sets, rows in zip(
                    cells, _whole(table, "classes"), _whole(table, "rows"), strict=True
                )
            ]
        ),
        texts=[text for pair in cells for text in pair],
        how=Line(
            "How to read it: an equivalence class is the rows with the same quasi-identifiers; the "
            "shorter the upper bars, the fewer people stand out. ",
            attached(book, evidence, table, printed=0),
        ),
        evidence=book.quote(evidence.id),
    )
    first, *others = measurements(book, evidence, evidence.measurements)
    return [first, chart, *others]


def eighteen_classes(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """The identifiers before and after, and the table of classes A to R."""
    table = _table(evidence, "safe_harbor_table", _EIGHTEEN)
    if table is None:
        return plain(book, evidence)
    rows = [_class_row(book, evidence, table, i) for i in range(len(table.rows))]
    block = TableBlock(
        caption=book.quote(table.title),
        columns=[
            TableColumn(heading="Class", narrow=True),
            TableColumn(heading="Identifier"),
            TableColumn(heading="Found", align="right", narrow=True),
            TableColumn(heading="Of these in text", align="right", narrow=True),
            TableColumn(heading="Recall in text (at least)", align="right"),
            TableColumn(heading="Action"),
            TableColumn(heading="Left", align="right", narrow=True),
        ],
        rows=rows,
        evidence=book.quote(evidence.id),
        note=attached(book, evidence, table, printed=len(rows)),
    )
    return [
        *measurements(book, evidence, evidence.measurements),
        *_before_after(book, evidence, table),
        block,
        *_to_state(evidence),
    ]


def _to_state(evidence: Evidence) -> list[TableBlock]:
    """A form for what no measurement can say, which a person fills in and signs."""
    form = _FORMS.get(str(evidence.parameters.get("mode")))
    if form is None:
        return []
    caption, lines = form
    return [
        TableBlock(
            caption=caption,
            columns=[
                TableColumn(heading="To be filled in by hand"),
                TableColumn(heading="Statement", narrow=True),
            ],
            rows=[[line, _ROOM] for line in lines],
            note="If it is left empty, nothing was stated.",
        )
    ]


def _before_after(book: FigureLedger, evidence: Evidence, table: Table) -> list[ChartBlock]:
    pairs = list(zip(_whole(table, "found"), _whole(table, "residual"), strict=True))
    shown = [i for i, pair in enumerate(pairs) if any(pair)]
    if not shown:
        return []
    cells = [
        [book.cell(evidence, table, i, c) for c in ("identifier", "found", "residual")]
        for i in shown
    ]
    return [
        ChartBlock(
            title="Identifiers before and after, by class.",
            chart=before_after(
                [(str(name), *pairs[i]) for i, (name, *_) in zip(shown, cells, strict=True)],
                width=_WIDTH + 30,
                label_width=_NAMES,
            ),
            texts=[text for row in cells for text in row],
            how="How to read it: the ring is the number found in the raw table, the dot the number "
            "found in the output. Classes with neither are left out.",
            evidence=book.quote(evidence.id),
        )
    ]


def _class_row(book: FigureLedger, evidence: Evidence, table: Table, row: int) -> list[Cell]:
    def cell(column: str) -> Text:
        share = column.startswith("recall")
        return book.cell(evidence, table, row, column, digits=3, share=share)

    found: Text = cell("recall_in_text")
    if table.rows[row][table.columns.index("recall_at_least")] is not None:
        found = Line(found, " (", cell("recall_at_least"), ")")
    return [
        cell("class"), cell("identifier"), cell("found"), cell("in_text"),
        found, cell("action"), cell("residual"),
    ]  # fmt: skip


def _table(evidence: Evidence, name: str, columns: tuple[str, ...]) -> Table | None:
    found = next((t for t in evidence.tables if t.name == name), None)
    return found if found is not None and set(columns) <= set(found.columns) else None


def _floats(table: Table, column: str) -> list[float]:
    return [float(c) for c in table.column(column) if isinstance(c, int | float)]


def _whole(table: Table, column: str) -> list[int]:
    return [c if isinstance(c, int) else 0 for c in table.column(column)]
