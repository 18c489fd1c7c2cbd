"""Attributions against blocks of the reference: the spread that the reference's rows give them.

Laws:
    - An interventional attribution is a mean over the reference. It is computed once against each
      of a few blocks of the reference; a resample of the blocks is a weighted mean of these.
    - Every block has its own seed: if a method samples, its noise is part of the spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.errors import InputError
from auditkit.measures.attribution.explainer import Explainer

if TYPE_CHECKING:
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
        reference: At least two rows per block.
        blocks: Number of blocks, >= 2.
        seed: Seeds the split and each block's draws.

    Returns:
        Shape `(blocks, rows, features)`. Their mean is the attribution against the whole
        reference, except that block sizes may differ by one row.

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
