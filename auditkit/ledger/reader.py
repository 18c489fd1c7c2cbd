"""Reads a log: entries, proofs, and the full check.

Needs only the log's public key. Every call sees one state of the log, whatever is written
meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final

from auditkit.errors import InputError
from auditkit.ledger.full_check import LogReport, verify_log
from auditkit.ledger.head import HeadFile
from auditkit.ledger.records.entry import Entry, milliseconds
from auditkit.ledger.records.note import NoteVerifier
from auditkit.ledger.records.receipt import Receipt
from auditkit.ledger.store.tables import Database, Session, as_entry
from auditkit.merkle import consistency_ranges, fold, inclusion_ranges, whole_subtrees

_ROWS: Final = 1000


class LogReader:
    """A log open for reading.

    Attributes:
        origin: The log's name.
        verifiers: The log's public keys, the current one first.
    """

    def __init__(
        self,
        *,
        database: Database,
        origin: str,
        verifiers: Sequence[NoteVerifier],
        reader: Session,
        head: HeadFile | None,
    ) -> None:
        self.origin = origin
        self.verifiers = tuple(verifiers)
        self._database = database
        self._reader = reader
        self._reading = threading.Lock()
        self._head = head

    @property
    def size(self) -> int:
        """How many entries the log has."""
        with self._reading:
            return self._reader.head().size

    def check_in_place(self) -> None:
        """Checks that the log's files are still the ones that were opened; takes microseconds.

        Raises:
            LedgerError: If one was moved, removed or replaced.
        """
        self._reader.check_in_place()
        if self._head is not None:
            self._head.check_in_place()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One state of the log, for a few quick queries."""
        with self._reading:
            self._reader.begin_reading()
            try:
                yield self._reader
            finally:
                self._reader.rollback()

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """One state of the log on a separate connection, for long reads."""
        session = self._database.connect(write=False)
        try:
            session.begin_reading()
            yield session
        finally:
            session.close()

    def prove(self, index: int, *, size: int | None = None) -> Receipt:
        """The receipt of an entry.

        Args:
            index: The entry's index in the log, from 0.
            size: Size of the kept checkpoint to prove inclusion in, for example one that
                witnesses cosigned. Default: the newest checkpoint.

        Raises:
            InputError: If there is no such entry or no such kept checkpoint.
        """
        with self.reading() as session:
            head = session.head()
            at = head.size if size is None else size
            note = session.checkpoint(at) or (head.note if at == head.size else None)
            if note is None:
                raise InputError(
                    f"The log keeps no checkpoint of {at} entries.",
                    remedy="leave out the size, or give that of a kept checkpoint",
                )
            if not 0 <= index < at:
                raise InputError(f"Index {index} is not in a log of {at} entries.")
            entry = session.entry(index)
            proof = _roots(session, inclusion_ranges(index, at))
        return Receipt(origin=self.origin, entry=entry, proof=proof, checkpoint=note)

    def prove_consistency(self, size1: int, size2: int | None = None) -> tuple[bytes, ...]:
        """The consistency proof from the log's first `size1` entries to its first `size2`.

        Requires 0 < size1 <= size2 <= size; the default of `size2` is the log's size.
        """
        with self.reading() as session:
            size = session.head().size
            newer = size if size2 is None else size2
            if newer > size:
                raise InputError(f"The log has {size} entries, not {newer}.")
            return _roots(session, consistency_ranges(size1, newer))

    def entries(
        self,
        *,
        kind: str | Collection[str] | None = None,
        since: datetime | None = None,
        begin: int = 0,
        end: int | None = None,
    ) -> Iterator[Entry]:
        """The entries in the order of the log, as it was when reading began.

        Args:
            kind: Only entries of this kind, or of these.
            since: Only entries logged at this time or later.
            begin: Only entries whose index is at least this.
            end: Only entries whose index is below this.
        """
        since_ms = None if since is None else milliseconds(since)
        kinds = (kind,) if isinstance(kind, str) else kind
        wanted = partial(
            Session.stream_entries, begin=begin, end=end, kinds=kinds, since_ms=since_ms, rows=_ROWS
        )
        with self.reading() as session:
            # A few entries are read at once: opening another connection would take longer.
            tail = session.head().size - begin <= _ROWS
            newest = list(chain.from_iterable(wanted(session))) if tail else []
        if tail:
            yield from map(as_entry, newest)
            return
        with self.snapshot() as session:
            for rows in wanted(session):
                yield from map(as_entry, rows)

    def verify(self, *, checkpoint: str | None = None) -> LogReport:
        """Checks the whole log: every entry, payload, node, kept checkpoint, and the kept head.

        Args:
            checkpoint: A checkpoint of this log that was kept elsewhere.

        Raises:
            VerificationError: If anything is not as it was logged, or the log does not extend
                the checkpoint.
        """
        kept = None if self._head is None else self._head.read()
        with self.snapshot() as session:
            return verify_log(
                session,
                origin=self.origin,
                verifiers=self.verifiers,
                kept_head=kept,
                checkpoint=checkpoint,
            )


def _roots(session: Session, ranges: Sequence[tuple[int, int]]) -> tuple[bytes, ...]:
    """The roots of some ranges of entries, with one query."""
    parts = [tuple(whole_subtrees(begin, end)) for begin, end in ranges]
    hashes = iter(session.nodes([node for part in parts for node in part]))
    return tuple(fold([(node, next(hashes)) for node in part]) for part in parts)
