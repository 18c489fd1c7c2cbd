"""Sections on two models beside each other: overall, and by group."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.evidence import Evidence
from auditkit.report.blocks.kinds import Block, TableBlock, TableColumn
from auditkit.report.figures.figure_ledger import FigureLedger
from auditkit.report.sections.fairness import forest_of
from auditkit.report.sections.generic import measurements, plain, small_print

_SIDES = ("change", "champion", "challenger")
# What is drawn of each group, the first that was measured.
_DRAWN = ("selection_rate_change", "mae_change", "accuracy_change")
# More rows than this are no drawing that can be read.
_MOST = 36


def overall(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Each measure under both models, and how it changes."""
    table = next((t for t in evidence.tables if t.columns == _SIDES), None)
    changes = {m.name: m for m in evidence.measurements if not m.group}
    if table is None or not set(table.column("change")) <= set(changes):
        return plain(book, evidence)
    left = [m for m in evidence.measurements if m.name not in table.column("change")]
    shown = [changes[str(name)] for name in table.column("change")]
    side_by_side = TableBlock(
        caption=book.quote(table.title),
        columns=[
            TableColumn(heading="Measure"),
            TableColumn(heading="In use", align="right"),
            TableColumn(heading="Audited", align="right"),
            TableColumn(heading="Change (paired interval)", align="right"),
            TableColumn(heading="n", align="right", narrow=True),
        ],
        rows=[
            [
                book.measure(m.name),
                book.cell(evidence, table, i, "champion", digits=3),
                book.cell(evidence, table, i, "challenger", digits=3),
                book.interval(evidence, m),
                book.n(evidence, m),
            ]
            for i, m in enumerate(shown)
        ],
        evidence=book.quote(evidence.id),
        note=small_print(book, evidence, shown),
    )
    return [*([side_by_side] if shown else []), *measurements(book, evidence, left)]


def by_group(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """How each group fares under the audited model, beside the model in use."""
    drawn: list[Block] = []
    for name in _DRAWN:
        found = [m for m in evidence.named(name) if m.group and m.value is not None]
        if found and len(found) <= _MOST:
            measure = str(book.measure(name))
            drawn.append(
                forest_of(
                    book,
                    evidence,
                    found,
                    title="What changes for each group.",
                    measure=measure,
                    axis_label=f"{measure}, audited model less model in use",
                    lines=(0.0,),
                    how="How to read it: right of the dashed line the number is higher under the "
                    "audited model than under the model in use. ",
                    eid=book.quote(evidence.id),
                )
            )
            break
    return [*drawn, *measurements(book, evidence, evidence.measurements)]
