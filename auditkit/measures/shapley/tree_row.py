"""The Shapley values of one row in a millisecond or two: every leaf of every tree at once.

The same sums as `tree_paths`, laid out flat: nodes, conditions, players on paths, and every
pattern of the reference at every leaf are one array each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditkit.measures.shapley.tree_paths import Doubles, Integers, Tree


class RowPaths:
    """Every path of an ensemble, and every pattern of a reference, as flat arrays.

    Args:
        trees: The ensemble.
        found: For each tree and leaf: the patterns in the reference, and the share of each.
        weights: `up` and `down` of `auditkit.measures.shapley.tree_paths`, by |A| and |B|.
        players: How many players there are.
    """

    def __init__(
        self,
        trees: Sequence[Tree],
        found: Sequence[Sequence[tuple[Integers, Doubles]]],
        weights: tuple[Doubles, Doubles],
        players: int,
    ) -> None:
        self._players: Final = players
        self._up, self._down = weights
        self._columns = np.concatenate([t.columns for t in trees])
        self._thresholds = np.concatenate([t.thresholds for t in trees])
        self._equal_left = np.concatenate([t.equal_left for t in trees])
        self._missing_left = np.concatenate([t.missing_left for t in trees])
        nodes: list[int] = []
        ways: list[bool] = []
        condition_starts: list[int] = []
        owners: list[int] = []
        bits: list[int] = []
        path_starts: list[int] = []
        full: list[int] = []
        leaf_of: list[Integers] = []
        pattern_of: list[Integers] = []
        share_of: list[Doubles] = []
        first_node = 0
        for tree, of_leaves in zip(trees, found, strict=True):
            for path, weight, (patterns, shares) in zip(
                tree.paths, tree.weights, of_leaves, strict=True
            ):
                if not path:
                    continue  # A tree without a split says the same of everyone.
                leaf_of.append(np.full(len(patterns), len(full)))
                pattern_of.append(patterns)
                share_of.append(weight * shares)
                path_starts.append(len(owners))
                full.append(2 ** len(path) - 1)
                for bit, (player, conditions) in enumerate(path):
                    owners.append(player)
                    bits.append(2**bit)
                    condition_starts.append(len(nodes))
                    for node, goes_left in conditions:
                        nodes.append(first_node + node)
                        ways.append(goes_left)
            first_node += len(tree.columns)
        self._nodes, self._ways = np.array(nodes, dtype=np.int64), np.array(ways, dtype=np.bool_)
        self._condition_starts = np.array(condition_starts, dtype=np.int64)
        self._owners, self._bits = np.array(owners, dtype=np.int64), np.array(bits, dtype=np.int64)
        self._path_starts = np.array(path_starts, dtype=np.int64)
        self._full = np.array(full, dtype=np.int64)
        self._leaf_of = _joined(leaf_of).astype(np.int64)
        self._pattern_of = _joined(pattern_of).astype(np.int64)
        self._share_of = _joined(share_of).astype(np.float64)
        self._full_of = self._full[self._leaf_of]
        self._most_players = max((int(f).bit_length() for f in full), default=0)

    def values(self, row: Doubles) -> Doubles:
        """Shapley values of one row of shape `(columns,)`, shape `(players,)`."""
        values = np.zeros(self._players)
        if self._most_players == 0:
            return values
        own = self._patterns(row)[self._leaf_of]
        reached = np.flatnonzero((own | self._pattern_of) == self._full_of)
        own, full = own[reached], self._full_of[reached]
        for_it, against = own & ~self._pattern_of[reached], full & ~own
        a, b = np.bitwise_count(for_it), np.bitwise_count(against)
        shares = self._share_of[reached]
        gains, losses = shares * self._up[a, b], shares * self._down[a, b]
        starts = self._path_starts[self._leaf_of[reached]]
        for bit in range(self._most_players):
            for members, worth in ((for_it, gains), (against, -losses)):
                which = np.flatnonzero(members & (1 << bit))
                owners = self._owners[starts[which] + bit]
                values += np.bincount(owners, worth[which], minlength=self._players)
        return values

    def _patterns(self, row: Doubles) -> Integers:
        """The row's pattern at each leaf."""
        own = row[self._columns]
        left = (own < self._thresholds) | (self._equal_left & (own == self._thresholds))
        left |= self._missing_left & np.isnan(own)
        holds = left[self._nodes] == self._ways
        met = np.logical_and.reduceat(holds, self._condition_starts)
        patterns: Integers = np.add.reduceat(met * self._bits, self._path_starts)
        return patterns


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)
