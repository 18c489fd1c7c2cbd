"""Opening a log: checks its head, in constant time whatever the log's length."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from auditkit.errors import LedgerError, VerificationError, argument
from auditkit.ledger.head import HeadFile
from auditkit.ledger.records.checkpoint import Checkpoint, open_checkpoint
from auditkit.ledger.records.frontier import Frontier
from auditkit.ledger.records.note import NoteSigner, NoteVerifier, split_note
from auditkit.ledger.store.tables import FORMAT, Database, Head, Session
from auditkit.merkle import EMPTY_ROOT, range_root, whole_subtrees


def as_url(place: str | Path) -> str:
    """The URL of a log that is given by its path or its URL."""
    return str(place) if "://" in str(place) else f"sqlite:///{place}"


def head_path(url: str) -> Path:
    """The head file's default path: beside a SQLite file, else in the user's state folder."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return Path(f"{rest[1:]}.head")
    place = rest.rpartition("@")[2]
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    return Path.home() / ".local" / "state" / "auditkit" / f"{name}.head"


def require_created(database: Database) -> None:
    """Raises unless the database holds a log; creates nothing.

    Raises:
        LedgerError: If it holds none.
    """
    session = database.connect(write=False)
    try:
        if not session.created():
            raise LedgerError(
                f"There is no log in {database.name}.", remedy="restore it from its backup"
            )
    finally:
        session.close()


def create_if_new(session: Session, head_file: HeadFile, signer: NoteSigner, origin: str) -> None:
    """Creates the tables of a new log, with a signed head of size 0.

    Raises:
        VerificationError: If the database is empty although the kept head has entries.
    """
    if session.created():
        return
    with head_file.locked():
        kept = head_file.read()
        session.begin()
        try:
            if not session.created():
                if kept is not None and Checkpoint.parse(kept.partition("\n\n")[0] + "\n").size:
                    raise VerificationError(  # noqa: TRY301
                        "The database is empty, but the kept head says that the log has entries.",
                        remedy="restore the database, or name another file with "
                        f"{argument('head')}",
                    )
                session.create_tables()
                session.put_meta(origin=origin, format=FORMAT)
                empty = Checkpoint(origin=origin, size=0, root=EMPTY_ROOT)
                head = Head(size=0, note=signer.sign(empty.body()))
                session.put_head(head, first=True)
                head_file.write(head.note, sync=True)
            session.commit()
        except BaseException:
            session.rollback()
            raise


def check_head(
    session: Session,
    head_file: HeadFile | None,
    verifiers: Sequence[NoteVerifier],
    *,
    need_head: bool,
) -> tuple[str, Frontier]:
    """Checks the log's head against its hashes and the kept head; returns name and frontier.

    Args:
        session: A connection, outside any transaction.
        head_file: The kept head, if there is one.
        verifiers: The log's keys.
        need_head: Whether a log with entries must have a kept head.

    Raises:
        LedgerError: If there is no log, or the kept head is missing.
        VerificationError: If the log does not match its head or the kept head.
    """
    # Read the file before the database, which it never runs ahead of.
    kept = None if head_file is None else head_file.read()
    session.begin_reading()
    try:
        with plausible():
            return _check_head(session, kept, verifiers, need_head=need_head)
    finally:
        session.rollback()


@contextmanager
def plausible() -> Iterator[None]:
    """Turns values of a wrong type in the database into a `VerificationError`, not a crash."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        raise VerificationError("The log's tables hold values that the log never wrote.") from None


def _check_head(
    session: Session, kept: str | None, verifiers: Sequence[NoteVerifier], *, need_head: bool
) -> tuple[str, Frontier]:
    meta = session.meta() if session.created() else {}
    if meta.get("format") != FORMAT:
        raise LedgerError(
            "The database holds no log that this version can read.", remedy="check the address"
        )
    head = session.head()
    frontier = frontier_of(session, head, verifiers, meta["origin"])
    if session.last_index() != head.size - 1:
        raise VerificationError("The log's last entry is not the one that its head covers.")
    if head.size and session.nodes([(0, head.size - 1)]) != [
        session.entry(head.size - 1).leaf_hash()
    ]:
        raise VerificationError("The log's newest entry is not what was logged.")
    if kept is not None:
        check_prefix(session, head.size, kept, verifiers, meta["origin"], what="kept head")
    elif head.size and need_head:
        raise LedgerError(
            "The log has entries, but the file that keeps its head outside the database is "
            "missing, so nobody can tell whether the database is an old copy.",
            remedy="give the file's path with head (--head); if it is lost, check the log against "
            "a checkpoint kept elsewhere ('auditkit log verify LOG --checkpoint FILE'), then "
            "write it again ('auditkit log checkpoint LOG --accept-missing-head')",
        )
    return meta["origin"], frontier


def frontier_of(
    session: Session, head: Head, verifiers: Sequence[NoteVerifier], origin: str
) -> Frontier:
    """The log's compact range, whose root is the one in the signed head.

    Raises:
        VerificationError: If its root is another, or the head is of another log or size.
    """
    checkpoint = open_checkpoint(head.note, verifiers, logged=newest_of(session))
    if (checkpoint.origin, checkpoint.size) != (origin, head.size):
        raise VerificationError("The log's head is of another log or size.")
    frontier = Frontier.of(head.size, session.nodes(tuple(whole_subtrees(0, head.size))))
    if frontier.root != checkpoint.root:
        raise VerificationError("The log's hashes do not give the root in its head.")
    return frontier


def grown_from(
    known: Frontier, session: Session, head: Head, verifiers: Sequence[NoteVerifier], origin: str
) -> Frontier:
    """The log's compact range, which extends a known one.

    Raises:
        VerificationError: If it does not: it was rolled back, or is another log.
    """
    if head.size == known.size:
        if Checkpoint.parse(split_note(head.note)[0]).root != known.root:
            raise VerificationError("The log's entries are not those that were logged.")
        return known
    if head.size < known.size:
        raise VerificationError(
            f"The log had {known.size} entries and now has {head.size}: it was rolled back."
        )
    frontier = frontier_of(session, head, verifiers, origin)
    if range_root(0, known.size, session.nodes) != known.root:
        raise VerificationError("The log's earlier entries are not those that were logged.")
    return frontier


def newest_of(session: Session) -> Callable[[Checkpoint], datetime]:
    """A function from a checkpoint to the time of its newest entry; year 1 for an empty log."""

    def logged(checkpoint: Checkpoint) -> datetime:
        if not checkpoint.size:
            return datetime.min.replace(tzinfo=UTC)
        if checkpoint.size > session.head().size:
            raise VerificationError(
                f"The checkpoint covers {checkpoint.size} entries, but the log has fewer.",
                remedy="restore the newest database",
            )
        return session.entry(checkpoint.size - 1).time

    return logged


def check_prefix(
    session: Session,
    size: int,
    note: str,
    verifiers: Sequence[NoteVerifier],
    origin: str,
    *,
    what: str,
) -> Checkpoint:
    """Checks that this log extends a checkpoint kept elsewhere.

    Raises:
        VerificationError: If it is of another log, or the log was rolled back or rewritten.
    """
    kept = open_checkpoint(note, verifiers, logged=newest_of(session))
    if kept.origin != origin:
        raise VerificationError(f"The {what} is of another log.")
    if kept.size > size:
        raise VerificationError(
            f"The log has {size} entries, but the {what} covers {kept.size}: it was rolled back.",
            remedy="restore the newest database",
        )
    if kept.size and range_root(0, kept.size, session.nodes) != kept.root:
        raise VerificationError(f"The log's first {kept.size} entries are not those of the {what}.")
    return kept
