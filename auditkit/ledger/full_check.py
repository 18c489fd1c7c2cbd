"""Checking a whole log: every entry, payload and node, in one pass.

Entries are hashed in blocks of 1,024, and the stored nodes are compared with the computed ones in
the order of their numbers. For every missing payload there must be an entry that says who
destroyed it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditkit.errors import VerificationError
from auditkit.ledger.opening import check_prefix, frontier_of, plausible
from auditkit.ledger.records.entry import CLOCK_SET_BACK, Entry, commitment, leaf_bytes
from auditkit.ledger.records.note import NoteVerifier
from auditkit.ledger.records.retention import DESTROYED, Destruction
from auditkit.ledger.store.tables import Session, as_entry
from auditkit.merkle import node_count, node_hash

_BLOCK_LEVELS: Final = 10
_BLOCK: Final = 1 << _BLOCK_LEVELS


@dataclass(frozen=True, kw_only=True, slots=True)
class LogReport:
    """The result of checking a whole log. It exists only if nothing was wrong.

    Attributes:
        origin: The log's name.
        size: How many entries it has.
        root: The root over them, 32 bytes.
        checkpoint: The signed checkpoint of that size.
        destroyed: Which payloads were destroyed, by whom and when.
        kept_checkpoints: How many checkpoints stored in the log it was checked to extend.
        kept_head: Size in the head kept outside the database; None if there was none, so that
            an old copy of the database would not have been noticed.
        checkpoint_size: Size of the checkpoint given by the caller; None if there was none.
        clock_set_back: Indexes of the entries that record a clock behind the entry before them.
    """

    origin: str
    size: int
    root: bytes
    checkpoint: str
    destroyed: tuple[Destruction, ...]
    kept_checkpoints: int
    kept_head: int | None
    checkpoint_size: int | None
    clock_set_back: tuple[int, ...] = ()

    @property
    def is_anchored(self) -> bool:
        """Whether the log was compared with anything outside its database."""
        return self.kept_head is not None or self.checkpoint_size is not None


def verify_log(
    session: Session,
    *,
    origin: str,
    verifiers: Sequence[NoteVerifier],
    kept_head: str | None,
    checkpoint: str | None,
) -> LogReport:
    """Checks a log from its first entry to its head.

    Args:
        session: One state of the log.
        origin: Its name.
        verifiers: Its keys.
        kept_head: The checkpoint in the file outside the database, read before `session` began.
        checkpoint: A checkpoint kept by somebody else.

    Raises:
        VerificationError: At the first difference from what was logged.
        LedgerError: If the database cannot be read, or reports damage.
    """
    session.check_storage()
    with plausible():
        return _verified(
            session, origin=origin, verifiers=verifiers, kept_head=kept_head, checkpoint=checkpoint
        )


def _verified(
    session: Session,
    *,
    origin: str,
    verifiers: Sequence[NoteVerifier],
    kept_head: str | None,
    checkpoint: str | None,
) -> LogReport:
    head = session.head()
    frontier = frontier_of(session, head, verifiers, origin)
    missing, own = _check_entries(session, head.size)
    kept = session.checkpoints()
    for size, note in kept:
        found = check_prefix(session, head.size, note, verifiers, origin, what="kept checkpoint")
        if found.size != size:
            raise VerificationError("A kept checkpoint is stored under another size.")
    against = [
        None
        if note is None
        else check_prefix(session, head.size, note, verifiers, origin, what=what).size
        for note, what in ((kept_head, "kept head"), (checkpoint, "checkpoint given"))
    ]
    session.check_tables()
    return LogReport(
        origin=origin,
        size=head.size,
        root=frontier.root,
        checkpoint=head.note,
        destroyed=_explained(missing, own),
        kept_checkpoints=len(kept),
        kept_head=against[0],
        checkpoint_size=against[1],
        clock_set_back=tuple(entry.index for entry in own if entry.kind == CLOCK_SET_BACK),
    )


def _check_entries(session: Session, size: int) -> tuple[set[int], list[Entry]]:
    """Compares entries with nodes; returns indexes without payload, and the log's own entries."""
    sha256 = hashlib.sha256
    nodes = _Nodes(session)
    missing: set[int] = set()
    own: list[Entry] = []
    tall: list[tuple[int, bytes]] = []  # Whole subtrees of blocks, as (level above, hash).
    expected, last_ms, sealed = 0, 0, False
    for rows in session.stream_entries(rows=_BLOCK):
        leaves: list[bytes] = []
        for row in rows:
            index, time_ms, kind, retention, digest, salt, body = row
            if index != expected:
                raise VerificationError(f"Entry {expected} is missing.")
            if time_ms < last_ms and kind != CLOCK_SET_BACK:
                raise VerificationError(f"Entry {index} is older than the one before it.")
            expected, last_ms = expected + 1, time_ms
            leaf = leaf_bytes(index, time_ms, kind, retention, digest)
            leaves.append(sha256(b"\0" + leaf).digest())
            if body is None:
                missing.add(index)
            elif len(salt) != 32 or commitment(salt, body) != digest:
                raise VerificationError(f"The payload of entry {index} is not what was logged.")
            if kind.startswith("ledger."):
                own.append(as_entry(row))
                sealed = sealed or kind == "ledger.sealed"
            elif sealed:
                raise VerificationError(f"Entry {index} was added after the log was sealed.")
        _check_block(leaves, nodes, tall, expected - len(rows))
    if expected != size:
        raise VerificationError(f"The log has {expected} entries, but its head says {size}.")
    nodes.check_end(size)
    return missing, own


