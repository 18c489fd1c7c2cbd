"""Sections on predicted numbers: how far off they are, for everyone and by group."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.charts import predicted_against_observed
from auditkit.evidence import Evidence
from auditkit.report.blocks.kinds import Block, ChartBlock
from auditkit.report.figures.figure_ledger import FigureLedger
from auditkit.report.sections.fairness import forest_of
from auditkit.report.sections.generic import binned, measurements, plain, rows

_BINS = ("mean_predicted", "mean_observed", "lower", "upper")


def overall(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Errors over all cases, and the true means by predicted number."""
    table = next((t for t in evidence.tables if t.name == "predicted_and_observed"), None)
    if table is None or not set(_BINS) <= set(table.columns):
        return plain(book, evidence)
    bins = binned(table, _BINS)
    drawn: list[Block] = []
    if len(bins) > 1:
        drawn.append(
            ChartBlock(
                title="The truth, by predicted number.",
                chart=predicted_against_observed(bins),
                how="How to read it: on the dashed diagonal the mean of the truth is as predicted; "
                "above it the model predicts too little.",
                evidence=book.quote(evidence.id),
            )
        )
    return [
        *measurements(book, evidence, evidence.measurements),
        *drawn,
        *(rows(book, evidence, t) for t in evidence.tables),
    ]


def by_group(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Errors of each group, and how they compare with those of the largest group."""
    charts: list[Block] = []
    errors = [m for m in evidence.named("mean_error") if m.value is not None]
    if errors:
        charts.append(
            forest_of(
                book,
                evidence,
                errors,
                title="Mean error of each group.",
                measure="Mean error",
                axis_label="Prediction less truth, in the label's unit",
                lines=(0.0,),
                how="How to read it: right of the dashed line a group's predictions are too high, "
                "left of it too low. ",
                eid=book.quote(evidence.id),
            )
        )
    shares = [m for m in evidence.named("mae_ratio") if m.value is not None and m.value > 0]
    if shares:
        charts.append(
            forest_of(
                book,
                evidence,
                shares,
                title="Mean absolute errors, relative to the largest group.",
                measure="Ratio of mean absolute errors",
                axis_label="Ratio to the largest group's mean absolute error (log scale)",
                lines=(1.0,),
                log=True,
                how="How to read it: right of the line the model is less exact for a group. ",
                eid=book.quote(evidence.id),
            )
        )
    return [*charts, *measurements(book, evidence, evidence.measurements)]
