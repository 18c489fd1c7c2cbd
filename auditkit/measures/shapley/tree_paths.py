"""Exact interventional SHAP values over the paths of a tree ensemble, for any grouping of columns.

A leaf's values depend only on which conditions of its path a row and a reference row meet, as
`auditkit.measures.shapley.leaf_games` says, so reference rows with the same pattern at a leaf are
counted once: the patterns of a whole reference are kept, not its rows. That makes one row fast,
once `TreePaths` is built, and it makes encoded columns, which belong to one source column, one
player.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.measures.shapley.leaf_games import leaf_values
from auditkit.measures.shapley.tree_row import RowPaths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditkit.measures.shapley.trees import Doubles, Integers, LeafPaths

# So many rows are faster one by one than leaf by leaf.
_FEW_ROWS: Final = 16

# Up to so many players patterns are counted in an array of all that are possible.
_DENSE: Final = 12


class TreePaths:
    """A tree ensemble and the patterns of a whole reference, ready to explain rows.

    Args:
        trees: The trees with their paths.
        players: How many players there are; some may be on no path.
        reference: Every row counts alike, shape `(rows, columns)`; NaN is missing.
        blocks: For each of its rows the number of its block, each from 0 on having one: values are
            relative to each block by itself. None: they are relative to the whole.
    """

    def __init__(
        self,
        trees: Sequence[LeafPaths],
        *,
        players: int,
        reference: Doubles,
        blocks: Integers | None = None,
    ) -> None:
        self._trees: Final = tuple(trees)
        self._players: Final = players
        turned = np.ascontiguousarray(reference.T)
        of = np.zeros(len(reference), dtype=np.int64) if blocks is None else blocks
        self._blocks: Final = int(of.max()) + 1
        self._found: Final = tuple(_found(tree, turned, of) for tree in self._trees)

    def relative_to(self, reference: Doubles, blocks: Integers | None = None) -> TreePaths:
        """The same trees, read once, with the patterns of another reference."""
        return TreePaths(self._trees, players=self._players, reference=reference, blocks=blocks)

    @cached_property
    def _flat(self) -> RowPaths:
        return RowPaths(self._trees, self._found, self._players)

    def values(self, rows: Doubles) -> Doubles:
        """Shapley values of every row, shape `(rows, players)`.

        Args:
            rows: Shape `(rows, columns)`; NaN is missing.
        """
        if len(rows) <= _FEW_ROWS:
            return np.array([self.one_row(row) for row in rows])
        whole: Doubles = self.leaf_by_leaf(rows)[0]
        return whole

    def one_row(self, row: Doubles) -> Doubles:
        """Shapley values of a row of shape `(columns,)`, shape `(players,)`."""
        return self._flat.values(row)

    def leaf_by_leaf(self, rows: Doubles) -> Doubles:
        """As `values`, in the way that is faster for many rows, relative to each block.

        Returns:
            Shape `(blocks, rows, players)`.
        """
        values = np.zeros((self._players, len(rows), self._blocks))
        turned = np.ascontiguousarray(rows.T)
        for tree, found in zip(self._trees, self._found, strict=True):
            left = tree.tree.goes_left(turned)
            right = ~left
            for leaf, path in enumerate(tree.paths):
                if not path or (leaf and tree.mirrored[leaf - 1]):
                    continue
                both = (leaf, leaf + 1) if tree.mirrored[leaf] else (leaf,)
                weighted = [(tree.weights[i], *found[i]) for i in both]
                patterns = tree.patterns(left, right, leaf)
                table, which = leaf_values(weighted, patterns, len(path))
                for bit, (player, _) in enumerate(path):
                    values[player] += table[bit].take(which, axis=0)
        return values.T

    def outputs(self, rows: Doubles) -> Doubles:
        """What the trees give each row, less their mean over the whole reference, shape `(rows,)`.

        It is what the row's values add up to, for a fraction of their time.

        Args:
            rows: Shape `(rows, columns)`; NaN is missing.
        """
        total, mean = np.zeros(len(rows)), 0.0
        turned = np.ascontiguousarray(rows.T)
        for tree, found in zip(self._trees, self._found, strict=True):
            left = tree.tree.goes_left(turned)
            right = ~left
            for path, weight, (patterns, shares) in zip(
                tree.paths, tree.weights, found, strict=True
            ):
                met = np.ones(len(rows), dtype=np.bool_)
                for _, conditions in path:
                    for node, goes_left in conditions:
                        met &= left[node] if goes_left else right[node]
                total[met] += weight
                mean += float(weight * shares[patterns == 2 ** len(path) - 1].sum())
        return total - mean


def _found(
    tree: LeafPaths, turned: Doubles, blocks: Integers
) -> tuple[tuple[Integers, Doubles], ...]:
    """For each leaf the patterns in a reference, and the share of each block that has each."""
    left = tree.tree.goes_left(turned)
    right = ~left
    sizes = np.bincount(blocks)
    of_leaves: list[tuple[Integers, Doubles]] = []
    for leaf, path in enumerate(tree.paths):
        if leaf and tree.mirrored[leaf - 1]:
            twin, shares = of_leaves[-1]
            of_leaves.append((twin ^ (1 << len(path) - 1), shares))
            continue
        found, counts = _distinct(tree.patterns(left, right, leaf), len(path), blocks, len(sizes))
        of_leaves.append((found, counts / sizes))
    return tuple(of_leaves)


def _distinct(
    patterns: Integers, players: int, blocks: Integers, count: int
) -> tuple[Integers, Integers]:
    """The distinct patterns, ascending, and how many rows of each block have each."""
    if players > _DENSE:
        found, which = np.unique(patterns, return_inverse=True)
        counts = np.bincount(which * count + blocks, minlength=len(found) * count)
        return found, counts.reshape(-1, count)
    counts = np.bincount(patterns * count + blocks, minlength=2**players * count)
    counts = counts.reshape(-1, count)
    found = np.flatnonzero(counts.any(axis=1))
    return found, counts[found]
