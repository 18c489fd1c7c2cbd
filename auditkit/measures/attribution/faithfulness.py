"""Faithfulness of attributions: whether the output moves as they say when features are replaced.

Deletion and insertion curves, against random orders.

Source: Petsiuk, Das and Saenko, RISE, BMVC 2018, on deletion and insertion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.measures.shapley.mixtures import mixed

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Faithfulness:
    """Deletion and insertion curves: the output as features are removed or inserted by attribution.

    The first feature of a row's order moved its output most towards its side of the base. Outputs
    are distances from the base towards that side: 0 is the base.

    Attributes:
        deletion: Mean output after removing 0, 1, ... features, shape `(rows, features + 1)`.
        insertion: Mean output after inserting 0, 1, ... features.
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

    def curve(order: NDArray[np.int64]) -> Doubles:
        """Means after removing the first 0, 1, ... of each row's order."""
        place = np.argsort(order, axis=1)
        means = np.empty((count, features + 1))
        ours = rows.iloc[np.repeat(np.arange(count), partners)]
        theirs = reference.iloc[drawn.ravel()]
        for step in range(features + 1):
            kept = np.repeat(place >= step, partners, axis=0)
            outputs = predict(mixed(ours, theirs, kept)).reshape(count, partners)
            means[:, step] = towards * (outputs.mean(axis=1) - base)
        return means

    at_random = [curve(rng.permuted(own, axis=1)) for _ in range(orders)]
    return Faithfulness(
        deletion=curve(own),
        insertion=curve(own[:, ::-1])[:, ::-1],
        random=np.mean(at_random, axis=0),
    )
