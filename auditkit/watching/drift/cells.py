"""Statistics of two histograms whose cells have no order: PSI, JS divergence, total variation.

p and q are the shares of the baseline's n and the window's m rows in each of B cells; cells that
are empty in both are left out. N = n m / (n + m).

Laws:
    - An empty cell is no special case: PSI counts half a row more in every cell of both (Jeffreys),
      so that there is no filler that the result depends on.
    - Two samples of one population differ, and all three are then above 0: PSI about (B - 1) / N.
      The interval's lower end is 0 there, whatever the value.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from auditkit.measures.numbers.intervals import Array, Estimate, normal_quantile

Counts = npt.NDArray[np.int64]

# Beyond this many expected squared deviations, the noncentral chi-squared is normal.
_LARGE = 5000.0


def psi(base: Counts, window: Counts, *, level: float = 0.95) -> Estimate:
    """The population stability index, sum of (q - p) ln(q / p), in [0, inf).

    Its interval inverts PSI N ~ noncentral chi-squared with B - 1 degrees of freedom. For two
    normal distributions of one spread whose means are d standard deviations apart, it approaches
    d**2 with more cells. It grows with the number of cells: say which.

    Args:
        base: Counts of the baseline, shape `(B,)`.
        window: Counts of the window, shape `(B,)`.
        level: Nominal coverage.

    Source: Yurdakul and Naranjo, J. Risk Model Validation 14 (2020), for PSI as chi-squared
    (unverified); the interval is checked by simulation in the tests.
    """
    ready = _ready(base, window)
    if isinstance(ready, Estimate):
        return ready
    a, b = ready
    p, q = _jeffreys(a), _jeffreys(b)
    value = float(np.sum((q - p) * np.log(q / p)))
    lower, upper = _noncentral(value * _size(a, b), len(a) - 1, level)
    ends = min(value, lower / _size(a, b)), max(value, upper / _size(a, b))
    return Estimate.of(value, int(b.sum()), ends, level=level, method="noncentral chi-squared")


def js_divergence(base: Counts, window: Counts, *, level: float = 0.95) -> Estimate:
    """The Jensen-Shannon divergence in bits, in [0, 1]; its square root is the JS distance.

    The divergence is about PSI / (8 ln 2), and has an interval by the same inversion, which is
    rough above 0.3. Other tools print the distance, or natural logarithms: compare no numbers
    before their formulas.

    Args:
        base: As for `psi`.
        window: As for `psi`.
        level: Nominal coverage.

    Source: Lin, IEEE Trans. Inf. Theory 37 (1991) 145-151.
    """
    ready = _ready(base, window)
    if isinstance(ready, Estimate):
        return ready
    a, b = ready
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    value = float(np.sum(special.rel_entr(p, middle) + special.rel_entr(q, middle)))
    value = min(1.0, max(0.0, value / (2 * math.log(2))))
    scale = 8 * math.log(2) * _size(a, b)
    lower, upper = _noncentral(value * scale, len(a) - 1, level)
    ends = min(value, lower / scale), min(1.0, max(value, upper / scale))
    return Estimate.of(value, int(b.sum()), ends, level=level, method="noncentral chi-squared")


def tvd(base: Counts, window: Counts, *, level: float = 0.95) -> Estimate:
    """The total variation distance, half the sum of |q - p|, in [0, 1].

    It is the largest difference of the shares of any set of cells. Noise alone makes it about
    sqrt(B / N) / 2, so its interval is longer downward: the lower end takes off what noise adds
    where nothing changed, and the upper end is Wald's, of the cells that gained. Both ends are
    conservative.

    Args:
        base: As for `psi`.
        window: As for `psi`.
        level: Nominal coverage.
    """
    ready = _ready(base, window)
    if isinstance(ready, Estimate):
        return ready
    a, b = ready
    n, m = float(a.sum()), float(b.sum())
    p, q = a / n, b / m
    value = float(np.abs(q - p).sum() / 2)
    z = normal_quantile(level)
    # The share of the cells that gained; half a row more keeps its error above 0.
    gained = q > p
    at_p, at_q = ((c[gained].sum() + 0.5) / (c.sum() + 1) for c in (a, b))
    error = math.sqrt(at_p * (1 - at_p) / n + at_q * (1 - at_q) / m)
    both = (a + b) / (n + m)
    spread = np.sqrt(both * (1 - both) * (1 / n + 1 / m))
    noise = float(spread.sum() / math.sqrt(2 * math.pi))
    noise_error = math.sqrt(float((spread**2).sum()) * (1 - 2 / math.pi)) / 2
    ends = max(0.0, value - noise - z * noise_error), min(1.0, value + z * error)
    return Estimate.of(value, int(m), ends, level=level, method="Wald, less noise")


def _ready(base: Counts, window: Counts) -> tuple[Array, Array] | Estimate:
    """Both counts without the cells that are empty in both; an estimate if there is no value."""
    a, b = np.asarray(base, dtype=float), np.asarray(window, dtype=float)
    if not a.sum() or not b.sum():
        who = "the baseline" if not a.sum() else "the window"
        return Estimate.undefined(int(b.sum()), f"{who} has no rows")
    held = (a + b) > 0
    return a[held], b[held]


def _jeffreys(counts: Array) -> Array:
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))


def _size(a: Array, b: Array) -> float:
    n, m = float(a.sum()), float(b.sum())
    return n * m / (n + m)


def _noncentral(x: float, freedom: int, level: float) -> tuple[float, float]:
    """The interval of the noncentrality of a noncentral chi-squared that was observed as x."""
    tail = (1 - level) / 2
    if freedom < 1:
        return 0.0, 0.0
    return _noncentrality(x, freedom, 1 - tail), _noncentrality(x, freedom, tail)


def _noncentrality(x: float, freedom: int, below: float) -> float:
    """The noncentrality with which a share `below` of draws is at most x; 0 if there is none."""
    if special.chdtr(freedom, x) <= below:
        return 0.0
    if x > _LARGE:
        # (x - freedom - c) / sqrt(2 freedom + 4 c) = z, solved for c.
        z = float(special.ndtri(below))
        gap = x - freedom
        return max(0.0, gap + 2 * z * z - 2 * z * math.sqrt(gap + z * z + freedom / 2))
    low, high = 0.0, 1.0
    while special.chndtr(x, freedom, high) > below:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if special.chndtr(x, freedom, middle) > below:
            low = middle
        else:
            high = middle
    return (low + high) / 2
