"""Faithfulness of attributions: whether the output moves as they say when features are replaced.

Deletion and insertion curves, against random orders.

Source: Petsiuk, Das and Saenko, RISE, BMVC 2018, on deletion and insertion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.measures.shapley.mixtures import Mixer

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

# A curve has at most so many points, spread evenly from no feature to all of them.
_MAX_POINTS: Final = 33
# Rows that the model is asked about in one call.
_BATCH: Final = 50_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Faithfulness:
    """Deletion and insertion curves: the output as features are removed or inserted by attribution.

    The first feature of a row's order moved its output most towards its side of the base. Outputs
    are distances from the base towards that side: 0 is the base.

    Attributes:
        deletion: Mean output after removing 0, 1, ... features, shape `(rows, points)`: each number
            of features up to 32, else 33 numbers spread evenly, none and all among them.
        insertion: Mean output after inserting as many.
        random: The same as `deletion`, in random order.
    """

    deletion: Doubles
    insertion: Doubles
    random: Doubles

    @property
    def deletion_gain(self) -> Doubles:
        """Area between the random and the deletion curve of each row; > 0 is faithful."""
        gain: Doubles = (self.random - self.deletion).mean(axis=1)
        return gain

    @property
    def insertion_gain(self) -> Doubles:
        """Area between the insertion and the random curve of each row; > 0 is faithful."""
        gain: Doubles = (self.insertion - self.random[:, ::-1]).mean(axis=1)
        return gain


def faithfulness(
    predict: Callable[[pd.DataFrame], Doubles],
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    values: Doubles,
    *,
    base: float,
    partners: int,
    orders: int,
    seed: int,
) -> Faithfulness:
    """Deletion and insertion curves; a removed value is replaced by rows of the reference.

    Args:
        predict: The explained output, one number per row.
        rows: The explained rows.
        reference: The source of replacements.
        values: The attributions, shape `(rows, features)`.
        base: The attributions' base.
        partners: Rows of the reference that replace values of each row.
        orders: Number of random orders.
        seed: Seeds partners and orders.
    """
    rng = np.random.default_rng(seed)
    count, features = values.shape
    towards = np.where(values.sum(axis=1) >= 0, 1.0, -1.0)
    drawn = rng.integers(len(reference), size=(count, partners))
    own = np.argsort(-(values * towards[:, None]), axis=1, kind="stable")
    points = min(features + 1, _MAX_POINTS)
    steps = np.rint(np.linspace(0, features, points)).astype(np.int64)
    mixer = Mixer(rows, reference)
    one, other = np.repeat(np.arange(count), partners), drawn.ravel()
    at_once = max(1, _BATCH // len(one))

    def curve(order: NDArray[np.int64]) -> Doubles:
        """Means after removing the first of each row's order, at each point."""
        place = np.repeat(np.argsort(order, axis=1), partners, axis=0)
        means = []
        for part in np.array_split(steps, -(-points // at_once)):
            kept = (place >= part[:, None, None]).reshape(-1, features)
            mixture = mixer(np.tile(one, len(part)), np.tile(other, len(part)), kept)
            means.append(predict(mixture).reshape(len(part), count, partners).mean(axis=2))
        return towards[:, None] * (np.concatenate(means).T - base)

    at_random = [curve(rng.permuted(own, axis=1)) for _ in range(orders)]
    return Faithfulness(
        deletion=curve(own),
        insertion=curve(own[:, ::-1])[:, ::-1],
        random=np.mean(at_random, axis=0),
    )
