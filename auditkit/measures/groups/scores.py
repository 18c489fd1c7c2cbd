"""Metrics of scores by group: ranking and calibration.

Scores are calibrated in every group if the observed share of favourable outcomes at a score is the
same. Groups with different base rates cannot have that and equal error rates, unless the scores are
perfect.

Source: Kleinberg, Mullainathan and Raghavan (2016); Chouldechova, Big Data 5 (2017) 153-163.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from auditkit.measures.groups.membership import Partition
from auditkit.measures.groups.ranking import (
    brier,
    calibration_error,
    calibration_gap,
    kolmogorov_smirnov,
)
from auditkit.measures.groups.rates import values
from auditkit.measures.numbers.area import area_under_curve
from auditkit.measures.numbers.intervals import (
    Array,
    Estimate,
    Estimates,
    mean,
    normal_quantile,
    stack_estimates,
)

SCORE_METRICS: Final = {
    "mean_score": "probability",
    "calibration_gap": "difference",
    "auc": "probability",
    "ks": "proportion",
    "brier": "squared probability",
    "calibration_error": "probability",
}

# Metrics that are 0.5 or 0 if all scores are equal: nobody is ranked before anybody.
_OF_ORDER: Final = frozenset({"auc", "ks"})
# A sample overestimates these, especially in small groups, and so their gaps.
_OVERESTIMATED: Final = frozenset({"ks", "calibration_error"})


def score_estimates(
    partition: Partition,
    labels: npt.NDArray[np.bool_],
    scores: Array,
    *,
    weights: Array | None = None,
    level: float = 0.95,
    bins: int = 10,
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, Estimates]:
    """Every metric of `SCORE_METRICS` for every group.

    Args:
        partition: The rows' groups.
        labels: Shape `(n,)`.
        scores: In [0, 1], shape `(n,)`.
        weights: Not negative, shape `(n,)`; None: all 1. Rows of weight 0 are ignored.
        level: Nominal coverage.
        bins: Number of bins of the calibration error.
        replicates: Number of bootstrap replicates of the calibration error.
        seed: Seed of the draws.
    """
    found: dict[str, list[Estimate]] = {name: [] for name in SCORE_METRICS}
    alike = []
    for position in range(len(partition.groups)):
        rows = partition.rows_of(position)
        if weights is not None:
            rows = rows & (weights > 0)
        y, s, w = labels[rows], scores[rows], None if weights is None else weights[rows]
        found["mean_score"].append(mean(s, weights=w, level=level))
        found["calibration_gap"].append(calibration_gap(y, s, weights=w, level=level))
        found["auc"].append(area_under_curve(y, s, weights=w, level=level))
        found["brier"].append(brier(y, s, weights=w, level=level))
        found["ks"].append(kolmogorov_smirnov(y, s, weights=w, level=level))
        found["calibration_error"].append(
            calibration_error(
                y, s, weights=w, bins=bins, level=level, replicates=replicates, seed=seed
            )
        )
        alike.append(len(s) > 0 and bool((s == s[0]).all()))
    fixed = np.where(alike, "all scores are alike", "")
    return {
        name: replace(
            stack_estimates(name, unit, found[name], level=level),
            fixed_by=fixed if name in _OF_ORDER else None,
        )
        for name, unit in SCORE_METRICS.items()
    }


def at_level(estimates: Estimates, level: float) -> Estimates:
    """The same numbers with intervals of another level, without reading the rows again.

    Each half-width is scaled by the ratio of the normal quantiles, and the end clipped to [0, 1]
    if the number is in it. A close approximation for levels that are not far apart.
    """
    times = normal_quantile(level) / normal_quantile(estimates.level)
    lower, upper = (
        # An end at the value stays there at any level, 1 included.
        estimates.value + np.multiply(times, apart, where=apart != 0, out=np.zeros_like(apart))
        for apart in (estimates.lower - estimates.value, estimates.upper - estimates.value)
    )
    if estimates.unit != "difference":
        lower, upper = np.maximum(lower, 0.0), np.minimum(upper, 1.0)
    return replace(estimates, lower=lower, upper=upper, level=level)


def why_no_gap_interval(estimates: Estimates) -> str:
    """Why the largest gap of a metric of `SCORE_METRICS` has no interval; empty if it has one.

    Args:
        estimates: The metric of the groups to compare.
    """
    if estimates.name in _OVERESTIMATED:
        return "a sample overestimates it, and most so in small groups"
    known = ~np.isnan(estimates.value)
    if np.isnan(estimates.lower[known]).any():
        return "a group has none"
    fixed = estimates.fixed_by is not None and (estimates.fixed_by != "").any()
    if fixed or (estimates.upper <= estimates.lower)[known].any():
        return "in a group all scores are alike"
    return ""


def sweep(
    partition: Partition,
    labels: npt.NDArray[np.bool_],
    scores: Array,
    thresholds: npt.ArrayLike,
    *,
    weights: Array | None = None,
) -> Array:
    """Confusion matrices at every cut-off, shape `(thresholds, groups, 4)`.

    One pass over the rows, whatever the number of cut-offs. A case is decided favourably when its
    score is at least the cut-off.

    Args:
        partition: The rows' groups.
        labels: Shape `(n,)`.
        scores: Finite, shape `(n,)`.
        thresholds: Increasing.
        weights: Shape `(n,)`; None: all 1.
    """
    cuts = np.asarray(thresholds, dtype=float)
    passed = np.searchsorted(cuts, scores, side="right")  # how many cut-offs a score reaches
    counts = partition.count(passed * 2 + labels, 2 * (len(cuts) + 1), weights=weights)
    by_label = partition.group_sums(counts).reshape(len(partition.groups), len(cuts) + 1, 2)
    total = by_label.sum(axis=1)
    below = by_label.cumsum(axis=1)[:, :-1].swapaxes(0, 1)
    above = total[None] - below
    return np.stack([below[..., 0], above[..., 0], below[..., 1], above[..., 1]], axis=-1)


def smallest_ratios(swept: Array, positions: list[int]) -> Array:
    """The lowest selection rate over the highest among some groups, at every cut-off.

    NaN if nobody is selected.
    """
    selection = values(swept[:, positions], "selection_rate")
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Array = selection.min(axis=1) / selection.max(axis=1)
    return ratio
