"""How often the decisions are wrong about each group."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from auditkit.checks._check import Check, Parameters
from auditkit.checks._grouped import (
    everyone,
    group_notes,
    grouped,
    measured_comparisons,
    measured_rates,
    no_groups,
)
from auditkit.evidence import Evidence, Outcome
from auditkit.measures.groups.bootstrap import largest_gap
from auditkit.measures.groups.disparities import differences
from auditkit.measures.groups.rates import rates, values
from auditkit.measures.groups.replicates import replicate_counts
from auditkit.parameters import DEPTH, LEVEL, MIN_GROUP, REPLICATES

if TYPE_CHECKING:
    from auditkit.checks._grouped import Grouped
    from auditkit.evidence import Measurement
    from auditkit.measures.numbers.intervals import Estimates
    from auditkit.subject import Case


def _run(case: Case, parameters: Parameters) -> Evidence:
    reason = no_groups(case)
    if reason:
        return CHECK.evidence(outcome=Outcome.NOT_ASSESSED, reason=reason, parameters=parameters)
    level = float(parameters["level"])
    found = grouped(case, parameters)
    numbers: list[Measurement] = []
    for name in ("tpr", "fpr", "ppv"):
        estimates = rates(found.confusion, name, level=level)
        numbers += measured_rates(found, estimates)
        numbers += measured_comparisons(found, differences(estimates, found.reference))
    return CHECK.evidence(
        parameters={**parameters, "seed": case.seed},
        n=len(case.decisions),
        population="decisions",
        measurements=(*numbers, *_equalized_odds(found, case.seed, parameters)),
        notes=(
            *group_notes(found, int(parameters["min_group"])),
            "n is the number of cases that the rate is a share of.",
        ),
    )


def _equalized_odds(found: Grouped, seed: int, parameters: Parameters) -> list[Measurement]:
    drawn = replicate_counts(found.cells, replicates=int(parameters["replicates"]), seed=seed)
    by_group = found.partition.group_sums(drawn.swapaxes(0, 1))
    numbers = []
    for attributes, positions in found.partition.combinations().items():
        compared = found.comparable(positions, int(parameters["min_group"]))
        gap = largest_gap(
            partial(_among, found, compared),
            partial(values, by_group[compared].swapaxes(0, 1)),
            ("tpr", "fpr"),
            name="both error rates",
            level=float(parameters["level"]),
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
    parameters={
        "level": LEVEL,
        "depth": DEPTH,
        "min_group": MIN_GROUP,
        "replicates": REPLICATES,
    },
)
