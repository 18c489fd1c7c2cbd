"""How well the scores rank, and whether they can be read as probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditkit.checks.check import Check, Result
from auditkit.checks.grouped import outcomes_of, scores_of
from auditkit.evidence import Table, Term
from auditkit.measures.groups.measured import measured
from auditkit.measures.groups.ranking import (
    CalibrationBin,
    brier,
    calibration_curve,
    calibration_error,
    kolmogorov_smirnov,
)
from auditkit.measures.numbers.area import area_under_curve
from auditkit.parameters import BINS, LEVEL, REPLICATES
from auditkit.subject import Task

if TYPE_CHECKING:
    from auditkit.evidence import Cell
    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        bins: Bins of equal width on the scores.
        replicates: Bootstrap resamples.
    """

    level: float = LEVEL.field()
    bins: int = BINS.field()
    replicates: int = REPLICATES.field()


def _run(case: Case, parameters: Parameters) -> Result:
    scores, labels = scores_of(case), outcomes_of(case)
    level, bins = parameters.level, parameters.bins
    draws, seed = parameters.replicates, case.seed
    curve = calibration_curve(labels, scores, bins=bins, level=level)
    return Result(
        parameters={"seed": seed},
        n=len(labels),
        population="scores",
        measurements=(
            measured("auc", area_under_curve(labels, scores, level=level), unit="probability"),
            measured("ks", kolmogorov_smirnov(labels, scores, level=level)),
            measured("brier", brier(labels, scores, level=level), unit="squared probability"),
            measured(
                "calibration_error",
                calibration_error(
                    labels, scores, bins=bins, level=level, replicates=draws, seed=seed
                ),
                unit="probability",
            ),
        ),
        tables=(
            Table(
                name="calibration",
                title="Observed share of favourable outcomes by score",
                columns=CALIBRATION_COLUMNS,
                rows=tuple(calibration_row(b) for b in curve),
            ),
        ),
    )


CALIBRATION_COLUMNS = ("from", "to", "n", "mean_score", "observed", "lower", "upper")


def calibration_row(b: CalibrationBin) -> tuple[Cell, ...]:
    """One bin as the cells of a table."""
    return (b.start, b.stop, b.n, b.mean_score, b.observed, b.lower, b.upper)


TERMS = {
    "auc": Term(
        "Area under the ROC curve",
        "Probability that a favourable case scores higher than an unfavourable one, ties half.",
    ),
    "ks": Term(
        "Kolmogorov-Smirnov statistic",
        "Largest distance between the score distributions of the two outcomes.",
    ),
    "brier": Term("Brier score", "Mean squared difference between score and outcome."),
    "calibration_error": Term(
        "Calibration error",
        (
            "Mean absolute difference between scores and observed rates over bins of scores, "
            "weighted by cases."
        ),
    ),
}

CHECK = Check(
    id="performance.ranking",
    version="1",
    title="How well the scores rank and how far they are probabilities",
    area="performance",
    measures=(
        "Area under the ROC curve, the largest gap of the score distributions of both classes "
        "(KS), the Brier score, and the calibration error over bins of equal width."
    ),
    misleads=(
        "The AUC is blind to calibration and to the cut-off in use. The calibration error is never "
        "negative, so a sample overestimates it; its interval reaches 0 where none is shown."
    ),
    source="DeLong 1988; Newcombe 2006; Smirnov 1948; Brier 1950; Naeini 2015",
    run=_run,
    tasks=frozenset({Task.BINARY}),
    terms=TERMS,
    parameters=Parameters,
)
