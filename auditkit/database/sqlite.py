"""A SQLite file: write-ahead log, synced on every commit.

A commit returns only when its pages are on the disk (`synchronous=FULL`), and deleted rows are
overwritten (`secure_delete`). Network file systems are refused: their locks would let two writers
write at once.
"""

# ruff: noqa: D102  (the methods are described where they are declared, in Connection)

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from auditkit.database.connection import Connection, Keeping

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs"}
)


def refuse_folder(path: Path, keeping: Keeping) -> None:
    """Refuses a file whose folder does not exist, or has unreliable locks.

    Raises:
        AuditkitError: Of the kind that `keeping` names.
    """
    if not path.parent.is_dir():
        raise keeping.error(
            f"The folder for the {keeping.what} {path.name} does not exist.",
            remedy="make the folder",
        )
    kind = _file_system(path.parent)
    if kind in _NETWORK:
        raise keeping.error(
            f"The {keeping.what}'s folder is on a network file system ({kind}), where two writers "
            "can both hold the lock.",
            remedy=f"keep the {keeping.what} on a local disk, or in PostgreSQL",
        )


class SqliteConnection(Connection):
    """One connection to a SQLite file.

    Args:
        path: The file, made if it is missing and `write`; only its owner can read it.
        keeping: What it keeps.
        write: Whether to write.
        lock_timeout_s: How long to wait for other writers, in seconds.
    """

    def __init__(self, path: Path, keeping: Keeping, *, write: bool, lock_timeout_s: float) -> None:
        self._keeping = keeping
        self._translated = _Translated(keeping)
        if write:
            _make_private(path, keeping)
        # The files by path, each as it was first seen. A reader does not keep the second in place.
        self._files = {path: file_at(path)}
        if write:
            self._files[Path(f"{path}-wal")] = None
        with self._translated:
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode={'rwc' if write else 'rw'}",
                uri=True,
                isolation_level=None,
                timeout=lock_timeout_s,
                check_same_thread=False,
            )
            try:
                self._prepare(write=write)
                self.check_in_place()
            except BaseException:
                self._connection.close()
                raise

    def check_in_place(self) -> None:
        for path, opened in self._files.items():
            found = file_at(path)
            if opened is None:
                self._files[path] = found
            elif found != opened:
                raise self._keeping.moved()

    def _prepare(self, *, write: bool) -> None:
        connection = self._connection
        connection.execute("PRAGMA trusted_schema = OFF")
        if not write:
            connection.execute("PRAGMA query_only = ON")
            return
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
            raise self._keeping.error(
                f"The file system of {self._keeping.where} does not allow a write-ahead log.",
                remedy=f"keep the {self._keeping.what} on a local disk",
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")

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

    def execute(self, statement: str) -> None:
        with self._translated:
            self._connection.execute(statement)

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._translated:
            self._connection.executemany(statement, rows)


class _Translated:
    """Turns SQLite's errors into ours. A class for speed: an append enters it twenty times."""

    __slots__ = ("_keeping",)

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        keeping = self._keeping
        if _is_busy(error):
            raise keeping.held() from error
        raise keeping.error(
            f"SQLite cannot use the {keeping.what} {keeping.where}: {error}.",
            remedy=f"check the disk space and the file's permissions, then open the {keeping.what} "
            "again",
        ) from error


def file_at(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to, device and number; None: to none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_private(path: Path, keeping: Keeping) -> None:
    """Creates a file that only its owner can read; SQLite's other files inherit the mode.

    One that exists is not opened: closing it would give up this process's locks on it.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise keeping.error(
            f"The {keeping.what} {keeping.where} cannot be opened: {error.strerror}.",
            remedy="check the folder's permissions and the disk space",
        ) from error


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _file_system(folder: Path) -> str:
    """The kind of a folder's file system; empty if unknown. Linux tells it."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    where = os.path.realpath(folder)
    best, kind = "", ""
    for line in lines:
        _, mount, found, *_ = line.split(" ")
        mount = mount.replace("\\040", " ")
        inside = where == mount or where.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, found
    return kind
