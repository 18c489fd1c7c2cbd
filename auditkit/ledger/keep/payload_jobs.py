"""Maintenance of payloads: destroy them on request or when due, place and release legal holds.

Each action and the entry that records it are one transaction: a payload is never gone without an
entry that says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from auditkit.canonical import Json, check_name
from auditkit.errors import InputError, LedgerError
from auditkit.ledger.log import OWN, Ledger
from auditkit.ledger.opening import plausible
from auditkit.ledger.records.entry import Entry, is_name, item, milliseconds
from auditkit.ledger.records.retention import (
    CLASSES,
    DESTROYED,
    HOLD_PLACED,
    HOLD_RELEASED,
    PERMANENT,
    Destruction,
    Hold,
    RetentionClass,
    as_ranges,
    holds_in_force,
)
from auditkit.ledger.store.tables import Session, as_entry


def destroy(
    log: Ledger,
    indexes: Iterable[int],
    *,
    by: str,
    reason: str,
    now: datetime,
    before_due: bool = False,
    classes: Sequence[RetentionClass] = CLASSES,
) -> Destruction:
    """Destroys the payloads of some entries, with their salts. The log still verifies.

    SQLite overwrites the bytes at once, unless the log is being read at that moment; `reclaim`
    makes sure. The log cannot reach copies and backups.

    Args:
        log: The log, open for writing.
        indexes: Indexes of the entries.
        by: Who destroys them: an account, as an audit should show it.
        reason: Why, for example "erasure request 2026-17"; never the name of the person concerned.
        now: The time, with its zone, that retention periods are compared with.
        before_due: Whether to destroy payloads whose retention period is not over.
        classes: The retention classes in force.

    Raises:
        InputError: If no entry is given, or one does not exist, was destroyed or is permanent.
        LedgerError: If one is under a hold, or not due.
    """
    wanted = sorted(set(indexes))
    _need_words(by, reason)
    if not wanted:
        raise InputError(
            "No entry was named, so there is no payload to destroy.",
            remedy="give the index of at least one entry",
        )
    known = {one.name: one for one in classes}
    with log.writing() as session:
        holds = _holds(session)
        size, early = session.head().size, False
        periods: dict[str, _Due] = {}
        for index in wanted:
            if not 0 <= index < size:
                raise InputError(f"Index {index} is not in a log of {size} entries.")
            entry = session.entry(index)
            _need_destroyable(entry, holds)
            name = entry.retention
            if name not in periods:
                periods[name] = _Due(session, known.get(name), now)
            if not periods[name].covers(index, entry.time_ms):
                early = True
                if not before_due:
                    law = known[entry.retention].law if entry.retention in known else "not known"
                    raise LedgerError(
                        f"The payload of entry {index} is not due: its class is {entry.retention} "
                        f"({law}).",
                        remedy="wait, or give before_due where the law asks for erasure",
                    )
        found = _destroy(log, session, wanted, by=by, reason=reason, before_due=early)
    log.forget()
    return found


def expire(
    log: Ledger, *, by: str, now: datetime, classes: Sequence[RetentionClass] = CLASSES
) -> tuple[Destruction, ...]:
    """Destroys every payload whose retention period is over, unless a hold covers it.

    Returns:
        One record for each class that had due payloads.
    """
    _need_words(by, by)
    found = []
    with log.writing() as session:
        holds = _holds(session)
        for one in classes:
            due = _due(session, one, now, holds)
            if due:
                reason = f"retention class {one.name}: {one.months} months, {one.law}"
                found.append(_destroy(log, session, due, by=by, reason=reason, before_due=False))
    if found:
        log.forget()
    return tuple(found)


def due(
    log: Ledger, *, now: datetime, classes: Sequence[RetentionClass] = CLASSES
) -> dict[str, int]:
    """How many payloads `expire` would destroy, by class."""
    with log.snapshot() as session:
        holds = _holds(session)
        counts = {one.name: len(_due(session, one, now, holds)) for one in classes}
    return {name: count for name, count in counts.items() if count}


def place_hold(log: Ledger, hold: Hold) -> int:
    """Places a legal hold.

    Returns:
        The index of the entry that records it.

    Raises:
        InputError: If a hold of that name is in force, or the new one covers nothing.
    """
    _need_words(hold.name, hold.by, hold.reason)
    if not all(is_name(kind) for kind in hold.kinds):
        raise InputError(
            "A kind that the hold covers is not a valid name.",
            remedy="write kinds in lower case, for example access.decision",
        )
    if hold.begin < 0 or (hold.end is not None and hold.end <= hold.begin):
        raise InputError(
            "The hold covers no entry.", remedy="begin at 0 or later, and end after the beginning"
        )
    with log.writing() as session:
        if any(one.name == hold.name for one in _holds(session)):
            raise InputError(
                "A hold of that name is already in force.", remedy="choose another name"
            )
        placed: dict[str, Json] = {
            "name": hold.name,
            "by": hold.by,
            "reason": hold.reason,
            "kinds": list(hold.kinds),
            "begin": hold.begin,
            "end": hold.end,
        }
        return log.add(session, [item(HOLD_PLACED, placed, PERMANENT)])[0].entry.index


def release_hold(log: Ledger, name: str, *, by: str, reason: str) -> int:
    """Releases a legal hold.

    Returns:
        The index of the entry that records it.

    Raises:
        InputError: If no hold of that name is in force.
    """
    _need_words(by, reason)
    with log.writing() as session:
        if not any(one.name == name for one in _holds(session)):
            raise InputError(
                "No hold of that name is in force.", remedy="list the holds to see their names"
            )
        released = {"name": name, "by": by, "reason": reason}
        return log.add(session, [item(HOLD_RELEASED, released, PERMANENT)])[0].entry.index


def holds(log: Ledger) -> tuple[Hold, ...]:
    """The holds in force."""
    with log.snapshot() as session:
        return _holds(session)


def _destroy(
    log: Ledger,
    session: Session,
    indexes: Sequence[int],
    *,
    by: str,
    reason: str,
    before_due: bool,
) -> Destruction:
    ranges = as_ranges(indexes)
    destroyed: dict[str, Json] = {
        "ranges": [list(one) for one in ranges],
        "by": by,
        "reason": reason,
        "before_due": before_due,
    }
    added = log.add(session, [item(DESTROYED, destroyed, PERMANENT)])[0]
    session.delete_payloads(indexes)
    return Destruction.of_entry(added.entry)


def _need_destroyable(entry: Entry, holds: Sequence[Hold]) -> None:
    if entry.body is None:
        raise InputError(f"The payload of entry {entry.index} was already destroyed.")
    if entry.kind.startswith(OWN) or entry.retention == PERMANENT:
        raise InputError(f"The payload of entry {entry.index} is permanent.")
    for hold in holds:
        if hold.covers(entry.index, entry.kind):
            raise LedgerError(
                f"Entry {entry.index} is under the legal hold {hold.name!r}.",
                remedy="release the hold first, if you may decide that",
            )


class _Due:
    """Which payloads of a class are due: those whose retention period is over.

    Times alone do not decide, because the clock may have been wrong: an entry logged after one
    that is not due is not due either.
    """

    def __init__(self, session: Session, kept: RetentionClass | None, now: datetime) -> None:
        cutoff = None if kept is None else kept.cutoff(now)
        self.until_ms = -1 if cutoff is None or cutoff.year < 1970 else milliseconds(cutoff)
        first = session.first_between(self.until_ms, milliseconds(now))
        self._before = math.inf if first is None else first

    def covers(self, index: int, time_ms: int) -> bool:
        """Whether an entry's payload is due."""
        return time_ms <= self.until_ms and index < self._before


def _due(session: Session, one: RetentionClass, now: datetime, holds: Sequence[Hold]) -> list[int]:
    found = _Due(session, one, now)
    return [
        index
        for index, kind in session.payloads_until(one.name, found.until_ms)
        if found.covers(index, found.until_ms)
        and not kind.startswith(OWN)
        and not any(hold.covers(index, kind) for hold in holds)
    ]


def _holds(session: Session) -> tuple[Hold, ...]:
    with plausible():
        entries = [
            as_entry(row)
            for kind in (HOLD_PLACED, HOLD_RELEASED)
            for rows in session.stream_entries(kinds=(kind,), rows=1000)
            for row in rows
        ]
        return holds_in_force(sorted(entries, key=lambda entry: entry.index))


def _need_words(*words: str) -> None:
    if not all(isinstance(word, str) and word.strip() for word in words):
        raise InputError(
            "A name or a reason is empty, but the log records who does it and why.",
            remedy="give both",
        )
    for word in words:
        check_name(word, what="Who does it, or why,")
