"""Intervals for what no formula covers: many numbers at once, and largest gaps among groups.

Rows are not drawn again: counts are. Drawing n rows with replacement and counting them is drawing
the counts from a multinomial distribution, so a replicate costs as much for ten million rows as
for a hundred.

Why not the percentiles of the replicated maximum: a largest gap is never negative and its
replicates are larger still, so where groups do not differ at all the percentile interval covers
the truth in 0 of 100 samples. Instead the replicates give the *critical value*: how many standard
errors the most extreme of all gaps strays in `level` of the samples. Every gap gets an interval
that wide, and as all of them hold at once, so does the one of the largest gap. It covers at least
its level and is long where many groups are compared.

Laws: the same counts and seed give the same replicates; the seed is always given.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 6; Romano and Wolf,
Econometrica 73 (2005) 1237-1282, on the critical value of a maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse, special

from auditkit.measures.groups import Partition
from auditkit.measures.rates import PROPORTIONS, Confusion, values
from auditkit.measures.stats import (
    Array,
    Estimate,
    Estimates,
    difference_interval,
    normal_quantile,
    ratio_interval,
)

_BLOCK = 1 << 21  # numbers held at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """The largest gap among groups.

    Attributes:
        estimate: The gap with its interval.
        groups: Positions of the two groups, the lower rate first; empty if there is no gap.
        p_value: Probability of so large a gap, in standard errors, if no groups differed; None
            where not estimable. At least 1 / (replicates + 1).
    """

    estimate: Estimate
    groups: tuple[int, ...] = ()
    p_value: float | None = None


def replicate_counts(cells: Confusion, *, replicates: int, seed: int) -> Array:
    """Counts drawn anew, shape `(replicates, cells, 4)`.

    Weighted counts are Poisson counts, scaled so that mean and variance are those of a bootstrap
    over the weighted rows.

    Args:
        cells: Counts by cell.
        replicates: How many.
        seed: Of the draws.
    """
    generator = np.random.default_rng(seed)
    if cells.weights is cells.rows:
        flat = cells.rows.ravel()
        total = flat.sum()
        counts = generator.multinomial(int(total), flat / total, size=replicates)
        return counts.reshape(replicates, *cells.rows.shape).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(cells.squares > 0, cells.squares / cells.weights, 0.0)
        drawn = generator.poisson(
            np.where(size > 0, cells.weights / size, 0.0), size=(replicates, *size.shape)
        )
    return np.asarray(drawn * size, dtype=float)


def replicate_clusters(
    partition: Partition,
    labels: npt.NDArray[np.bool_],
    decisions: npt.NDArray[np.bool_],
    clusters: npt.NDArray[np.intp],
    *,
    weights: Array | None,
    replicates: int,
    seed: int,
) -> Array:
    """Counts drawn anew by drawing whole clusters, shape `(replicates, cells, 4)`.

    Args:
        partition: Who belongs where.
        labels: Shape `(n,)`.
        decisions: Shape `(n,)`.
        clusters: For each row the number of its cluster, from 0 without gaps.
        weights: Shape `(n,)`, or None.
        replicates: How many.
        seed: Of the draws.
    """
    number = int(clusters.max()) + 1
    width = partition.cells * 4
    place = partition.cell_of_row.astype(np.intp) * 4 + labels * 2 + decisions
    value = np.ones(len(labels)) if weights is None else weights
    by_cluster = sparse.csr_array(sparse.coo_array((value, (clusters, place)), (number, width)))
    generator = np.random.default_rng(seed)
    drawn = np.empty((replicates, width))
    step = max(1, _BLOCK // number)
    for start in range(0, replicates, step):
        size = min(step, replicates - start)
        times = generator.multinomial(number, np.full(number, 1 / number), size=size)
        drawn[start : start + size] = (by_cluster.T @ times.T.astype(float)).T
    return drawn.reshape(replicates, partition.cells, 4)


def design_effects(estimates: Estimates, replicated: Array, rows_per_cluster: Array) -> Array:
    """How many times the variance of a sample of single rows that of clusters is; at least 1.

    Args:
        estimates: A metric by group, with intervals as if rows were independent.
        replicated: Its replicates, shape `(replicates, groups)`.
        rows_per_cluster: Mean by group; stands in where a rate of 0 or 1 shows no variance.
    """
    with np.errstate(invalid="ignore"):
        spread = np.nanvar(np.where(np.isnan(estimates.value), 0.0, replicated), axis=0)
    effect = spread / _errors(estimates) ** 2
    return np.maximum(np.where(spread > 0, np.nan_to_num(effect, nan=1.0), rows_per_cluster), 1.0)


def largest_gap(
    estimate: Callable[[str, float], Estimates],
    replicated: Array,
    metrics: tuple[str, ...],
    *,
    name: str,
    level: float = 0.95,
    ratio: bool = False,
) -> Gap:
    """The largest difference, or the smallest ratio, of any two groups in any of some metrics.

    Args:
        estimate: Gives a metric of the groups to compare at a level of confidence.
        replicated: Their replicates, shape `(replicates, groups, 4)`.
        metrics: One metric, or several, as ("tpr", "fpr") for equalized odds.
        name: What the gap is called where it cannot be estimated.
        level: Nominal coverage.
        ratio: The smallest ratio instead of the largest difference.

    A group without a rate takes no part in the comparison of that rate.
    """
    found = [estimate(metric, level) for metric in metrics]
    n = int(sum(f.n.sum() for f in found))
    usable = [np.flatnonzero(~np.isnan(f.value)) for f in found]
    if any(len(u) < 2 for u in usable):
        return Gap(estimate=Estimate.undefined(n, f"fewer than two groups have {name}"))
    critical, p_value = _critical_value(found, usable, replicated, level, ratio=ratio)
    wide = float(2 * special.ndtr(critical) - 1)
    gaps = []
    for metric, use in zip(metrics, usable, strict=True):
        estimates = estimate(metric, wide).take(use)
        gaps.append((*_pairwise(estimates, ratio=ratio), use))
    best = min(gaps, key=lambda g: g[0].min()) if ratio else max(gaps, key=lambda g: g[0].max())
    value, _, _, use = best
    if np.isnan(value).all() or not np.isfinite(value).any():
        return Gap(estimate=Estimate.undefined(n, "no group has a rate above 0"))
    first, second = np.unravel_index(value.argmin() if ratio else value.argmax(), value.shape)
    if ratio:
        lower = min(float(np.nanmin(g[1])) for g in gaps)
        upper = min(1.0, *(float(np.nanmin(g[2])) for g in gaps))
        pair = (int(use[first]), int(use[second]))
    else:
        lower = max(0.0, float(np.max([g[1].max() for g in gaps])))
        upper = float(np.max([g[2].max() for g in gaps]))  # NaN where one end is unbounded
        if all(f.unit == "proportion" for f in found):
            upper = float(np.minimum(upper, 1.0))
        pair = (int(use[second]), int(use[first]))
    method = f"simultaneous, {len(replicated):,} replicates"
    extreme = float(value[first, second])
    return Gap(
        estimate=Estimate.of(extreme, n, (lower, upper), level=level, method=method),
        groups=pair if first != second else (),
        p_value=p_value,
    )


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
        strayed = np.abs(drawn[:, use] - estimates.value[use]) / _errors(estimates)[use]
        extreme = np.maximum(extreme, np.nan_to_num(strayed).max(axis=1, initial=0.0))
    return max(normal_quantile(level), float(np.quantile(extreme, level)))


def _critical_value(
    found: list[Estimates],
    usable: list[npt.NDArray[np.intp]],
    replicated: Array,
    level: float,
    *,
    ratio: bool,
) -> tuple[float, float]:
    """The critical value of all pairs at once, and the p-value of the widest gap."""
    extreme, observed = np.zeros(len(replicated)), 0.0
    for estimates, use in zip(found, usable, strict=True):
        value, error = estimates.value[use], _errors(estimates)[use]
        drawn = values(replicated[:, use], estimates.name)
        if ratio:  # on the log scale, where ratios are differences
            shift = 0.5 / np.maximum(estimates.trials[use], 1.0)
            error = error / (value + shift)
            drawn, value = np.log(drawn + shift), np.log(value + shift)
        strayed = np.ascontiguousarray((np.where(np.isfinite(drawn), drawn, value) - value).T)
        for i in range(len(use) - 1):
            per_error = 1 / np.hypot(error[i], error[i + 1 :])
            gaps = np.abs(value[i] - value[i + 1 :]) * per_error
            observed = max(observed, float(gaps.max()))
            pairs = strayed[i + 1 :] - strayed[i]
            np.abs(pairs, out=pairs)
            pairs *= per_error[:, None]
            np.maximum(extreme, pairs.max(axis=0), out=extreme)
    p_value = (1 + int((extreme >= observed).sum())) / (1 + len(extreme))
    return max(normal_quantile(level), float(np.quantile(extreme, level))), p_value


def _errors(estimates: Estimates) -> Array:
    """Standard errors of rates; positive also where a rate is 0 or 1."""
    if estimates.name not in PROPORTIONS:
        z = normal_quantile(estimates.level)
        wide = (estimates.upper - estimates.lower) / (2 * z)
        return np.where(wide > 0, wide, np.inf)
    trials = np.where(estimates.trials > 0, estimates.trials, np.nan)
    smooth = (estimates.value * trials + 0.5) / (trials + 1)
    error: Array = np.sqrt(smooth * (1 - smooth) / (trials + 1))
    return error


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
