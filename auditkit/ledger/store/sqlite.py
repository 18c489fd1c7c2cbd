"""The log in a SQLite file: write-ahead log, synced on every commit.

A commit returns only when its pages are on the disk (`synchronous=FULL`). Deleted payloads are
overwritten (`secure_delete`) and leave the write-ahead log when it is reset (`reclaim`). Network
file systems are refused: their locks would let two writers fork the log.
"""

# ruff: noqa: D102  (the methods are described where they are declared, in Session)

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from auditkit.errors import InputError, LedgerError
from auditkit.ledger.store.tables import Database, Session

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs"}
)
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

    def __init__(self, path: str, *, lock_timeout_s: float) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._timeout_s = lock_timeout_s
        if not self.path.parent.is_dir():
            raise LedgerError(
                f"The folder for the log {self.name} does not exist.", remedy="make the folder"
            )
        _refuse_network(self.path.parent)

    def connect(self, *, write: bool) -> Session:
        """A new connection; for reading, the file must exist."""
        if not write and not self.path.exists():
            raise LedgerError(
                f"There is no log {self.name}.", remedy="check the path, or open it with its key"
            )
        if write:
            self._make_private()
        with _Translated(self.name):
            address = f"file:{quote(str(self.path))}?mode={'rwc' if write else 'rw'}"
            connection = sqlite3.connect(
                address,
                uri=True,
                isolation_level=None,
                timeout=self._timeout_s,
                check_same_thread=False,
            )
            try:
                return SqliteSession(connection, self, write=write)
            except BaseException:
                connection.close()
                raise

    def _make_private(self) -> None:
        """Creates a file that only its owner can read; SQLite's other files inherit the mode."""
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise LedgerError(
                f"The log {self.name} cannot be opened: {error.strerror}.",
                remedy="check the folder's permissions and the disk space",
            ) from error


class SqliteSession(Session):
    """One connection to a SQLite file."""

    def __init__(
        self, connection: sqlite3.Connection, database: SqliteDatabase, *, write: bool
    ) -> None:
        self._connection = connection
        self._database = database
        self._translated = _Translated(database.name)
        connection.execute("PRAGMA trusted_schema = OFF")
        if write:
            # The only step at which two processes that open a new file at once can collide.
            deadline = time.monotonic() + 30
            while True:
                try:
                    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
                    break
                except sqlite3.OperationalError as error:
                    if not _is_busy(error) or time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)
            if mode != "wal":
                raise LedgerError(
                    f"The file system of {database.name} does not allow a write-ahead log.",
                    remedy="keep the log on a local disk",
                )
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
        else:
            connection.execute("PRAGMA query_only = ON")

    def begin(self) -> None:
        with self._translated:
            self._connection.execute("BEGIN IMMEDIATE")

    def begin_reading(self) -> None:
        with self._translated:
            self._connection.execute("BEGIN")

    def commit(self) -> None:
        with self._translated:
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        with self._translated:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        with self._translated:
            self._connection.close()

    def create_tables(self) -> None:
        with self._translated:
            for statement in _TABLES:
                self._connection.execute(statement)

    def expected_schema(self) -> Mapping[str, str]:
        with closing(sqlite3.connect(":memory:")) as empty:
            for statement in _TABLES:
                empty.execute(statement)
            return dict(empty.execute(_SCHEMA).fetchall())

    def actual_schema(self) -> Mapping[str, str]:
        return dict(self.query(_SCHEMA))

    def created(self) -> bool:
        known = self.query("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if known and ("meta",) not in known:
            raise InputError(
                f"The file {self._database.name} holds another program's tables.",
                remedy="give the log a separate file",
            )
        return bool(known) and super().created()

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._translated:
            return self._connection.execute(statement, values).fetchall()

    def stream(
        self, statement: str, values: Sequence[Any] = (), *, rows: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        with self._translated:
            cursor = self._connection.execute(statement, values)
            while part := cursor.fetchmany(rows):
                yield part

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._translated:
            self._connection.executemany(statement, rows)

    def check_storage(self) -> None:
        found = self.query("PRAGMA integrity_check(1)")
        if found != [("ok",)]:
            raise LedgerError(
                f"SQLite reports that the file {self._database.name} is damaged.",
                remedy="restore the database, then check it against the kept head",
            )

    def reclaim(self) -> None:
        with self._translated:
            self._connection.execute("VACUUM")
            (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerError(
                f"The log {self._database.name} is being read, so its space cannot be freed.",
                remedy="try again when nobody reads it",
            )

    def forget(self) -> None:
        with self._translated:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def stored_bytes(self) -> int:
        (row,) = self.query(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        )
        return int(row[0])


class _Translated:
    """Turns SQLite's errors into ours. A class for speed: an append enters it twenty times."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        if _is_busy(error):
            raise LedgerError(
                f"Another process holds the log {self._name}.",
                remedy="wait for it, or raise lock_timeout_s",
            ) from error
        raise LedgerError(
            f"SQLite cannot use the log {self._name}: {error}.",
            remedy="check the disk space and the file's permissions, then open the log again",
        ) from error


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _refuse_network(folder: Path) -> None:
    """Refuses a folder on a file system with unreliable locks. Detected on Linux only."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    where = os.path.realpath(folder)
    best, kind = "", ""
    for line in lines:
        _, mount, found, *_ = line.split(" ")
        mount = mount.replace("\\040", " ")
        inside = where == mount or where.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, found
    if kind in _NETWORK:
        raise LedgerError(
            f"The log's folder is on a network file system ({kind}), where two writers can "
            "both hold the lock.",
            remedy="keep the log on a local disk, or in PostgreSQL",
        )
