"""Bootstrap replicates of the numbers of groups.

Counts are resampled, not rows: drawing n rows with replacement and counting them is the same as
drawing the counts from a multinomial distribution, so a replicate costs as much for ten million
rows as for a hundred.

Laws: the same counts and seed give the same replicates; the seed is always given.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 6.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from auditkit.measures.groups.membership import Partition
from auditkit.measures.groups.rates import PROPORTIONS, Confusion
from auditkit.measures.numbers.intervals import Array, Estimates, normal_quantile

_BLOCK = 1 << 21  # numbers held at a time


def replicate_counts(cells: Confusion, *, replicates: int, seed: int) -> Array:
    """Replicates of counts, shape `(replicates, cells, 4)`.

    Weighted counts are Poisson counts, scaled so that mean and variance are those of a bootstrap
    over the weighted rows.

    Args:
        cells: Counts by cell.
        replicates: Number of replicates.
        seed: Seed of the draws.
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
    """Replicates of counts by drawing whole clusters, shape `(replicates, cells, 4)`.

    Args:
        partition: The rows' groups.
        labels: Shape `(n,)`.
        decisions: Shape `(n,)`.
        clusters: For each row the number of its cluster, from 0 without gaps.
        weights: Shape `(n,)`, or None.
        replicates: Number of replicates.
        seed: Seed of the draws.
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
    """Design effects: the variance with clusters over that with independent rows; at least 1.

    Args:
        estimates: A metric by group, with intervals as if rows were independent.
        replicated: Its replicates, shape `(replicates, groups)`.
        rows_per_cluster: Mean by group; used if a rate of 0 or 1 has no variance.
    """
    with np.errstate(invalid="ignore"):
        spread = np.nanvar(np.where(np.isnan(estimates.value), 0.0, replicated), axis=0)
    effect = spread / standard_errors(estimates) ** 2
    return np.maximum(np.where(spread > 0, np.nan_to_num(effect, nan=1.0), rows_per_cluster), 1.0)


def simulated(estimates: Estimates, *, replicates: int, seed: int) -> Array:
    """Replicates of a number of disjoint groups, shape `(replicates, groups)`.

    Drawn from the normal distribution around each estimate with its standard error: for numbers
    that do not follow from counts, such as an AUC.

    Args:
        estimates: The number by group, each with an interval.
        replicates: Number of replicates.
        seed: Seed of the draws.
    """
    drawn = np.random.default_rng(seed).standard_normal((replicates, len(estimates.value)))
    return np.asarray(estimates.value + standard_errors(estimates) * drawn)


def standard_errors(estimates: Estimates) -> Array:
    """Standard errors of rates; also positive if a rate is 0 or 1."""
    if estimates.name not in PROPORTIONS:
        z = normal_quantile(estimates.level)
        wide = (estimates.upper - estimates.lower) / (2 * z)
        return np.where(wide > 0, wide, np.inf)
    trials = np.where(estimates.trials > 0, estimates.trials, np.nan)
    smooth = (estimates.value * trials + 0.5) / (trials + 1)
    error: Array = np.sqrt(smooth * (1 - smooth) / (trials + 1))
    return error
