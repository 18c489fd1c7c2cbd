"""Rates of decisions by group, from confusion matrices.

The last axis of counts has four cells: true negatives (label and decision unfavourable), false
positives (decision favourable, label not), false negatives (label favourable, decision not), true
positives (both favourable). Favourable means good for the person; it is the positive class.

Laws:
    - A rate with denominator 0 is not estimable.
    - If everyone in a group gets the same decision, some rates are 0 or 1 whatever the labels are.
      They are shown and marked: comparing two such groups says nothing.
    - Weighted rows count by their weight; intervals use Kish's effective sample size,
      (sum of weights)^2 / sum of squared weights.

Example:
    >>> r = rates(Confusion.of_counts(np.array([[50.0, 10.0, 5.0, 35.0]])), "tpr")
    >>> float(r.value[0]), int(r.n[0])
    (0.875, 40)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from auditkit.measures.groups.membership import Partition
from auditkit.measures.numbers.intervals import Estimates, wilson

Array = npt.NDArray[np.float64]

TRUE_NEGATIVE, FALSE_POSITIVE, FALSE_NEGATIVE, TRUE_POSITIVE = range(4)

# Cells of the numerator, cells of the denominator, and the denominator in words.
PROPORTIONS: Final[dict[str, tuple[tuple[int, ...], tuple[int, ...], str]]] = {
    "selection_rate": ((1, 3), (0, 1, 2, 3), "row"),
    "base_rate": ((2, 3), (0, 1, 2, 3), "row"),
    "accuracy": ((0, 3), (0, 1, 2, 3), "row"),
    "tpr": ((3,), (2, 3), "favourable label"),
    "fnr": ((2,), (2, 3), "favourable label"),
    "fpr": ((1,), (0, 1), "unfavourable label"),
    "tnr": ((0,), (0, 1), "unfavourable label"),
    "ppv": ((3,), (1, 3), "favourable decision"),
    "fdr": ((1,), (1, 3), "favourable decision"),
    "npv": ((0,), (0, 2), "unfavourable decision"),
    "for": ((2,), (0, 2), "unfavourable decision"),
}
# Increasing functions of one binomial proportion, so that its interval can be transformed.
TRANSFORMED: Final[
    dict[str, tuple[tuple[int, ...], tuple[int, ...], str, Callable[[Array], Array]]]
] = {
    "f1": ((3,), (1, 2, 3), "favourable label or decision", lambda t: 2 * t / (1 + t)),
    "treatment_equality": ((2,), (1, 2), "error", lambda t: t / (1 - t)),
}
METRICS: Final = (*PROPORTIONS, "balanced_accuracy", *TRANSFORMED)

NOBODY: Final = "nobody of those compared is selected"
EVERYBODY: Final = "everybody of those compared is selected"
# What follows from one decision for all, whatever the labels are. That everybody is selected is a
# rate like any other; that nobody is, is none that could be laid against another.
_ERRORS: Final = frozenset({"tpr", "fnr", "fpr", "tnr", "balanced_accuracy"})
_FIXED_BY_NOBODY: Final = _ERRORS | {"selection_rate", "f1"}
_FIXED_BY_EVERYBODY: Final = _ERRORS | {"treatment_equality"}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Confusion:
    """Confusion matrices by group; every array has the shape `(groups, 4)`.

    Attributes:
        weights: Sums of weights.
        rows: Numbers of rows.
        squares: Sums of squared weights.
    """

    weights: Array
    rows: Array
    squares: Array

    @classmethod
    def of_counts(cls, counts: Array) -> Confusion:
        """From unweighted counts; the three arrays are the same."""
        return cls(weights=counts, rows=counts, squares=counts)


def confusion_by_cell(
    partition: Partition,
    labels: npt.NDArray[np.bool_],
    decisions: npt.NDArray[np.bool_],
    *,
    weights: Array | None = None,
) -> Confusion:
    """Counts labels and decisions in every cell of a partition, in one pass.

    Args:
        partition: The rows' groups.
        labels: True if the outcome was favourable, shape `(n,)`.
        decisions: True if the decision was favourable, shape `(n,)`.
        weights: Non-negative, shape `(n,)`; None: all 1.
    """
    kinds = labels.view(np.uint8) * np.uint8(2) + decisions.view(np.uint8)
    rows = partition.count(kinds, 4)
    if weights is None:
        return Confusion.of_counts(rows)
    return Confusion(
        weights=partition.count(kinds, 4, weights=weights),
        rows=rows,
        squares=partition.count(kinds, 4, weights=weights**2),
    )


def by_group(partition: Partition, cells: Confusion) -> Confusion:
    """The confusion matrix of every group, from those of the cells."""
    if cells.weights is cells.rows:
        return Confusion.of_counts(partition.group_sums(cells.rows))
    return Confusion(
        weights=partition.group_sums(cells.weights),
        rows=partition.group_sums(cells.rows),
        squares=partition.group_sums(cells.squares),
    )


def values(counts: Array, name: str) -> Array:
    """The values of one metric: `(..., 4)` to `(...)`; NaN if not estimable.

    Args:
        counts: Counts or sums of weights.
        name: One of `METRICS`.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if name == "balanced_accuracy":
            return (values(counts, "tpr") + values(counts, "tnr")) / 2
        if name in TRANSFORMED:
            top, bottom, _, transform = TRANSFORMED[name]
            found = transform(_sum(counts, top) / _sum(counts, bottom))
            return np.where(np.isfinite(found), found, np.nan)
        top, bottom, _ = PROPORTIONS[name]
        return _sum(counts, top) / _sum(counts, bottom)


