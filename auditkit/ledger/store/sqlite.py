"""The log's tables in a SQLite file.

Destroyed payloads are overwritten, and leave the write-ahead log when it is reset (`reclaim`).
"""

# ruff: noqa: D102  (the methods are described where they are declared, in Session)

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from auditkit.database.connection import Keeping
from auditkit.database.sqlite import SqliteConnection, refuse_folder
from auditkit.errors import InputError, LedgerError
from auditkit.ledger.store.tables import Database, Session

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    (
        "CREATE TABLE IF NOT EXISTS head (id INTEGER PRIMARY KEY CHECK (id = 1),"
        " size INTEGER NOT NULL, note TEXT NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS entry (idx INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL,"
        " kind TEXT NOT NULL, retention TEXT NOT NULL, commitment BLOB NOT NULL)"
    ),
    "CREATE TABLE IF NOT EXISTS node (id INTEGER PRIMARY KEY, hash BLOB NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS payload (idx INTEGER PRIMARY KEY, salt BLOB NOT NULL,"
        " body BLOB NOT NULL)"
    ),
    "CREATE TABLE IF NOT EXISTS checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS entry_kind ON entry (kind, idx)",
    # Against mistakes, not against an owner who edits the file: the proofs are for that.
    *(
        f"CREATE TRIGGER IF NOT EXISTS {table}_{verb} BEFORE {verb} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END"
        for table in ("entry", "node")
        for verb in ("UPDATE", "DELETE")
    ),
)
_FOLLOWERS: Final = (
    "CREATE TABLE IF NOT EXISTS follower (name TEXT PRIMARY KEY, next_idx INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, retry_ms INTEGER NOT NULL, problem TEXT NOT NULL,"
    " holder TEXT NOT NULL, held_until_ms INTEGER NOT NULL) WITHOUT ROWID"
)
# The schema as SQLite stores it, without SQLite's own tables, whose names are reserved.
_SCHEMA: Final = (
    "SELECT type || ' ' || name, tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema"
    r" WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'"
)


class SqliteDatabase(Database):
    """A log in one file, with SQLite's two files beside it.

    Args:
        path: The file; its folder must exist.
        lock_timeout_s: How long to wait for other writers, in seconds.
    """

    def __init__(self, path: Path, *, lock_timeout_s: float) -> None:
        self.path = path
        self.name = path.name
        self._keeping = Keeping("log", self.name)
        self._timeout_s = lock_timeout_s
        refuse_folder(path, self._keeping)

    def connect(self, *, write: bool) -> Session:
        """A new connection; for reading, the file must exist."""
        if not write and not self.path.exists():
            raise LedgerError(
                f"There is no log {self.name}.", remedy="check the path, or open it with its key"
            )
        return SqliteSession(self.path, self._keeping, write=write, lock_timeout_s=self._timeout_s)


class SqliteSession(SqliteConnection, Session):
    """One connection to a log in a SQLite file."""

    def create_tables(self) -> None:
        for statement in _TABLES:
            self.execute(statement)

    def create_followers(self) -> None:
        self.execute(_FOLLOWERS)

    def expected_schema(self) -> Mapping[str, str]:
        with closing(sqlite3.connect(":memory:")) as empty:
            for statement in (*_TABLES, _FOLLOWERS):
                empty.execute(statement)
            return dict(empty.execute(_SCHEMA).fetchall())

    def actual_schema(self) -> Mapping[str, str]:
        return dict(self.query(_SCHEMA))

    def created(self) -> bool:
        known = self.query("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if known and ("meta",) not in known:
            raise InputError(
                f"The file {self._keeping.where} holds another program's tables.",
                remedy="give the log a separate file",
            )
        return bool(known) and super().created()

    def check_storage(self) -> None:
        found = self.query("PRAGMA integrity_check(1)")
        if found != [("ok",)]:
            raise LedgerError(
                f"SQLite reports that the file {self._keeping.where} is damaged.",
                remedy="restore the database, then check it against the kept head",
            )

    def reclaim(self) -> None:
        self.execute("VACUUM")
        ((busy, *_),) = self.query("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise LedgerError(
                f"The log {self._keeping.where} is being read, so its space cannot be freed.",
                remedy="try again when nobody reads it",
            )

    def forget(self) -> None:
        self.query("PRAGMA wal_checkpoint(TRUNCATE)")

    def stored_bytes(self) -> int:
        (row,) = self.query(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        )
        return int(row[0])
