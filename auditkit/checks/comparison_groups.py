"""How each group fares under the model, compared with the one in use, on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.compared import (
    NO_LABELS,
    accuracy_change,
    champion_of,
    changes_of_rates,
    errors,
    paired_counts,
    partition_of,
    right,
)
from auditkit.checks.comparison_performance import TERMS as PERFORMANCE
from auditkit.checks.grouped import group_notes, grouped
from auditkit.evidence import Term
from auditkit.measures.groups.measured import measured
from auditkit.measures.numbers.intervals import Estimate, mean
from auditkit.parameters import DEPTH, LEVEL, MIN_GROUP, REPLICATES
from auditkit.subject import Task

if TYPE_CHECKING:
    from auditkit.evidence import Measurement
    from auditkit.measures.groups.membership import Partition
    from auditkit.subject import Case

_RATES = ("selection_rate", "accuracy", "tpr", "fpr")


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
    champion = champion_of(case)
    groups = partition_of(case, parameters.depth)
    notes: tuple[str, ...] = ()
    if case.task is Task.BINARY:
        numbers = _rates(champion, case, groups, parameters)
        found = grouped(case, depth=parameters.depth, min_group=parameters.min_group)
        notes = tuple(group_notes(found, parameters.min_group))
    else:
        of = _classes if case.task is Task.CLASSES else _numbers
        numbers = [
            m
            for position in range(len(groups.groups))
            for m in of(champion, case, groups, position, parameters.level)
        ]
    return Result(
        parameters={"seed": case.seed, "champion": str(champion.subject.digest)},
        n=case.rows,
        population="rows that both models scored",
        measurements=tuple(sorted(numbers, key=lambda m: _ORDER.index(m.name))),
        notes=(
            "A change is the audited model's number less that of the model in use.",
            *notes,
        ),
    )


def _rates(
    champion: Case, case: Case, groups: Partition, parameters: Parameters
) -> list[Measurement]:
    level = parameters.level
    counts = paired_counts(case, groups, replicates=parameters.replicates, depth=parameters.depth)
    options = {"depth": parameters.depth, "min_group": parameters.min_group}
    before, after = (grouped(c, **options) for c in (champion, case))
    numbers: list[Measurement] = []
    for position, group in enumerate(groups.groups):
        numbers += changes_of_rates(case, counts, position, level=level, names=_RATES, group=group)
    for position in after.compared():
        references = int(before.reference[position]), int(after.reference[position])
        if min(references) < 0:
            continue
        numbers.append(
            measured(
                "impact_ratio_change",
                counts.ratio_change(position, references, level=level),
                unit="difference",
                group=groups.groups[position],
                compared_with=after.reference_of(position),
            )
        )
    return numbers


def _classes(
    champion: Case, case: Case, groups: Partition, position: int, level: float
) -> list[Measurement]:
    first, second = champion.classes, case.classes
    assert first is not None
    assert second is not None
    members = groups.rows_of(position)
    change = Estimate.undefined(int(members.sum()), NO_LABELS)
    if second.truth is not None:
        change = accuracy_change(right(first)[members], right(second)[members], level)
    group = groups.groups[position]
    return [measured("accuracy_change", change, unit="difference", group=group)]


def _numbers(
    champion: Case, case: Case, groups: Partition, position: int, level: float
) -> list[Measurement]:
    assert champion.numbers is not None
    assert case.numbers is not None
    members, group = groups.rows_of(position), groups.groups[position]
    moved = (case.numbers.predicted - champion.numbers.predicted)[members]
    change = Estimate.undefined(int(members.sum()), NO_LABELS)
    if case.numbers.truth is not None:
        gained = np.abs(errors(case.numbers)) - np.abs(errors(champion.numbers))
        change = mean(gained[members], level=level)
    unit = "label's unit"
    return [
        measured("mean_prediction_change", mean(moved, level=level), unit=unit, group=group),
        measured("mae_change", change, unit=unit, group=group),
    ]


TERMS = {
    **{f"{name}_change": PERFORMANCE[f"{name}_change"] for name in _RATES},
    "impact_ratio_change": Term(
        "Change in impact ratio",
        "Impact ratio less that of the model in use, each to its own reference group.",
    ),
    "mean_prediction_change": PERFORMANCE["mean_prediction_change"],
    "mae_change": PERFORMANCE["mae_change"],
}
_ORDER = list(TERMS)

CHECK = Check(
    id="comparison.groups",
    version="1",
    title="How each group fares beside the model in use",
    area="comparison",
    measures=(
        "By how much each group's selection rate, accuracy and error rates, its impact ratio, or "
        "its errors of predicted numbers differ from those under the model in use."
    ),
    misleads=(
        "That no group fares worse than before does not say that the model in use was fair. "
        "Among many groups some change by chance; small groups have wide intervals."
    ),
    source="Newcombe 1998 (paired, method 10); Efron and Tibshirani 1993",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
    compares=True,
)
