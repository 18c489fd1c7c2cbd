"""The Shapley values of a leaf's game, in closed form.

A leaf contributes its weight where every condition on the way to it holds. For a row x and a
reference row r, a player j of that path (a column, or a group of columns that switch together) is
one of four kinds: x and r both meet j's conditions (j does not matter), neither does (the leaf
contributes nothing), only x does (j is in A), only r does (j is in B). With a = |A| and b = |B| the
leaf's game is "all of A and none of B", whose Shapley values are:

    each j in A:  weight * (a-1)! b! / (a+b)!        each j in B:  -weight * a! (b-1)! / (a+b)!

Which conditions a row meets is its pattern, one bit a player. A sum over a reference is linear in
the share of each pattern in it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from scipy import sparse

from auditkit.measures.shapley.trees import MAX_PLAYERS_ON_A_PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditkit.measures.shapley.trees import Bools, Doubles, Integers

    # A leaf's weight, the patterns in the reference, and what share of the reference, or of each of
    # its blocks, has each: shape `(found, blocks)`.
    WeightedLeaf = tuple[float, Integers, Doubles]

# Up to so many players all patterns are computed at once, seen or not.
_FEW_PLAYERS: Final = 10
# Pairs of patterns that are held at a time.
_PAIRS: Final = 1 << 22


def leaf_values(
    leaves: Sequence[WeightedLeaf], patterns: Integers, players: int
) -> tuple[Doubles, Integers]:
    """Shapley values of rows at a leaf, or at two mirrored ones together.

    Args:
        leaves: One leaf; or two, of which the second's patterns have the last player's bit flipped.
        patterns: The rows' patterns at the first, shape `(rows,)`.
        players: How many players the path has, >= 1.

    Returns:
        The values of some patterns, shape `(players, patterns, blocks)`, and for each row which of
        them is its own, shape `(rows,)`.
    """
    flip, blocks = 1 << players - 1, leaves[0][2].shape[1]
    if players <= _FEW_PLAYERS:
        shares = np.zeros((2**players, len(leaves) * blocks))
        for number, (weight, found, of_found) in enumerate(leaves):
            shares[found, number * blocks : (number + 1) * blocks] = weight * of_found
        tables = (_every_pair(players) @ shares).reshape(players, -1, len(leaves), blocks)
        if len(leaves) == 1:
            return tables[:, :, 0], patterns
        return tables[:, :, 0] + tables[:, np.arange(2**players) ^ flip, 1], patterns
    own, which = np.unique(patterns, return_inverse=True)
    parts = []
    for part in np.array_split(own, 1 + len(own) * len(leaves[0][1]) // _PAIRS):
        table = np.zeros((players, len(part), blocks))
        for number, (weight, found, of_found) in enumerate(leaves):
            pairs = _pairs(part ^ number * flip, found, players)
            for block, of_block in enumerate(of_found.T):
                table[:, :, block] += pairs.values(weight * of_block)
        parts.append(table)
    return np.concatenate(parts, axis=1), which


class _Pairs(NamedTuple):
    """Pairs of a row's pattern and a reference row's of which one or the other reaches the leaf.

    Attributes:
        meets: Whether a row meets a player's conditions, shape `(players, own)`.
        lacks: Whether a reference row does not, shape `(found, players)`.
        up: What a player in A gains in a pair, shape `(own, found)`.
        down: What a player in B loses.
    """

    meets: Bools
    lacks: Bools
    up: sparse.csr_array
    down: sparse.csr_array

    def values(self, weights: Doubles) -> Doubles:
        """Shapley values of each row's pattern, shape `(players, own)`.

        Args:
            weights: What the leaf weighs with each pattern of the reference, shape `(found,)`.
        """
        gains = (self.up @ (weights[:, None] * self.lacks)).T
        values: Doubles = np.where(self.meets, gains, -(self.down @ weights))
        return values

    def operator(self) -> sparse.csr_array:
        """From the weights to the values, player by player: shape `(players * own, found)`."""
        of_players = []
        for meets, lacks in zip(self.meets, self.lacks.T, strict=True):
            gains = sparse.diags_array(1.0 * meets) @ self.up @ sparse.diags_array(1.0 * lacks)
            of_players.append(gains - sparse.diags_array(1.0 * ~meets) @ self.down)
        operator = sparse.csr_array(sparse.vstack(of_players))
        operator.eliminate_zeros()
        return operator


def _pairs(own: Integers, found: Integers, players: int) -> _Pairs:
    full, bits = 2**players - 1, np.arange(players)
    small: Any = np.int32 if players < 31 else np.int64
    ours, theirs = own.astype(small), found.astype(small)
    which, partner = np.nonzero((ours[:, None] | theirs) == full)
    a = np.bitwise_count(ours[which] & ~theirs[partner])
    b = np.bitwise_count(full & ~ours)[which]
    starts = np.searchsorted(which, np.arange(len(own) + 1))
    up, down = (
        sparse.csr_array((worth[a, b], partner, starts), shape=(len(own), len(found)))
        for worth in (UP, DOWN)
    )
    return _Pairs(own >> bits[:, None] & 1 == 1, found[:, None] >> bits & 1 == 0, up, down)


@cache
def _every_pair(players: int) -> sparse.csr_array:
    """Of 4**players pairs of patterns 3**players reach the leaf."""
    patterns = np.arange(2**players)
    return _pairs(patterns, patterns, players).operator()


def _worths() -> Doubles:
    """(a-1)! b! / (a+b)! for every a and b; 0 where a is 0."""
    size = MAX_PLAYERS_ON_A_PATH + 1
    worths = np.zeros((size, size))
    for a in range(1, size):
        for b in range(size - a):
            worths[a, b] = 1 / (a * math.comb(a + b, a))
    return worths


# What a player in A gains, and what one in B loses, by the sizes of A and B.
UP: Final = _worths()
DOWN: Final = UP.T
