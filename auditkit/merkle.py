"""Merkle trees by RFC 6962 and RFC 9162: roots, and proofs that fit in an e-mail.

A log of entries is hashed as a binary tree. Proofs can show somebody who kept one root, 32 bytes,
that an entry is in that tree (inclusion) and that a longer log still begins with the same entries
in the same order (consistency), without reading the log.

Laws:
    - A leaf is hashed after the byte 0x00 and an inner node after 0x01, so that neither passes
      for the other.
    - The verifiers return None or raise `VerificationError`, whatever they are given.
    - An empty tree proves nothing: a size of 0 is refused. RFC 9162 leaves it open, and a verifier
      that takes it as proven accepts any root.
    - Every hash is 32 bytes long, or it is refused.
    - A proof does not fix the size: a tree of another size whose path has the same shape gives the
      same hashes. Size and root are taken together, from one signed checkpoint.

Coordinates: node `(level, position)` covers the leaves `[position << level, position + 1 << level)`
and exists when all of them do. Nodes are numbered in the order in which they come to exist, so
that a log that grows only ever adds to the end:

::

    level 2               6
                    ┌─────┴─────┐
    level 1         2           5           9
                  ┌─┴─┐       ┌─┴─┐       ┌─┴─┐
    level 0       0   1       3   4       7   8       10

What it leaves to others: signatures over roots (`auditkit.ledger.records.note`), keeping nodes
(`auditkit.ledger.store.tables`). Source: RFC 9162, section 2.1.

Example:
    >>> leaves = [leaf_hash(name) for name in (b"a", b"b", b"c")]
    >>> proof = inclusion_proof(leaves, 2)
    >>> verify_inclusion(leaves[2], 2, 3, proof, root(leaves))
    >>> verify_inclusion(leaves[0], 2, 3, proof, root(leaves))
    Traceback (most recent call last):
    auditkit.errors.VerificationError: The inclusion proof leads to another root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from auditkit.errors import InputError, VerificationError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

Node: TypeAlias = tuple[int, int]
"""A node's level (0 is the leaves) and its position on that level, from the left."""

# No tree of this log is larger: sizes are kept as signed 64-bit numbers.
_MAX_SIZE: Final = 2**63 - 1


def leaf_hash(data: bytes) -> bytes:
    """The hash of an entry: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root of the tree over some leaves; of an empty one, the SHA-256 of nothing.

    Args:
        leaf_hashes: Hashes of the entries in the order of the log, 32 bytes each.

    Raises:
        InputError: If a hash is not 32 bytes.
    """
    _need_hashes(leaf_hashes)
    return _range_root(leaf_hashes, 0, len(leaf_hashes))


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The hashes that, with an entry's own, lead to the root: the leaf's sibling first.

    Requires 0 <= index < len(leaf_hashes).

    Raises:
        InputError: If the index is outside the log, or a hash is not 32 bytes.
    """
    _need_hashes(leaf_hashes)
    ranges = inclusion_ranges(index, len(leaf_hashes))
    return tuple(_range_root(leaf_hashes, begin, end) for begin, end in ranges)


def consistency_proof(
    leaf_hashes: Sequence[bytes], size1: int, size2: int | None = None
) -> tuple[bytes, ...]:
    """The hashes that show the first `size1` entries to be the beginning of the first `size2`.

    Requires 0 < size1 <= size2 <= len(leaf_hashes).

    Args:
        leaf_hashes: Hashes of the entries in the order of the log, 32 bytes each.
        size1: How many entries the older tree has.
        size2: How many entries the newer tree has; all of them unless given.

    Raises:
        InputError: If the sizes are not as required, or a hash is not 32 bytes.
    """
    _need_hashes(leaf_hashes)
    newer = len(leaf_hashes) if size2 is None else size2
    if newer > len(leaf_hashes):
        raise InputError(f"The newer tree has {newer} entries; only {len(leaf_hashes)} are given.")
    ranges = consistency_ranges(size1, newer)
    return tuple(_range_root(leaf_hashes, begin, end) for begin, end in ranges)


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Checks that an entry is at an index of the tree of a size with a root.

    Args:
        leaf_hash: The entry's leaf hash.
        index: Its place in the log, from 0.
        size: How many entries the tree has, at least 1.
        proof: What `inclusion_proof` gave.
        root: The tree's root, from a checkpoint whose signature was checked.

    Raises:
        VerificationError: If it is not there, or the proof is not well formed.
    """
    _check_count(index, "index")
    _check_count(size, "size")
    if size == 0:
        raise VerificationError("An empty tree includes nothing.")
    if index >= size:
        raise VerificationError(f"Index {index} is not in a tree of {size} entries.")
    _check_hash(leaf_hash, "leaf hash")
    _check_hash(root, "root")
    _check_proof(proof, len(inclusion_ranges(index, size)))
    here, last, value = index, size - 1, leaf_hash
    for sibling in proof:
        # A right child, or the last node of a level, which has no right sibling on this level.
        if here & 1 or here == last:
            value = node_hash(sibling, value)
            while not here & 1:  # Levels on which the lone last node was carried up as it was.
                here, last = here >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        here, last = here >> 1, last >> 1
    if value != root:
        raise VerificationError("The inclusion proof leads to another root.")


