"""Predictions of a number, by group: how far off, and in which direction.

Laws:
    - An error is prediction less truth: a positive mean error is too high a prediction.
    - One pass sums by cell; every number follows from those sums.

How they mislead: equal mean errors can hide unequal spread, and R2 depends on how much the truth
varies within a group, so it is not comparable between groups of different spread.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import special

from auditkit.errors import InputError
from auditkit.evidence import describe_group
from auditkit.measures.groups.disparities import differences
from auditkit.measures.groups.membership import Partition, is_unknown, partition
from auditkit.measures.numbers.intervals import Array, Estimates, wilson
from auditkit.parameters import DEPTH, LEVEL, MIN_GROUP, NUMBER
from auditkit.tables.columns import group_columns, numbers
from auditkit.tables.pairing import refuse_other_rows

_MIN_FOR_RMSE: Final = 100
REGRESSION_METRICS: Final = ("mean_error", "mae", "rmse", "r2", "selection_rate")


def regression_fairness(
    labels: Any,
    predictions: Any,
    *,
    groups: Any,
    threshold: float | None = None,
    reference: str | None = None,
    depth: int = 2,
    min_group: int = 30,
    level: float = 0.95,
) -> pd.DataFrame:
    """Errors of predicted numbers by group; one row for each group and metric.

    Args:
        labels: Finite numbers, shape `(n,)`.
        predictions: Finite numbers, shape `(n,)`.
        groups: As for `auditkit.measures.fairness.comparison.fairness`.
        threshold: Also gives the share of predictions that are at least this.
        reference: The group to compare with, as "sex=male"; None: the largest of each attribute.
        depth: Intersections of up to so many attributes.
        min_group: Rows that a group needs to be the reference.
        level: Nominal coverage.

    Returns:
        Columns group, metric, value, lower, upper, n, reference, difference, difference_lower,
        difference_upper, status. R2 and RMSE have no interval below 100 rows.

    Raises:
        InputError: If lengths or indexes differ, a value is not finite, a number is out of its
            range, or there is no such reference.
    """
    depth = DEPTH.read(depth, name="depth")
    min_group = MIN_GROUP.read(min_group, name="min_group")
    level = LEVEL.read(level, name="level")
    if threshold is not None:
        threshold = NUMBER.read(threshold, name="threshold")
    refuse_other_rows({"labels": labels, "predictions": predictions, "groups": groups})
    truth = numbers(labels, what="labels")
    predicted = numbers(predictions, what="predictions", rows=len(truth))
    found = partition(group_columns(groups, rows=len(truth)), depth=depth)
    compared = largest_groups(found, reference, min_group=min_group)
    names = [describe_group(g) for g in found.groups]
    frames = []
    for estimates in error_estimates(found, truth, predicted, threshold=threshold, level=level):
        gap = differences(estimates, compared)
        frames.append(
            pd.DataFrame(
                {
                    "group": names,
                    "metric": estimates.name,
                    "value": estimates.value,
                    "lower": estimates.lower,
                    "upper": estimates.upper,
                    "n": estimates.n,
                    "reference": [names[r] if r >= 0 else "" for r in compared],
                    "difference": gap.value,
                    "difference_lower": gap.lower,
                    "difference_upper": gap.upper,
                    "status": np.where(
                        np.isnan(estimates.value),
                        np.char.add("not estimable: ", estimates.reason),
                        np.where(found.rows < min_group, "small", "compared"),
                    ),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def error_estimates(
    found: Partition,
    truth: Array,
    predicted: Array,
    *,
    threshold: float | None = None,
    level: float = 0.95,
) -> list[Estimates]:
    """Errors of predicted numbers for each group, with intervals.

    Mean error and mean absolute error have Student's interval. RMSE and R2 have one on the log of
    the mean square error, and of its ratio to the variance, from their sample moments; below 100
    rows it would fall short of its level, and there is none. R2 is not estimable where the truth
    does not vary.

    Args:
        found: The rows' groups.
        truth: True numbers, shape `(n,)`.
        predicted: Predicted numbers, shape `(n,)`.
        threshold: Also gives the share of predictions that are at least this.
        level: Nominal coverage.
    """
    error = predicted - truth
    # Centred, so that squares of large numbers do not swallow the differences.
    centred = truth - truth.mean()
    one_kind = np.zeros(len(truth), dtype=np.uint8)

    def total(values: Array) -> Array:
        return found.group_sums(found.count(one_kind, 1, weights=values))[:, 0]

    n = found.rows.astype(float)
    e1, e2, e4, a1 = total(error), total(error**2), total(error**4), total(np.abs(error))
    y1, y2 = total(centred), total(centred**2)
    y3, y4 = total(centred**3), total(centred**4)
    both, both2 = total(error**2 * centred), total(error**2 * centred**2)
    spread = y2 - y1**2 / n
    mse = e2 / n
    low, _ = _mean_interval(e2, e4, n, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        # On the log scale, as squares lean to the right; short of its level in small groups.
        factor = np.where(n >= _MIN_FOR_RMSE, np.exp((mse - low) / mse / 2), np.nan)
    rmse_ends = np.sqrt(mse) / factor, np.sqrt(mse) * factor
    varies = spread > 1e-12 * np.maximum(y2, 1e-300)
    r2 = 1 - np.divide(e2, spread, out=np.full(n.shape, np.nan), where=varies)
    with np.errstate(divide="ignore", invalid="ignore"):
        # The delta method on the log of mean square error over variance.
        middle, variance = y1 / n, spread / n
        fourth = (y4 - 4 * middle * y3 + 6 * middle**2 * y2 - 3 * n * middle**4) / n
        joint = (both2 - 2 * middle * both + middle**2 * e2) / n
        relative = e4 / n / mse**2 + fourth / variance**2 - 2 * joint / (mse * variance)
        half = special.stdtrit(n - 1, 0.5 + level / 2) * np.sqrt(np.maximum(relative, 0) / n)
        half = np.where((n >= _MIN_FOR_RMSE) & varies, half, np.nan)
        r2_ends = 1 - (1 - r2) * np.exp(half), 1 - (1 - r2) * np.exp(-half)
    made = [
        ("mean_error", e1 / n, _mean_interval(e1, e2, n, level), "Student t"),
        ("mae", a1 / n, _mean_interval(a1, e2, n, level), "Student t"),
        ("rmse", np.sqrt(mse), rmse_ends, "Student t on the log of the mean square"),
        ("r2", r2, r2_ends, "delta method on the log of mean square error over variance"),
    ]
    if threshold is not None:
        passed = total((predicted >= threshold).astype(float))
        made.append(("selection_rate", passed / n, wilson(passed, n, level=level), "Wilson"))
    return [
        Estimates(
            name=name,
            unit="proportion" if name == "selection_rate" else "as labels",
            value=value,
            lower=lower,
            upper=upper,
            n=found.rows,
            trials=n,
            level=level,
            method=np.full(n.shape, method),
            reason=np.where(np.isnan(value), "the truth does not vary in the group", ""),
        )
        for name, value, (lower, upper), method in made
    ]


def _mean_interval(sums: Array, squares: Array, n: Array, level: float) -> tuple[Array, Array]:
    """Student's interval of a mean, from sums; NaN for a group of one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums / n
        variance = np.maximum(squares - n * mean**2, 0) / (n - 1)
        half = special.stdtrit(n - 1, 0.5 + level / 2) * np.sqrt(variance / n)
    half = np.where(n > 1, half, np.nan)
    return mean - half, mean + half


def largest_groups(
    found: Partition, named: str | None = None, *, min_group: int = 30
) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """The position of each group's reference, the largest of its attributes; -1: there is none.

    Args:
        found: The groups.
        named: Another reference, as "sex=male".
        min_group: Rows that a reference needs.

    Raises:
        InputError: If nobody is in the named group.
    """
    compared = np.full(len(found.groups), -1, dtype=np.intp)
    hits = 0
    for positions in found.combinations().values():
        known = [p for p in positions if not is_unknown(found.groups[p])]
        if named is None:
            fit = [p for p in known if found.rows[p] >= min_group]
            best = max(fit, key=lambda p: (int(found.rows[p]), -p), default=-1)
        else:
            matching = [p for p in known if describe_group(found.groups[p]) == named]
            best = matching[0] if matching else -1
            hits += len(matching)
        compared[known] = best if len(known) > 1 else -1
    if named is not None and not hits:
        raise InputError(
            "The reference group has no member.",
            remedy="name it as the result does: attribute=value, several joined by commas",
        )
    return compared
