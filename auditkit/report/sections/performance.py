"""Sections on performance: how well scores rank, and whether they are calibrated."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.charts import calibration
from auditkit.evidence import Evidence, Table
from auditkit.report.blocks.kinds import Block, ChartBlock, TableBlock, TableColumn
from auditkit.report.figures.figure_ledger import FigureLedger
from auditkit.report.sections.generic import attached, binned, measurements, plain

_COLUMNS = ("from", "to", "n", "mean_score", "observed", "lower", "upper")


def ranking(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Measures of ranking, and the calibration curve with the cases behind each of its points."""
    table = next((t for t in evidence.tables if t.name == "calibration"), None)
    if table is None or not set(_COLUMNS) <= set(table.columns):
        return plain(book, evidence)
    drawn = _curve(book, evidence, table)
    return [
        *measurements(book, evidence, evidence.measurements),
        *([drawn] if drawn else []),
        TableBlock(
            caption="Calibration by bins of the score",
            columns=[
                TableColumn(heading="From", align="right"),
                TableColumn(heading="To", align="right"),
                TableColumn(heading="n", align="right"),
                TableColumn(heading="Mean score", align="right"),
                TableColumn(heading="Observed", align="right"),
                TableColumn(heading="Lower", align="right"),
                TableColumn(heading="Upper", align="right"),
            ],
            rows=[
                [book.cell(evidence, table, i, name) for name in _COLUMNS]
                for i in range(min(len(table.rows), 20))
            ],
            evidence=book.quote(evidence.id),
            note=attached(book, evidence, table, printed=min(len(table.rows), 20)),
        ),
    ]


def _curve(book: FigureLedger, evidence: Evidence, table: Table) -> ChartBlock | None:
    bins = binned(table, _COLUMNS[3:])
    if len(bins) < 2:
        return None
    return ChartBlock(
        title="How often the outcome was favourable, by score.",
        chart=calibration([("", bins)]),
        how="How to read it: on the dashed diagonal a score equals the share of favourable "
        "outcomes; below it the model predicts more of them than there were.",
        evidence=book.quote(evidence.id),
    )
