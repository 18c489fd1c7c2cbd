"""Blocks of a reference: the spread that its rows give an attribution.

Law: an interventional attribution is a mean over the reference. It is known against each of a few
blocks of the reference; a resample of the blocks is a weighted mean of these. Where the model is
sampled, each block has pairs of its own: their noise is part of the spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def random_blocks(rows: int, *, blocks: int, seed: int) -> NDArray[np.int64]:
    """The number of the block of each row of a reference, shape `(rows,)`.

    Sizes differ by one row at most.

    Args:
        rows: At least two a block.
        blocks: Number of blocks, >= 2.
        seed: Seeds the split.

    Raises:
        InputError: If there are too few rows.
    """
    if rows < 2 * blocks:
        raise InputError(
            f"A reference of {rows:,} rows is too small for {blocks} blocks.",
            remedy="give a larger reference",
        )
    order = np.random.default_rng(seed).permutation(rows)
    numbers = np.empty(rows, dtype=np.int64)
    for number, part in enumerate(np.array_split(order, blocks)):
        numbers[part] = number
    return numbers
