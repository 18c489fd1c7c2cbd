"""How often the decisions are wrong about each group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from auditkit.checks.check import Check, Result
from auditkit.checks.grouped import (
    everyone,
    group_notes,
    grouped,
    measured_comparisons,
    measured_rates,
    outcomes_of,
)
from auditkit.checks.performance_classification import TERMS as CLASSIFICATION
from auditkit.evidence import Term
from auditkit.measures.groups.bootstrap import largest_gap
from auditkit.measures.groups.disparities import differences
from auditkit.measures.groups.rates import rates, values
from auditkit.measures.groups.replicates import replicate_counts
from auditkit.parameters import DEPTH, LEVEL, MIN_GROUP, REPLICATES
from auditkit.subject import Task

if TYPE_CHECKING:
    from auditkit.checks.grouped import Grouped
    from auditkit.evidence import Measurement
    from auditkit.measures.numbers.intervals import Estimates
    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        depth: The most attributes that are intersected.
        min_group: The fewest members of a group that others are compared with.
        replicates: Bootstrap resamples.
    """

    level: float = LEVEL.field()
    depth: int = DEPTH.field()
    min_group: int = MIN_GROUP.field()
    replicates: int = REPLICATES.field()


def _run(case: Case, parameters: Parameters) -> Result:
    level = parameters.level
    found = grouped(case, depth=parameters.depth, min_group=parameters.min_group)
    n = len(outcomes_of(case))
    numbers: list[Measurement] = []
    for name in ("tpr", "fpr", "ppv"):
        estimates = rates(found.confusion, name, level=level)
        numbers += measured_rates(found, estimates)
        numbers += measured_comparisons(found, differences(estimates, found.reference))
    return Result(
        parameters={"seed": case.seed},
        n=n,
        population="decisions",
        measurements=(*numbers, *_equalized_odds(found, case.seed, parameters)),
        notes=(
            *group_notes(found, parameters.min_group),
            "n is the number of cases that the rate is a share of.",
        ),
    )


def _equalized_odds(found: Grouped, seed: int, parameters: Parameters) -> list[Measurement]:
    drawn = replicate_counts(found.cells, replicates=parameters.replicates, seed=seed)
    by_group = found.partition.group_sums(drawn.swapaxes(0, 1))
    numbers = []
    for attributes, positions in found.partition.combinations().items():
        compared = found.comparable(positions, parameters.min_group)
        gap = largest_gap(
            partial(_among, found, compared),
            partial(values, by_group[compared].swapaxes(0, 1)),
            ("tpr", "fpr"),
            name="both error rates",
            level=parameters.level,
        )
        numbers.append(
            found.measured(
                "equalized_odds_difference",
                gap.estimate,
                unit="difference",
                group=everyone(attributes),
            )
        )
    return numbers


def _among(found: Grouped, positions: list[int], name: str, level: float) -> Estimates:
    return rates(found.confusion, name, level=level).take(positions)


TERMS = {
    "tpr": CLASSIFICATION["tpr"],
    "fpr": CLASSIFICATION["fpr"],
    "ppv": CLASSIFICATION["ppv"],
    "tpr_difference": Term(
        "Difference in true positive rates",
        "A group's true positive rate less that of the group compared with.",
    ),
    "fpr_difference": Term(
        "Difference in false positive rates",
        "A group's false positive rate less that of the group compared with.",
    ),
    "ppv_difference": Term(
        "Difference in positive predictive values",
        "The group's positive predictive value less the reference group's.",
    ),
    "equalized_odds_difference": Term(
        "Equalised odds difference",
        "The larger of the absolute differences in true and in false positive rates.",
    ),
}

CHECK = Check(
    id="fairness.error_rates",
    version="1",
    title="Errors by group",
    area="fairness",
    measures=(
        "Each group's true and false positive rate and its share of right approvals (predictive "
        "parity), the differences to the group with the highest selection rate, and for each "
        "attribute the largest difference of either of the first two among the groups that reach "
        "a size (equalized odds)."
    ),
    misleads=(
        "Error rates take the labels for the truth. A largest difference is never negative, so a "
        "sample overestimates it, and more so with many groups; its interval holds for all pairs "
        "of groups at once and reaches 0 where no difference is shown."
    ),
    source="Hardt, Price and Srebro 2016; Newcombe 1998; Romano and Wolf 2005",
    run=_run,
    tasks=frozenset({Task.BINARY, Task.CLASSES}),
    terms=TERMS,
    parameters=Parameters,
)
