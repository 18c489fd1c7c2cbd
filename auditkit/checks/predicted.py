"""What the checks of predicted numbers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import NotAssessed
from auditkit.measures.fairness.regression import error_estimates, largest_groups
from auditkit.measures.groups.membership import Partition, partition
from auditkit.measures.numbers.intervals import Estimates, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.subject import Case, Numbers

__all__ = ["error_estimates", "interval_coverage", "largest_groups", "truths_of", "whole"]


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
