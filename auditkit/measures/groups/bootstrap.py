"""Intervals for what no formula covers: many numbers at once, and largest gaps among groups.

Why not the percentiles of the replicated maximum: a largest gap is never negative and its
replicates are larger still, so where groups do not differ at all the percentile interval covers
the truth in 0 of 100 samples. Instead each end is reasoned for itself. The upper end is passed only
if the pair with the truly largest gap passes its own, so it makes no allowance for the others. The
lower end is passed if any pair does, so it allows for all pairs that may be the largest: the
replicates give the *critical value*, how many standard errors the farthest of these strays. Where
several pairs tie the upper end is hardly ever passed, so the lower end has the larger share of what
may go wrong. It is 0 unless groups differ at all by the test of all pairs at once. The interval
covers about its level where there is no gap or where one stands out, and more, up to 99 of 100,
where all gaps are small but not 0.

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

# How much of the probability that an interval of a largest gap fails lies at its lower end.
LOWER_SHARE: Final = 0.7
# A pair may be the one of the largest gap if so many simultaneous half-widths more would make it
# that. With fewer, ties are left out and intervals too short; with more, they are too long.
_REACH: Final = 0.7
# Units of numbers in [0, 1], whose differences are at most 1.
_BOUNDED: Final = frozenset({"proportion", "probability", "squared probability"})
# The normal tail is not to be trusted beyond.
_LEAST_P_VALUE: Final = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """The largest gap among groups.

    Attributes:
        estimate: The gap with its interval. Its reason says why there is none, or, beside a value,
            which groups it leaves out as they lack a rate: the largest gap of all is that or more.
        compared: How many groups have every rate that it was taken over; 0 where there is no gap.
        groups: Positions of the two groups, the lower rate first; empty if there is no gap.
        p_value: Probability of so large a gap, in standard errors, if no groups differed; None
            where not estimable. Where no replicate strays as far, Bonferroni's bound over all
            pairs from the normal tail, if that is less than 1 / (replicates + 1); at least 1e-12.
        no_interval: Why there is a value and no interval; else empty.
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
        metrics: One metric, or several, as ("tpr", "fpr") for equalized odds.
        name: What the gap is called where it cannot be estimated.
        level: Nominal coverage.
        ratio: The smallest ratio instead of the largest difference.

    A group without a rate takes no part in the comparison of that rate, and the gap's reason says
    so; nor does a rate that only one group has. Where every group has its rates by the same
    decision for all, nothing is compared.
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
    method = f"over all pairs that may be the largest, {scaled[0].strayed.shape[1]:,} replicates"
    extreme = float(value[first, second])
    gap = Estimate.of(extreme, n, (lower, upper), level=level, method=method)
    return Gap(
        estimate=replace(gap, reason=left_out),
        compared=compared,
        groups=pair if first != second else (),
        p_value=critical.p_value,
    )


