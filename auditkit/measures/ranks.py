"""How features rank by importance when the reference and the rows are resampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]


def resampled_weights(count: int, replicates: int, seed: int) -> Doubles:
    """Bootstrap weights of `count` units, shape `(replicates, count)`, each row adding up to 1."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=replicates) / count


@dataclass(frozen=True, kw_only=True, eq=False)
class RankStability:
    """How features rank by importance, resample by resample.

    Attributes:
        ranks: 1 for the most important, shape `(replicates, features)`.
        agreement: Share of the top k that a resample has in common with the whole, shape
            `(replicates,)`, in [0, 1].
        top: k.
    """

    ranks: NDArray[np.int64]
    agreement: Doubles
    top: int


def rank_stability(
    values: Doubles, *, importance: Doubles, top: int, replicates: int, seed: int
) -> RankStability:
    """Ranks of features over resamples of the reference and of the rows at once.

    Args:
        values: From `block_values`.
        importance: The features' importance on everything, shape `(features,)`.
        top: How many of the first are compared; at most the number of features.
        replicates: Number of resamples.
        seed: Seeds them.
    """
    blocks, rows, features = values.shape
    top = min(top, features)
    of_blocks = resampled_weights(blocks, replicates, seed)
    of_rows = resampled_weights(rows, replicates, seed + 1)
    first = set(np.argsort(-importance, kind="stable")[:top].tolist())
    ranks = np.empty((replicates, features), dtype=np.int64)
    agreement = np.empty(replicates)
    for i in range(replicates):
        resample = np.tensordot(of_blocks[i], values, axes=1)
        order = np.argsort(-(of_rows[i] @ np.abs(resample)), kind="stable")
        ranks[i, order] = np.arange(1, features + 1)
        agreement[i] = len(first & set(order[:top].tolist())) / top
    return RankStability(ranks=ranks, agreement=agreement, top=top)
