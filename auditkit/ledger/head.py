"""The newest checkpoint, kept in a file outside the database.

Yesterday's database, restored, is a valid log: nothing inside it shows that today is missing. This
file does, as long as it is not restored together with the database. Keep it on another disk where
that matters, or ask a witness.

Laws:
    - The file never runs ahead of the database: it is written after the commit. After a power
      failure it may lag by at most `SYNC_SECONDS` of entries. A killed process loses nothing.
    - It never goes back: a smaller checkpoint does not overwrite a larger one.
    - It is never half-written: two slots in different pages are written in turn.
    - Its lock orders the writers on one machine, so that none of them polls the database.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from auditkit.database.connection import Keeping
from auditkit.database.sqlite import file_at
from auditkit.errors import LedgerError

SYNC_SECONDS: Final = 1.0
_SLOT: Final = 4096
_DIGEST: Final = 64
_FIRST_WAIT: Final = 0.0002
_LONGEST_WAIT: Final = 0.005


class HeadFile:
    """The file that keeps the newest checkpoint of one log.

    Args:
        path: Its path; for writing, the file and its folder are created if they do not exist.
        write: Whether to open it for writing; for reading it must exist.
        lock_timeout_s: How long to wait for another writer, in seconds.
    """

    def __init__(self, path: Path, *, write: bool, lock_timeout_s: float) -> None:
        self.path = path
        self._write = write
        self._timeout_s = lock_timeout_s
        self._synced = 0.0
        self._slots = [(b"", -1), (b"", -1)]  # As last seen or written, and the size in each.
        try:
            if write:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_RDWR | os.O_CREAT if write else os.O_RDONLY
            self._fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failed("opened", error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock that the processes of this machine share.

        Raises:
            LedgerError: If another process holds it for longer than the timeout.
        """
        deadline, wait = time.monotonic() + self._timeout_s, _FIRST_WAIT
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if not isinstance(error, BlockingIOError):
                    raise self._failed("locked", error) from error
                if time.monotonic() > deadline:
                    raise LedgerError(
                        f"Another process has held the log for {self._timeout_s:g} seconds.",
                        remedy="find the process that hangs, or raise lock_timeout_s",
                    ) from None
            time.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)
        try:
            yield
        finally:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
            except OSError as error:
                raise self._failed("unlocked", error) from error

    def read(self) -> str | None:
        """The newest checkpoint, as the signed note's text; None if the file is new.

        Raises:
            LedgerError: If the file cannot be read, or is damaged.
        """
        try:
            whole = os.pread(self._fd, 2 * _SLOT, 0)
        except OSError as error:
            raise self._failed("read", error) from error
        if not whole:
            return None
        found = [note for note in (_note(whole[:_SLOT]), _note(whole[_SLOT:])) if note]
        if not found:
            raise LedgerError(
                f"The file {self.path.name} beside the log is damaged.",
                remedy="remove it, check the log against a checkpoint kept elsewhere ('auditkit "
                "ledger verify LOG --checkpoint FILE'), then write it again ('auditkit log "
                "checkpoint LOG --accept-missing-head')",
            )
        return max(found, key=_size)

    def write(self, note: str, *, sync: bool = False) -> None:
        """Keeps a checkpoint, unless a larger one is kept. Requires the lock.

        Args:
            note: The signed checkpoint.
            sync: Whether to sync it to the disk now.

        Raises:
            LedgerError: If the file cannot be written.
        """
        text, size = note.encode(), _size(note)
        slot = (hashlib.sha256(text).hexdigest().encode() + text).ljust(_SLOT, b"\n")
        if len(slot) > _SLOT:
            raise LedgerError(
                "The checkpoint is too long for the file that keeps the head.",
                remedy="give the log a shorter name",
            )
        try:
            whole = os.pread(self._fd, 2 * _SLOT, 0)
            for number, kept in enumerate((whole[:_SLOT], whole[_SLOT:])):
                if kept != self._slots[number][0]:
                    self._slots[number] = kept, _kept_size(kept)
            sizes = [known for _, known in self._slots]
            if max(sizes) > size:
                return
            older = 0 if sizes[0] <= sizes[1] else 1
            written = os.pwrite(self._fd, slot, older * _SLOT)
            self._slots[older] = slot, size
            if sync or not whole or time.monotonic() - self._synced > SYNC_SECONDS:
                os.fdatasync(self._fd)
                self._synced = time.monotonic()
        except OSError as error:
            raise self._failed("written", error) from error
        if written != _SLOT:
            raise self._failed("written", OSError(errno.ENOSPC, "no room"))

    def check_in_place(self) -> None:
        """Checks that the file at the path is the one that is open.

        Raises:
            LedgerError: If it was moved, removed or replaced.
        """
        opened = os.fstat(self._fd)
        if file_at(self.path) != (opened.st_dev, opened.st_ino):
            raise Keeping("log's head", self.path.name).moved()

    def close(self) -> None:
        """Syncs and closes the file."""
        try:
            if self._write:
                os.fdatasync(self._fd)
        except OSError as error:
            raise self._failed("written", error) from error
        finally:
            os.close(self._fd)

    def _failed(self, what: str, error: OSError) -> LedgerError:
        return LedgerError(
            f"The file {self.path.name} that keeps the log's head cannot be {what}: "
            f"{error.strerror or 'input/output error'}.",
            remedy="check the disk space and the file's permissions, then open the log again",
        )


def _note(slot: bytes) -> str | None:
    digest, text = slot[:_DIGEST], slot[_DIGEST:].rstrip(b"\n\0") + b"\n"
    if hashlib.sha256(text).hexdigest().encode() != digest:
        return None
    return text.decode()


def _kept_size(slot: bytes) -> int:
    note = _note(slot)
    return -1 if note is None else _size(note)


def _size(note: str) -> int:
    return int(note.split("\n", 2)[1])
