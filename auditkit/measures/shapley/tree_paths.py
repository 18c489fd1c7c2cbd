"""Exact interventional SHAP values over the paths of a tree ensemble, for any grouping of columns.

A leaf contributes its weight where every condition on the way to it holds. For a row x and a
reference row r, a player j of that path (a column, or a group of columns that switch together) is
one of four kinds: x and r both meet j's conditions (j does not matter), neither does (the leaf
contributes nothing), only x does (j is in A), only r does (j is in B). With a = |A| and b = |B| the
leaf's game is "all of A and none of B", whose Shapley values are in closed form:

    each j in A:  weight * (a-1)! b! / (a+b)!        each j in B:  -weight * a! (b-1)! / (a+b)!

Only which conditions hold matters, so reference rows with the same pattern at a leaf are counted
once: the patterns of a whole reference are kept, not its rows. That makes one row fast, once
`TreePaths` is built, and it makes encoded columns, which belong to one source column, one player.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import sparse

from auditkit.measures.shapley.tree_row import RowPaths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Doubles = NDArray[np.float64]
    Integers = NDArray[np.int64]
    # For each player: its number, and its conditions as (node, whether the path goes left there).
    Path = tuple[tuple[int, tuple[tuple[int, bool], ...]], ...]

# A pattern is one bit a player in a 64-bit number.
MAX_PLAYERS_ON_A_PATH: Final = 62


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """One tree.

    Attributes:
        columns: Column of each inner node, shape `(nodes,)`.
        thresholds: Its threshold.
        equal_left: Whether a value equal to it goes left.
        missing_left: Whether a missing value goes left.
        weights: Weight of each leaf, shape `(leaves,)`.
        paths: The players on the path to each leaf.
        mirrored: Whether the next leaf has the same path but for the last player, whose one
            condition is the opposite: its patterns are this leaf's with that player's bit flipped.
    """

    columns: Integers
    thresholds: Doubles
    equal_left: Bools
    missing_left: Bools
    weights: Doubles
    paths: tuple[Path, ...]
    mirrored: tuple[bool, ...]

    def goes_left(self, columns: Doubles) -> Bools:
        """Which way each row goes at each inner node, shape `(nodes, rows)`.

        Args:
            columns: The rows, turned: shape `(columns, rows)`.
        """
        left = np.empty((len(self.columns), columns.shape[1]), dtype=np.bool_)
        for node, (column, threshold) in enumerate(zip(self.columns, self.thresholds, strict=True)):
            values = columns[column]
            # A comparison with a missing value is false.
            if self.missing_left[node]:
                beyond = np.greater if self.equal_left[node] else np.greater_equal
                np.logical_not(beyond(values, threshold), out=left[node])
            else:
                within = np.less_equal if self.equal_left[node] else np.less
                within(values, threshold, out=left[node])
        return left

    def patterns(self, left: Bools, right: Bools, leaf: int) -> Integers:
        """Which players on a leaf's path meet its conditions: one bit a player, shape `(rows,)`."""
        path = self.paths[leaf]
        small: Any = np.uint8 if len(path) <= 8 else np.uint16 if len(path) <= 16 else np.uint64
        pattern: NDArray[Any] = np.zeros(left.shape[1], dtype=small)
        for bit, (_, conditions) in enumerate(path):
            met: Bools | None = None
            for node, goes_left in conditions:
                holds = left[node] if goes_left else right[node]
                met = holds if met is None else met & holds
            assert met is not None
            pattern |= np.left_shift(met.view(np.uint8).astype(small), small(bit))
        return pattern.astype(np.int64)


