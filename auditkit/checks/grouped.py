"""What the checks of performance and fairness share: counts by group, and numbers as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import NotApplicable, NotAssessed
from auditkit.evidence import Measurement
from auditkit.measures.groups.disparities import Positions, references
from auditkit.measures.groups.measured import measured
from auditkit.measures.groups.membership import (
    Group,
    Partition,
    is_unknown,
    partition,
)
from auditkit.measures.groups.rates import (
    EVERYBODY,
    NOBODY,
    Confusion,
    by_group,
    confusion_by_cell,
    rates,
)
from auditkit.measures.numbers.intervals import Estimate, Estimates
from auditkit.wording import exact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouped:
    """The groups of a case, their counts, and the reference that each is compared with.

    Attributes:
        partition: Who belongs where.
        cells: Counts by cell.
        confusion: Counts by group.
        reference: For each group the position of the one that it is compared with; -1: none.
        alike: What made all decisions of the case alike, by the measures' words for it; empty
            where they differ.
    """

    partition: Partition
    cells: Confusion
    confusion: Confusion
    reference: Positions
    alike: Mapping[str, str]

    @property
    def groups(self) -> tuple[Group, ...]:
        """Every group that occurs."""
        return self.partition.groups

    def compared(self) -> list[int]:
        """Positions of the groups that take part in comparisons: all but the unknown."""
        return [i for i, group in enumerate(self.groups) if not is_unknown(group)]

    def reference_of(self, position: int) -> Group:
        """The group that a group is compared with; empty if there is none."""
        other = int(self.reference[position])
        return self.groups[other] if other >= 0 else ()

    def why_alike(self, position: int) -> str:
        """Why the decisions of a group and its reference, which are all alike, are so."""
        selected = self.confusion.rows[position, [1, 3]].sum()
        return self.in_words(EVERYBODY if selected else NOBODY)

    def in_words(self, reason: str) -> str:
        """A measure's reason, with what made it so in this case."""
        return self.alike.get(reason, reason)

    def measured(
        self,
        name: str,
        estimate: Estimate,
        *,
        unit: str,
        group: Group,
        compared_with: Group = (),
    ) -> Measurement:
        """An estimate of these groups as a measurement."""
        told = replace(estimate, reason=self.in_words(estimate.reason))
        return measured(name, told, unit=unit, group=group, compared_with=compared_with)

    def comparable(self, positions: list[int], min_group: int) -> list[int]:
        """Those of some groups that may decide a largest gap: known, and large enough."""
        return [
            p
            for p in positions
            if not is_unknown(self.groups[p]) and self.partition.rows[p] >= min_group
        ]


def grouped(case: Case, *, depth: int, min_group: int) -> Grouped:
    """The groups of a case, counted once for all checks that ask for the same depth.

    Args:
        case: What is audited.
        depth: The most attributes that are intersected.
        min_group: The fewest members of a group that others are compared with.

    Raises:
        NotAssessed: If the case has no groups.
        NotApplicable: If nothing is decided.
    """
    require_groups(case)

    def count() -> Grouped:
        found = partition(case.groups, depth=depth)
        decisions = decisions_of(case)
        # Without labels all count as unfavourable: only rates of decisions can be read from it.
        labels = np.zeros_like(decisions) if case.labels is None else case.labels
        cells = confusion_by_cell(found, labels, decisions)
        confusion = by_group(found, cells)
        selection = rates(confusion, "selection_rate").value
        reference = references(found, selection, min_group=min_group)
        return Grouped(
            partition=found,
            cells=cells,
            confusion=confusion,
            reference=reference,
            alike=what_makes_alike(case),
        )

    return case.once(f"groups/depth={depth}/min_group={min_group}", count)


