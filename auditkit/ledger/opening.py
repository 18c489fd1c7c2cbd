"""What is checked when a log is opened: its head, which takes the same time at any length."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from auditkit.errors import LedgerError, VerificationError, argument
from auditkit.ledger.head import HeadFile
from auditkit.ledger.records.checkpoint import Checkpoint, open_checkpoint
from auditkit.ledger.records.frontier import Edge
from auditkit.ledger.records.note import NoteSigner, NoteVerifier
from auditkit.ledger.store.tables import FORMAT, Head, Session
from auditkit.merkle import EMPTY_ROOT, range_root, whole_subtrees


def head_path(url: str) -> Path:
    """Where the head is kept by default: beside a file, or in the user's state folder."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return Path(f"{rest[1:]}.head")
    place = rest.rpartition("@")[2]
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    return Path.home() / ".local" / "state" / "auditkit" / f"{name}.head"


def create_if_new(session: Session, head_file: HeadFile, signer: NoteSigner, origin: str) -> None:
    """Makes the tables of a new log, whose first head says that it is empty.

    Raises:
        VerificationError: If a head is kept of a log that is no longer there.
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
                        "The database is empty, and the kept head says that the log has entries.",
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


def checked_edge(
    session: Session,
    head_file: HeadFile | None,
    verifiers: Sequence[NoteVerifier],
    *,
    need_head: bool,
) -> tuple[str, Edge]:
    """The log's name and edge, after checking its head against its hashes and the kept head.

    Args:
        session: A connection, outside any transaction.
        head_file: The kept head, if there is one.
        verifiers: The log's keys.
        need_head: Whether a log with entries needs a kept head.

    Raises:
        LedgerError: If there is no log, or the kept head is missing.
        VerificationError: If the log is not what its head or the kept head says.
    """
    # Read before the database: it never runs ahead of it.
    kept = None if head_file is None else head_file.read()
    session.begin_reading()
    try:
        with plausible():
            return _checked_edge(session, kept, verifiers, need_head=need_head)
    finally:
        session.rollback()


@contextmanager
def plausible() -> Iterator[None]:
    """What a database holds in the place of numbers and bytes is a false claim, not a crash."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        raise VerificationError("The log's tables hold values that no log wrote.") from None


def _checked_edge(
    session: Session, kept: str | None, verifiers: Sequence[NoteVerifier], *, need_head: bool
) -> tuple[str, Edge]:
    meta = session.meta() if session.created() else {}
    if meta.get("format") != FORMAT:
        raise LedgerError(
            "The database holds no log that this version reads.", remedy="check the address"
        )
    head = session.head()
    edge = edge_of(session, head, verifiers, meta["origin"])
    if session.last_index() != head.size - 1:
        raise VerificationError("The log's entries do not end where its head says.")
    if head.size and session.nodes([(0, head.size - 1)]) != [
        session.entry(head.size - 1).leaf_hash()
    ]:
        raise VerificationError("The log's newest entry is not what was logged.")
    if kept is not None:
        check_prefix(session, head.size, kept, verifiers, meta["origin"], what="kept head")
    elif head.size and need_head:
        raise LedgerError(
            "The log has entries, and the file that keeps its head outside the database is "
            "missing: whether the database is an old one cannot be told.",
            remedy="give the file's place with head (--head); if it is lost, check the log against "
            "a checkpoint kept elsewhere ('auditkit ledger verify LOG --checkpoint FILE'), then "
            "make it anew ('auditkit ledger checkpoint LOG --accept-missing-head')",
        )
    return meta["origin"], edge


def edge_of(session: Session, head: Head, verifiers: Sequence[NoteVerifier], origin: str) -> Edge:
    """The log's edge, whose root is the one that the signed head says.

    Raises:
        VerificationError: If it is not.
    """
    checkpoint = open_checkpoint(head.note, verifiers, logged=newest_of(session))
    if (checkpoint.origin, checkpoint.size) != (origin, head.size):
        raise VerificationError("The log's head is that of another log or size.")
    edge = Edge.of(head.size, session.nodes(tuple(whole_subtrees(0, head.size))))
    if edge.root != checkpoint.root:
        raise VerificationError("The log's hashes do not lead to the root that its head says.")
    return edge


def newest_of(session: Session) -> Callable[[Checkpoint], datetime]:
    """When the newest entry under a checkpoint was logged; long ago for an empty log."""

    def logged(checkpoint: Checkpoint) -> datetime:
        if not checkpoint.size:
            return datetime.min.replace(tzinfo=UTC)
        if checkpoint.size > session.head().size:
            raise VerificationError(
                f"The checkpoint says {checkpoint.size} entries, and the log has fewer.",
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
    """Checks that a checkpoint kept elsewhere is of the beginning of this log.

    Raises:
        VerificationError: If it is of another log, or the log was rolled back or rewritten.
    """
    kept = open_checkpoint(note, verifiers, logged=newest_of(session))
    if kept.origin != origin:
        raise VerificationError(f"The {what} is of another log.")
    if kept.size > size:
        raise VerificationError(
            f"The log has {size} entries, and the {what} says {kept.size}: it was rolled back.",
            remedy="restore the newest database",
        )
    if kept.size and range_root(0, kept.size, session.nodes) != kept.root:
        raise VerificationError(f"The log's first {kept.size} entries are not those of the {what}.")
    return kept
