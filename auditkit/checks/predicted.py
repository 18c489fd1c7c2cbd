"""What the checks of predicted numbers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import NotAssessed
from auditkit.measures.fairness.regression import error_estimates, largest_groups
from auditkit.measures.groups.measured import measured
from auditkit.measures.groups.membership import Partition, is_unknown, partition
from auditkit.measures.numbers.intervals import Estimates, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.evidence import Measurement
    from auditkit.measures.groups.membership import Group
    from auditkit.subject import Case, Numbers

__all__ = [
    "beside_reference",
    "error_estimates",
    "interval_coverage",
    "largest_groups",
    "of_groups",
    "truths_of",
    "whole",
]


def truths_of(case: Case) -> tuple[Numbers, NDArray[np.float64]]:
    """The predicted and the true numbers of a case.

    Raises:
        NotAssessed: If the true numbers are not known.
    """
    assert case.numbers is not None
    if case.numbers.truth is None:
        raise NotAssessed("no labels were given")
    return case.numbers, case.numbers.truth


def whole(rows: int) -> Partition:
    """Everyone as the one group of a partition."""
    return partition({"rows": np.full(rows, "all")}, depth=1)


def of_groups(
    found: Partition, estimates: Estimates, *, unit: str, of: Group = ()
) -> list[Measurement]:
    """A number of every group.

    Args:
        found: The groups.
        estimates: Theirs.
        unit: Their unit.
        of: What else the number is about, as a class.
    """
    return [
        measured(estimates.name, estimates.at(i), unit=unit, group=(*group, *of))
        for i, group in enumerate(found.groups)
    ]


def beside_reference(
    found: Partition,
    estimates: Estimates,
    reference: NDArray[np.intp],
    *,
    unit: str,
    of: Group = (),
) -> list[Measurement]:
    """A number of every known group beside the one that it is compared with.

    Args:
        found: The groups.
        estimates: Theirs, as differences or ratios.
        reference: From `largest_groups`.
        unit: Their unit.
        of: What else the number is about, as a class.
    """
    return [
        measured(
            estimates.name,
            estimates.at(i),
            unit=unit,
            group=(*group, *of),
            compared_with=(*found.groups[reference[i]], *of) if reference[i] >= 0 else (),
        )
        for i, group in enumerate(found.groups)
        if not is_unknown(group) and reference[i] != i
    ]


def interval_coverage(
    found: Partition, given: Numbers, truth: NDArray[np.float64], *, level: float
) -> Estimates | None:
    """The share of truths within the model's own intervals, by group; None: it gives none."""
    if given.lower is None or given.upper is None:
        return None
    inside = ((truth >= given.lower) & (truth <= given.upper)).astype(np.uint8)
    counts = found.group_sums(found.count(inside, 2))
    n = found.rows.astype(float)
    lower, upper = wilson(counts[:, 1], n, level=level)
    return Estimates(
        name="interval_coverage",
        unit="proportion",
        value=counts[:, 1] / n,
        lower=lower,
        upper=upper,
        n=found.rows,
        trials=n,
        level=level,
        method=np.full(n.shape, "Wilson"),
        reason=np.full(n.shape, ""),
    )
