"""The log: open it, append to it, prove entries from it.

Laws:
    - `append` returns when the entry is durable, and its receipt verifies by itself.
    - All writers, in threads and processes, follow one another: no fork, no gap.
    - A log that was rolled back, or is not the one it was, is neither opened nor appended to.
    - After a failure that leaves it unknown whether a commit reached the disk, this object refuses
      to write; opening the log again checks what is there. A failed sync is never retried.

An instance belongs to the process that opened it; threads of that process may share it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from auditkit.canonical import Json
from auditkit.errors import InputError, LedgerError, VerificationError
from auditkit.ledger.head import HeadFile
from auditkit.ledger.opening import (
    check_head,
    create_if_new,
    grown_from,
    head_path,
    require_created,
)
from auditkit.ledger.reader import LogReader
from auditkit.ledger.records.checkpoint import Checkpoint, new_origin, speaks_for
from auditkit.ledger.records.entry import (
    Entry,
    Item,
    commitment,
    is_name,
    item,
)
from auditkit.ledger.records.frontier import Extended, Frontier
from auditkit.ledger.records.note import NoteSigner, NoteVerifier
from auditkit.ledger.records.receipt import Receipt
from auditkit.ledger.records.retention import CLASSES, RetentionClass
from auditkit.ledger.records.stamps import Stamps
from auditkit.ledger.store.databases import open_database
from auditkit.ledger.store.group_commit import GroupCommit
from auditkit.ledger.store.tables import Database, Head, Session

OWN: Final = "ledger."
SEALED: Final = "ledger.sealed"


class Added(NamedTuple):
    """An entry that a transaction adds, with what its receipt needs.

    Attributes:
        entry: The entry.
        extended: The tree with it.
        note: The signed checkpoint of that tree.
    """

    entry: Entry
    extended: Extended
    note: str


class _Known(NamedTuple):
    """The last state of the log that an instance knows."""

    frontier: Frontier
    note: str


class Ledger(LogReader):
    """An append-only log. Made by `Ledger.open`."""

    def __init__(
        self,
        *,
        database: Database,
        origin: str,
        signer: NoteSigner | None,
        verifiers: Sequence[NoteVerifier],
        writer: Session | None,
        reader: Session,
        head: HeadFile | None,
        clock: Callable[[], datetime],
        frontier: Frontier,
        retention: Sequence[RetentionClass],
    ) -> None:
        super().__init__(
            database=database, origin=origin, verifiers=verifiers, reader=reader, head=head
        )
        self._signer = signer
        self._writer = writer
        self._alone = threading.Lock()
        self._stamps = Stamps(clock)
        self._classes = {one.name: one for one in retention}
        self._known = self._next = _Known(frontier, note="")
        self._process = os.getpid()
        self._broken = False
        self._group: GroupCommit[Item, Added] = GroupCommit(self._commit)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        key: NoteSigner | NoteVerifier,
        clock: Callable[[], datetime] | None = None,
        head: Path | str | None = None,
        former_keys: Sequence[NoteVerifier] = (),
        origin: str | None = None,
        retention: Sequence[RetentionClass] = CLASSES,
        accept_missing_head: bool = False,
        follows: Ledger | None = None,
        lock_timeout_s: float = 30.0,
    ) -> Self:
        """Opens a log, and creates it if it does not exist.

        Checks the head: its signature, the root over the stored hashes, and that the log extends
        the kept head. `verify` checks everything.

        Args:
            url: `sqlite:///path` or `postgresql://user@host/name`.
            key: The private key that signs the log's checkpoints; with a public key, the log is
                opened for reading.
            clock: Returns the time, with its zone. Default: the machine's clock.
            head: The file that keeps the head outside the database. Default: beside a SQLite
                file; for PostgreSQL, in the user's state folder.
            former_keys: Public keys that signed the log before a rotation.
            origin: The name of a new log. Default: the key's name and twelve random letters, so
                that no two logs have one name.
            retention: The retention classes that entries may use.
            accept_missing_head: Whether to open a log that has entries but no kept head: on a new
                machine, or after checking it against a checkpoint kept elsewhere.
            follows: An instance that had this log open before, now closed. The log is then not
                created, and must be that one, or that one grown.
            lock_timeout_s: How long to wait for other writers, in seconds.

        Raises:
            LedgerError: If the log cannot be opened.
            VerificationError: If its head is not signed by a given key, does not match its
                entries, or is older than the kept one.
        """
        database = open_database(url, lock_timeout_s=lock_timeout_s)
        signer = key if isinstance(key, NoteSigner) else None
        current = key.verifier if isinstance(key, NoteSigner) else key
        verifiers = (current, *former_keys)
        named = origin or new_origin(current.name)
        if not speaks_for(current.name, named):
            raise InputError(
                f"The key of {current.name} cannot sign for the log {named}.",
                remedy=f"name the log {current.name}, or give the key of {named}",
            )
        path = Path(head) if head is not None else head_path(url)
        held: list[Session | HeadFile] = []
        try:
            if follows is not None:
                require_created(database)
            head_file = None
            if signer is not None or path.exists():
                head_file = HeadFile(path, write=signer is not None, lock_timeout_s=lock_timeout_s)
                held.append(head_file)
            writer = None
            if signer is not None:
                writer = database.connect(write=True)
                held.append(writer)
                assert head_file is not None
                create_if_new(writer, head_file, signer, named)
            reader = database.connect(write=False)
            held.append(reader)
            found, frontier = check_head(
                reader,
                head_file,
                verifiers,
                need_head=signer is not None and not accept_missing_head,
            )
            if follows is not None:
                grown_from(follows.frontier, reader, reader.head(), verifiers, follows.origin)
            if origin is not None and found != origin:
                raise VerificationError(  # noqa: TRY301
                    f"The database holds the log {found}, not {origin}.",
                    remedy="check the address, or leave out the log's name",
                )
            return cls(
                database=database,
                origin=found,
                signer=signer,
                verifiers=verifiers,
                writer=writer,
                reader=reader,
                head=head_file,
                clock=clock or _now,
                frontier=frontier,
                retention=retention,
            )
        except BaseException:
            for one in reversed(held):
                one.close()
            raise

    def close(self) -> None:
        """Closes files and connections."""
        with ExitStack() as stack:
            for one in (self._head, self._writer, self._reader):
                if one is not None:
                    stack.callback(one.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Ledger {self.origin} in {self._database.name}>"

    # Writing.

    def append(
        self, *, kind: str, payload: Mapping[str, Json], retention: str = "standard"
    ) -> Receipt:
        """Logs one entry. Durable when it returns.

        Args:
            kind: What it records, for example "access.decision". Kinds that begin with "ledger."
                are reserved.
            payload: The facts, as a JSON object, without raw identifiers of persons.
            retention: The retention class, which says how long the payload is kept.

        Raises:
            InputError: If the kind or class is not a valid name, or the payload is not a JSON
                object.
            LedgerError: If the log cannot be written. The entry is then logged whole or not at
                all.
        """
        entry, extended, note = self._submit(kind, payload, retention)
        proof = extended.proof(entry.index)
        return Receipt(origin=self.origin, entry=entry, proof=proof, checkpoint=note)

    def record(
        self, *, kind: str, payload: Mapping[str, Json], retention: str = "standard"
    ) -> Entry:
        """Like `append`, but makes no receipt; `prove` makes one later."""
        return self._submit(kind, payload, retention).entry

    def _submit(self, kind: str, payload: Mapping[str, Json], retention: str) -> Added:
        if isinstance(kind, str) and kind.startswith(OWN):
            raise InputError(
                "Kinds that begin with 'ledger.' are reserved for the log itself.",
                remedy="choose another kind",
            )
        if not is_name(kind) or not is_name(retention):
            raise InputError(
                "Kinds and retention classes are names in lower case: letters, digits, . _ -",
                remedy="write kind='access.decision', retention='standard'",
            )
        if retention not in self._classes:
            raise InputError(
                "There is no retention class of that name.",
                remedy=f"use one of {', '.join(self._classes)}, or open the log with your own",
            )
        return self._group.submit(item(kind, payload, retention))

    def checkpoint(self) -> str:
        """Publishes the newest checkpoint: stores it, and makes the kept head durable.

        Returns:
            The signed note's text. Give it to whoever will check the log later.
        """
        with self.writing(sync=True) as session:
            head = session.head()
            note = session.checkpoint(head.size) or head.note
            session.put_checkpoint(head.size, note)
        return note

    @contextmanager
    def writing(self, *, sync: bool = False) -> Iterator[Session]:
        """An exclusive write transaction; after it commits, the head file is updated.

        Raises:
            LedgerError: If the log is open for reading only, broken, or cannot be written.
        """
        with self._locked() as (writer, head_file):
            writer.begin()
            try:
                self._known = self._next = self._current(writer)
                yield writer
            except BaseException:
                self._undo(writer)
                raise
            try:
                writer.commit()
                self._known = self._next
                head_file.write(self._known.note, sync=sync)
                self.check_in_place()
                writer.check_in_place()
            except BaseException:
                # It is unknown whether the commit reached the disk: refuse to go on.
                self._broken = True
                self._undo(writer)
                raise

    @property
    def frontier(self) -> Frontier:
        """The log's compact range, as far as this instance knows it."""
        return self._known.frontier

    def check_writable(self) -> None:
        """Checks that an entry could be written now: takes the locks, and gives them back.

        Raises:
            LedgerError: If not.
        """
        with self._locked() as (writer, _):
            writer.begin()
            writer.rollback()

    def reclaim(self) -> None:
        """Overwrites and frees the space of destroyed payloads. Takes time in a large log.

        Raises:
            LedgerError: If the log is being read at the same time.
        """
        with self._locked() as (writer, _):
            writer.reclaim()

    def forget(self) -> None:
        """Removes destroyed payloads from the database's write-ahead log, as far as readers let."""
        with self._locked() as (writer, _):
            writer.forget()

    @contextmanager
    def _locked(self) -> Iterator[tuple[Session, HeadFile]]:
        """The connection that writes and the head file, with both locks held, files in place."""
        with self._alone:
            writer, head_file = self._writable()
            with head_file.locked():
                head_file.check_in_place()
                writer.check_in_place()
                yield writer, head_file

    def _writable(self) -> tuple[Session, HeadFile]:
        if self._writer is None or self._head is None or self._signer is None:
            raise LedgerError(
                "The log is open for reading only.", remedy="open it with its private key"
            )
        if self._process != os.getpid():
            raise LedgerError(
                "The log was opened before this process was forked.",
                remedy="open it again in each process",
            )
        if self._broken:
            raise LedgerError(
                "An earlier write to the log failed, and may or may not have reached the disk.",
                remedy="open the log again; opening re-checks it",
            )
        return self._writer, self._head

    def _undo(self, writer: Session) -> None:
        try:
            writer.rollback()
        except LedgerError:
            self._broken = True

    def _commit(self, batch: Sequence[Item]) -> list[Added]:
        with self.writing() as session:
            return self.add(session, batch)

    def add(self, session: Session, batch: Sequence[Item]) -> list[Added]:
        """Adds entries within a transaction; they are logged once it commits."""
        assert self._signer is not None
        if not all(kind.startswith(OWN) for kind, *_ in batch):
            _refuse_sealed(session)
        entries = self._entries_of(batch, session.last_time_ms())
        extended = self._next.frontier.extend([entry.leaf_hash() for entry in entries])
        size, root = extended.frontier.size, extended.frontier.root
        note = self._signer.sign(Checkpoint(origin=self.origin, size=size, root=root).body())
        session.put_entries(entries, extended.nodes)
        session.put_head(Head(size=size, note=note))
        self._next = _Known(extended.frontier, note)
        return [Added(entry, extended, note) for entry in entries[-len(batch) :]]

    def _entries_of(self, batch: Sequence[Item], last_ms: int) -> list[Entry]:
        """The batch as entries, after an entry that says so where the clock was set back."""
        time_ms, notes = self._stamps.next(last_ms)
        return [
            Entry(
                index=index,
                time_ms=time_ms,
                kind=kind,
                retention=retention,
                commitment=commitment(salt, body),
                salt=salt,
                body=body,
            )
            for index, (kind, retention, salt, body) in enumerate(
                [*notes, *batch], self._next.frontier.size
            )
        ]

    def _current(self, session: Session) -> _Known:
        """The log's present state, with what other processes appended."""
        head, known = session.head(), self._known
        if (head.size, head.note) == (known.frontier.size, known.note):
            return known
        frontier = grown_from(known.frontier, session, head, self.verifiers, self.origin)
        return _Known(frontier, head.note)


def _now() -> datetime:
    return datetime.now(UTC)


def _refuse_sealed(session: Session) -> None:
    if session.has_kind(SEALED):
        raise LedgerError(
            "The log is sealed and continues in a new segment.", remedy="open the newest segment"
        )
