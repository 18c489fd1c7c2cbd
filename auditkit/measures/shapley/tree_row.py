"""The Shapley values of one row in a millisecond or two: every leaf of every tree at once.

The same sums as `leaf_games`, laid out flat: nodes, conditions, players on paths, and every
pattern of the reference at every leaf are one array each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.measures.shapley.leaf_games import DOWN, UP
from auditkit.measures.shapley.trees import codes_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditkit.measures.shapley.trees import Bools, Doubles, Integers, LeafPaths


class RowPaths:
    """Every path of an ensemble, and every pattern of a reference, as flat arrays.

    Args:
        trees: The ensemble, with the paths of each tree.
        found: For each tree and leaf: the patterns in the reference, and the share of it that has
            each, shape `(patterns, 1)`.
        players: How many players there are.
    """

    def __init__(
        self,
        trees: Sequence[LeafPaths],
        found: Sequence[Sequence[tuple[Integers, Doubles]]],
        players: int,
    ) -> None:
        self._players: Final = players
        every = [paths.tree for paths in trees]
        self._columns = np.concatenate([t.columns for t in every])
        self._thresholds = np.concatenate([t.thresholds for t in every])
        self._equal_left = np.concatenate([t.equal_left for t in every])
        self._missing_left = np.concatenate([t.missing_left for t in every])
        levels: list[tuple[int, Bools]] = []
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
        for paths, of_leaves in zip(trees, found, strict=True):
            for path, weight, (patterns, shares) in zip(
                paths.paths, paths.weights, of_leaves, strict=True
            ):
                if not path:
                    continue  # A tree without a split says the same of everyone.
                leaf_of.append(np.full(len(patterns), len(full)))
                pattern_of.append(patterns)
                share_of.append(weight * shares[:, 0])
                path_starts.append(len(owners))
                full.append(2 ** len(path) - 1)
                for bit, (player, conditions) in enumerate(path):
                    owners.append(player)
                    bits.append(2**bit)
                    condition_starts.append(len(nodes))
                    for node, goes_left in conditions:
                        nodes.append(first_node + node)
                        ways.append(goes_left)
            levels.extend((first_node + node, of) for node, of in paths.tree.levels.items())
            first_node += len(paths.tree.columns)
        self._nodes, self._ways = np.array(nodes, dtype=np.int64), np.array(ways, dtype=np.bool_)
        self._condition_starts = np.array(condition_starts, dtype=np.int64)
        self._owners, self._bits = np.array(owners, dtype=np.int64), np.array(bits, dtype=np.int64)
        self._path_starts = np.array(path_starts, dtype=np.int64)
        self._full = np.array(full, dtype=np.int64)
        self._leaf_of = _joined(leaf_of).astype(np.int64)
        self._pattern_of = _joined(pattern_of).astype(np.int64)
        self._share_of = _joined(share_of).astype(np.float64)
        self._full_of = self._full[self._leaf_of]
        self._level_nodes = np.array([node for node, _ in levels], dtype=np.int64)
        self._level_counts = np.array([len(known) for _, known in levels], dtype=np.int64)
        self._level_starts = np.cumsum(self._level_counts) - self._level_counts
        self._levels_left = _joined([known for _, known in levels]).astype(np.bool_)
        self._most_players = max((int(f).bit_length() for f in full), default=0)
        lengths = np.diff(self._path_starts, append=len(owners))
        self._leaf_of_player = np.repeat(np.arange(len(full)), lengths)
        self._bit_of_player = np.arange(len(owners)) - np.repeat(self._path_starts, lengths)

    def values(self, row: Doubles) -> Doubles:
        """Shapley values of one row of shape `(columns,)`, shape `(players,)`."""
        if not len(self._full):
            return np.zeros(self._players)
        own, leaves = self._patterns(row), len(self._full)
        reached = np.flatnonzero((own[self._leaf_of] | self._pattern_of) == self._full_of)
        leaf, found = self._leaf_of[reached], self._pattern_of[reached]
        b = np.bitwise_count(self._full & ~own)
        worth = np.bitwise_count(own[leaf] & ~found) + len(UP) * b[leaf].astype(np.int64)
        gains, losses = (self._share_of[reached] * of.T.take(worth) for of in (UP, DOWN))
        # What the player of each bit gains at each leaf, and what all in B lose there alike.
        gained = np.empty((self._most_players, leaves))
        for bit in range(self._most_players):
            lacking = np.where(found & (1 << bit), 0.0, gains)
            gained[bit] = np.bincount(leaf, lacking, minlength=leaves)
        lost = np.bincount(leaf, losses, minlength=leaves)
        meets = own[self._leaf_of_player] & self._bits != 0
        of_player = gained[self._bit_of_player, self._leaf_of_player]
        shares = np.where(meets, of_player, -lost[self._leaf_of_player])
        return np.bincount(self._owners, shares, minlength=self._players).astype(np.float64)

    def _patterns(self, row: Doubles) -> Integers:
        """The row's pattern at each leaf."""
        own = row[self._columns]
        left = (own < self._thresholds) | (self._equal_left & (own == self._thresholds))
        if len(self._level_nodes):
            codes = codes_within(own[self._level_nodes], self._level_counts)
            known = self._levels_left[self._level_starts + codes]
            left[self._level_nodes] = known & ~np.isnan(own[self._level_nodes])
        left |= self._missing_left & np.isnan(own)
        holds = left[self._nodes] == self._ways
        met = np.logical_and.reduceat(holds, self._condition_starts)
        patterns: Integers = np.add.reduceat(met * self._bits, self._path_starts)
        return patterns


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)
