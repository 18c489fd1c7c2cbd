"""How well the scores rank, and whether they can be read as probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditkit.checks._check import Check, Parameters
from auditkit.evidence import Evidence, Outcome, Table
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

if TYPE_CHECKING:
    from auditkit.evidence import Cell
    from auditkit.subject import Case


def _run(case: Case, parameters: Parameters) -> Evidence:
    if case.scores is None:
        return CHECK.evidence(
            outcome=Outcome.NOT_APPLICABLE,
            reason="decisions were given without scores",
            parameters=parameters,
        )
    labels, scores = case.labels, case.scores
    level, bins = float(parameters["level"]), int(parameters["bins"])
    draws, seed = int(parameters["replicates"]), case.seed
    curve = calibration_curve(labels, scores, bins=bins, level=level)
    return CHECK.evidence(
        parameters={**parameters, "seed": seed},
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
    parameters={"level": LEVEL, "bins": BINS, "replicates": REPLICATES},
)
