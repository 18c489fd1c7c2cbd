"""How far the readers that follow a log have got: one table beside the log's own.

::

    follower(name, next_idx, tries, retry_ms, problem, holder, held_until_ms)

It is made when the first reader follows the log, and is no part of it: nothing in it is hashed,
and the log verifies with it or without it.

Laws:
    - A follower's index never goes back.
    - Only the holder moves a follower. A holder that dies holds it until its time is over.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

from auditkit.ledger.store.tables import FOLLOWERS, Database, Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Follower:
    """One reader of a log, as its row in the table.

    Attributes:
        name: Its name.
        next_index: The first entry that it has not handled.
        tries: How often it has failed at that entry.
        retry_ms: When it tries again, in milliseconds since 1970 UTC; 0: at once.
        problem: Why it failed last; empty if it did not.
        holder: The thread that handles entries now; empty: none.
        held_until_ms: When the holder counts as dead.
    """

    name: str
    next_index: int
    tries: int = 0
    retry_ms: int = 0
    problem: str = ""
    holder: str = ""
    held_until_ms: int = 0


class Followers:
    """The table of followers, on one connection. Threads may share it.

    Args:
        database: The log's database; it holds a log.

    Raises:
        LedgerError: If the database cannot be used.
    """

    def __init__(self, database: Database) -> None:
        self._alone = threading.Lock()
        self._session = database.connect(write=True)
        try:
            with self._writing() as session:
                session.create_followers()
        except BaseException:
            self._session.close()
            raise

    def close(self) -> None:
        """Closes the connection."""
        with self._alone:
            self._session.close()

    def add(self, name: str, next_index: int) -> Follower:
        """Adds a follower that begins at an entry, or returns the one of that name."""
        with self._writing() as session:
            found = _row(session, name)
            if found is None:
                found = Follower(name=name, next_index=next_index)
                session.execute_many(
                    "INSERT INTO follower VALUES (?, ?, ?, ?, ?, ?, ?)", [astuple(found)]
                )
        return found

    def take(self, name: str, holder: str, *, now_ms: int, lease_ms: int) -> Follower | None:
        """Takes hold of a follower for a time; None if another holds it, or there is none."""
        with self._writing() as session:
            found = _row(session, name)
            if found is None or (found.holder not in ("", holder) and found.held_until_ms > now_ms):
                return None
            taken = replace(found, holder=holder, held_until_ms=now_ms + lease_ms)
            _put(session, taken)
        return taken

    def keep(self, follower: Follower, holder: str) -> bool:
        """Stores what a holder has reached; False if another has taken hold meanwhile.

        Args:
            follower: The new state; with an empty `holder` it is let go.
            holder: Who held it.
        """
        with self._writing() as session:
            found = _row(session, follower.name)
            if found is None or found.holder != holder:
                return False
            _put(session, replace(follower, next_index=max(follower.next_index, found.next_index)))
        return True

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with self._alone, self._session.transaction():
            yield self._session


def followers_of(session: Session) -> list[Follower]:
    """Every follower of a log, by name; none if nobody ever followed it."""
    if FOLLOWERS not in session.actual_schema():
        return []
    return [_follower(row) for row in session.query("SELECT * FROM follower ORDER BY name")]


def _row(session: Session, name: str) -> Follower | None:
    rows = session.query("SELECT * FROM follower WHERE name = ?", (name,))
    return _follower(rows[0]) if rows else None


def _follower(row: tuple[Any, ...]) -> Follower:
    names = [field.name for field in fields(Follower)]
    return Follower(**dict(zip(names, row, strict=True)))


def _put(session: Session, follower: Follower) -> None:
    name, *values = astuple(follower)
    session.execute_many(
        "UPDATE follower SET next_idx = ?, tries = ?, retry_ms = ?, problem = ?, holder = ?, "
        "held_until_ms = ? WHERE name = ?",
        [(*values, name)],
    )
