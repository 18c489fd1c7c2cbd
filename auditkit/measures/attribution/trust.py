"""Whether explanations can be relied on: do they hold still, and does the model do as they say.

Laws:
    - An interventional attribution is a mean over the reference. So it is computed once against
      each of a few blocks of the reference, and any resample of the blocks is a weighted mean.
    - Every block has its own seed: where a method samples, its own noise is part of the spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.errors import InputError
from auditkit.measures.attribution.explainer import Explainer
from auditkit.measures.shapley.mixtures import mixed

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]


def block_values(
    model: Any,
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    blocks: int,
    seed: int,
) -> Doubles:
    """Attributions of the same rows against each of several random blocks of a reference.

    Args:
        model: As for `explain`.
        rows: The rows to explain.
        reference: At least two rows a block.
        blocks: How many, >= 2.
        seed: Seeds the split, and each block's own draws.

    Returns:
        Shape `(blocks, rows, features)`. Their mean is the attribution against the whole
        reference, up to the blocks' sizes, which differ by one row at most.

    Raises:
        InputError: If the reference is too small, or the model cannot be explained.
    """
    if len(reference) < 2 * blocks:
        raise InputError(
            f"A reference of {len(reference):,} rows is too small for {blocks} blocks.",
            remedy="give a larger reference",
        )
    order = np.random.default_rng(seed).permutation(len(reference))
    first: Explainer | None = None
    values: list[Doubles] = []
    for number, part in enumerate(np.array_split(order, blocks)):
        block = reference.iloc[np.sort(part)].reset_index(drop=True)
        explainer = Explainer(
            model, block, seed=seed + number, cross_check=first is None, share_trees_with=first
        )
        values.append(explainer.explain(rows).values)
        first = first if first is not None else explainer
    return np.array(values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Faithfulness:
    """How the output moves as features are taken away or put in, in the order of attributions.

    The first of an order is what moved the row's output most in the direction in which it lies
    from the base. Outputs are counted in that direction, from the base: 0 is the base.

    Attributes:
        deletion: Mean output after taking away 0, 1, ... features, shape `(rows, features + 1)`.
        insertion: Mean output after putting in 0, 1, ... features.
        random: The same as `deletion`, in random order.
    """

    deletion: Doubles
    insertion: Doubles
    random: Doubles

    @property
    def deletion_gain(self) -> Doubles:
        """Area by which the output falls faster than in random order, each row; > 0 is faithful."""
        gain: Doubles = (self.random - self.deletion).mean(axis=1)
        return gain

    @property
    def insertion_gain(self) -> Doubles:
        """Area by which the output rises faster than in random order, each row; > 0 is faithful."""
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
    """Deletion and insertion curves; what is taken away is replaced from rows of the reference.

    Args:
        predict: The output that was explained, one number a row.
        rows: The rows, as many as `values` has.
        reference: Where replacements come from.
        values: The attributions, shape `(rows, features)`.
        base: Their base.
        partners: Rows of the reference that stand in for each row.
        orders: Random orders to compare with.
        seed: Seeds partners and orders.
    """
    rng = np.random.default_rng(seed)
    count, features = values.shape
    towards = np.where(values.sum(axis=1) >= 0, 1.0, -1.0)
    drawn = rng.integers(len(reference), size=(count, partners))
    own = np.argsort(-(values * towards[:, None]), axis=1, kind="stable")

    def curve(order: NDArray[np.int64]) -> Doubles:
        """Means after taking away the first 0, 1, ... of each row's order."""
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
