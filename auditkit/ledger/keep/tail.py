"""Reads a log as it grows, and checks what it reads.

Each part is checked whole: that no entry is missing, added, changed or moved, that the payloads are
those that were logged, and that the log still begins with what was read before. That takes a hash
an entry and a few of the log's kept hashes, whatever the log's length.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

from auditkit.canonical import Json
from auditkit.errors import InputError, VerificationError
from auditkit.ledger.opening import newest_of, plausible
from auditkit.ledger.reader import LogReader
from auditkit.ledger.records.checkpoint import open_checkpoint
from auditkit.ledger.records.entry import Entry
from auditkit.ledger.records.frontier import Frontier
from auditkit.ledger.store.followers import followers_of
from auditkit.ledger.store.tables import as_entry
from auditkit.merkle import fold, whole_subtrees

PART: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class LogTail:
    """A log from an index on.

    Args:
        log: The log, open for reading.
        begin: The first index to read.

    Attributes:
        log: The log. May be replaced by one that was opened again.
        next_index: The index to read next.

    Raises:
        InputError: If the log is shorter than that.
    """

    def __init__(self, log: LogReader, begin: int = 0) -> None:
        self.log = log
        with log.reading() as session:
            size = session.head().size
            if not 0 <= begin <= size:
                raise InputError(
                    f"The log has {size} entries, so nobody can read on from {begin}.",
                    remedy="give the index of an entry, or of the next one",
                )
            self._frontier = Frontier.of(begin, session.nodes(tuple(whole_subtrees(0, begin))))

    @property
    def next_index(self) -> int:
        """The index to read next."""
        return self._frontier.size

    def read(self, most: int = PART) -> list[Entry]:
        """The next entries in the order of the log; none if there is nothing new.

        Raises:
            VerificationError: If anything is not as it was logged, or the log does not begin with
                what was read before.
            LedgerError: If the log cannot be read.
        """
        begin = self.next_index
        with self.log.reading() as session, plausible():
            head = session.head()
            if head.size == begin:
                return []
            checkpoint = open_checkpoint(head.note, self.log.verifiers, logged=newest_of(session))
            if (checkpoint.origin, checkpoint.size) != (self.log.origin, head.size):
                raise VerificationError("The log's head is of another log or size.")
            if head.size < begin:
                raise VerificationError(
                    f"The log had {begin} entries and now has {head.size}: it was rolled back."
                )
            end = min(begin + most, head.size)
            rows = chain.from_iterable(session.stream_entries(begin=begin, end=end, rows=most))
            entries = [as_entry(row) for row in rows]
            if [entry.index for entry in entries] != list(range(begin, end)):
                raise VerificationError("Entries of the log are missing.")
            for entry in entries:
                if entry.body is not None or entry.salt is not None:
                    entry.check_payload()
            grown = self._frontier.extend([entry.leaf_hash() for entry in entries]).frontier
            after = tuple(whole_subtrees(end, head.size))
            rest = zip(after, session.nodes(after), strict=True)
            if fold([*grown.nodes, *rest]) != checkpoint.root:
                raise VerificationError(
                    f"The log's entries up to {end - 1} are not those that were logged."
                )
        self._frontier = grown
        return entries


def followers(log: LogReader) -> list[dict[str, Json]]:
    """Who follows a log: for each, its name, how many entries wait for it, and why.

    A follower that fails says how often it did, why, and when it tries again.
    """
    with log.reading() as session:
        size = session.head().size
        found = followers_of(session)
    return [
        {
            "name": one.name,
            "next": one.next_index,
            "waiting": size - one.next_index,
            "failed": one.tries,
            "problem": one.problem,
            "tries_again": (
                (_EPOCH + timedelta(milliseconds=one.retry_ms)).isoformat(timespec="seconds")
                if one.retry_ms
                else None
            ),
        }
        for one in found
    ]


def entry_line(origin: str, entry: Entry) -> bytes:
    """An entry as one line of JSON in ASCII, which ends in a newline.

    Args:
        origin: The log's name.
        entry: The entry; a destroyed payload is null.
    """
    line: dict[str, Json] = {
        "log": origin,
        "index": entry.index,
        "time": entry.time.isoformat(timespec="milliseconds"),
        "kind": entry.kind,
        "retention": entry.retention,
        "payload": entry.payload,
    }
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"
