"""The log of decisions, as access needs it: written before anything takes effect.

`auditkit.ledger.Ledger` is such a log. Denials and changes are durable before they take effect.
Allowed reads, and failed log-ins, are handed to a thread that writes them within a second; a crash
may lose those, and only those. While the log cannot be written, nothing is allowed.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from auditkit.canonical import Json
from auditkit.errors import LedgerError

_logger: Final = logging.getLogger("auditkit.access")
_MAX_WAITING: Final = 10_000
_FLUSH_SECONDS: Final = 0.5


class LoggedEntry(Protocol):
    """One entry of the log."""

    @property
    def index(self) -> int:
        """Its place in the log, from 0."""

    @property
    def kind(self) -> str:
        """What it records."""

    @property
    def time(self) -> datetime:
        """When it was logged, UTC."""

    @property
    def payload(self) -> dict[str, Any] | None:
        """What was logged; None once it is destroyed."""


class DecisionLog(Protocol):
    """What access needs of a log."""

    def append(self, *, kind: str, payload: Mapping[str, Json]) -> Any:
        """Appends an entry; when it returns, the entry is durable."""

    def entries(self, *, since: int = 0) -> Iterable[LoggedEntry]:
        """Every entry whose index is at least `since`, in order."""


class Recorder:
    """Writes decisions to a log: at once, or within a second.

    Args:
        log: The log. Its appends may come from several threads, one at a time.
    """

    def __init__(self, log: DecisionLog) -> None:
        self.log = log
        self._waiting: queue.SimpleQueue[tuple[str, Mapping[str, Json]]] = queue.SimpleQueue()
        self._one_writer = threading.Lock()
        self._stopped = threading.Event()
        self._healthy = True
        self._thread = threading.Thread(target=self._run, name="auditkit-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def now(self, kind: str, payload: Mapping[str, Json]) -> None:
        """Appends an entry; when this returns, it is durable.

        Raises:
            LedgerError: If it could not be written. Then nothing may take effect.
        """
        try:
            with self._one_writer:
                self.log.append(kind=kind, payload=payload)
        except Exception as error:
            self._healthy = False
            raise LedgerError(
                "The decision could not be logged, so nothing was done.",
                remedy="see to the log: its database, its key, the disk",
            ) from error
        self._healthy = True

    def soon(self, kind: str, payload: Mapping[str, Json]) -> None:
        """Appends an entry within a second.

        Raises:
            LedgerError: If the log could not be written lately, or too much is waiting.
        """
        if not self._healthy or self._waiting.qsize() > _MAX_WAITING:
            self.now(kind, payload)
            return
        self._waiting.put((kind, payload))

    def close(self) -> None:
        """Writes what is waiting."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._thread.join(timeout=5)
            self._drain()

    def _run(self) -> None:
        while not self._stopped.wait(_FLUSH_SECONDS):
            self._drain()

    def _drain(self) -> None:
        while True:
            try:
                kind, payload = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self.now(kind, payload)
            except LedgerError:
                _logger.exception(
                    "a read could not be logged; nothing more is allowed until it can"
                )
                return