def gap_without_interval(estimates: Estimates, *, name: str, reason: str, ratio: bool) -> Gap:
    """The largest difference, or the smallest ratio, where no interval of it would cover.

    Args:
        estimates: A number by group.
        name: What it is called where it cannot be estimated.
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
    """Why groups cannot be compared in any of some metrics; empty if they can."""
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
    """How many groups have all of some metrics, and in words which lack one."""
    lacking = np.isnan([f.value for f in found])
    number = int(lacking.any(axis=0).sum())
    if not number:
        return lacking.shape[1], ""
    why = _in_words(np.concatenate([f.reason[np.isnan(f.value)] for f in found]))
    left = f"{number} of {lacking.shape[1]} groups {'is' if number == 1 else 'are'} left out: {why}"
    return lacking.shape[1] - number, left


def _in_words(reasons: npt.NDArray[np.str_]) -> str:
    return ", ".join(dict.fromkeys(reasons.tolist()))


def critical_value(
    found: list[Estimates], replicated: list[Array], *, level: float = 0.95
) -> float:
    """How many standard errors the most extreme of many rates strays; at least a single one's.

    Args:
        found: Metrics by group.
        replicated: The replicated values of each, shape `(replicates, groups)`.
        level: Nominal coverage of all intervals at once.
    """
    extreme = np.zeros(len(replicated[0]))
    for estimates, drawn in zip(found, replicated, strict=True):
        use = ~np.isnan(estimates.value)
        strayed = np.abs(drawn[:, use] - estimates.value[use]) / standard_errors(estimates)[use]
        extreme = np.maximum(extreme, np.nan_to_num(strayed).max(axis=1, initial=0.0))
    return max(normal_quantile(level), float(np.quantile(extreme, level)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scaled:
    """A rate by group on the scale on which groups are compared: its own, or the log for ratios.

    Attributes:
        value: Shape `(groups,)`.
        error: Standard errors.
        strayed: Replicates less the value, shape `(groups, replicates)`.
    """

    value: Array
    error: Array
    strayed: Array

    @classmethod
    def of(cls, estimates: Estimates, drawn: Array, *, ratio: bool) -> _Scaled:
        """From a metric by group and its replicates, shape `(replicates, groups)`."""
        value, error = estimates.value, standard_errors(estimates)
        if ratio:
            shift = 0.5 / np.maximum(estimates.trials, 1.0)
            error = error / (value + shift)
            with np.errstate(invalid="ignore"):  # a simulated number may fall below 0
                drawn, value = np.log(drawn + shift), np.log(value + shift)
        strayed = np.where(np.isfinite(drawn), drawn, value) - value
        return cls(value=value, error=error, strayed=np.ascontiguousarray(strayed.T))

    def gaps(self) -> tuple[Array, Array]:
        """Each group's value less each other's, and its standard error: `(groups, groups)`."""
        gap = self.value[:, None] - self.value
        return gap, np.hypot(self.error[:, None], self.error)

    def extreme(self, pairs: npt.NDArray[np.bool_]) -> Array:
        """How many standard errors the farthest of some gaps strays upwards, each replicate.

        Args:
            pairs: Which of `gaps` count, shape `(groups, groups)`.
        """
        _, errors = self.gaps()
        farthest = np.zeros(self.strayed.shape[1])
        for i, others in enumerate(pairs):
            if others.any():
                strayed = (self.strayed[i] - self.strayed[others]) / errors[i, others, None]
                np.maximum(farthest, strayed.max(axis=0), out=farthest)
        return farthest


@dataclass(frozen=True, kw_only=True, slots=True)
class _Critical:
    """How many standard errors wide the intervals of gaps are.

    Attributes:
        every_pair: So that those of all pairs hold at once.
        near_end: So that those of the pairs that may be the largest hold at the end nearer to no
            gap.
        far_end: So that one pair's holds at the other end.
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
        pairs & (gap + _REACH * widest * error >= longest)
        for (gap, error), pairs in zip(gaps, every, strict=True)
    ]
    p_value = (1 + int((extreme >= observed).sum())) / (1 + len(extreme))
    if not (extreme >= observed).any():  # else no adjusted p-value of many could be small
        number = sum(int(pairs.sum()) for pairs in every)
        p_value = min(p_value, max(number * float(special.ndtr(-observed)), _LEAST_P_VALUE))
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
    one = tuple(ends[:, None] for ends in estimates.ends)
    other = tuple(ends[None, :] for ends in estimates.ends)
    own = np.eye(len(estimates.value), dtype=bool)
    if ratio:
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(other[0] > 0, one[0] / other[0], np.inf)
        low, high = ratio_interval((one[0], one[1], one[2]), (other[0], other[1], other[2]))
        high = np.where(np.isnan(high), np.inf, high)
        return value, np.where(own, np.inf, low), np.where(own, np.inf, high)
    low, high = difference_interval((one[0], one[1], one[2]), (other[0], other[1], other[2]))
    return one[0] - other[0], np.where(own, 0, low), np.where(own, 0, high)
