"""Detectors of change in a stream of numbers, for those who are used to them.

They have no error rate that holds for ever: on streams of 20,000 rows without a change,
Page-Hinkley with the settings of other tools alarms in two of three. An e-process has one: see
`eprocess`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from auditkit.parameters import Parameter

_DELTA: Final = Parameter(default=0.002, above=0, below=1)
_PER_ROW: Final = 5


@dataclass(kw_only=True, slots=True)
class PageHinkley:
    """Whether the mean of a stream has risen.

    m = max(0, alpha m + x - mean - delta); an alarm if m > threshold. Delta and threshold are in
    the unit of x: what is right for one column is wrong for another.

    Attributes:
        delta: What each row may be above the mean.
        threshold: The sum at which it alarms.
        at_least: Rows before the first alarm.
        alpha: How much of the sum each row keeps.

    Source: Page, Biometrika 41 (1954) 100-115.
    """

    delta: float = 0.005
    threshold: float = 50.0
    at_least: int = 30
    alpha: float = 1 - 1e-4
    _n: int = 0
    _mean: float = 0.0
    _sum: float = 0.0

    def add(self, x: float) -> bool:
        """Whether the stream's next number gives an alarm; the detector then starts anew."""
        self._n += 1
        self._mean += (x - self._mean) / self._n
        self._sum = max(0.0, self.alpha * self._sum + x - self._mean - self.delta)
        if self._n < self.at_least or self._sum <= self.threshold:
            return False
        self._n, self._mean, self._sum = 0, 0.0, 0.0
        return True


@dataclass(slots=True)
class _Bucket:
    n: int
    total: float
    squares: float  # sum of squared differences to the bucket's own mean


@dataclass(kw_only=True, slots=True)
class Adwin:
    """Whether the mean of a stream has changed: a window that drops its old part if it differs.

    The window is kept as buckets of 1, 2, 4, ... rows, at most five of a size. Every `every` rows
    each cut into an older part of n0 and a newer of n1 rows is compared:

        |mean0 - mean1| > sqrt(2 v d / m) + 2 d / (3 m)
        1 / m = 1 / n0 + 1 / n1,  d = ln(2 ln n / delta),  v: variance of the window

    Attributes:
        delta: A bound on the chance of a false cut at one look; smaller alarms less.
        every: Rows between looks.
        at_least: The fewest rows of each part, and ten of the window.

    Source: Bifet and Gavalda, SIAM Int. Conf. Data Mining (2007) 443-448.
    """

    delta: float = 0.002
    every: int = 32
    at_least: int = 5
    _levels: list[deque[_Bucket]] = field(default_factory=lambda: [deque()])
    _rows: int = 0

    def __post_init__(self) -> None:
        _DELTA.read(self.delta, name="delta")

    @property
    def width(self) -> int:
        """The rows in the window."""
        return sum(bucket.n for level in self._levels for bucket in level)

    def add(self, x: float) -> bool:
        """Whether the stream's next number shows a change; the old part is then dropped."""
        self._rows += 1
        self._levels[0].append(_Bucket(1, float(x), 0.0))
        self._compress()
        if self._rows % self.every or self.width <= 10:
            return False
        found = False
        while self._cut():
            found = True
        return found

    def _compress(self) -> None:
        for i, level in enumerate(self._levels):
            if len(level) <= _PER_ROW:
                return
            if i + 1 == len(self._levels):
                self._levels.append(deque())
            self._levels[i + 1].append(_joined(level.popleft(), level.popleft()))

    def _cut(self) -> bool:
        """Drops the oldest bucket if some cut shows a change."""
        ordered = [bucket for level in reversed(self._levels) for bucket in level]
        whole = ordered[0]
        for bucket in ordered[1:]:
            whole = _joined(whole, bucket)
        old = _Bucket(0, 0.0, 0.0)
        for bucket in ordered[:-1]:
            old = _Bucket(old.n + bucket.n, old.total + bucket.total, 0.0)
            new = whole.n - old.n
            if new < self.at_least:
                return False
            if old.n >= self.at_least and self._differs(old, whole):
                level = next(level for level in reversed(self._levels) if level)
                level.popleft()
                while len(self._levels) > 1 and not self._levels[-1]:
                    self._levels.pop()
                return True
        return False

    def _differs(self, old: _Bucket, whole: _Bucket) -> bool:
        n1 = whole.n - old.n
        gap = abs(old.total / old.n - (whole.total - old.total) / n1)
        d = math.log(2 * math.log(whole.n) / self.delta)
        m = 1 / (1 / (old.n - self.at_least + 1) + 1 / (n1 - self.at_least + 1))
        variance = whole.squares / whole.n
        return gap > math.sqrt(2 / m * variance * d) + 2 / (3 * m) * d


def _joined(one: _Bucket, other: _Bucket) -> _Bucket:
    n = one.n + other.n
    gap = one.total / one.n - other.total / other.n
    squares = one.squares + other.squares + one.n * other.n * gap * gap / n
    return _Bucket(n, one.total + other.total, squares)
