"""Ranks of features by importance, over resamples of the reference and the rows.

Each feature is compared with every other; its interval has all ranks consistent with the
comparisons, and always its own. Why not the percentiles of resampled ranks: docs/adr/0005.

Source: Mogstad, Romano, Shaikh and Wilhelm, Review of Economic Studies 91 (2024) 476-518.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

_ROWS_AT_ONCE: Final = 32


def resampled_weights(count: int, replicates: int, seed: int) -> Doubles:
    """Bootstrap weights of `count` units, shape `(replicates, count)`, each row adding up to 1."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=replicates) / count


@dataclass(frozen=True, kw_only=True, eq=False)
class RankStability:
    """Importance and ranks of features by resample.

    Attributes:
        importance: Resampled, shape `(replicates, features)`.
        ranks: 1 for the most important, shape `(replicates, features)`.
        agreement: Share of the top k that a resample shares with the full sample, shape
            `(replicates,)`, in [0, 1].
        top: k.
    """

    importance: Doubles
    ranks: NDArray[np.int64]
    agreement: Doubles
    top: int


def rank_stability(
    values: Doubles, *, importance: Doubles, top: int, replicates: int, seed: int
) -> RankStability:
    """Ranks of features over resamples of the reference and of the rows at once.

    Args:
        values: Relative to each block of the reference, shape `(blocks, rows, features)`.
        importance: The features' importance in the full sample, shape `(features,)`.
        top: k, fewer than there are features: every resample contains all of them. Requires two
            features or more.
        replicates: Number of resamples.
        seed: Seeds the resamples.
    """
    blocks, rows, features = values.shape
    top = min(top, features - 1)
    of_blocks = resampled_weights(blocks, replicates, seed)
    of_rows = resampled_weights(rows, replicates, seed + 1)
    first = set(np.argsort(-importance, kind="stable")[:top].tolist())
    resampled = np.zeros((replicates, features))
    # Of a few rows at a time, which stay in the processor's own memory.
    for start in range(0, rows, _ROWS_AT_ONCE):
        few = slice(start, start + _ROWS_AT_ONCE)
        magnitudes = np.abs(np.tensordot(of_blocks, values[:, few], axes=1))
        resampled += np.einsum("ij,ijk->ik", of_rows[:, few], magnitudes)
    ranks = np.empty((replicates, features), dtype=np.int64)
    agreement = np.empty(replicates)
    for i in range(replicates):
        order = np.argsort(-resampled[i], kind="stable")
        ranks[i, order] = np.arange(1, features + 1)
        agreement[i] = len(first & set(order[:top].tolist())) / top
    return RankStability(importance=resampled, ranks=ranks, agreement=agreement, top=top)


def rank_intervals(
    importance: Doubles, resampled: Doubles, *, level: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lowest and highest rank of each feature, 1 for the most important.

    A feature ranks below those significantly heavier and above those significantly lighter: the
    difference, in standard errors, exceeds the `level` quantile over resamples of the largest
    deviation of all its differences.

    Args:
        importance: In the full sample, shape `(features,)`.
        resampled: Of each resample, shape `(replicates, features)`.
        level: Nominal coverage of each feature's interval.
    """
    count = len(importance)
    lowest, highest = np.ones(count, dtype=np.int64), np.full(count, count)
    for feature in range(count):
        gaps = importance - importance[feature]
        strayed = resampled - resampled[:, [feature]]
        strayed = np.abs(strayed - strayed.mean(axis=0))
        errors = np.sqrt((strayed**2).mean(axis=0))
        scaled = np.divide(strayed, errors, out=np.zeros_like(strayed), where=errors > 0)
        sure = np.quantile(scaled.max(axis=1), level) * errors
        lowest[feature] += (gaps > sure).sum()
        highest[feature] -= (-gaps > sure).sum()
    return lowest, highest
