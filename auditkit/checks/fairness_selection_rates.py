"""How often each group gets the favourable decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditkit.checks.check import Check, Result
from auditkit.checks.grouped import (
    everyone,
    group_notes,
    grouped,
    measured_comparisons,
    measured_rates,
)
from auditkit.checks.performance_classification import TERMS as CLASSIFICATION
from auditkit.evidence import Term
from auditkit.measures.groups.disparities import differences, ratios
from auditkit.measures.groups.measured import measured
from auditkit.measures.groups.membership import is_unknown
from auditkit.measures.groups.rates import rates
from auditkit.measures.numbers.intervals import rate
from auditkit.parameters import DEPTH, LEVEL, MIN_GROUP

if TYPE_CHECKING:
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
    level, n = parameters.level, case.rows
    found = grouped(case, depth=parameters.depth, min_group=parameters.min_group)
    selection = rates(found.confusion, "selection_rate", level=level)
    compared = ratios(selection, found.reference), differences(selection, found.reference)
    unknown = [
        measured(
            "unknown_share",
            rate(
                sum(
                    int(found.partition.rows[i])
                    for i, group in enumerate(found.groups)
                    if is_unknown(group) and group[0][0] == attribute and len(group) == 1
                ),
                n,
                level=level,
            ),
            group=everyone((attribute,)),
        )
        for attribute in found.partition.names
    ]
    return Result(
        n=n,
        population="decisions",
        measurements=(
            *measured_rates(found, selection),
            *measured_comparisons(found, compared[0], with_reference=True),
            *measured_comparisons(found, compared[1], with_reference=True),
            *unknown,
        ),
        notes=tuple(group_notes(found, parameters.min_group)),
    )


TERMS = {
    "selection_rate": CLASSIFICATION["selection_rate"],
    "impact_ratio": Term(
        "Impact ratio",
        "A group's selection rate divided by that of the group with the highest rate.",
    ),
    "selection_rate_difference": Term(
        "Difference in selection rates",
        "A group's selection rate less that of the group compared with.",
    ),
    "unknown_share": Term("Unknown group", "Share of cases whose group is not known."),
}

CHECK = Check(
    id="fairness.selection_rates",
    version="1",
    title="Favourable decisions by group",
    area="fairness",
    measures=(
        "Each group's share of favourable decisions, and its ratio and difference to the group "
        "with the highest share among those that reach a size."
    ),
    misleads=(
        "A ratio of 0.8 or more is not evidence of equal treatment, and a lower one is not by "
        "itself evidence of the opposite: groups may differ in what the decision may rest on. The "
        "reference group is chosen from the same data, which makes ratios look a little worse. "
        "Small groups have wide intervals."
    ),
    source="29 CFR 1607.4(D); Wilson 1927; Newcombe 1998; Katz 1978; Donner and Zou 2012",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
)
