"""Intervals for rates, their differences and ratios, and for means.

Laws:
    - Every function takes counts or estimates of any shape and works on all of them at once.
    - What is not estimable is NaN here, and a value of None with a reason in an `Estimate`; it is
      never 0 and never 1.
    - An interval holds its value: the formulas see to that, and where rounding in their last digits
      puts an end beyond the value, the end is the value.
    - No interval has width zero because nothing went wrong yet: 0 of 20 has the upper end 0.16.

Example:
    >>> low, high = wilson(0, 20)
    >>> round(float(low), 3), round(float(high), 3)
    (0.0, 0.161)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[np.float64]

# With fewer than this in any of the four cells, the log interval of a ratio is too short.
SMALL_CELL: Final = 10
# An end of an interval may lie beyond its value by so much, of 1 or of the value, by rounding.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """One number with what it rests on.

    Attributes:
        value: The number; None if it is not estimable, and then `reason` says why.
        n: Number of observations it rests on.
        lower: Lower end of the interval; None if there is none.
        upper: Upper end.
        level: Nominal coverage of the interval in (0, 1); None if there is none.
        method: How the interval was computed.
        reason: Why there is no value; beside a value, whom it leaves out. Else empty.
    """

    value: float | None
    n: int
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    method: str = ""
    reason: str = ""

    @classmethod
    def undefined(cls, n: int, reason: str) -> Estimate:
        """What cannot be estimated, with its reason."""
        return cls(value=None, n=n, reason=reason)

    @classmethod
    def of(
        cls, value: float, n: int, interval: tuple[float, float], *, level: float, method: str
    ) -> Estimate:
        """A value with its interval; an interval that is not finite is left out."""
        lower, upper = (float(end) for end in holding(value, *interval))
        if not (math.isfinite(lower) and math.isfinite(upper)):
            return cls(value=float(value), n=n)
        return cls(value=float(value), n=n, lower=lower, upper=upper, level=level, method=method)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Estimates:
    """One number for each of several groups; every array has the shape `(groups,)`.

    Attributes:
        name: The numbers' name, as "tpr".
        unit: "proportion", "ratio" or "difference".
        value: NaN where not estimable.
        lower: Lower end; NaN where there is no interval, or it is unbounded on either side.
        upper: Upper end.
        n: Rows in the denominator.
        trials: Effective sample size; equal to `n` where nothing is weighted.
        level: Nominal coverage.
        method: How each interval was computed.
        reason: Why there is no value; empty where there is one.
        fixed_by: What gives a group its number whatever its members are like, as "nobody of those
            compared is selected"; empty where nothing does. Two groups with the same in it compare
            nothing.
    """

    name: str
    unit: str
    value: Array
    lower: Array
    upper: Array
    n: npt.NDArray[np.int64]
    trials: Array
    level: float
    method: npt.NDArray[np.str_]
    reason: npt.NDArray[np.str_]
    fixed_by: npt.NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        lower, upper = holding(self.value, self.lower, self.upper)
        whole = np.isfinite(lower) & np.isfinite(upper)
        lower, upper = np.where(whole, lower, np.nan), np.where(whole, upper, np.nan)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    @property
    def ends(self) -> tuple[Array, Array, Array]:
        """Value, lower and upper end."""
        return self.value, self.lower, self.upper

    def take(self, positions: npt.NDArray[np.intp] | list[int]) -> Estimates:
        """The same number of some of the groups."""
        return replace(
            self,
            value=self.value[positions],
            lower=self.lower[positions],
            upper=self.upper[positions],
            n=self.n[positions],
            trials=self.trials[positions],
            method=self.method[positions],
            reason=self.reason[positions],
            fixed_by=None if self.fixed_by is None else self.fixed_by[positions],
        )

    def at(self, position: int) -> Estimate:
        """The number of one group."""
        value, n = float(self.value[position]), int(self.n[position])
        if not math.isfinite(value):
            return Estimate.undefined(n, str(self.reason[position]) or "not estimable")
        interval = (float(self.lower[position]), float(self.upper[position]))
        method = str(self.method[position])
        return Estimate.of(value, n, interval, level=self.level, method=method)


def gathered(name: str, unit: str, estimates: Sequence[Estimate], *, level: float) -> Estimates:
    """Estimates made one by one, as one; they carry no effective sample size but their n."""

    def ends(values: Sequence[float | None]) -> Array:
        return np.array([math.nan if v is None else v for v in values], dtype=float)

    n = np.array([e.n for e in estimates], dtype=np.int64)
    return Estimates(
        name=name,
        unit=unit,
        value=ends([e.value for e in estimates]),
        lower=ends([e.lower for e in estimates]),
        upper=ends([e.upper for e in estimates]),
        n=n,
        trials=n.astype(float),
        level=level,
        method=np.array([e.method for e in estimates], dtype=str),
        reason=np.array([e.reason for e in estimates], dtype=str),
    )


def holding(
    value: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike
) -> tuple[Array, Array]:
    """The ends of intervals; one that rounding alone puts beyond its value is the value."""
    middle, low, high = (np.asarray(a, dtype=float) for a in (value, lower, upper))
    slack = _ROUNDING * np.maximum(1.0, np.abs(middle))
    low = np.where((low > middle) & (low <= middle + slack), middle, low)
    high = np.where((high < middle) & (high >= middle - slack), middle, high)
    return low, high


def normal_quantile(level: float) -> float:
    """The z of a two-sided interval: 1.96 for 0.95. Requires 0 < level < 1."""
    return float(special.ndtri(0.5 + level / 2))


def wilson(
    successes: npt.ArrayLike, n: npt.ArrayLike, *, level: float = 0.95
) -> tuple[Array, Array]:
    """Wilson's score interval of a proportion.

    Covers close to its level for every n on average over p; for p near 0 or 1 and small n it can
    fall a few points below. NaN where n is 0.

    Args:
        successes: Counts, or effective counts, in [0, n].
        n: Trials, or the effective sample size of weighted trials.
        level: Nominal coverage in (0, 1).

    Source: Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212.
    """
    x, trials = np.asarray(successes, dtype=float), np.asarray(n, dtype=float)
    z2 = normal_quantile(level) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (x + z2 / 2) / (trials + z2)
        half = np.sqrt(z2 * (x * (trials - x) / trials + z2 / 4)) / (trials + z2)
    # The ends are exact where rounding would leave 1e-17.
    lower = np.where(x == 0, 0.0, np.clip(middle - half, 0, 1))
    upper = np.where(x == trials, 1.0, np.clip(middle + half, 0, 1))
    defined = trials > 0
    return np.where(defined, lower, np.nan), np.where(defined, upper, np.nan)


def difference_interval(
    one: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    other: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
) -> tuple[Array, Array]:
    """The interval of `one - other` for independent estimates, from their own intervals.

    With Wilson intervals of two proportions it is Newcombe's interval.

    Args:
        one: Value, lower and upper end; any shapes that broadcast.
        other: The same of what is subtracted.

    Source: Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10; Zou and Donner,
    Statistics in Medicine 27 (2008) 1693-1702.
    """
    v1, l1, u1 = (np.asarray(a, dtype=float) for a in one)
    v0, l0, u0 = (np.asarray(a, dtype=float) for a in other)
    gap = v1 - v0
    return gap - np.hypot(v1 - l1, u0 - v0), gap + np.hypot(u1 - v1, v0 - l0)


def ratio_interval(
    one: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    other: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
) -> tuple[Array, Array]:
    """The interval of `one / other` for independent estimates >= 0, from their own intervals.

    Serves small samples, a numerator of zero included. The upper end is NaN where the interval
    of `other` reaches 0.

    Args:
        one: Value, lower and upper end; any shapes that broadcast.
        other: The same of what is divided by.

    Source: Donner and Zou, Statistical Methods in Medical Research 21 (2012) 347-359 (MOVER-R).
    """
    v1, l1, u1 = (np.asarray(a, dtype=float) for a in one)
    v0, l0, u0 = (np.asarray(a, dtype=float) for a in other)
    product = v1 * v0
    low_top, low_bottom = l1 * (2 * v1 - l1), u0 * (2 * v0 - u0)
    high_top, high_bottom = u1 * (2 * v1 - u1), l0 * (2 * v0 - l0)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(np.maximum(product**2 - low_top * low_bottom, 0))
        lower = np.where(low_top == 0, 0.0, low_top / (product + root))
        root = np.sqrt(np.maximum(product**2 - high_top * high_bottom, 0))
        upper = np.where(high_bottom > 0, (product + root) / high_bottom, np.nan)
    return np.where((v0 > 0) & ~np.isnan(v1), lower, np.nan), upper


def log_ratio_interval(
    successes: npt.ArrayLike,
    n: npt.ArrayLike,
    other_successes: npt.ArrayLike,
    other_n: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> tuple[Array, Array]:
    """Katz's log interval of a ratio of two independent proportions; for large counts.

    NaN where either count of successes is 0.

    Source: Katz, Baptista, Azen and Pike, Biometrics 34 (1978) 469-474.
    """
    x1, n1 = np.asarray(successes, dtype=float), np.asarray(n, dtype=float)
    x0, n0 = np.asarray(other_successes, dtype=float), np.asarray(other_n, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (x1 / n1) / (x0 / n0)
        spread = normal_quantile(level) * np.sqrt(np.maximum(1 / x1 - 1 / n1 + 1 / x0 - 1 / n0, 0))
        lower, upper = ratio * np.exp(-spread), ratio * np.exp(spread)
    defined = (x1 > 0) & (x0 > 0)
    return np.where(defined, lower, np.nan), np.where(defined, upper, np.nan)


def rate(successes: float, n: float, *, level: float = 0.95) -> Estimate:
    """A proportion with Wilson's interval.

    Args:
        successes: Count in [0, n].
        n: Trials.
        level: Nominal coverage.
    """
    if n <= 0:
        return Estimate.undefined(0, "no observation in the denominator")
    low, high = wilson(successes, n, level=level)
    interval = (float(low), float(high))
    return Estimate.of(successes / n, round(n), interval, level=level, method="Wilson")


def ratio_of_rates(
    one: tuple[Array, Array], other: tuple[Array, Array], *, level: float = 0.95
) -> tuple[Array, Array, npt.NDArray[np.str_]]:
    """The interval of a ratio of independent proportions, and by which method.

    Katz's log interval where all four cells hold `SMALL_CELL` or more, else MOVER-R from Wilson's
    intervals.

    Args:
        one: Successes and trials.
        other: Successes and trials of what is divided by.
        level: Nominal coverage.
    """
    (x1, n1), (x0, n0) = one, other
    least = np.minimum(np.minimum(x1, n1 - x1), np.minimum(x0, n0 - x0))
    with np.errstate(divide="ignore", invalid="ignore"):
        small = ratio_interval(
            (x1 / n1, *wilson(x1, n1, level=level)), (x0 / n0, *wilson(x0, n0, level=level))
        )
    large = log_ratio_interval(x1, n1, x0, n0, level=level)
    is_large = least >= SMALL_CELL
    return (
        np.where(is_large, large[0], small[0]),
        np.where(is_large, large[1], small[1]),
        np.where(is_large, "Katz log", "MOVER-R, Wilson"),
    )


def percentile_interval(
    value: npt.ArrayLike, replicates: npt.ArrayLike, *, level: float
) -> tuple[Array, Array]:
    """The bootstrap's percentile interval, widened where it must be to hold the value.

    For means, whose replicates lie around the value. Where one number makes most of the mean, or
    all are alike and rounding differs, the percentiles alone can leave it out.

    Args:
        value: On everything, shape `(...)`.
        replicates: Of each resample, shape `(replicates, ...)`.
        level: Nominal coverage.
    """
    drawn = np.asarray(replicates, dtype=float)
    lower, upper = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2), axis=0)
    return np.minimum(lower, value), np.maximum(upper, value)


def kish(weights: Array) -> float:
    """The effective sample size of weighted rows: (sum of weights) squared / sum of squares."""
    return float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0


def mean(values: Array, *, weights: Array | None = None, level: float = 0.95) -> Estimate:
    """A mean with Student's interval; of fewer than two values, in effect, it has none.

    Args:
        values: Shape `(n,)`.
        weights: Positive, shape `(n,)`; None: all 1. The interval rests on Kish's effective size.
        level: Nominal coverage.
    """
    n = len(values)
    if n == 0:
        return Estimate.undefined(0, "no observation")
    middle = float(np.average(values, weights=weights))
    size = float(n) if weights is None else kish(weights)
    if size < 2:
        return Estimate(value=middle, n=n)
    spread = float(np.average((values - middle) ** 2, weights=weights)) / (size - 1)
    half = float(special.stdtrit(size - 1, 0.5 + level / 2)) * math.sqrt(spread)
    interval = (middle - half, middle + half)
    return Estimate.of(middle, n, interval, level=level, method="Student t")
