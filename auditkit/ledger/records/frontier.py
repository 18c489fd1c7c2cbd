"""How the tree grows by a batch of entries: pure, from the nodes on its right edge.

Example:
    >>> edge = Edge.empty()
    >>> grown = edge.add([b"x" * 32, b"y" * 32])
    >>> grown.edge.size, [number for number, _ in grown.nodes]
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
class Edge:
    """The whole subtrees that a log of a size is made of: all that growing needs to know.

    Attributes:
        size: How many entries the log has.
        nodes: The subtrees and their hashes, from left to right.
        root: The root over them.
    """

    size: int
    nodes: tuple[tuple[Node, bytes], ...]
    root: bytes

    @classmethod
    def empty(cls) -> Edge:
        """The edge of a log without entries."""
        return cls.of(0, ())

    @classmethod
    def of(cls, size: int, hashes: Sequence[bytes]) -> Edge:
        """The edge of a log from the hashes of its whole subtrees, left to right."""
        nodes = tuple(zip(whole_subtrees(0, size), hashes, strict=True))
        return cls(size=size, nodes=nodes, root=fold(nodes))

    def add(self, leaf_hashes: Sequence[bytes]) -> Grown:
        """The log with more entries."""
        edge = list(self.nodes)
        known = dict(self.nodes)
        added: list[tuple[int, bytes]] = []
        for index, leaf in enumerate(leaf_hashes, self.size):
            node, value = (0, index), leaf
            while True:
                known[node] = value
                added.append((node_id(*node), value))
                if not node[1] & 1:
                    break
                value = node_hash(edge.pop()[1], value)
                node = (node[0] + 1, node[1] >> 1)
            edge.append((node, value))
        nodes = tuple(edge)
        size = self.size + len(leaf_hashes)
        return Grown(edge=Edge(size=size, nodes=nodes, root=fold(nodes)), nodes=added, known=known)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grown:
    """A log after a batch.

    Attributes:
        edge: Its new edge.
        nodes: The nodes that came to exist, as (number, hash), in that order.
        known: Every node that a proof for one of the new entries can need.
    """

    edge: Edge
    nodes: list[tuple[int, bytes]]
    known: dict[Node, bytes]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The inclusion proof of one of the new entries in the new tree."""
        return tuple(
            range_root(begin, end, lambda nodes: [self.known[node] for node in nodes])
            for begin, end in inclusion_ranges(index, self.edge.size)
        )
