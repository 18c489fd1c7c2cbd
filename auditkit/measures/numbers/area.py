"""The area under the ROC curve, exact, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from auditkit.measures.numbers.intervals import Array, Estimate, kish, normal_quantile

# With fewer than this in either class, DeLong's interval is too short.
SMALL_CLASS: Final = 30


def area_under_curve(
    labels: npt.NDArray[np.bool_],
    scores: Array,
    *,
    weights: Array | None = None,
    level: float,
) -> Estimate:
    """The probability that a positive scores above a negative, ties counting half: the ROC AUC.

    DeLong's variance on the logit scale if both classes have at least `SMALL_CLASS`, otherwise
    Newcombe's method 5, which also covers an AUC of 1, or 0.5 because all scores are equal.

    Args:
        labels: Shape `(n,)`.
        scores: Finite, shape `(n,)`.
        weights: Positive, shape `(n,)`; None: all 1. The interval uses Kish's effective sizes.
        level: Nominal coverage.

    Source: DeLong et al., Biometrics 44 (1988) 837-845; Sun and Xu, IEEE Signal Processing
    Letters 21 (2014) 1389-1393; Newcombe, Statistics in Medicine 25 (2006) 559-573.
    """
    positives, negatives = _Sorted.of(scores, labels, weights), _Sorted.of(scores, ~labels, weights)
    n = len(labels)
    if len(positives.values) == 0 or len(negatives.values) == 0:
        return Estimate.undefined(n, "only one class occurs")
    one, other = negatives.share_below(positives.values), positives.share_below(negatives.values)
    theta = positives.mean(one)
    error = 0.0
    if min(positives.size, negatives.size) >= SMALL_CLASS:
        error = math.sqrt(positives.variance_of_mean(one) + negatives.variance_of_mean(other))
    return with_interval(theta, error, (positives.size, negatives.size), n=n, level=level)


def with_interval(
    theta: float, error: float, sizes: tuple[float, float], *, n: int, level: float
) -> Estimate:
    """An area with its interval.

    Args:
        theta: The area.
        error: DeLong's standard error; 0: none, as if either class is small.
        sizes: Effective numbers of both classes.
        n: Number of observations.
        level: Nominal coverage.
    """
    if error == 0:  # few of a class, nobody out of order, or all scores alike
        interval = _newcombe_auc(theta, *sizes, level)
        return Estimate.of(theta, n, interval, level=level, method="Newcombe 5")
    centre = special.logit(theta)
    half = normal_quantile(level) * error / (theta * (1 - theta))
    interval = (float(special.expit(centre - half)), float(special.expit(centre + half)))
    return Estimate.of(theta, n, interval, level=level, method="DeLong, logit")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Sorted:
    """The scores of one class, ascending, so that each search starts near the previous one.

    Attributes:
        values: The scores.
        weights: Their weights; None: all 1.
        size: Effective number.
    """

    values: Array
    weights: Array | None
    size: float

    @classmethod
    def of(cls, scores: Array, members: npt.NDArray[np.bool_], weights: Array | None) -> _Sorted:
        if weights is None:
            values = np.sort(scores[members])
            return cls(values=values, weights=None, size=len(values))
        values, own = scores[members], weights[members]
        order = np.argsort(values, kind="stable")
        return cls(values=values[order], weights=own[order], size=kish(own) if len(own) else 0.0)

    def share_below(self, others: Array) -> Array:
        """The share of the class below each of some sorted values, ties counting half."""
        left = np.searchsorted(self.values, others, side="left")
        right = np.searchsorted(self.values, others, side="right")
        if self.weights is None:
            return np.asarray((left + right) / (2 * len(self.values)))
        up_to = np.concatenate([[0.0], np.cumsum(self.weights)])
        return np.asarray((up_to[left] + up_to[right]) / (2 * up_to[-1]))

    def mean(self, values: Array) -> float:
        return float(np.average(values, weights=self.weights))

    def variance_of_mean(self, values: Array) -> float:
        squared = (values - self.mean(values)) ** 2
        if self.weights is None:
            return float(squared.mean() / (self.size - 1))
        part = (self.weights / self.weights.sum()) ** 2
        return float((part * squared).sum() * self.size / (self.size - 1))


def _newcombe_auc(theta: float, m: float, n: float, level: float) -> tuple[float, float]:
    """The AUC from which the estimate is z standard errors away."""
    z2, half = normal_quantile(level) ** 2, (m + n) / 2 - 1

    def excess(t: float) -> float:
        spread = t * (1 - t) * (1 + half * (1 - t) / (2 - t) + half * t / (1 + t)) / (m * n)
        return (theta - t) ** 2 - z2 * spread

    # An AUC of 0 or 1 is itself a root; this finds the other root.
    inner = min(max(theta, 1e-12), 1 - 1e-12)
    lower = 0.0 if theta == 0 else optimize.brentq(excess, 0.0, inner)
    upper = 1.0 if theta == 1 else optimize.brentq(excess, inner, 1.0)
    return float(lower), float(upper)
