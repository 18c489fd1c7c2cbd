"""One number that a check can give of two profiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auditkit.evidence import Measurement
from auditkit.measures.numbers.intervals import (
    Estimate,
    difference_interval,
    normal_quantile,
    wilson,
)
from auditkit.watching.profile.profile import Profile
from auditkit.watching.profile.strata import Counts, Tallied

Group = tuple[tuple[str, str], ...]
Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One number, computed when the level of its interval is known.

    Attributes:
        measure: Its name.
        group: The feature or group that it is about.
        n: The window's observations behind it.
        unit: Its unit.
        answer: The number with an interval of a level.
        suppressed: Why it does not leave: the group, or another that it would reveal, is small.
    """

    measure: str
    group: Group = ()
    n: int
    unit: str
    answer: Callable[[float], Estimate]
    suppressed: str = ""

    def measured(self, level: float, *, breach: float, sides: frozenset[str]) -> Measurement:
        """The number for evidence.

        Args:
            level: The level of its interval.
            breach: The level of the ends that a breach is judged by, at least as high.
            sides: The operators of the rules that judge it: "<=" is broken by the lower end, ">="
                by the upper one.
        """
        if self.suppressed:
            return Measurement(
                name=self.measure, value=None, n=None, unit=self.unit, group=self.group,
                reason=self.suppressed, suppressed="small",
            )  # fmt: skip
        found, wide = self.answer(level), self.answer(breach)
        return Measurement(
            name=self.measure,
            value=found.value,
            n=self.n,
            unit=self.unit,
            lower=wide.lower if "<=" in sides else found.lower,
            upper=wide.upper if ">=" in sides else found.upper,
            level=found.level,
            method=found.method,
            group=self.group,
            reason=found.reason or ("not estimable" if found.value is None else ""),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A baseline and a window, of everyone or of one group.

    Attributes:
        base: The baseline; its layout is that of both.
        before: What was counted of the baseline.
        after: What was counted of the window.
    """

    base: Profile
    before: Tallied
    after: Tallied

    @classmethod
    def of(cls, base: Profile, window: Profile, attribute: str = "", group: str = "") -> Pair:
        """The counts of everyone, or of a group, of all versions."""
        return cls(
            base=base, before=base.total(attribute, group), after=window.total(attribute, group)
        )

    def cells(self, role: str, name: str) -> tuple[Counts, Counts] | None:
        """The cells of a column in both; None if the layout has no such column."""
        layout = self.base.layout
        column = layout.by_key.get((role, name))
        if column is None:
            return None
        at = layout.starts[role, name]
        return tuple(t.cells[at : at + column.cells] for t in (self.before, self.after))  # type: ignore[return-value]

    def sums(self, role: str, name: str) -> tuple[tuple[int, int], tuple[int, int]]:
        """The sum and the sum of squares of a column of numbers in both."""
        at = 2 * self.base.layout.summed[role, name]
        one, other = ((t.sums[at], t.sums[at + 1]) for t in (self.before, self.after))
        return one, other


def folded(difference: float, lower: float, upper: float) -> Triple:
    """The size of a difference, and the interval of the size."""
    inner = 0.0 if lower <= 0 <= upper else min(abs(lower), abs(upper))
    return abs(difference), inner, max(abs(lower), abs(upper))


def share(part: float, n: float, level: float) -> Triple:
    """A share with Wilson's interval. Requires n > 0."""
    low, high = wilson(part, n, level=level)
    return part / n, float(low), float(high)


def difference(one: Triple, other: Triple) -> Triple:
    """The difference of two independent numbers, with the interval of both intervals (MOVER)."""
    low, high = difference_interval(one, other)
    return one[0] - other[0], float(low), float(high)


def with_error(value: float, error: float, level: float) -> Triple:
    """A number with Wald's interval."""
    half = normal_quantile(level) * error
    return value, value - half, value + half


def estimate(found: Triple, n: int, level: float, method: str) -> Estimate:
    """A triple as an estimate; without a value if it is not finite."""
    if not all(map(math.isfinite, found)):
        return Estimate.undefined(n, "not estimable")
    return Estimate.of(found[0], n, (found[1], found[2]), level=level, method=method)


def coarse(before: Counts, after: Counts, count: int) -> tuple[Counts, Counts]:
    """Both counts over fewer cells, of about equal shares of the baseline.

    Args:
        before: The baseline's counts over cells in their order.
        after: The window's.
        count: The number of cells wanted.
    """
    up_to = np.cumsum(before)
    if not len(before) or not up_to[-1]:
        return before, after
    wanted = up_to[-1] * np.arange(1, count) / count
    starts = np.unique(np.concatenate([[0], np.searchsorted(up_to, wanted) + 1]))
    starts = starts[starts < len(before)]
    return np.add.reduceat(before, starts), np.add.reduceat(after, starts)
