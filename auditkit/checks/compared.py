"""What the checks of two models share: the champion's case, and counts of both decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import NotAssessed
from auditkit.checks.grouped import decisions_of, require_groups
from auditkit.measures.groups.measured import measured
from auditkit.measures.groups.membership import partition
from auditkit.measures.groups.paired import OF_DECISIONS, OF_OUTCOMES, PairedCounts
from auditkit.measures.numbers.intervals import Estimate
from auditkit.measures.numbers.paired import joined, paired_difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditkit.evidence import Measurement
    from auditkit.measures.groups.membership import Group, Partition
    from auditkit.subject import Case, Classes, Numbers

NO_LABELS = "no labels were given"


def champion_of(case: Case) -> Case:
    """The same case of the model in use.

    Raises:
        NotAssessed: If the audit is of one model alone.
    """
    if case.champion is None:
        raise NotAssessed("there is no other model to compare with")
    return case.champion


def partition_of(case: Case, depth: int) -> Partition:
    """The groups of a case.

    Raises:
        NotAssessed: If it has none.
    """
    require_groups(case)
    return case.once(f"partition/{depth}", lambda: partition(case.groups, depth=depth))


def paired_counts(
    case: Case, groups: Partition | None, *, replicates: int, depth: int = 0
) -> PairedCounts:
    """Decisions of both models, counted once.

    Raises:
        NotAssessed: If there is one model alone.
        NotApplicable: If nothing is decided.
    """
    champion = champion_of(case)
    first, second = decisions_of(champion), decisions_of(case)
    name = f"paired/{'all' if groups is None else depth}/{replicates}"
    return case.once(
        name,
        lambda: PairedCounts.of(
            case.labels, first, second, groups, replicates=replicates, seed=case.seed
        ),
    )


def changes_of_rates(
    case: Case,
    counts: PairedCounts,
    position: int,
    *,
    level: float,
    names: Sequence[str] = (*OF_DECISIONS, *OF_OUTCOMES),
    group: Group = (),
) -> list[Measurement]:
    """How the rates of one group change; what needs labels says so where there are none."""
    found = []
    for name in names:
        known = name in OF_DECISIONS or case.labels is not None
        n = int(counts.counts[position].sum())
        change = (
            counts.change(name, position, level=level)
            if known
            else Estimate.undefined(n, NO_LABELS)
        )
        found.append(measured(f"{name}_change", change, unit="difference", group=group))
    return found


def right(of: Classes) -> NDArray[np.bool_]:
    """Whose class is decided as it is, shape `(n,)`."""
    return np.asarray(of.decided == of.truth)


def accuracy_change(first: NDArray[np.bool_], second: NDArray[np.bool_], level: float) -> Estimate:
    """The change of a share of rows that are right, shape `(n,)` both."""
    kinds = np.bincount(first * 2 + second, minlength=4)
    return paired_difference(kinds[3], kinds[1], kinds[2], kinds[0], level=level)


def recall_change(first: Classes, second: Classes, level: float) -> Estimate:
    """The change of the mean over classes of the share of each that is found."""
    truth = second.truth
    assert truth is not None
    parts = [
        accuracy_change(right(first)[truth == c], right(second)[truth == c], level)
        for c in np.unique(truth)
    ]
    return joined(*parts, level=level)


def errors(of: Numbers) -> NDArray[np.float64]:
    """Predicted less true numbers, shape `(n,)`.

    Raises:
        NotAssessed: If the true ones are not known.
    """
    if of.truth is None:
        raise NotAssessed(NO_LABELS)
    return of.predicted - of.truth
