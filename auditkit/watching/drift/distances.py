"""Statistics of two histograms of numbers, whose cells have an order: KS, Wasserstein, AUC.

F and G are the shares of the baseline's n and the window's m rows below each edge. Inside a cell
nothing is known but how many rows it holds; numbers beyond the outermost edges count as those
edges.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from auditkit.measures.numbers.area import SMALL_CLASS, with_interval
from auditkit.measures.numbers.intervals import Array, Estimate, normal_quantile

Counts = npt.NDArray[np.int64]


def ks(base: Counts, window: Counts, *, atoms: bool = False, level: float = 0.95) -> Estimate:
    """The Kolmogorov-Smirnov distance, sup |F - G|, in [0, 1].

    The value is the largest difference at an edge; between edges it may be larger by what a cell
    holds, and the upper end adds that. Half of the interval is c sqrt(1/n + 1/m), with
    c = sqrt(-ln((1 - level) / 2) / 2), 1.358 at 95%: exact for large samples if nothing changed,
    otherwise conservative.

    Args:
        base: Counts of the baseline, in the order of the cells, shape `(cells,)`.
        window: Counts of the window.
        atoms: Whether every number is an edge, so that nothing lies between.
        level: Nominal coverage.

    Source: Smirnov's asymptotic distribution; see `scipy.stats.ks_2samp` for exact data.
    """
    if reason := _lacking(base, window):
        return Estimate.undefined(int(window.sum()), reason)
    below, under = _below(base), _below(window)
    value = float(np.abs(below - under).max())
    bound = value if atoms else ks_bound(base, window)
    half = math.sqrt(-math.log((1 - level) / 2) / 2) * _error(base, window)
    ends = max(0.0, value - half), min(1.0, bound + half)
    return Estimate.of(value, int(window.sum()), ends, level=level, method="Smirnov")


def ks_bound(base: Counts, window: Counts) -> float:
    """The most that sup |F - G| can be, wherever in their cells the rows are."""
    below, under = _below(base), _below(window)
    gaps = np.maximum(below[1:] - under[:-1], under[1:] - below[:-1])
    return min(1.0, float(gaps.max(initial=0.0)))


def wasserstein(
    base: Counts,
    window: Counts,
    edges: npt.NDArray[np.float64],
    *,
    atoms: bool = False,
    level: float = 0.95,
) -> Estimate:
    """The Wasserstein-1 distance, the integral of |F - G|, in baseline units, in [0, inf).

    The unit is the baseline's interquartile range; if that is 0, its standard deviation. Rows are
    taken as spread evenly within a cell, or with `atoms` as lying on its lower edge. The upper end
    is Wald's, of the function whose means differ most; the lower end takes off what noise adds
    where nothing changed. Both are conservative.

    Args:
        base: Counts of the baseline, one more than edges, shape `(cells,)`.
        window: Counts of the window.
        edges: Ascending, shape `(cells - 1,)`.
        atoms: Whether every number of the baseline is an edge.
        level: Nominal coverage.

    Source: Villani, Optimal Transport (2009), for the integral and its dual.
    """
    if reason := _lacking(base, window):
        return Estimate.undefined(int(window.sum()), reason)
    unit, named = baseline_unit(base, edges, atoms=atoms)
    n, m = int(base.sum()), int(window.sum())
    if not unit:
        return Estimate.undefined(m, "the baseline has no spread")
    f, g = _below(base)[1:-1], _below(window)[1:-1]
    widths = np.diff(edges)
    gaps, after = f - g, (f - g)[1:]
    size = np.abs(after) if atoms else _mean_size(gaps)
    value = float((widths * size).sum()) / unit
    z = normal_quantile(level)
    both = (n * f + m * g) / (n + m)
    spread = np.sqrt(both * (1 - both)) * _error(base, window)
    spread = spread[1:] if atoms else (spread[1:] + spread[:-1]) / 2
    noise = float((widths * spread).sum()) / unit
    # The dual: a function that rises by 1 or falls by 1 per unit, as F is above G or below it.
    slope = np.sign(after if atoms else gaps[1:] + gaps[:-1])
    places = _places(np.concatenate([[0.0], np.cumsum(slope * widths)]), atoms=atoms)
    error = math.sqrt(_variance(places, base) / n + _variance(places, window) / m) / unit
    shift = math.sqrt(2 / math.pi) * noise
    lower = max(0.0, value - min(normal_quantile((1 + level) / 2) * noise, shift + z * error))
    ends = lower, value + z * error
    return Estimate.of(value, m, ends, level=level, method=f"dual, in units of the {named}")


def baseline_unit(
    base: Counts, edges: npt.NDArray[np.float64], *, atoms: bool = False
) -> tuple[float, str]:
    """The scale of a column: its interquartile range, or if that is 0 its standard deviation."""
    if len(edges) < 2 or not base.sum():
        return 0.0, "interquartile range"
    below = _below(base)[1:-1]
    if atoms:
        first, third = edges[np.searchsorted(below[1:], (0.25, 0.75), side="left")]
    else:
        first, third = (float(np.interp(share, below, edges)) for share in (0.25, 0.75))
    if third > first:
        return float(third - first), "interquartile range"
    return math.sqrt(_variance(_places(edges, atoms=atoms), base)), "standard deviation"


def _places(at_edges: Array, *, atoms: bool) -> Array:
    """Of each cell one number, from those at the edges: of its lower edge, or in its middle."""
    inner = at_edges[:-1] if atoms else (at_edges[1:] + at_edges[:-1]) / 2
    return np.concatenate([at_edges[:1], inner, at_edges[-1:]])


def auc(base: Counts, window: Counts, *, level: float = 0.95) -> Estimate:
    """The chance that a row of the window has a larger number than one of the baseline.

    0.5 if nothing changed; rows of one cell count half. The interval is that of
    `area_under_curve`.

    Args:
        base: Counts of the baseline, in the order of the cells, shape `(cells,)`.
        window: Counts of the window.
        level: Nominal coverage.

    Source: DeLong et al., Biometrics 44 (1988) 837-845.
    """
    n, m = int(base.sum()), int(window.sum())
    if reason := _lacking(base, window):
        return Estimate.undefined(m, reason)
    below = (_below(base)[1:] + _below(base)[:-1]) / 2
    under = (_below(window)[1:] + _below(window)[:-1]) / 2
    value = min(1.0, float((window * below).sum() / m))
    error = 0.0
    if min(n, m) >= SMALL_CLASS:
        error = math.sqrt(_variance(below, window) / (m - 1) + _variance(under, base) / (n - 1))
    return with_interval(value, error, (m, n), n=m, level=level)


def _lacking(base: Counts, window: Counts) -> str:
    if not base.sum():
        return "the baseline has no number"
    return "" if window.sum() else "the window has no number"


def _below(counts: Counts) -> Array:
    """The share below each edge, from 0 to 1, shape `(cells + 1,)`."""
    return np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])


def _error(base: Counts, window: Counts) -> float:
    return math.sqrt(1 / float(base.sum()) + 1 / float(window.sum()))


def _mean_size(gaps: Array) -> Array:
    """The mean of |x| over each stretch on which x runs straight from one gap to the next."""
    left, right = gaps[:-1], gaps[1:]
    together = np.abs(left) + np.abs(right)
    crosses = left * right < 0
    with np.errstate(invalid="ignore", divide="ignore"):
        crossed = (left**2 + right**2) / (2 * together)
    return np.where(crosses, crossed, together / 2)


def _variance(values: Array, counts: Counts) -> float:
    share = counts / counts.sum()
    mean = float((values * share).sum())
    return float(((values - mean) ** 2 * share).sum())