def rates(confusion: Confusion, name: str, *, level: float = 0.95) -> Estimates:
    """One metric of every group, with its interval.

    Proportions have Wilson's interval; F1 and treatment equality (false negatives / false
    positives) are increasing functions of one proportion, so its ends are transformed; balanced
    accuracy combines the intervals of its two halves.

    Args:
        confusion: Counts by group.
        name: One of `METRICS`.
        level: Nominal coverage.
    """
    if name == "balanced_accuracy":
        return _balanced_accuracy(confusion, level)
    if name in TRANSFORMED:
        top, bottom, holds, transform = TRANSFORMED[name]
    else:
        (top, bottom, holds), transform = PROPORTIONS[name], _unchanged
    n = _sum(confusion.rows, bottom).astype(np.int64)
    total = _sum(confusion.weights, bottom)
    with np.errstate(divide="ignore", invalid="ignore"):
        trials = np.where(total > 0, total**2 / _sum(confusion.squares, bottom), 0.0)
        share = _sum(confusion.weights, top) / total
        lower, upper = wilson(share * trials, trials, level=level)
        value, lower, upper = transform(share), transform(lower), transform(upper)
    finite = np.isfinite(value)
    reason = np.where(n > 0, "its weights are all 0", f"no {holds} in the group")
    reason = np.where(total > 0, "no error of the other kind", reason)
    return Estimates(
        name=name,
        unit="ratio" if name == "treatment_equality" else "proportion",
        value=np.where(finite, value, np.nan),
        lower=np.where(finite & np.isfinite(upper), lower, np.nan),
        upper=np.where(finite & np.isfinite(upper), upper, np.nan),
        n=n,
        trials=trials,
        level=level,
        method=np.full(n.shape, "Wilson"),
        reason=np.where(finite, "", reason),
        fixed_by=_fixed_by(confusion, name),
    )


def _balanced_accuracy(confusion: Confusion, level: float) -> Estimates:
    tpr, tnr = rates(confusion, "tpr", level=level), rates(confusion, "tnr", level=level)
    value = (tpr.value + tnr.value) / 2
    down = np.hypot(tpr.value - tpr.lower, tnr.value - tnr.lower) / 2
    up = np.hypot(tpr.upper - tpr.value, tnr.upper - tnr.value) / 2
    return Estimates(
        name="balanced_accuracy",
        unit="proportion",
        value=value,
        lower=value - down,
        upper=value + up,
        n=tpr.n + tnr.n,
        trials=tpr.trials + tnr.trials,
        level=level,
        method=np.full(value.shape, "MOVER, Wilson"),
        reason=np.where(np.isnan(value), "only one label in the group", ""),
        fixed_by=_fixed_by(confusion, "balanced_accuracy"),
    )


def _fixed_by(confusion: Confusion, name: str) -> npt.NDArray[np.str_]:
    """Why a metric does not depend on a group's members; empty if it does."""
    refused, selected = _sum(confusion.weights, (0, 2)), _sum(confusion.weights, (1, 3))
    nobody = (selected == 0) & (refused > 0) & (name in _FIXED_BY_NOBODY)
    everybody = (refused == 0) & (selected > 0) & (name in _FIXED_BY_EVERYBODY)
    return np.where(nobody, NOBODY, np.where(everybody, EVERYBODY, ""))


def _unchanged(share: Array) -> Array:
    return share


def _sum(counts: Array, cells: tuple[int, ...]) -> Array:
    total: Array = counts[..., list(cells)].sum(axis=-1)
    return total
