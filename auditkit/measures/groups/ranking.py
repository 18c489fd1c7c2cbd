"""Metrics of scores: ranking (AUC, KS) and calibration.

Laws:
    - The AUC and KS are exact: from the sorted scores, not from bins.
    - A largest gap and a sum of absolute gaps are never negative, and a sample overestimates
      them. Their intervals come from a band around the whole curve, so they cover at least
      their level and contain 0 if no gap is shown.

How they mislead: the AUC ignores calibration; the Brier score mixes both and depends on the base
rate; the calibration error depends on the bins and grows with noise in small samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from auditkit.measures.groups.rates import Confusion
from auditkit.measures.groups.replicates import replicate_counts
from auditkit.measures.numbers.intervals import Array, Estimate, kish, mean, wilson

Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationBin:
    """One bin of a calibration curve.

    Attributes:
        start: Lowest score, included.
        stop: Highest score; included only in the last bin.
        n: Rows.
        positives: Rows with the favourable label.
        mean_score: Their mean score; None in an empty bin.
        observed: Share with the favourable label; None in an empty bin.
        lower: Lower end of its Wilson interval.
        upper: Upper end.
    """

    start: float
    stop: float
    n: int
    positives: int
    mean_score: float | None
    observed: float | None
    lower: float | None
    upper: float | None


# With fewer rows the squared distance is too skewed for Student's interval.
MIN_FOR_BRIER: Final = 100


def brier(
    labels: Labels, scores: Array, *, weights: Array | None = None, level: float = 0.95
) -> Estimate:
    """The mean of (score - label)^2, in [0, 1]; 0 is best.

    Without an interval if the effective sample size is below `MIN_FOR_BRIER`.

    Source: Brier, Monthly Weather Review 78 (1950) 1-3.
    """
    found = mean((scores - labels) ** 2, weights=weights, level=level)
    if (len(labels) if weights is None else kish(weights)) >= MIN_FOR_BRIER or not found.n:
        return found
    return Estimate(value=found.value, n=found.n)


def calibration_gap(
    labels: Labels, scores: Array, *, weights: Array | None = None, level: float = 0.95
) -> Estimate:
    """The observed share minus the mean score: positive if the scores are too low.

    Wilson's interval of the observed share, with as many trials as give it the variance of the gap,
    which is smaller the better the scores separate the outcomes. It also covers in small groups,
    where Student's interval covers 80 of 100.
    """
    gap = mean(labels - scores, weights=weights, level=level)
    if gap.value is None:
        return gap
    observed = float(np.average(labels, weights=weights))
    strayed = float(np.average((labels - scores - gap.value) ** 2, weights=weights))
    size = len(labels) if weights is None else kish(weights)
    if strayed > 0 and size > 1:
        size = max(size, (size - 1) * observed * (1 - observed) / strayed)
    low, high = wilson(observed * size, size, level=level)
    typical = observed - gap.value
    interval = (float(low) - typical, float(high) - typical)
    return Estimate.of(gap.value, gap.n, interval, level=level, method="Wilson, scaled")


def kolmogorov_smirnov(
    labels: Labels, scores: Array, *, weights: Array | None = None, level: float = 0.95
) -> Estimate:
    """The largest gap between the shares of both classes at or below a score, in [0, 1].

    The interval is Smirnov's band around the gap of the two curves.

    Args:
        labels: Shape `(n,)`.
        scores: Finite, shape `(n,)`.
        weights: Positive, shape `(n,)`; None: all 1.
        level: Nominal coverage.

    Source: Smirnov, Annals of Mathematical Statistics 19 (1948) 279-281.
    """
    n, positives = len(labels), int(labels.sum())
    if positives in {0, n}:
        return Estimate.undefined(n, "only one class occurs")
    order = np.argsort(scores, kind="stable")
    ordered, own = scores[order], labels[order]
    weight = np.ones(n) if weights is None else weights[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    above = np.cumsum(weight * own)[last] / weight[own].sum()
    below = np.cumsum(weight * ~own)[last] / weight[~own].sum()
    value = float(np.abs(above - below).max())
    sizes = kish(weight[own]), kish(weight[~own])
    width = float(special.kolmogi(1 - level)) * math.sqrt(1 / sizes[0] + 1 / sizes[1])
    interval = (max(0.0, value - width), min(1.0, value + width))
    return Estimate.of(value, n, interval, level=level, method="Smirnov band, conservative")


def calibration_curve(
    labels: Labels,
    scores: Array,
    *,
    weights: Array | None = None,
    bins: int = 10,
    level: float = 0.95,
) -> tuple[CalibrationBin, ...]:
    """Observed shares against mean scores in bins of equal width; empty bins are kept."""
    place = _bin_of(scores, bins)
    counts, squares = _histogram(labels, place, bins), None
    weighted = counts
    if weights is not None:
        weighted = _histogram(labels, place, bins, weights)
        squares = np.bincount(place, weights**2, minlength=bins)
    weight = np.ones(len(scores)) if weights is None else weights
    sums = np.bincount(place, scores * weight, minlength=bins)
    total, n = weighted.sum(axis=1), counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = weighted[:, 1] / total
        trials = n if squares is None else np.where(n > 0, total**2 / squares, 0.0)
        low, high = wilson(share * trials, trials, level=level)
    curve = []
    for i in range(bins):
        filled = n[i] > 0
        curve.append(
            CalibrationBin(
                start=i / bins,
                stop=(i + 1) / bins,
                n=int(n[i]),
                positives=int(counts[i, 1]),
                mean_score=float(sums[i] / total[i]) if filled else None,
                observed=float(share[i]) if filled else None,
                lower=float(low[i]) if filled else None,
                upper=float(high[i]) if filled else None,
            )
        )
    return tuple(curve)


def calibration_error(
    labels: Labels,
    scores: Array,
    *,
    weights: Array | None = None,
    bins: int = 10,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """The mean distance of observed share and mean score over bins of equal width, in [0, 1].

    Args:
        labels: Shape `(n,)`.
        scores: In [0, 1], shape `(n,)`.
        weights: Positive, shape `(n,)`; None: all 1.
        bins: Number of bins.
        level: Nominal coverage.
        replicates: Number of bootstrap replicates of the counts in the bins.
        seed: Seed of the draws.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015 (expected calibration error).
    """
    n = len(labels)
    if n == 0:
        return Estimate.undefined(0, "no observation")
    place = _bin_of(scores, bins)
    weight = np.ones(n) if weights is None else weights
    counts = _histogram(labels, place, bins, weights)
    sums = np.bincount(place, scores * weight, minlength=bins)
    total, whole = counts.sum(axis=1), float(weight.sum())
    typical = np.divide(sums, total, out=np.zeros(bins), where=total > 0)
    gaps = (counts[:, 1] - sums) / whole
    value = float(np.abs(gaps).sum())
    squares = counts if weights is None else _histogram(labels, place, bins, weights**2)
    drawn = replicate_counts(
        Confusion(weights=counts, rows=counts, squares=squares)
        if weights is not None
        else Confusion.of_counts(counts),
        replicates=replicates,
        seed=seed,
    )
    again = (drawn[..., 1] - drawn.sum(axis=2) * typical) / whole
    width = float(np.quantile(np.abs(again - gaps).sum(axis=1), level))
    interval = (max(0.0, value - width), min(1.0, value + width))
    method = "band around the curve, bootstrap, conservative"
    return Estimate.of(value, n, interval, level=level, method=method)


def _bin_of(scores: Array, bins: int) -> npt.NDArray[np.intp]:
    """Bins of equal width over [0, 1], closed on the left; a score of 1 is in the last."""
    edges = np.arange(1, bins) / bins
    return np.searchsorted(edges, scores, side="right")


def _histogram(
    labels: Labels, place: npt.NDArray[np.intp], bins: int, weights: Array | None = None
) -> Array:
    counts = np.bincount(place * 2 + labels, weights, minlength=2 * bins)
    return counts.reshape(bins, 2).astype(float)
