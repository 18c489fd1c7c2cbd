"""The tree's compact range [0, size): all that is needed to append entries. Pure.

Example:
    >>> frontier = Frontier.empty()
    >>> extended = frontier.extend([b"x" * 32, b"y" * 32])
    >>> extended.frontier.size, [number for number, _ in extended.nodes]
    (2, [0, 1, 2])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditkit.merkle import (
    Node,
    fold,
    inclusion_ranges,
    node_hash,
    node_id,
    range_root,
    whole_subtrees,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Frontier:
    """A compact range from 0: the perfect subtrees that a log of some size consists of.

    Attributes:
        size: How many entries the log has.
        nodes: The subtrees and their hashes, from left to right.
        root: The root over them.
    """

    size: int
    nodes: tuple[tuple[Node, bytes], ...]
    root: bytes

    @classmethod
    def empty(cls) -> Frontier:
        """The frontier of a log without entries."""
        return cls.of(0, ())

    @classmethod
    def of(cls, size: int, hashes: Sequence[bytes]) -> Frontier:
        """The frontier of a log, from the hashes of its perfect subtrees, left to right."""
        nodes = tuple(zip(whole_subtrees(0, size), hashes, strict=True))
        return cls(size=size, nodes=nodes, root=fold(nodes))

    def extend(self, leaf_hashes: Sequence[bytes]) -> Extended:
        """The log with more entries."""
        right = list(self.nodes)
        known = dict(self.nodes)
        added: list[tuple[int, bytes]] = []
        for index, leaf in enumerate(leaf_hashes, self.size):
            node, value = (0, index), leaf
            while True:
                known[node] = value
                added.append((node_id(*node), value))
                if not node[1] & 1:
                    break
                value = node_hash(right.pop()[1], value)
                node = (node[0] + 1, node[1] >> 1)
            right.append((node, value))
        nodes = tuple(right)
        frontier = Frontier(size=self.size + len(leaf_hashes), nodes=nodes, root=fold(nodes))
        return Extended(frontier=frontier, nodes=added, known=known)


@dataclass(frozen=True, kw_only=True, slots=True)
class Extended:
    """A log after a batch.

    Attributes:
        frontier: Its new frontier.
        nodes: The nodes that the batch completed, as (number, hash), in that order.
        known: Every node that an inclusion proof of a new entry can need.
    """

    frontier: Frontier
    nodes: list[tuple[int, bytes]]
    known: dict[Node, bytes]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The inclusion proof of one of the new entries in the new tree."""
        return tuple(
            range_root(begin, end, lambda nodes: [self.known[node] for node in nodes])
            for begin, end in inclusion_ranges(index, self.frontier.size)
        )
