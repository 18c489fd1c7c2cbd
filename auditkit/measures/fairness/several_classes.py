"""Decisions between several classes, by group: each class against the rest, and their macro means.

Laws:
    - One pass counts true and decided classes by cell; every number follows from those counts.
    - A macro mean is over the classes that occur among the true ones; where a group has no case of
      one of them it is not estimable, and never a mean over fewer classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from auditkit.measures.numbers.intervals import Array, Estimates, percentile_interval, wilson

if TYPE_CHECKING:
    from auditkit.measures.groups.membership import Partition

MACRO: Final = ("macro_recall", "macro_precision", "macro_f1")


def class_counts(
    found: Partition, truth: npt.NDArray[np.intp], decided: npt.NDArray[np.intp], classes: int
) -> Array:
    """Rows by group, true class and decided class, shape `(groups, classes, classes)`.

    Args:
        found: The rows' groups.
        truth: Positions of the true classes, shape `(n,)`.
        decided: Positions of the decided classes, shape `(n,)`.
        classes: Number of classes.
    """
    by_cell = found.count(truth * classes + decided, classes * classes)
    return found.group_sums(by_cell).reshape(len(found.groups), classes, classes)


def accuracy(counts: Array, *, level: float = 0.95) -> Estimates:
    """Share of decisions that are right, by group, with Wilson's interval."""
    right = np.trace(counts, axis1=1, axis2=2)
    return _shares("accuracy", right, counts.sum(axis=(1, 2)), level, "the group has no case")


def class_recall(counts: Array, of: int, *, level: float = 0.95) -> Estimates:
    """Of the cases of one class the share that is decided as it, by group."""
    total = counts[:, of].sum(axis=1)
    return _shares("class_recall", counts[:, of, of], total, level, "no case is of the class")


def class_precision(counts: Array, of: int, *, level: float = 0.95) -> Estimates:
    """Of the cases decided as one class the share that is of it, by group."""
    total = counts[:, :, of].sum(axis=1)
    why = "no case is decided as the class"
    return _shares("class_precision", counts[:, of, of], total, level, why)


def class_selection(decided: Array, of: int, *, level: float = 0.95) -> Estimates:
    """The share of cases that is decided as one class, by group.

    Args:
        decided: Rows by group and decided class, shape `(groups, classes)`.
        of: The class.
        level: Nominal coverage.
    """
    total, why = decided.sum(axis=1), "the group has no case"
    return _shares("class_selection_rate", decided[:, of], total, level, why)


def macro(
    counts: Array, name: str, *, level: float = 0.95, replicates: int = 1000, seed: int = 0
) -> Estimates:
    """A mean over classes, by group, with a percentile bootstrap over its rows.

    Args:
        counts: From `class_counts`.
        name: "macro_recall", "macro_precision" or "macro_f1".
        level: Nominal coverage.
        replicates: Resamples of each group's rows.
        seed: Seeds them.
    """
    occurs = counts.sum(axis=(0, 2)) > 0
    value = _macro(counts, name, occurs)
    ends = np.full((2, len(counts)), np.nan)
    rng = np.random.default_rng(seed)
    for i, own in enumerate(counts):
        rows = int(own.sum())
        if rows < 2 or not np.isfinite(value[i]):
            continue
        drawn = rng.multinomial(rows, own.ravel() / rows, size=replicates).reshape(-1, *own.shape)
        again = _macro(drawn.astype(float), name, occurs)
        # A resample without a case of a class has no such mean.
        kept = again[np.isfinite(again)]
        if len(kept) >= replicates / 2:
            ends[:, i] = percentile_interval(value[i], kept, level=level)
    n = counts.sum(axis=(1, 2))
    return Estimates(
        name=name,
        unit="proportion",
        value=value,
        lower=ends[0],
        upper=ends[1],
        n=n.astype(np.int64),
        trials=n,
        level=level,
        method=np.full(n.shape, "mean over classes; percentile bootstrap over rows"),
        reason=np.where(np.isnan(value), "one of the classes does not occur in it", ""),
    )


def _macro(counts: Array, name: str, occurs: npt.NDArray[np.bool_]) -> Array:
    right = np.diagonal(counts, axis1=-2, axis2=-1)[..., occurs]
    true = counts.sum(axis=-1)[..., occurs]
    decided = counts.sum(axis=-2)[..., occurs]
    bottom = {
        "macro_recall": true,
        "macro_precision": decided,
        "macro_f1": (true + decided) / 2,
    }[name]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = right / bottom
    means: Array = shares.mean(axis=-1)
    return means


def _shares(name: str, part: Any, total: Any, level: float, why: str) -> Estimates:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(total > 0, part / total, np.nan)
    lower, upper = wilson(part, total, level=level)
    return Estimates(
        name=name,
        unit="proportion",
        value=value,
        lower=lower,
        upper=upper,
        n=np.asarray(total, dtype=np.int64),
        trials=np.asarray(total, dtype=float),
        level=level,
        method=np.full(value.shape, "Wilson"),
        reason=np.where(np.isnan(value), why, ""),
    )
