"""Decision trees as arrays, whichever library grew them, and the paths to their leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    """One tree. Its inner nodes are counted from 0, the root, and so are its leaves.

    Attributes:
        columns: Column of each inner node, shape `(nodes,)`.
        thresholds: Its threshold: lower values go left. Unused where it compares levels.
        equal_left: Whether a value equal to it goes left.
        missing_left: Whether a missing value goes left.
        left: What is on the left: an inner node, or `~leaf`.
        right: What is on the right.
        weights: Weight of each leaf, shape `(leaves,)`; one leaf where there is no inner node.
        levels: Of a node that compares levels, whether each one goes left, by its code; the last
            entry stands for every code from there on.
    """

    columns: Integers
    thresholds: Doubles
    equal_left: Bools
    missing_left: Bools
    left: Integers
    right: Integers
    weights: Doubles
    levels: Mapping[int, Bools] = field(default_factory=dict)

    def goes_left(self, columns: Doubles) -> Bools:
        """Which way each row goes at each inner node, shape `(nodes, rows)`.

        Args:
            columns: The rows, turned: shape `(columns, rows)`; NaN is missing.
        """
        left = np.empty((len(self.columns), columns.shape[1]), dtype=np.bool_)
        for node, (column, threshold) in enumerate(zip(self.columns, self.thresholds, strict=True)):
            values = columns[column]
            if node in self.levels:
                known = self.levels[node]
                left[node] = known[codes_within(values, len(known))]
                left[node, np.isnan(values)] = self.missing_left[node]
            # A comparison with a missing value is false.
            elif self.missing_left[node]:
                beyond = np.greater if self.equal_left[node] else np.greater_equal
                np.logical_not(beyond(values, threshold), out=left[node])
            else:
                within = np.less_equal if self.equal_left[node] else np.less
                within(values, threshold, out=left[node])
        return left


def codes_within(values: Doubles, size: Any) -> Integers:
    """Codes of levels as places in a list of so many; the last is for codes that it does not name.

    Args:
        values: Codes, each >= 0; a negative or missing one is not named by any list.
        size: How many places there are, >= 1; one number, or one for each value.
    """
    named = (values >= 0) & (values < size - 1)
    places: Integers = np.where(named, values, size - 1).astype(np.int64)
    return places


@dataclass(frozen=True, kw_only=True, eq=False)
class LeafPaths:
    """The paths to the leaves of a tree, from left to right.

    Attributes:
        tree: The tree.
        weights: Weight of each leaf, shape `(leaves,)`.
        paths: The players on the path to each leaf.
        mirrored: Whether the next leaf has the same path but for the last player, whose one
            condition is the opposite: its patterns are this leaf's with that player's bit flipped.
    """

    tree: Tree
    weights: tuple[float, ...]
    paths: tuple[Path, ...]
    mirrored: tuple[bool, ...]

    @classmethod
    def of(cls, tree: Tree, players: Sequence[int]) -> LeafPaths:
        """Finds the paths of a tree.

        Args:
            tree: The tree.
            players: For each column the number of the player it belongs to, counted from 0.

        Raises:
            ValueError: If a path has too many players.
        """
        owners = [players[column] for column in tree.columns.tolist()]
        left, right = tree.left.tolist(), tree.right.tolist()
        leaves: list[int] = []
        paths: list[Path] = []
        ways: list[tuple[int, tuple[tuple[int, bool], ...]]] = [(0 if left else ~0, ())]
        while ways:
            node, way = ways.pop()
            if node >= 0:
                ways.append((right[node], (*way, (node, False))))
                ways.append((left[node], (*way, (node, True))))
                continue
            by_player: dict[int, list[tuple[int, bool]]] = {}
            for condition in way:
                by_player.setdefault(owners[condition[0]], []).append(condition)
            if len(by_player) > MAX_PLAYERS_ON_A_PATH:
                raise ValueError("a path with too many players")
            leaves.append(~node)
            paths.append(tuple((player, tuple(c)) for player, c in by_player.items()))
        return cls(
            tree=tree,
            weights=tuple(tree.weights[leaves].tolist()),
            paths=tuple(paths),
            mirrored=tuple(_mirror(a, b) for a, b in pairwise((*paths, ()))),
        )

    def patterns(self, left: Bools, right: Bools, leaf: int) -> Integers:
        """Which players on a leaf's path meet its conditions: one bit a player, shape `(rows,)`.

        Args:
            left: From `Tree.goes_left`.
            right: Its opposite.
            leaf: Which leaf, counted from the left.
        """
        path = self.paths[leaf]
        small: Any = np.uint8 if len(path) <= 8 else np.uint16 if len(path) <= 16 else np.uint64
        pattern: NDArray[Any] = np.zeros(left.shape[1], dtype=small)
        for _, conditions in reversed(path):
            met: Bools | None = None
            for node, goes_left in conditions:
                holds = left[node] if goes_left else right[node]
                met = holds if met is None else met & holds
            assert met is not None
            pattern += pattern  # to the next bit: faster than a shift
            pattern |= met.view(np.uint8)
        return pattern.astype(np.int64)


def _mirror(path: Path, following: Path) -> bool:
    if not path or not following or path[:-1] != following[:-1]:
        return False
    (player, conditions), (other, opposite) = path[-1], following[-1]
    return (
        player == other
        and len(conditions) == len(opposite) == 1
        and conditions[0][0] == opposite[0][0]
    )
