"""How well scores rank and how far they can be read as probabilities.

Laws:
    - The AUC and KS are exact: from the sorted scores, not from bins.
    - A largest gap and a sum of absolute gaps are never negative and are overestimated by a
      sample. Their intervals come from a band around the whole curve, so they hold at least
      their level, and reach 0 where no gap is shown.

How they mislead: the AUC is blind to calibration; the Brier score mixes both and depends on the
base rate; the calibration error depends on the bins and grows with noise in small samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from auditkit.measures.stats import Array, Estimate, mean, wilson

Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationBin:
    """One bin of a calibration curve.

    Attributes:
        start: Lowest score, included.
        stop: Highest score; included in the last bin alone.
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


def brier(labels: Labels, scores: Array, *, level: float = 0.95) -> Estimate:
    """Mean squared distance of score and label, in [0, 1]; 0 is best.

    Source: Brier, Monthly Weather Review 78 (1950) 1-3.
    """
    return mean((scores - labels) ** 2, level=level)


def kolmogorov_smirnov(labels: Labels, scores: Array, *, level: float = 0.95) -> Estimate:
    """The largest gap between the shares of both classes at or below a score, in [0, 1].

    The interval is Smirnov's band around the gap of the two curves.

    Args:
        labels: Shape `(n,)`.
        scores: Finite, shape `(n,)`.
        level: Nominal coverage.

    Source: Smirnov, Annals of Mathematical Statistics 19 (1948) 279-281.
    """
    n, positives = len(labels), int(labels.sum())
    if positives in {0, n}:
        return Estimate.undefined(n, "only one class occurs")
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    above = np.cumsum(labels[order])[last] / positives
    below = np.cumsum(~labels[order])[last] / (n - positives)
    value = float(np.abs(above - below).max())
    width = float(special.kolmogi(1 - level)) * math.sqrt(1 / positives + 1 / (n - positives))
    interval = (max(0.0, value - width), min(1.0, value + width))
    return Estimate.of(value, n, interval, level=level, method="Smirnov band, conservative")


def calibration_curve(
    labels: Labels, scores: Array, *, bins: int = 10, level: float = 0.95
) -> tuple[CalibrationBin, ...]:
    """Observed shares against mean scores in bins of equal width; empty bins are kept."""
    place = _bin_of(scores, bins)
    counts, sums = _histogram(labels, place, bins), np.bincount(place, scores, minlength=bins)
    total = counts.sum(axis=1)
    low, high = wilson(counts[:, 1], total, level=level)
    curve = []
    for i in range(bins):
        filled = total[i] > 0
        curve.append(
            CalibrationBin(
                start=i / bins,
                stop=(i + 1) / bins,
                n=int(total[i]),
                positives=int(counts[i, 1]),
                mean_score=float(sums[i] / total[i]) if filled else None,
                observed=float(counts[i, 1] / total[i]) if filled else None,
                lower=float(low[i]) if filled else None,
                upper=float(high[i]) if filled else None,
            )
        )
    return tuple(curve)


def calibration_error(
    labels: Labels,
    scores: Array,
    *,
    bins: int = 10,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """The mean distance of observed share and mean score over bins of equal width, in [0, 1].

    Args:
        labels: Shape `(n,)`.
        scores: In [0, 1], shape `(n,)`.
        bins: Number of bins.
        level: Nominal coverage.
        replicates: Of the bootstrap over the counts in the bins.
        seed: Of the draws.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015 (expected calibration error).
    """
    n = len(labels)
    if n == 0:
        return Estimate.undefined(0, "no observation")
    place = _bin_of(scores, bins)
    counts, sums = _histogram(labels, place, bins), np.bincount(place, scores, minlength=bins)
    total = counts.sum(axis=1)
    typical = sums / np.maximum(total, 1)
    gaps = (counts[:, 1] - sums) / n
    value = float(np.abs(gaps).sum())
    drawn = np.random.default_rng(seed).multinomial(n, counts.ravel() / n, size=replicates)
    drawn = drawn.reshape(replicates, bins, 2)
    again = (drawn[..., 1] - drawn.sum(axis=2) * typical) / n
    width = float(np.quantile(np.abs(again - gaps).sum(axis=1), level))
    interval = (max(0.0, value - width), min(1.0, value + width))
    method = "band around the curve, bootstrap, conservative"
    return Estimate.of(value, n, interval, level=level, method=method)


def _bin_of(scores: Array, bins: int) -> npt.NDArray[np.intp]:
    """Bins of equal width over [0, 1], closed on the left; a score of 1 is in the last."""
    edges = np.arange(1, bins) / bins
    return np.searchsorted(edges, scores, side="right")


def _histogram(labels: Labels, place: npt.NDArray[np.intp], bins: int) -> Array:
    counts = np.bincount(place * 2 + labels, minlength=2 * bins).reshape(bins, 2)
    return counts.astype(float)
