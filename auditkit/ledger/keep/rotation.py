"""Rotation: seal a log, archive it, and continue in a new segment.

Each segment is a whole log with its own name ("name", "name/2", "name/3"), one key and its own
checkpoints: it verifies alone, on any machine, without the others. The old segment's last business
entry says that it is sealed and which segment continues it; the new segment's first entry carries
the old one's last checkpoint. A sealed segment accepts only entries about itself: destroyed
payloads and legal holds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from auditkit.errors import InputError, VerificationError
from auditkit.ledger.log import SEALED, Ledger
from auditkit.ledger.opening import newest_of, plausible
from auditkit.ledger.reader import LogReader
from auditkit.ledger.records.checkpoint import open_checkpoint
from auditkit.ledger.records.entry import item
from auditkit.ledger.records.retention import PERMANENT
from auditkit.merkle import range_root

CONTINUED = "ledger.continued"


def next_origin(origin: str) -> str:
    """The name of the segment after one: "name" is followed by "name/2"."""
    name, _, number = origin.rpartition("/")
    if name and number.isascii() and number.isdigit():
        return f"{name}/{int(number) + 1}"
    return f"{origin}/2"


def rotate(old: Ledger, new: Ledger, *, by: str, now: datetime) -> str:
    """Seals a segment and begins the next one with its last checkpoint.

    If it is interrupted between the two, calling it again completes it.

    Args:
        old: The current segment, open for writing.
        new: The next segment, empty, opened with `origin=next_origin(old.origin)`.
        by: Who does it.
        now: The time, for the record.

    Returns:
        The sealed segment's last checkpoint.

    Raises:
        InputError: If the new segment is not empty, or has another name.
    """
    if new.origin != next_origin(old.origin):
        raise InputError(
            f"The segment after {old.origin} cannot be named {new.origin}.",
            remedy=f"name it {next_origin(old.origin)}",
        )
    if new.size:
        raise InputError(
            "The new segment already has entries.", remedy="continue in an empty database"
        )
    with old.writing() as session:
        if not session.has_kind(SEALED):
            seal = {"by": by, "continued_in": new.origin, "at": now.isoformat()}
            old.add(session, [item(SEALED, seal, PERMANENT)])
    note = old.checkpoint()
    with new.writing() as session:
        link = {"by": by, "continues": old.origin, "checkpoint": note}
        new.add(session, [item(CONTINUED, link, PERMANENT)])
    return note


def verify_segments(older: LogReader, newer: LogReader) -> None:
    """Checks that one segment continues another. `verify` checks each segment itself.

    Args:
        older: The sealed segment.
        newer: The one after it.

    Raises:
        VerificationError: If the newer one does not continue the older one.
    """
    wrong = VerificationError("The two segments do not follow each other.")
    sealed = list(older.entries(kind=SEALED))
    first = next(newer.entries(), None)
    if len(sealed) != 1 or first is None or first.kind != CONTINUED:
        raise wrong
    seal: Any = sealed[0].payload
    link: Any = first.payload
    with plausible():
        if (seal["continued_in"], link["continues"]) != (newer.origin, older.origin):
            raise wrong
        note = link["checkpoint"]
    keys = (*older.verifiers, *newer.verifiers)
    with older.reading() as session:
        with plausible():
            checkpoint = open_checkpoint(note, keys, logged=newest_of(session))
        if not sealed[0].index < checkpoint.size <= session.head().size:
            raise wrong
        if range_root(0, checkpoint.size, session.nodes) != checkpoint.root:
            raise wrong