class TreePaths:
    """A tree ensemble and the patterns of a whole reference, ready to explain rows.

    Args:
        roots: The trees' roots as woodelf reads them: nodes with `feature_name`, `value`, `left`,
            `right`, `nan_go_left`, and leaves with a `value`.
        columns: The columns' names, in the order of the tables' columns.
        players: For each column the number of the player it belongs to, counted from 0.
        reference: Every row counts alike, shape `(rows, columns)`; NaN is missing.
        count: How many players there are, where some may have no column; default: as many as the
            columns name.
    """

    def __init__(
        self,
        roots: Sequence[Any],
        *,
        columns: Sequence[str],
        players: Sequence[int],
        reference: Doubles,
        count: int | None = None,
    ) -> None:
        position = {name: i for i, name in enumerate(columns)}
        self._players = max(players) + 1 if count is None else count
        self._trees = tuple(_read(root, position, players) for root in roots)
        self._found = self._patterns_of(reference)

    def relative_to(self, reference: Doubles) -> TreePaths:
        """The same trees, read once, with the patterns of another reference."""
        other = copy.copy(self)
        other.__dict__.pop("_flat", None)
        other._found = other._patterns_of(reference)  # noqa: SLF001 - of its own kind
        return other

    def _patterns_of(self, reference: Doubles) -> list[list[tuple[Integers, Doubles]]]:
        every: list[list[tuple[Integers, Doubles]]] = []
        turned = np.ascontiguousarray(reference.T)
        for tree in self._trees:
            left = tree.goes_left(turned)
            right = ~left
            of_leaves: list[tuple[Integers, Doubles]] = []
            for leaf, path in enumerate(tree.paths):
                if leaf and tree.mirrored[leaf - 1]:
                    twin, shares = of_leaves[-1]
                    of_leaves.append((twin ^ (1 << len(path) - 1), shares))
                    continue
                found, counts = _distinct(tree.patterns(left, right, leaf), len(path))
                of_leaves.append((found, counts / len(reference)))
            every.append(of_leaves)
        return every

    @cached_property
    def _flat(self) -> RowPaths:
        return RowPaths(self._trees, self._found, _WEIGHTS, self._players)

    def values(self, rows: Doubles) -> Doubles:
        """Shapley values of every row, shape `(rows, players)`.

        Args:
            rows: Shape `(rows, columns)`; NaN is missing.
        """
        if len(rows) <= _FEW_ROWS:
            return np.array([self._flat.values(row) for row in rows])
        values = np.zeros((self._players, len(rows)))
        turned = np.ascontiguousarray(rows.T)
        for tree, found in zip(self._trees, self._found, strict=True):
            left = tree.goes_left(turned)
            right = ~left
            for leaf, path in enumerate(tree.paths):
                if leaf and tree.mirrored[leaf - 1]:
                    continue
                patterns = tree.patterns(left, right, leaf)
                leaves = [leaf, leaf + 1] if tree.mirrored[leaf] else [leaf]
                weighted = [(tree.weights[i], *found[i]) for i in leaves]
                if len(path) <= _FEW_PLAYERS:
                    table, which = _every_value(weighted, len(path)), patterns
                else:
                    own, which = np.unique(patterns, return_inverse=True)
                    parts = np.array_split(own, 1 + len(own) * len(found[leaf][0]) // _PAIRS)
                    tables = [_values_of(part, weighted, len(path)) for part in parts]
                    table = np.concatenate(tables, axis=1)
                for bit, (player, _) in enumerate(path):
                    values[player] += table[bit].take(which)
        return values.T

    def outputs(self, rows: Doubles) -> Doubles:
        """What the trees give each row, less their mean over the reference, shape `(rows,)`.

        It is what the row's values add up to, for a fraction of their time.

        Args:
            rows: Shape `(rows, columns)`; NaN is missing.
        """
        total, mean = np.zeros(len(rows)), 0.0
        turned = np.ascontiguousarray(rows.T)
        for tree, found in zip(self._trees, self._found, strict=True):
            left = tree.goes_left(turned)
            right = ~left
            for leaf, (path, weight) in enumerate(zip(tree.paths, tree.weights, strict=True)):
                met = np.ones(len(rows), dtype=np.bool_)
                for _, conditions in path:
                    for node, goes_left in conditions:
                        met &= left[node] if goes_left else right[node]
                total[met] += weight
                patterns, shares = found[leaf]
                mean += float(weight * shares[patterns == 2 ** len(path) - 1].sum())
        return total - mean


# So many rows are faster one by one than leaf by leaf.
_FEW_ROWS: Final = 16

# On paths with so many players or fewer, all patterns are computed at once, seen or not.
_FEW_PLAYERS: Final = 10

# Pairs of patterns that are held at a time.
_PAIRS: Final = 1 << 22

# With so many players or fewer, patterns are counted in an array of all that are possible.
_DENSE: Final = 12


def _distinct(patterns: Integers, players: int) -> tuple[Integers, Integers]:
    """The distinct patterns, ascending, and how many rows have each."""
    if players > _DENSE:
        return np.unique(patterns, return_counts=True)
    counts = np.bincount(patterns, minlength=2**players)
    found = np.flatnonzero(counts)
    return found, counts[found]


# A leaf's weight, the patterns in the reference, and what share of the reference has each. Two
# leaves are mirrored: the second's patterns have the last player's bit flipped.
WeightedLeaf = tuple[float, "Integers", "Doubles"]


def _every_value(leaves: Sequence[WeightedLeaf], players: int) -> Doubles:
    """Shapley values of every pattern at a leaf, or two mirrored ones: `(players, 2**players)`."""
    if players == 0:
        return np.zeros((0, 1))
    shares = np.zeros((2**players, len(leaves)))
    for number, (weight, found, of_found) in enumerate(leaves):
        shares[found, number] = weight * of_found
    tables = (_operator(players) @ shares).reshape(players, 2, -1, len(leaves))
    table = tables[..., 0]
    if len(leaves) == 2:
        table = table + tables[:, ::-1, :, 1]
    return table.reshape(players, -1)


@cache
def _operator(players: int) -> sparse.csr_array:
    """From the shares of every pattern in the reference to the values of every pattern.

    Of 4**players pairs of patterns 3**players reach the leaf: both meet a player's conditions, only
    the row does, or only the reference row does.
    """
    kinds = np.indices((3,) * players).reshape(players, -1)
    bits = 1 << np.arange(players)
    own, found = bits @ (kinds != 2), bits @ (kinds != 1)
    a, b = (kinds == 1).sum(axis=0), (kinds == 2).sum(axis=0)
    up, down = _WEIGHTS
    rows, columns, numbers = [], [], []
    for bit, kind in enumerate(kinds):
        worth = np.where(kind == 1, up[a, b], -down[a, b])
        counts = kind != 0
        rows.append(bit * 2**players + own[counts])
        columns.append(found[counts])
        numbers.append(worth[counts])
    places = (np.concatenate(rows), np.concatenate(columns))
    shape = (players * 2**players, 2**players)
    return sparse.csr_array((np.concatenate(numbers), places), shape=shape)


def _values_of(own: Integers, leaves: Sequence[WeightedLeaf], players: int) -> Doubles:
    """As `_every_value`, of some patterns: on long paths few pairs of those seen reach the leaf."""
    full = 2**players - 1
    small: Any = np.int32 if players < 31 else np.int64
    up, down = _WEIGHTS
    values = np.zeros((players, len(own)))
    for number, (weight, found, shares) in enumerate(leaves):
        seen = (own ^ (number << players - 1)).astype(small)
        which, partner = np.nonzero((seen[:, None] | found.astype(small)) == full)
        for_it, against = seen[which] & ~found[partner], full & ~seen
        a, b = np.bitwise_count(for_it), np.bitwise_count(against)[which]
        weights = weight * shares[partner]
        gains = weights * up[a, b]
        losses = np.bincount(which, weights * down[a, b], minlength=len(own))
        for bit in range(players):
            lacking = (for_it >> bit) & 1
            values[bit] += np.bincount(which, gains * lacking, minlength=len(own))
            values[bit] -= losses * ((against >> bit) & 1)
    return values


def _weights() -> tuple[Doubles, Doubles]:
    """(a-1)! b! / (a+b)! and a! (b-1)! / (a+b)! for every a and b; 0 where a or b is 0."""
    size = MAX_PLAYERS_ON_A_PATH + 1
    up, down = np.zeros((size, size)), np.zeros((size, size))
    for a in range(size):
        for b in range(size):
            if a + b < size:
                whole = math.comb(a + b, a)
                up[a, b] = 1 / (a * whole) if a else 0.0
                down[a, b] = 1 / (b * whole) if b else 0.0
    return up, down


_WEIGHTS: Final = _weights()


def _read(root: Any, position: dict[str, int], players: Sequence[int]) -> Tree:
    columns: list[int] = []
    thresholds: list[float] = []
    equal_left: list[bool] = []
    missing_left: list[bool] = []
    weights: list[float] = []
    paths: list[Path] = []
    open_nodes: list[tuple[Any, tuple[tuple[int, bool], ...]]] = [(root, ())]
    while open_nodes:
        node, way = open_nodes.pop()
        if node.left is None:
            weights.append(float(node.value))
            by_player: dict[int, list[tuple[int, bool]]] = {}
            for inner, goes_left in way:
                by_player.setdefault(players[columns[inner]], []).append((inner, goes_left))
            if len(by_player) > MAX_PLAYERS_ON_A_PATH:
                raise ValueError("a path with too many players")
            paths.append(tuple((player, tuple(c)) for player, c in by_player.items()))
            continue
        number = len(columns)
        columns.append(position[node.feature_name])
        thresholds.append(float(node.value))
        equal_left.append("Equal" in type(node).__name__)
        missing_left.append(bool(node.nan_go_left))
        open_nodes.append((node.right, (*way, (number, False))))
        open_nodes.append((node.left, (*way, (number, True))))
    return Tree(
        columns=np.array(columns, dtype=np.int64),
        thresholds=np.array(thresholds),
        equal_left=np.array(equal_left, dtype=np.bool_),
        missing_left=np.array(missing_left, dtype=np.bool_),
        weights=np.array(weights),
        paths=tuple(paths),
        mirrored=tuple(_mirror(a, b) for a, b in pairwise((*paths, ()))),
    )


def _mirror(path: Path, following: Path) -> bool:
    if not path or not following or path[:-1] != following[:-1]:
        return False
    (player, conditions), (other, opposite) = path[-1], following[-1]
    return (
        player == other
        and len(conditions) == len(opposite) == 1
        and conditions[0][0] == opposite[0][0]
    )
