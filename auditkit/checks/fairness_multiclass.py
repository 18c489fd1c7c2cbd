"""Decisions between several classes for each group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.grouped import require_groups, small_group_notes, unknown_notes
from auditkit.checks.performance_multiclass import CLASS
from auditkit.checks.performance_multiclass import TERMS as OVERALL
from auditkit.checks.predicted import beside_reference, largest_groups, of_groups
from auditkit.evidence import Measurement, Term
from auditkit.measures.fairness.several_classes import (
    accuracy,
    class_counts,
    class_recall,
    class_selection,
    macro,
)
from auditkit.measures.groups.disparities import differences
from auditkit.measures.groups.membership import Partition, partition
from auditkit.parameters import DEPTH, LEVEL, MIN_GROUP, REPLICATES
from auditkit.subject import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.measures.groups.membership import Group
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
    depth: int = DEPTH.field(1)
    min_group: int = MIN_GROUP.field()
    replicates: int = REPLICATES.field()


def _run(case: Case, parameters: Parameters) -> Result:
    require_groups(case)
    assert case.classes is not None
    classes, level = case.classes, parameters.level
    found = partition(case.groups, depth=parameters.depth)
    reference = largest_groups(found, min_group=parameters.min_group)
    size, numbers = len(classes.names), list[Measurement]()
    if classes.truth is not None:
        counts = class_counts(found, classes.truth, classes.decided, size)
        recall = macro(
            counts,
            "macro_recall",
            level=level,
            replicates=parameters.replicates,
            seed=case.seed,
        )
        for estimates in (accuracy(counts, level=level), recall):
            numbers += _numbers(found, estimates, reference, ())
        for of, name in enumerate(classes.names):
            estimates = class_recall(counts, of, level=level)
            numbers += _numbers(found, estimates, reference, ((CLASS, name),))
    decided = found.group_sums(found.count(classes.decided, size))
    for of, name in enumerate(classes.names):
        estimates = class_selection(decided, of, level=level)
        numbers += _numbers(found, estimates, reference, ((CLASS, name),))
    notes = ["The group that others are compared with is the largest of its attribute."]
    if classes.truth is None:
        notes.append("No labels were given: only the shares of decisions are measured.")
    notes += small_group_notes(found.rows, parameters.min_group)
    notes += unknown_notes(found.groups)
    return Result(
        parameters={"seed": case.seed},
        n=case.rows,
        population="decisions",
        measurements=tuple(numbers),
        notes=tuple(notes),
    )


def _numbers(
    found: Partition, estimates: Estimates, reference: NDArray[np.intp], of: Group
) -> list[Measurement]:
    """The numbers of every group, and their differences to the reference's."""
    gaps = differences(estimates, reference)
    return of_groups(found, estimates, unit="proportion", of=of) + beside_reference(
        found, gaps, reference, unit="difference", of=of
    )


TERMS = {
    **{name: OVERALL[name] for name in ("accuracy", "macro_recall", "class_recall")},
    "class_selection_rate": Term(
        "Share decided as the class", "Share of cases that is decided as a class."
    ),
    "accuracy_difference": Term(
        "Difference in accuracy", "A group's accuracy less that of the largest group."
    ),
    "macro_recall_difference": Term(
        "Difference in mean recall of the classes",
        "A group's mean recall of the classes less that of the largest group.",
    ),
    "class_recall_difference": Term(
        "Difference in recall of the class",
        "A group's recall of a class less that of the largest group.",
    ),
    "class_selection_rate_difference": Term(
        "Difference in the share decided as the class",
        "A group's share decided as a class less that of the largest group.",
    ),
}

CHECK = Check(
    id="fairness.multiclass",
    version="1",
    title="Decisions between classes for each group",
    area="fairness",
    measures=(
        "Each group's accuracy and mean recall of the classes, and of each class its recall and "
        "the share of the group that is decided as it; and the differences of all these to the "
        "largest group."
    ),
    misleads=(
        "Shares differ where groups differ in what they are, and errors take the labels for the "
        "truth. A rare class in a small group has few cases, and a wide interval."
    ),
    source="Putzel and Lee 2022; Newcombe 1998; Wilson 1927",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
    tasks=frozenset({Task.CLASSES}),
)