def _check_block(
    leaves: list[bytes], nodes: _Nodes, tall: list[tuple[int, bytes]], begin: int
) -> None:
    """Compares one block of entries with its stored nodes, and joins it to the blocks before."""
    if len(leaves) == _BLOCK:
        flat, level = list(leaves), leaves
        while len(level) > 1:
            level = [node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
            flat += level
        made = [flat[place] for place in _BLOCK_ORDER]
        above, value = 0, level[0]
        while tall and tall[-1][0] == above:
            above, value = above + 1, node_hash(tall.pop()[1], value)
            made.append(value)
        tall.append((above, value))
    else:
        made, stack = [], list[bytes]()
        for count, leaf in enumerate(leaves, 1):
            stack.append(leaf)
            made.append(leaf)
            for _ in range((count & -count).bit_length() - 1):
                right, left = stack.pop(), stack.pop()
                stack.append(node_hash(left, right))
                made.append(stack[-1])
    nodes.check(made, begin)


def _block_order() -> tuple[int, ...]:
    """For each node of a block, in the order of node numbers, its position among the levels.

    The positions count the block's levels one after another, the leaves first.
    """
    starts = [0]
    for level in range(_BLOCK_LEVELS):
        starts.append(starts[-1] + (_BLOCK >> level))
    order = []
    for leaf in range(_BLOCK):
        level, position = 0, leaf
        order.append(position)
        while position & 1 and level < _BLOCK_LEVELS:
            level, position = level + 1, position >> 1
            order.append(starts[level] + position)
    return tuple(order)


_BLOCK_ORDER: Final = _block_order()


class _Nodes:
    """The stored nodes, in the order of their numbers."""

    def __init__(self, session: Session) -> None:
        self._parts: Iterator[list[tuple[Any, ...]]] = session.stream_nodes(rows=2 * _BLOCK)
        self._rows: list[tuple[Any, ...]] = []
        self._next = 0

    def check(self, made: list[bytes], begin: int) -> None:
        while len(self._rows) < len(made):
            part = next(self._parts, [])
            if not part:
                break
            self._rows += part
        wanted = list(enumerate(made, self._next))
        if self._rows[: len(made)] != wanted:
            raise VerificationError(
                f"The log's hashes are not those of its entries, from entry {begin} on."
            )
        del self._rows[: len(made)]
        self._next += len(made)

    def check_end(self, size: int) -> None:
        if self._next != node_count(size) or self._rows or next(self._parts, []):
            raise VerificationError("The log holds hashes of entries that it does not have.")


def _explained(missing: set[int], own: Sequence[Entry]) -> tuple[Destruction, ...]:
    """The recorded destructions, which must cover exactly the missing payloads."""
    found = tuple(Destruction.of_entry(entry) for entry in own if entry.kind == DESTROYED)
    said = {index for one in found for begin, end in one.ranges for index in range(begin, end)}
    if unexplained := missing - said:
        raise VerificationError(
            f"The payload of entry {min(unexplained)} is missing, but no entry says who "
            "destroyed it."
        )
    if kept := said - missing:
        raise VerificationError(
            f"The payload of entry {min(kept)} exists, although an entry says it was destroyed."
        )
    return found
