"""Bootstrap intervals: for many numbers at once, and for the largest gap among groups.

The two ends of a largest gap's interval are computed separately; why not the percentiles of the
replicated maximum: docs/adr/0004. The upper end fails only if that of the pair with the truly
largest gap fails, so it allows for one pair. The lower end fails if that of any pair does, so it
allows for all pairs that may be the largest: the replicates give the *critical value*, the number
of standard errors by which the most extreme of them deviates. If several pairs tie, the upper end
hardly ever fails, so the lower end gets the larger share of the error. The lower end is 0 unless
the test of all pairs at once shows a difference. The coverage is about the level if there is no gap
or one stands out, and more if all gaps are small but not 0.

Coverage in per cent, 700 samples a design (so give or take 0.8), of the two constants below:

    LOWER_SHARE, REACH  no gap, no gap,  one   two    three  nine of  small  mean
                        2       5        gap   tie    tie    ten tie  gaps   width, one gap
    0.5, 0.7            94.1    94.1     94.0  96.1   96.3   96.0     97.7   0.243
    0.6, 0.7            94.0    94.1     94.7  95.1   96.1   95.9     97.4   0.244
    0.7, 0.4            94.0    94.1     94.6  93.3   95.0   93.9     97.3   0.247
    0.7, 0.7            94.0    94.1     94.6  94.3   95.6   95.4     97.4   0.247
    0.7, 1.0            94.0    94.3     94.6  95.4   95.9   95.4     97.7   0.249
    0.8, 0.7            94.0    94.1     94.7  93.4   95.1   94.7     97.4   0.253
    0.9, 0.7            94.0    94.1     95.0  93.0   94.4   93.7     97.4   0.264

To reproduce: python -m tests.benchmarks.simulate_gaps 700. The choice matters little from 0.5 to
0.7; 0.7 and 0.7 are within 1 point of 95 in every column but that of small gaps.

Source: Romano and Wolf, Econometrica 73 (2005) 1237-1282, on the critical value of a maximum;
Romano, Shaikh and Wolf, Econometrica 82 (2014) 1979-2002, on selecting first what may be the
largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from auditkit.measures.groups.replicates import standard_errors
from auditkit.measures.numbers.intervals import (
    Array,
    Estimate,
    Estimates,
    difference_interval,
    normal_quantile,
    ratio_interval,
)

# Share of the interval's probability of error that its lower end gets, in (0, 1); see the table.
LOWER_SHARE: Final = 0.7
# A pair may have the largest gap if this many simultaneous half-widths more would make it the
# largest. With fewer, ties are left out and intervals are too short; with more, too long.
REACH: Final = 0.7
# Units of numbers in [0, 1], whose differences are at most 1.
_BOUNDED: Final = frozenset({"proportion", "probability", "squared probability"})
# The normal tail is not reliable below.
_MIN_P_VALUE: Final = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """The largest gap among groups.

    Attributes:
        estimate: The gap with its interval. The reason says why there is none, or, beside a value,
            which groups without a rate are left out: the gap of all groups is that or more.
        compared: Number of groups that have every rate compared; 0 if there is no gap.
        groups: Positions of the two groups, the lower rate first; empty if there is no gap.
        p_value: Probability of so large a gap, in standard errors, if no groups differed; None
            if not estimable. If no replicate deviates as far, Bonferroni's bound over all
            pairs from the normal tail, if that is less than 1 / (replicates + 1); at least 1e-12.
        no_interval: Why a value has no interval; otherwise empty.
    """

    estimate: Estimate
    compared: int = 0
    groups: tuple[int, ...] = ()
    p_value: float | None = None
    no_interval: str = ""


def largest_gap(
    estimate: Callable[[str, float], Estimates],
    replicated: Callable[[str], Array],
    metrics: tuple[str, ...],
    *,
    name: str,
    level: float = 0.95,
    ratio: bool = False,
) -> Gap:
    """The largest difference, or the smallest ratio, of any two groups in any of some metrics.

    Args:
        estimate: Gives a metric of the groups to compare at a level of confidence.
        replicated: Gives its replicates, shape `(replicates, groups)`.
        metrics: One metric, or several, such as ("tpr", "fpr") for equalized odds.
        name: The name of the rate in reasons.
        level: Nominal coverage.
        ratio: The smallest ratio instead of the largest difference.

    A group without a rate is left out of the comparison of that rate, and the gap's reason says
    so; a rate that only one group has is left out too. If everybody got the same decision,
    nothing is compared.
    """
    found = [estimate(metric, level) for metric in metrics]
    n = int(sum(f.n.sum() for f in found))
    reason = _why_no_gap(found, name=name)
    if reason:
        return Gap(estimate=Estimate.undefined(n, reason))
    compared, left_out = _left_out(found)
    several = [i for i, f in enumerate(found) if (~np.isnan(f.value)).sum() > 1]
    metrics, found = tuple(metrics[i] for i in several), [found[i] for i in several]
    usable = [np.flatnonzero(~np.isnan(f.value)) for f in found]
    scaled = [
        _Scaled.of(estimates.take(use), replicated(metric)[:, use], ratio=ratio)
        for metric, estimates, use in zip(metrics, found, usable, strict=True)
    ]
    critical = _critical_values(scaled, level)

    def pairs_at(width: float) -> list[tuple[Array, Array, Array]]:
        wide = float(2 * special.ndtr(width) - 1)
        return [
            _pairwise(estimate(metric, wide).take(use), ratio=ratio)
            for metric, use in zip(metrics, usable, strict=True)
        ]

    every, near, far = (
        pairs_at(width) for width in (critical.every_pair, critical.near_end, critical.far_end)
    )
    values_of = [value for value, _, _ in every]
    which = int(
        np.argmin([v.min() for v in values_of])
        if ratio
        else np.argmax([v.max() for v in values_of])
    )
    value, use = values_of[which], usable[which]
    if np.isnan(value).all() or not np.isfinite(value).any():
        return Gap(estimate=Estimate.undefined(n, "no group has a rate above 0"))
    first, second = np.unravel_index(value.argmin() if ratio else value.argmax(), value.shape)
    if ratio:
        shown = min(float(np.nanmin(high)) for _, _, high in every) < 1
        lower = min(float(np.nanmin(low)) for _, low, _ in far)
        upper = min(1.0, *(float(np.nanmin(high)) for _, _, high in near)) if shown else 1.0
        pair = (int(use[first]), int(use[second]))
    else:
        shown = max(float(low.max()) for _, low, _ in every) > 0
        lower = max(0.0, *(float(low.max()) for _, low, _ in near)) if shown else 0.0
        upper = float(np.max([high.max() for _, _, high in far]))  # NaN where an end is unbounded
        if all(f.unit in _BOUNDED for f in found):
            upper = float(np.minimum(upper, 1.0))
        pair = (int(use[second]), int(use[first]))
    method = f"over all pairs that may be the largest, {scaled[0].deviation.shape[1]:,} replicates"
    extreme = float(value[first, second])
    gap = Estimate.of(extreme, n, (lower, upper), level=level, method=method)
    return Gap(
        estimate=replace(gap, reason=left_out),
        compared=compared,
        groups=pair if first != second else (),
        p_value=critical.p_value,
    )


def gap_without_interval(estimates: Estimates, *, name: str, reason: str, ratio: bool) -> Gap:
    """The largest difference, or the smallest ratio, if no interval of it would cover.

    Args:
        estimates: A number by group.
        name: The name of the number in reasons.
        reason: Why there is no interval.
        ratio: The smallest ratio instead of the largest difference.
    """
    value, n = estimates.value, int(estimates.n.sum())
    why_none = _why_no_gap([estimates], name=name)
    if why_none:
        return Gap(estimate=Estimate.undefined(n, why_none))
    lowest, highest = int(np.nanargmin(value)), int(np.nanargmax(value))
    if ratio and value[highest] <= 0:
        return Gap(estimate=Estimate.undefined(n, f"no group has {name} above 0"))
    gap = value[lowest] / value[highest] if ratio else value[highest] - value[lowest]
    compared, left_out = _left_out([estimates])
    return Gap(
        estimate=Estimate(value=float(gap), n=n, reason=left_out),
        compared=compared,
        groups=(lowest, highest) if value[lowest] < value[highest] else (),
        no_interval=reason,
    )


def _why_no_gap(found: list[Estimates], *, name: str) -> str:
    """Why groups cannot be compared by any of the metrics; empty if they can."""
    if len(found[0].value) < 2:
        return "fewer than two groups are large enough to compare"
    comparable = [f for f in found if (~np.isnan(f.value)).sum() > 1]
    if not comparable:
        why = _in_words(np.concatenate([f.reason[np.isnan(f.value)] for f in found]))
        return f"fewer than two groups have {name}: {why}"
    fixed = [
        set() if f.fixed_by is None else set(f.fixed_by[~np.isnan(f.value)].tolist())
        for f in comparable
    ]
    if all(len(why) == 1 and "" not in why for why in fixed):
        return str(fixed[0].pop())
    return ""


def _left_out(found: list[Estimates]) -> tuple[int, str]:
    """The number of groups that have all metrics, and a sentence on those left out."""
    missing = np.isnan([f.value for f in found])
    number = int(missing.any(axis=0).sum())
    if not number:
        return missing.shape[1], ""
    why = _in_words(np.concatenate([f.reason[np.isnan(f.value)] for f in found]))
    left = f"{number} of {missing.shape[1]} groups {'is' if number == 1 else 'are'} left out: {why}"
    return missing.shape[1] - number, left


def _in_words(reasons: npt.NDArray[np.str_]) -> str:
    return ", ".join(dict.fromkeys(reasons.tolist()))


def critical_value(
    found: list[Estimates], replicated: list[Array], *, level: float = 0.95
) -> float:
    """Number of standard errors by which the most extreme of many rates deviates, at least z.

    Args:
        found: Metrics by group.
        replicated: The replicated values of each, shape `(replicates, groups)`.
        level: Nominal coverage of all intervals at once.
    """
    extreme = np.zeros(len(replicated[0]))
    for estimates, drawn in zip(found, replicated, strict=True):
        use = ~np.isnan(estimates.value)
        deviation = np.abs(drawn[:, use] - estimates.value[use]) / standard_errors(estimates)[use]
        extreme = np.maximum(extreme, np.nan_to_num(deviation).max(axis=1, initial=0.0))
    return max(normal_quantile(level), float(np.quantile(extreme, level)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scaled:
    """A rate by group on the scale of the comparison: unchanged, or the log for ratios.

    Attributes:
        value: Shape `(groups,)`.
        error: Standard errors.
        deviation: Replicates minus the value, shape `(groups, replicates)`.
    """

    value: Array
    error: Array
    deviation: Array

    @classmethod
    def of(cls, estimates: Estimates, drawn: Array, *, ratio: bool) -> _Scaled:
        """From a metric by group and its replicates, shape `(replicates, groups)`."""
        value, error = estimates.value, standard_errors(estimates)
        if ratio:
            shift = 0.5 / np.maximum(estimates.trials, 1.0)
            error = error / (value + shift)
            with np.errstate(invalid="ignore"):  # a simulated number may fall below 0
                drawn, value = np.log(drawn + shift), np.log(value + shift)
        deviation = np.where(np.isfinite(drawn), drawn, value) - value
        return cls(value=value, error=error, deviation=np.ascontiguousarray(deviation.T))

    def gaps(self) -> tuple[Array, Array]:
        """Each group's value minus each other's, and its standard error: `(groups, groups)`."""
        gap = self.value[:, None] - self.value
        return gap, np.hypot(self.error[:, None], self.error)

    def extreme(self, pairs: npt.NDArray[np.bool_]) -> Array:
        """Largest upward deviation of some gaps in standard errors, for each replicate.

        Args:
            pairs: Which of `gaps` count, shape `(groups, groups)`.
        """
        _, errors = self.gaps()
        farthest = np.zeros(self.deviation.shape[1])
        for i, others in enumerate(pairs):
            if others.any():
                deviation = (self.deviation[i] - self.deviation[others]) / errors[i, others, None]
                np.maximum(farthest, deviation.max(axis=0), out=farthest)
        return farthest


@dataclass(frozen=True, kw_only=True, slots=True)
class _Critical:
    """Half-widths of the intervals of gaps, in standard errors.

    Attributes:
        every_pair: For all pairs at once.
        near_end: For the pairs that may be the largest at once, at the end nearer to no gap.
        far_end: For one pair, at the other end.
        p_value: Probability of the widest gap, in standard errors, if no groups differed.
    """

    every_pair: float
    near_end: float
    far_end: float
    p_value: float


def _critical_values(scaled: list[_Scaled], level: float) -> _Critical:
    gaps = [s.gaps() for s in scaled]
    every = [~np.eye(len(s.value), dtype=bool) for s in scaled]
    extreme = np.max([s.extreme(pairs) for s, pairs in zip(scaled, every, strict=True)], axis=0)
    observed = max(
        float((gap[pairs] / error[pairs]).max())
        for (gap, error), pairs in zip(gaps, every, strict=True)
    )
    widest = float(np.quantile(extreme, level))
    longest = max(float(gap.max()) for gap, _ in gaps)
    contenders = [
        pairs & (gap + REACH * widest * error >= longest)
        for (gap, error), pairs in zip(gaps, every, strict=True)
    ]
    p_value = (1 + int((extreme >= observed).sum())) / (1 + len(extreme))
    if not (extreme >= observed).any():  # otherwise no adjusted p-value of many could be small
        number = sum(int(pairs.sum()) for pairs in every)
        p_value = min(p_value, max(number * float(special.ndtr(-observed)), _MIN_P_VALUE))
    farthest = [s.extreme(pairs) for s, pairs in zip(scaled, contenders, strict=True)]
    may_fail = LOWER_SHARE * (1 - level)
    return _Critical(
        every_pair=max(normal_quantile(level), widest),
        near_end=max(
            float(special.ndtri(1 - may_fail)),
            float(np.quantile(np.max(farthest, axis=0), 1 - may_fail)),
        ),
        far_end=float(special.ndtri(1 - (1 - level) * (1 - LOWER_SHARE))),
        p_value=p_value,
    )


def _pairwise(estimates: Estimates, *, ratio: bool) -> tuple[Array, Array, Array]:
    """Value, lower and upper end of every group against every other, shape `(groups, groups)`."""
    one = tuple(a[:, None] for a in estimates.triple)
    other = tuple(a[None, :] for a in estimates.triple)
    own = np.eye(len(estimates.value), dtype=bool)
    if ratio:
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(other[0] > 0, one[0] / other[0], np.inf)
        low, high = ratio_interval((one[0], one[1], one[2]), (other[0], other[1], other[2]))
        high = np.where(np.isnan(high), np.inf, high)
        return value, np.where(own, np.inf, low), np.where(own, np.inf, high)
    low, high = difference_interval((one[0], one[1], one[2]), (other[0], other[1], other[2]))
    return one[0] - other[0], np.where(own, 0, low), np.where(own, 0, high)
