"""How far predicted numbers are off for each group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.grouped import require_groups, small_group_notes, unknown_notes
from auditkit.checks.performance_regression import TERMS as OVERALL
from auditkit.checks.performance_regression import UNITS
from auditkit.checks.predicted import (
    beside_reference,
    error_estimates,
    interval_coverage,
    largest_groups,
    of_groups,
    truths_of,
)
from auditkit.evidence import Measurement, Term
from auditkit.measures.groups.disparities import differences, ratios
from auditkit.measures.groups.membership import partition
from auditkit.parameters import DEPTH, LEVEL, MIN_GROUP
from auditkit.subject import Task

if TYPE_CHECKING:
    from auditkit.measures.numbers.intervals import Estimates
    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        depth: The most attributes that are intersected.
        min_group: The fewest members of a group that others are compared with.
    """

    level: float = LEVEL.field()
    depth: int = DEPTH.field()
    min_group: int = MIN_GROUP.field()


def _run(case: Case, parameters: Parameters) -> Result:
    require_groups(case)
    given, truth = truths_of(case)
    level = parameters.level
    found = partition(case.groups, depth=parameters.depth)
    reference = largest_groups(found, min_group=parameters.min_group)
    errors = {e.name: e for e in error_estimates(found, truth, given.predicted, level=level)}
    spread = float(truth.std())
    numbers: list[Measurement] = []
    for name in ("mean_error", "mae", "rmse", "r2"):
        numbers += of_groups(found, errors[name], unit=UNITS[name])
    covered = interval_coverage(found, given, truth, level=level)
    if covered is not None:
        numbers += of_groups(found, covered, unit="proportion")
    gap = differences(errors["mean_error"], reference)
    numbers += beside_reference(found, gap, reference, unit=UNITS["mean_error"])
    numbers += beside_reference(found, _scaled(gap, spread), reference, unit="standard deviations")
    numbers += beside_reference(found, ratios(errors["mae"], reference), reference, unit="ratio")
    if covered is not None:
        numbers += beside_reference(
            found, differences(covered, reference), reference, unit="difference"
        )
    notes = [
        "An error is prediction less truth: above 0 the prediction is too high.",
        "The group that others are compared with is the largest of its attribute.",
    ]
    notes += small_group_notes(found.rows, parameters.min_group)
    notes += unknown_notes(found.groups)
    return Result(
        n=case.rows,
        population="predictions",
        measurements=tuple(numbers),
        notes=tuple(notes),
    )


def _scaled(gap: Estimates, spread: float) -> Estimates:
    """Differences in standard deviations of the true numbers; not estimable if these are equal."""
    by = spread if spread > 0 else float("nan")
    why = np.where(np.isnan(gap.value) | (spread > 0), gap.reason, "the truth does not vary")
    return replace(
        gap,
        name="scaled_error_difference",
        value=gap.value / by,
        lower=gap.lower / by,
        upper=gap.upper / by,
        reason=why,
    )


TERMS = {
    **{name: OVERALL[name] for name in ("mean_error", "mae", "rmse", "r2", "interval_coverage")},
    "mean_error_difference": Term(
        "Difference in mean errors", "A group's mean error less that of the largest group."
    ),
    "scaled_error_difference": Term(
        "Difference in mean errors, in standard deviations",
        "A group's mean error less that of the largest group, divided by the standard deviation of "
        "the truth over all cases.",
    ),
    "mae_ratio": Term(
        "Ratio of mean absolute errors",
        "A group's mean absolute error divided by that of the largest group.",
    ),
    "interval_coverage_difference": Term(
        "Difference in coverage of the model's intervals",
        "A group's coverage of the model's intervals less that of the largest group.",
    ),
}

CHECK = Check(
    id="fairness.regression",
    version="1",
    title="How far predicted numbers are off for each group",
    area="fairness",
    measures=(
        "Each group's mean error, mean absolute error, root mean squared error and R2, and the "
        "coverage of the model's own intervals where it gives any; the difference of its mean "
        "error to that of the largest group, also in standard deviations of the truth, and the "
        "ratio of mean absolute errors."
    ),
    misleads=(
        "Equal mean errors can hide unequal spread. R2 depends on how much the truth varies within "
        "a group, so groups of different spread cannot be compared by it. Errors take the labels "
        "for the truth."
    ),
    source="Agarwal, Dudik and Wu, ICML 2019; Donner and Zou 2012; Wilson 1927",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
    tasks=frozenset({Task.NUMBER}),
)
