"""A folder of key files that only their owner can read.

Laws:
    - The folder has mode 0700 and every file 0600 from their creation. A folder or a file that
      others can read is refused, not repaired.
    - Files appear whole or not at all; one process at a time writes.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditkit.errors import KeyFileError, OutputError
from auditkit.files import write_whole

_UNSAFE: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """The folder.

    Attributes:
        path: Created with mode 0700 at the first write.
    """

    path: Path

    def read(self, name: str) -> bytes:
        """A file's bytes.

        Raises:
            KeyFileError: If it cannot be read, or others can read it.
        """
        path = self.path / name
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if mode & _UNSAFE:
                    raise KeyFileError(
                        f"The key file {name} can be read by others.",
                        remedy=f"chmod 600 the file if only you had access, else revoke: {name}",
                    )
                return file.read()
        except OSError as error:
            raise KeyFileError(
                f"The key file {name} cannot be read.",
                remedy="restore the key store from its backup, or create a new one",
            ) from error

    def write(self, name: str, data: bytes) -> None:
        """Writes a file whole or not at all, readable only by its owner from the start."""
        try:
            write_whole(self.path / name, data, secret=True)
        except OutputError as error:
            raise KeyFileError(
                f"The key file {name} cannot be written.",
                remedy="check that you own the key store's folder and that its disk is not full",
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Waits until no other process writes here; creates the folder if it does not exist."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.check()
            lock = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise KeyFileError(
                "The key store's folder cannot be created or written.",
                remedy="choose a folder that you own",
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def check(self) -> None:
        """Refuses a folder that other users may enter."""
        if self.path.stat().st_mode & _UNSAFE:
            raise KeyFileError(
                f"The key store's folder {self.path.name} is open to other users.",
                remedy=f"chmod 700 {self.path}, and revoke its keys if anyone else had access",
            )