def verify_consistency(
    size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """Checks that a tree is the beginning of a larger one.

    Args:
        size1: How many entries the older tree has, at least 1.
        size2: How many entries the newer tree has, at least `size1`.
        proof: What `consistency_proof` gave; empty if the sizes are equal.
        root1: The older tree's root.
        root2: The newer tree's root.

    Raises:
        VerificationError: If it is not, or the proof is not well formed.
    """
    _check_count(size1, "older size")
    _check_count(size2, "newer size")
    if size1 == 0:
        raise VerificationError("An empty tree is the beginning of any: that proves nothing.")
    if size1 > size2:
        raise VerificationError(f"The log shrank from {size1} entries to {size2}.")
    _check_hash(root1, "older root")
    _check_hash(root2, "newer root")
    _check_proof(proof, len(consistency_ranges(size1, size2)))
    if size1 == size2:
        if root1 != root2:
            raise VerificationError(f"Two trees of {size1} entries have different roots.")
        return
    here, last = size1 - 1, size2 - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    # A power of two is one whole subtree: its root is known and not sent.
    path = iter(proof if here else (root1, *proof))
    older = newer = next(path)
    for sibling in path:
        if here & 1 or here == last:
            older = node_hash(sibling, older)
            newer = node_hash(sibling, newer)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        here, last = here >> 1, last >> 1
    if older != root1:
        raise VerificationError("The consistency proof leads to another older root.")
    if newer != root2:
        raise VerificationError("The consistency proof leads to another newer root.")


def inclusion_ranges(index: int, size: int) -> tuple[tuple[int, int], ...]:
    """The ranges `[begin, end)` of leaves whose roots are the proof of an entry, sibling first.

    Requires 0 <= index < size.
    """
    if type(index) is not int or not 0 <= index < size:
        raise InputError(f"Index {index} is not in a log of {size} entries.")
    begin, end = 0, size
    found: list[tuple[int, int]] = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    return tuple(reversed(found))


def consistency_ranges(size1: int, size2: int) -> tuple[tuple[int, int], ...]:
    """The ranges `[begin, end)` of leaves whose roots prove one tree the beginning of another.

    Requires 0 < size1 <= size2.
    """
    if type(size1) is not int or type(size2) is not int or not 0 < size1 <= size2:
        raise InputError(f"A tree of {size1} entries cannot be the beginning of one of {size2}.")
    begin, end = 0, size2
    found: list[tuple[int, int]] = []
    while size1 != end:
        middle = begin + _split(end - begin)
        if size1 <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    if begin:
        found.append((begin, end))
    return tuple(reversed(found))


def node_id(level: int, position: int) -> int:
    """The number of a node: how many nodes exist before it does, as the module draws them."""
    last_leaf = ((position + 1) << level) - 1
    return node_count(last_leaf) + level


def node_count(size: int) -> int:
    """How many nodes a log of a size has kept: every whole subtree, leaves included."""
    return 2 * size - size.bit_count()


def whole_subtrees(begin: int, end: int) -> Iterator[Node]:
    """The fewest nodes that cover the leaves `[begin, end)`, from left to right."""
    while begin < end:
        # The largest aligned subtree that starts here and does not reach past the end.
        aligned = (begin & -begin).bit_length() - 1 if begin else 63
        level = min(aligned, (end - begin).bit_length() - 1)
        yield level, begin >> level
        begin += 1 << level


def fold(nodes: Sequence[tuple[Node, bytes]]) -> bytes:
    """The root of the leaves that a row of nodes covers, left to right and without a gap.

    The first node's leaves need to begin where the tree that is asked for begins.
    """
    if not nodes:
        return EMPTY_ROOT
    stack: list[tuple[Node, bytes]] = []
    for node, value in nodes:
        (level, position), joined = node, value
        while stack and stack[-1][0] == (level, position - 1) and position & 1:
            joined = node_hash(stack.pop()[1], joined)
            level, position = level + 1, position >> 1
        stack.append(((level, position), joined))
    value = stack.pop()[1]
    while stack:
        value = node_hash(stack.pop()[1], value)
    return value


def range_root(begin: int, end: int, get: Callable[[Sequence[Node]], Sequence[bytes]]) -> bytes:
    """The root of the leaves `[begin, end)` from kept nodes.

    Args:
        begin: Where the range begins, a multiple of the power of two that fits its length: what
            `inclusion_ranges` and `consistency_ranges` give, or 0.
        end: Where it ends (not included).
        get: Answers nodes with their hashes, in the same order.
    """
    nodes = tuple(whole_subtrees(begin, end))
    return fold(tuple(zip(nodes, get(nodes), strict=True)))


def _range_root(leaf_hashes: Sequence[bytes], begin: int, end: int) -> bytes:
    level = list(leaf_hashes[begin:end])
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        paired = [node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        if len(level) & 1:
            paired.append(level[-1])
        level = paired
    return level[0]


def _split(count: int) -> int:
    """The largest power of two smaller than a count of at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _need_hashes(hashes: Sequence[bytes]) -> None:
    for position, value in enumerate(hashes):
        if not isinstance(value, bytes) or len(value) != HASH_BYTES:
            raise InputError(f"Leaf hash {position} is not 32 bytes.")


def _check_count(value: int, name: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_SIZE:
        raise VerificationError(f"The {name} is not a whole number from 0 to 2**63 - 1.")


def _check_hash(value: bytes, name: str) -> None:
    if not isinstance(value, bytes) or len(value) != HASH_BYTES:
        raise VerificationError(f"The {name} is not 32 bytes.")


def _check_proof(proof: Sequence[bytes], length: int) -> None:
    if not isinstance(proof, list | tuple):
        raise VerificationError("The proof is not a list of hashes.")
    if len(proof) != length:
        raise VerificationError(f"The proof has {len(proof)} hashes where {length} are needed.")
    for position, value in enumerate(proof):
        _check_hash(value, f"proof's hash {position}")