def what_makes_alike(case: Case) -> dict[str, str]:
    """For the measures' words for decisions that are all alike, the words for it in a case.

    The cut-off, if it is what decided; else that nobody, or everybody, is selected.
    """
    decisions = decisions_of(case)
    if decisions.any() and not decisions.all():
        return {}
    whom, kind = ("everybody", EVERYBODY) if decisions.all() else ("nobody", NOBODY)
    by_score = case.scores is not None and np.array_equal(case.scores >= case.threshold, decisions)
    cut_off = f"the cut-off of {exact(case.threshold)} selects {whom}"
    return {kind: cut_off if by_score else f"{whom} is selected"}


def measured_rates(found: Grouped, estimates: Estimates) -> list[Measurement]:
    """One measurement for every group, the unknown included."""
    return [
        found.measured(estimates.name, estimates.at(i), unit=estimates.unit, group=group)
        for i, group in enumerate(found.groups)
    ]


def measured_comparisons(
    found: Grouped, estimates: Estimates, *, with_reference: bool = False
) -> list[Measurement]:
    """One measurement for every group that takes part in comparisons.

    Args:
        found: The groups.
        estimates: Ratios or differences.
        with_reference: Also the reference groups, compared with themselves.
    """
    return [
        found.measured(
            estimates.name,
            estimates.at(i),
            unit=estimates.unit,
            group=found.groups[i],
            compared_with=found.reference_of(i),
        )
        for i in found.compared()
        if with_reference or found.reference[i] != i
    ]


def everyone(attributes: tuple[str, ...]) -> Group:
    """The address of a number about all groups of some attributes at once."""
    return tuple((attribute, "(all)") for attribute in attributes)


def small_group_notes(rows: NDArray[np.int64], min_group: int) -> list[str]:
    """What a reader must know of groups with few members; empty if there is none.

    Args:
        rows: How many members each group has.
        min_group: The fewest members of a group that others are compared with.
    """
    small = int((rows < min_group).sum())
    if not small:
        return []
    told = f"{small} of {len(rows)} groups have fewer than {min_group} members: they are shown"
    return [f"{told} with their intervals and are never the reference."]


def group_notes(found: Grouped, min_group: int) -> list[str]:
    """What a reader must know about the groups: small ones, unknown ones, empty ones."""
    notes = small_group_notes(found.partition.rows[found.compared()], min_group)
    notes += unknown_notes(found.groups)
    if found.partition.empty:
        notes.append(f"{found.partition.empty} intersections have no member and no number.")
    return notes


def unknown_notes(groups: tuple[Group, ...]) -> list[str]:
    """What a reader must know about attributes that are not known of everybody."""
    return [
        f"The {group[0][0]} of some is unknown: they are counted and shown, and take no part in "
        "comparisons."
        for group in groups
        if len(group) == 1 and is_unknown(group)
    ]


def require_groups(case: Case) -> None:
    """Stops a check of fairness that has no groups to compare.

    Raises:
        NotAssessed: If there are none.
    """
    if not case.groups:
        raise NotAssessed("no group attribute was given")


def scores_of(case: Case) -> NDArray[np.float64]:
    """The scores of a case.

    Raises:
        NotApplicable: If it has decisions alone.
    """
    if case.scores is None:
        raise NotApplicable("decisions were given without scores")
    return case.scores


def decisions_of(case: Case) -> NDArray[np.bool_]:
    """Which cases are decided favourably.

    Raises:
        NotApplicable: If nothing is decided.
    """
    if case.decisions is None:
        raise NotApplicable(f"nothing is decided: the model {case.task.words}")
    return case.decisions


def outcomes_of(case: Case) -> NDArray[np.bool_]:
    """Which cases have a favourable true outcome.

    Raises:
        NotAssessed: If the true outcomes are not known.
    """
    if case.labels is None:
        raise NotAssessed("no labels were given")
    return case.labels


def overall_confusion(case: Case) -> Confusion:
    """The counts of everyone, as one group."""
    kinds = outcomes_of(case) * 2 + decisions_of(case)
    return Confusion.of_counts(np.bincount(kinds, minlength=4).astype(float)[None, :])
