"""One connection that the threads of a process share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from auditkit.database.connection import Connection
from auditkit.errors import AuditkitError, InputError

Found = TypeVar("Found")


class SharedConnection:
    """One connection, used by one thread at a time, and opened again after a failure.

    Args:
        connect: Makes a connection.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._open: Connection | None = None

    def read(self, work: Callable[[Connection], Found]) -> Found:
        """What `work` reads. A connection may have died since it was last used, so it tries twice.

        Raises:
            AuditkitError: What `work` raised, for a database that cannot be used the second time.
        """
        try:
            with self.alone() as connection:
                return work(connection)
        except InputError:
            with self.alone() as connection:
                return work(connection)

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """The connection, for this thread alone; it is closed if anything is raised."""
        with self._lock:
            if self._open is None:
                self._open = self._connect()
            try:
                yield self._open
            except BaseException:
                self._drop()
                raise

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            with suppress(AuditkitError):
                connection.close()
