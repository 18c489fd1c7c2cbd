"""How far predicted numbers are off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.predicted import error_estimates, interval_coverage, truths_of, whole
from auditkit.evidence import Table, Term
from auditkit.measures.groups.measured import measured
from auditkit.measures.numbers.intervals import mean
from auditkit.parameters import BINS, LEVEL
from auditkit.subject import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.evidence import Cell
    from auditkit.subject import Case

UNITS = {
    "mean_error": "label's unit",
    "mae": "label's unit",
    "rmse": "label's unit",
    "r2": "proportion",
}
COLUMNS = ("n", "mean_predicted", "mean_observed", "lower", "upper")


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        bins: Bins with as many rows each, by the predicted number.
    """

    level: float = LEVEL.field()
    bins: int = BINS.field()


def _run(case: Case, parameters: Parameters) -> Result:
    given, truth = truths_of(case)
    level, everyone = parameters.level, whole(case.rows)
    errors = error_estimates(everyone, truth, given.predicted, level=level)
    numbers = [measured(e.name, e.at(0), unit=UNITS[e.name]) for e in errors]
    covered = interval_coverage(everyone, given, truth, level=level)
    if covered is not None and given.lower is not None and given.upper is not None:
        width = mean(given.upper - given.lower, level=level)
        numbers += [
            measured("interval_coverage", covered.at(0)),
            measured("interval_width", width, unit="label's unit"),
        ]
    return Result(
        n=case.rows,
        population="predictions",
        measurements=tuple(numbers),
        tables=(
            Table(
                name="predicted_and_observed",
                title="Mean of the true numbers by predicted number",
                columns=COLUMNS,
                rows=tuple(_bins(given.predicted, truth, parameters)),
            ),
        ),
        notes=("An error is prediction less truth: above 0 the prediction is too high.",),
    )


def _bins(
    predicted: NDArray[np.float64], truth: NDArray[np.float64], parameters: Parameters
) -> list[tuple[Cell, ...]]:
    order = np.argsort(predicted, kind="stable")
    parts = [p for p in np.array_split(order, min(parameters.bins, len(order))) if len(p)]
    found: list[tuple[Cell, ...]] = []
    for part in parts:
        one = mean(truth[part], level=parameters.level)
        found.append((len(part), float(predicted[part].mean()), one.value, one.lower, one.upper))
    return found


TERMS = {
    "mean_error": Term("Mean error", "Mean of prediction less truth."),
    "mae": Term("Mean absolute error", "Mean of the absolute difference of prediction and truth."),
    "rmse": Term("Root mean squared error", "Square root of the mean squared error."),
    "r2": Term(
        "R squared",
        "One less the mean squared error divided by the variance of the truth; predicting the mean "
        "for all gives zero.",
    ),
    "interval_coverage": Term(
        "Coverage of the model's intervals",
        "Share of cases whose true number lies within the interval that the model gives.",
    ),
    "interval_width": Term(
        "Width of the model's intervals", "Mean of upper less lower end of the model's intervals."
    ),
}

CHECK = Check(
    id="performance.regression",
    version="1",
    title="How far predicted numbers are off",
    area="performance",
    measures=(
        "Mean error, mean absolute error, root mean squared error and R2; the share of truths "
        "within the model's own intervals where it gives any; and the true means by predicted "
        "number."
    ),
    misleads=(
        "A mean error near 0 hides errors that cancel. R2 grows with the spread of the truth in "
        "the sample, and one far-off case can decide it and the root mean squared error."
    ),
    source="Willmott and Matsuura, Climate Research 30 (2005); Wilson 1927",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
    tasks=frozenset({Task.NUMBER}),
)
