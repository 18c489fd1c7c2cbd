"""Intervals for rates, their differences and ratios, and for means.

Laws:
    - Every function takes counts or estimates of any shape and works on all of them at once.
    - What is not estimable is NaN in arrays, and None with a reason in an `Estimate`: never 0 or 1.
    - An interval contains its value: an end that rounding puts beyond the value becomes the value.
    - No interval has width zero because no failure was seen yet: 0 of 20 has the upper end 0.16.

In the formulas, v is an estimate with the interval (l, u), and z the quantile of `normal_quantile`.

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

# If any of the four cells has fewer, the log interval of a ratio is too short.
SMALL_CELL: Final = 10
# Rounding may put an end beyond its value by this share of the value, or of 1.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """One number with its interval and sample size.

    Attributes:
        value: The number; None if it is not estimable; then `reason` says why.
        n: Number of observations.
        lower: Lower end of the interval; None if there is none.
        upper: Upper end.
        level: Nominal coverage of the interval in (0, 1); None if there is none.
        method: How the interval was computed.
        reason: Why there is no value; beside a value, whom it leaves out; otherwise empty.
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
        """A number that cannot be estimated, with the reason."""
        return cls(value=None, n=n, reason=reason)

    @classmethod
    def of(
        cls, value: float, n: int, interval: tuple[float, float], *, level: float, method: str
    ) -> Estimate:
        """A value with its interval; an interval that is not finite is left out."""
        lower, upper = (float(end) for end in contain_value(value, *interval))
        if not (math.isfinite(lower) and math.isfinite(upper)):
            return cls(value=float(value), n=n)
        return cls(value=float(value), n=n, lower=lower, upper=upper, level=level, method=method)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Estimates:
    """One number for each of several groups; every array has the shape `(groups,)`.

    Attributes:
        name: The numbers' name, such as "tpr".
        unit: "proportion", "ratio" or "difference".
        value: NaN where not estimable.
        lower: Lower end; NaN if there is no interval or it is unbounded.
        upper: Upper end.
        n: Rows in the denominator.
        trials: Effective sample size; equal to `n` without weights.
        level: Nominal coverage.
        method: How each interval was computed.
        reason: Why there is no value; empty if there is one.
        fixed_by: Why a group's number does not depend on its members, such as "nobody of those
            compared is selected"; otherwise empty. Comparing two groups with the same text here
            says nothing.
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
        lower, upper = contain_value(self.value, self.lower, self.upper)
        whole = np.isfinite(lower) & np.isfinite(upper)
        if not whole.all():
            lower, upper = np.where(whole, lower, np.nan), np.where(whole, upper, np.nan)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    @property
    def triple(self) -> tuple[Array, Array, Array]:
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


def stack_estimates(
    name: str, unit: str, estimates: Sequence[Estimate], *, level: float
) -> Estimates:
    """Stacks single estimates; their effective sample size is n."""

    def array(values: Sequence[float | None]) -> Array:
        return np.array([math.nan if v is None else v for v in values], dtype=float)

    n = np.array([e.n for e in estimates], dtype=np.int64)
    return Estimates(
        name=name,
        unit=unit,
        value=array([e.value for e in estimates]),
        lower=array([e.lower for e in estimates]),
        upper=array([e.upper for e in estimates]),
        n=n,
        trials=n.astype(float),
        level=level,
        method=np.array([e.method for e in estimates], dtype=str),
        reason=np.array([e.reason for e in estimates], dtype=str),
    )


def contain_value(
    value: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike
) -> tuple[Array, Array]:
    """The ends of intervals; an end that only rounding puts beyond the value becomes the value."""
    middle, low, high = (np.asarray(a, dtype=float) for a in (value, lower, upper))
    above, below = low > middle, high < middle
    if above.any() or below.any():  # which is rare, and this is called often
        slack = _ROUNDING * np.maximum(1.0, np.abs(middle))
        low = np.where(above & (low <= middle + slack), middle, low)
        high = np.where(below & (high >= middle - slack), middle, high)
    return low, high


def normal_quantile(level: float) -> float:
    """The z of a two-sided interval: 1.96 for 0.95. Requires 0 < level < 1."""
    return float(special.ndtri(0.5 + level / 2))


def wilson(
    successes: npt.ArrayLike, n: npt.ArrayLike, *, level: float = 0.95
) -> tuple[Array, Array]:
    """Wilson's score interval of a proportion x / n.

        (x + z^2 / 2  +-  z sqrt(x (n - x) / n + z^2 / 4)) / (n + z^2)

    Its coverage, averaged over p, is close to the level for every n; for p near 0 or 1 and small n
    it can be a few points lower. The lower end is 0 if x is 0, the upper end 1 if x is n. NaN if n
    is 0.

    Args:
        successes: Counts x, or effective counts, in [0, n].
        n: Trials, or the effective sample size of weighted trials.
        level: Nominal coverage in (0, 1).

    Example:
        81 of 263, from Newcombe, Statistics in Medicine 17 (1998) 857-872, table I:

        >>> low, high = wilson(81, 263)
        >>> round(float(low), 4), round(float(high), 4)
        (0.2553, 0.3662)

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
    """The interval of `one - other` for independent estimates, from their own intervals (MOVER).

        lower = v1 - v0 - sqrt((v1 - l1)^2 + (u0 - v0)^2)
        upper = v1 - v0 + sqrt((u1 - v1)^2 + (v0 - l0)^2)

    With Wilson intervals of two proportions it is Newcombe's interval. For 1 of 1 against 0 of 1
    it is finite and wide. NaN if any of the six numbers is NaN.

    Args:
        one: Value v1 and its interval (l1, u1); any shapes that broadcast.
        other: v0, l0 and u0 of the number to subtract.

    Example:
        56 of 70 less 48 of 80, from Newcombe (below), table II:

        >>> low, high = difference_interval((56 / 70, *wilson(56, 70)), (48 / 80, *wilson(48, 80)))
        >>> round(float(low), 4), round(float(high), 4)
        (0.0524, 0.3339)

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

        lower = (v1 v0 - sqrt((v1 v0)^2 - l1 (2 v1 - l1) u0 (2 v0 - u0))) / (u0 (2 v0 - u0))
        upper = (v1 v0 + sqrt((v1 v0)^2 - u1 (2 v1 - u1) l0 (2 v0 - l0))) / (l0 (2 v0 - l0))

    The lower end is computed in the equivalent form l1 (2 v1 - l1) / (v1 v0 + root), which is also
    defined for u0 = 2 v0. It is 0 if l1 is 0, so the numerator may be 0. The upper end is NaN
    (unbounded) if l0 is 0. The lower end is NaN if v0 is 0.

    Args:
        one: Value v1 and its interval (l1, u1), in [0, 1]; any shapes that broadcast.
        other: v0, l0 and u0 of the number to divide by.

    Example:
        7 of 34 to 1 of 34 (Perondi et al., N. Engl. J. Med. 350 (2004) 1722-1730), as the R package
        contingencytables of Fagerland, Lydersen and Laake prints it:

        >>> low, high = ratio_interval((7 / 34, *wilson(7, 34)), (1 / 34, *wilson(1, 34)))
        >>> round(float(low), 4), round(float(high), 4)
        (1.1537, 41.9763)

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

        (x1 / n1) / (x0 / n0)  times  exp(+-z sqrt(1 / x1 - 1 / n1 + 1 / x0 - 1 / n0))

    Too short for small counts: see `ratio_of_rates`. Its width is 0 if both proportions are 1. NaN
    if x1 or x0 is 0.

    Args:
        successes: Counts x1.
        n: Trials n1.
        other_successes: Counts x0 of the proportion to divide by.
        other_n: Trials n0.
        level: Nominal coverage in (0, 1).

    Example:
        7 of 34 to 1 of 34, as in `ratio_interval`:

        >>> low, high = log_ratio_interval(7, 34, 1, 34)
        >>> round(float(low), 4), round(float(high), 4)
        (0.9096, 53.8695)

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

    Katz's log interval if all four cells are at least `SMALL_CELL`, otherwise MOVER-R from Wilson's
    intervals.

    Args:
        one: Successes and trials.
        other: Successes and trials of the proportion to divide by.
        level: Nominal coverage.
    """
    (x1, n1), (x0, n0) = one, other
    smallest = np.minimum(np.minimum(x1, n1 - x1), np.minimum(x0, n0 - x0))
    with np.errstate(divide="ignore", invalid="ignore"):
        small = ratio_interval(
            (x1 / n1, *wilson(x1, n1, level=level)), (x0 / n0, *wilson(x0, n0, level=level))
        )
    large = log_ratio_interval(x1, n1, x0, n0, level=level)
    is_large = smallest >= SMALL_CELL
    return (
        np.where(is_large, large[0], small[0]),
        np.where(is_large, large[1], small[1]),
        np.where(is_large, "Katz log", "MOVER-R, Wilson"),
    )


def percentile_interval(
    value: npt.ArrayLike, replicates: npt.ArrayLike, *, level: float
) -> tuple[Array, Array]:
    """The bootstrap's percentile interval, widened if necessary to contain the value.

    For means, whose replicates are around the value. If one number makes most of the mean, or all
    are equal and rounding differs, the percentiles alone may not contain it.

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
    """A mean with Student's t interval; without one if the effective sample size is below 2.

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
