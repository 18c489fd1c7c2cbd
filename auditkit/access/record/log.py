"""Logs access decisions before they take effect.

`auditkit.ledger.Ledger` is such a log. Denials and changes are durable before they take effect.
Allowed reads and failed log-ins go to a thread that writes them within a second; a crash may lose
those, and only those. While the log cannot be written, nothing is allowed; waiting entries are
kept, and written as soon as possible.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from auditkit.canonical import Json
from auditkit.errors import LedgerError

_logger: Final = logging.getLogger("auditkit.access")
READS: Final = "access.reads"
_MAX_WAITING: Final = 10_000
_FLUSH_SECONDS: Final = 0.5
# How long a proof that the log can be written lasts: by then another has come, or it cannot.
_PROVEN_SECONDS: Final = 2.0
# How many of its own entries a process keeps, so as not to read them again.
_LAST_WRITTEN: Final = 16


class LoggedEntry(Protocol):
    """An entry of the log."""

    @property
    def index(self) -> int:
        """Its index in the log, from 0."""

    @property
    def kind(self) -> str:
        """What it records."""

    @property
    def time(self) -> datetime:
        """When it was logged, UTC."""

    @property
    def payload(self) -> dict[str, Any] | None:
        """What was logged; None once it is destroyed."""


@dataclass(frozen=True, slots=True)
class _Written:
    """An entry that this process wrote, with its payload as given."""

    index: int
    kind: str
    time: datetime
    payload: dict[str, Any]


class DecisionLog(Protocol):
    """The interface of a log that access writes to."""

    def record(self, *, kind: str, payload: Mapping[str, Json]) -> LoggedEntry:
        """Appends an entry; when it returns, the entry is durable."""

    @property
    def size(self) -> int:
        """How many entries it has."""

    def entries(self, *, begin: int = 0) -> Iterable[LoggedEntry]:
        """Every entry whose index is at least `begin`, in order."""

    def check_in_place(self) -> None:
        """Raises if its files were moved, removed or replaced; takes microseconds."""

    def check_writable(self) -> None:
        """Raises if an entry could not be written now."""

    def close(self) -> None:
        """Closes files and connections."""


class Recorder:
    """Writes decisions to a log: at once, or within a second.

    Args:
        open_log: Opens the log, and opens it again after a failure. Entries may come from several
            threads.

    Raises:
        AuditkitError: If the log cannot be opened.
    """

    def __init__(self, open_log: Callable[[], DecisionLog]) -> None:
        self._open = open_log
        self._log: DecisionLog | None = open_log()
        self._opening = threading.Lock()
        self._waiting: queue.SimpleQueue[Mapping[str, Json]] = queue.SimpleQueue()
        self._unwritten: list[Mapping[str, Json]] = []
        self._written: deque[LoggedEntry] = deque(maxlen=_LAST_WRITTEN)
        self._stopped = threading.Event()
        self._healthy = True
        self._proven = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="auditkit-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def log(self) -> DecisionLog:
        """The log, opened again if it failed before.

        Raises:
            AuditkitError: If it cannot be opened.
        """
        with self._opening:
            if self._log is None:
                self._log = self._open()
            return self._log

    @property
    def ready(self) -> bool:
        """Whether `soon` returns without waiting: the log could be written a moment ago."""
        recent = time.monotonic() - self._proven < _PROVEN_SECONDS
        return self._healthy and recent and self._waiting.qsize() <= _MAX_WAITING

    def entries(self, begin: int, *, until: int | None = None) -> Iterator[LoggedEntry]:
        """Every entry from an index on, in order. This process's own entries are not read again.

        Args:
            begin: The first index.
            until: The index after the last wanted one; later entries may follow. None: the
                present end of the log.

        Raises:
            LedgerError: If the log cannot be read.
        """
        log = self._opened()
        written = {entry.index: entry for entry in list(self._written)}
        try:
            log.check_in_place()
            lacking = range(begin, log.size if until is None else until)
            own = all(index in written for index in lacking)
            yield from (written[i] for i in lacking) if own else log.entries(begin=begin)
        except LedgerError:
            self._give_up(log)
            raise

    def now(self, kind: str, payload: Mapping[str, Json]) -> int:
        """Appends an entry; when this returns, it is durable.

        Returns:
            Its index.

        Raises:
            LedgerError: If it could not be written. The action must then not take effect.
        """
        log = self._opened()
        try:
            entry = log.record(kind=kind, payload=payload)
        except Exception as error:
            self._healthy = False
            self._give_up(log)
            raise _unlogged() from error
        self._healthy, self._proven = True, time.monotonic()
        self._written.append(_Written(entry.index, kind, entry.time, dict(payload)))
        return entry.index

    def soon(self, payload: Mapping[str, Json]) -> None:
        """Logs an allowed read or a failed log-in within a second, in one entry with others.

        Raises:
            LedgerError: If the log could not be written recently, or too much is waiting.
        """
        if not self.ready:
            self.now(READS, {"decisions": [payload]})
            return
        self._waiting.put(payload)

    def close(self) -> None:
        """Writes the waiting entries."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._thread.join(timeout=5)
            self._drain()

    def _opened(self) -> DecisionLog:
        """The log; what cannot be opened cannot be written.

        Raises:
            LedgerError: If it cannot be opened.
        """
        try:
            return self.log
        except Exception as error:
            self._healthy = False
            raise _unlogged() from error

    def _give_up(self, log: DecisionLog) -> None:
        """Closes a log that failed; the next caller opens it again."""
        with self._opening:
            if self._log is log:
                self._log = None
                log.close()

    def _run(self) -> None:
        while not self._stopped.wait(_FLUSH_SECONDS):
            if not self._drain():
                self._prove()

    def _prove(self) -> None:
        """Finds out whether the log can be written, while nobody writes to it."""
        log: DecisionLog | None = None
        try:
            log = self.log
            log.check_writable()
            self._healthy, self._proven = True, time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing can be logged
            if self._healthy:
                _logger.warning("the log cannot be written: %s", error)
            self._healthy = False
            if log is not None:
                self._give_up(log)

    def _drain(self) -> bool:
        """Writes the waiting entries; returns whether there were any."""
        batch = self._unwritten
        while len(batch) < _MAX_WAITING:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        if not batch:
            return False
        try:
            self.now(READS, {"decisions": list(batch)})
            self._unwritten = []
        except LedgerError:
            _logger.exception("reads could not be logged; nothing more is allowed until they can")
        return True


def _unlogged() -> LedgerError:
    return LedgerError(
        "The decision could not be logged, so nothing was done.",
        remedy="check the log's database, its key and the disk",
    )
