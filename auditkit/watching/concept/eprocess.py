"""Anytime-valid tests of harm: may be looked at after every row, for ever.

An e-process starts at 1, and is expected to stay at 1 or below while its hypothesis holds. So the
chance that it ever reaches 1 / alpha is at most alpha, however often somebody looks.

Laws:
    - The hypothesis is "no worse than a tolerance", not "nothing changed". `p0` is a tolerance, or
      the upper limit of the baseline's rate: against the rate itself, which is an estimate, a
      model that did not change is called worse in 22 of 100 runs of 60 days.
    - The state is counts, which merge; the order of rows within a look does not matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scipy import special

from auditkit.errors import InputError
from auditkit.measures.numbers.intervals import wilson
from auditkit.parameters import Parameter

_RATE = Parameter(default=0.5, above=0, below=1)
_ALPHA = Parameter(default=0.05, above=0, below=1)
_PRIOR = 50.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RateTest:
    """Whether a rate, such as that of wrong decisions, is above a tolerance.

    A one-sided mixture of likelihood ratios over all rates above `p0`, with a Beta density of
    weight 50 around it:

        ln M = ln B(a + s, b + n - s) - ln B(a, b) - s ln p0 - (n - s) ln(1 - p0)
               + ln[(1 - I_p0(a + s, b + n - s)) / (1 - I_p0(a, b))],  a = 50 p0, b = 50 (1 - p0)

    Attributes:
        p0: The tolerance, in (0, 1).
        alpha: The chance of a false alarm, ever.
        n: Rows so far.
        events: Wrong ones among them.
        highest: The largest log e-value at any look.

    Example:
        >>> test = RateTest(p0=0.2)
        >>> for day in range(8):
        ...     test = test.add(200, 56)
        >>> test.alarm
        True
    """

    p0: float
    alpha: float = 0.05
    n: int = 0
    events: int = 0
    highest: float = 0.0

    def __post_init__(self) -> None:
        _RATE.read(self.p0, name="p0")
        _ALPHA.read(self.alpha, name="alpha")

    @classmethod
    def against(
        cls, events: int, n: int, *, tolerance: float = 0.0, alpha: float = 0.05
    ) -> RateTest:
        """A test against a baseline's rate: its upper limit at 95 %, and the tolerance on top.

        Args:
            events: Wrong rows of the baseline.
            n: Rows of the baseline.
            tolerance: How much more is tolerated.
            alpha: The chance of a false alarm, ever.

        Raises:
            InputError: If the baseline has no rows, or nothing above its limit is a rate.
        """
        if n <= 0:
            raise InputError("The baseline has no rows.", remedy="give those with labels")
        upper = float(wilson(events, n)[1]) + tolerance
        return cls(p0=upper, alpha=alpha)

    def add(self, n: int, events: int) -> RateTest:
        """The test after more rows. Requires 0 <= events <= n.

        Raises:
            InputError: If there are more events than rows.
        """
        if not 0 <= events <= n:
            raise InputError("There are more events than rows.", remedy="count them again")
        found = replace(self, n=self.n + n, events=self.events + events)
        return replace(found, highest=max(self.highest, found.log_value))

    @property
    def log_value(self) -> float:
        """The log of the e-value now."""
        a, b = _PRIOR * self.p0, _PRIOR * (1 - self.p0)
        s, f = self.events, self.n - self.events
        found = float(special.betaln(a + s, b + f) - special.betaln(a, b))
        found -= s * math.log(self.p0) + f * math.log1p(-self.p0)
        above = float(special.betaincc(a + s, b + f, self.p0))
        if above <= 0:  # the rate is so far below that nothing above it is likely
            return -math.inf
        return found + math.log(above) - math.log(float(special.betaincc(a, b, self.p0)))

    @property
    def alarm(self) -> bool:
        """Whether the e-value has ever reached 1 / alpha."""
        return self.highest >= -math.log(self.alpha)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanTest:
    """Whether the mean of numbers in [0, 1] differs from one: a two-sided normal mixture.

    ln M = ln(r / (v + r)) / 2 + s**2 / (2 (v + r)), where s is the sum of differences and
    v = n / 4, the most that their variance can be; so it is conservative.

    Attributes:
        mean: The mean under the hypothesis.
        rows: The number of rows that it is tuned for.
        alpha: The chance of a false alarm, ever.
        n: Rows so far.
        total: Sum of the differences to the mean.
        highest: The largest log e-value at any look.

    Source: Howard, Ramdas, McAuliffe and Sekhon, Ann. Stat. 49 (2021) 1055-1080.
    """

    mean: float
    rows: int = 1000
    alpha: float = 0.05
    n: int = 0
    total: float = 0.0
    highest: float = 0.0

    def add(self, n: int, total: float) -> MeanTest:
        """The test after `n` more rows whose numbers have the sum `total`."""
        found = replace(self, n=self.n + n, total=self.total + total - n * self.mean)
        return replace(found, highest=max(self.highest, found.log_value))

    @property
    def log_value(self) -> float:
        """The log of the e-value now."""
        return normal_mixture(self.total, self.n / 4, best_rho(self.rows / 4, self.alpha))

    @property
    def alarm(self) -> bool:
        """Whether the e-value has ever reached 1 / alpha."""
        return self.highest >= -math.log(self.alpha)


def best_rho(variance: float, alpha: float) -> float:
    """The mixture's parameter whose bound is narrowest at a variance."""
    log = math.log(1 / alpha)
    return variance / (2 * log + math.log(1 + 2 * log))


def normal_mixture(total: float, variance: float, rho: float) -> float:
    """The log of the two-sided normal mixture's supermartingale."""
    return 0.5 * math.log(rho / (variance + rho)) + total**2 / (2 * (variance + rho))
