"""Files of users and tokens: readable only by their owner, read again when they change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from auditkit.canonical import parse_json
from auditkit.errors import InputError
from auditkit.files import read_text

T = TypeVar("T")


def read_private(path: Path, *, what: str, remedy: str) -> Any:
    """The JSON in a file that only its owner may read and write.

    Args:
        path: The file.
        what: Its name in errors, for example "users' file".
        remedy: How to make it.

    Raises:
        InputError: If it cannot be read, or is readable by others than its owner.
    """
    return _private(path, lambda: parse_json(read_text(path)), what=what, remedy=remedy)


def read_secret(path: Path, *, what: str, remedy: str) -> bytes:
    """The bytes of a file that only its owner may read and write.

    Args:
        path: The file.
        what: Its name in errors, for example "client's secret".
        remedy: How to make it.

    Raises:
        InputError: If it cannot be read, or is readable by others than its owner.
    """
    return _private(path, path.read_bytes, what=what, remedy=remedy)


def _private(path: Path, read: Callable[[], T], *, what: str, remedy: str) -> T:
    try:
        if path.stat().st_mode & 0o077:
            raise InputError(
                f"The {what} {path.name!r} is readable by others.",
                remedy=f"chmod 600 {path.name}",
            )
        return read()
    except (OSError, ValueError) as error:
        raise InputError(f"The {what} {path.name!r} cannot be read.", remedy=remedy) from error


class Followed(Generic[T]):
    """What a file holds, read again when it changes.

    Args:
        path: The file.
        read: Reads it.

    Raises:
        InputError: If it cannot be read.
    """

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        self._path, self._read = path, read
        self._held: tuple[tuple[int, int, int] | None, T] = (None, read(path))
        self.current()

    def current(self) -> T:
        """What it holds now.

        Raises:
            InputError: If it cannot be read.
        """
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            stamp = None
        held, found = self._held
        if stamp is None or stamp != held:
            found = self._read(self._path)
            self._held = (stamp, found)
        return found
