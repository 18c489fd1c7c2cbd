"""Follows a log on behalf of one receiver, and sends what it is to have.

Laws:
    - What a receiver is to have is sent at least once, in the order of the log. While one item
      fails, those after it wait.
    - Of several processes one sends at a time. If it dies, another goes on when its time is over.
    - A failure is tried again after a pause that doubles, and is seen: how often, why, and when
      next stand beside the log.
    - Nobody waits for a courier. It has a thread of its own.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from auditkit.errors import AuditkitError
from auditkit.ledger.keep.tail import PART, LogTail
from auditkit.ledger.log import Ledger
from auditkit.ledger.reader import LogReader
from auditkit.ledger.records.entry import Entry, milliseconds
from auditkit.ledger.store.followers import Follower, Followers
from auditkit.notify.receivers import ATTEMPT_SECONDS, UndeliveredError

_logger: Final = logging.getLogger("auditkit.notify")
_POLL_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 2.0
_LONGEST_PAUSE_SECONDS: Final = 3600.0
# Longer than any attempt, so that nobody else begins to send meanwhile.
LEASE_SECONDS: Final = 2 * ATTEMPT_SECONDS
# After how many entries that the receiver is not to have the place is stored nevertheless.
_SKIPPED: Final = 1000

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery(Generic[Item]):
    """What one receiver is to have.

    Attributes:
        name: The receiver's name, unique among those that follow the log.
        prepare: Makes of an entry what is to be sent; None: nothing.
        send: Sends items in order; raises `UndeliveredError` if they were not all taken.
        most: How many items to send at once.
        begin: The first entry; None: what is logged from now on.
        gives_up: How long after an entry was logged to stop trying; None: never.
        given_up: Called before an item is given up, with its entry, how often it was tried, and
            why it failed last.
        first_pause_s: The pause after the first failure, in seconds; it doubles, up to an hour.
    """

    name: str
    prepare: Callable[[Entry], Item | None]
    send: Callable[[Sequence[Item]], None]
    most: int = 1
    begin: int | None = None
    gives_up: timedelta | None = None
    given_up: Callable[[Entry, int, str], None] | None = None
    first_pause_s: float = 1.0


class Outbox:
    """A log and the table of those who follow it, for the couriers of one process.

    Args:
        open_log: Opens the log for reading.
        open_followers: Opens the table.
    """

    def __init__(
        self, open_log: Callable[[], Ledger], open_followers: Callable[[], Followers]
    ) -> None:
        self._open_log = open_log
        self._open_followers = open_followers
        self._opening = threading.Lock()
        self._opened: tuple[Ledger, Followers] | None = None

    def opened(self) -> tuple[Ledger, Followers]:
        """Both, opened again if they failed before.

        Raises:
            AuditkitError: If one cannot be opened.
        """
        with self._opening:
            if self._opened is None:
                log = self._open_log()
                try:
                    self._opened = log, self._open_followers()
                except BaseException:
                    log.close()
                    raise
            return self._opened

    def give_up(self, log: LogReader) -> None:
        """Closes both if they are still those that failed; the next to ask opens them again."""
        with self._opening:
            if self._opened is None or self._opened[0] is not log:
                return
            opened, self._opened = self._opened, None
        for one in opened:
            one.close()


class Courier(Generic[Item]):
    """Follows the log for one receiver.

    Args:
        delivery: What to send, and how.
        outbox: The log.
        clock: The time, UTC.
        lease_s: How long the others wait before they take this process for dead, in seconds.

    Raises:
        AuditkitError: If the log or the table cannot be used.
    """

    def __init__(
        self,
        delivery: Delivery[Item],
        outbox: Outbox,
        *,
        clock: Callable[[], datetime],
        lease_s: float = LEASE_SECONDS,
    ) -> None:
        self._delivery = delivery
        self._outbox = outbox
        self._clock = clock
        self._lease_ms = int(1000 * lease_s)
        self._holder = secrets.token_hex(8)
        # Read and not prepared yet; prepared and not sent yet.
        self._entries: deque[Entry] = deque()
        self._waiting: deque[tuple[Entry, Item]] = deque()
        self._not_before_ms = 0
        # A program that was started again may try at once.
        self._fresh = True
        self._stopped = threading.Event()
        log, followers = outbox.opened()
        begin = log.size if delivery.begin is None else delivery.begin
        self._reached = followers.add(delivery.name, begin).next_index
        self._tail = LogTail(log, self._reached)
        self._thread = threading.Thread(
            target=self._run, name=f"auditkit-{delivery.name}", daemon=True
        )

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stops the thread, if need be in the middle of an attempt."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_SECONDS)

    def step(self) -> bool:
        """Reads what is new and sends what waits.

        Returns:
            Whether there may be more to do at once.

        Raises:
            AuditkitError: If the log or the table cannot be used.
        """
        log, followers = self._outbox.opened()
        self._tail.log = log
        more = False if self._waiting else self._read()
        self._prepare()
        if self._waiting:
            if self._now_ms() < self._not_before_ms:
                return False
        elif self._passed - self._reached < _SKIPPED:
            return more
        mine = followers.take(
            self._delivery.name, self._holder, now_ms=self._now_ms(), lease_ms=self._lease_ms
        )
        if mine is None:
            return False  # another process is sending
        self._catch_up(mine.next_index)
        if mine.retry_ms > self._now_ms() and not self._fresh:
            self._not_before_ms = mine.retry_ms
            followers.keep(replace(mine, holder=""), self._holder)
            return False
        return self._send(followers, mine)

    def _read(self) -> bool:
        """Reads the next entries; whether there may be more."""
        entries = self._tail.read()
        self._entries.extend(entries)
        return len(entries) == PART

    def _prepare(self) -> None:
        """Prepares what was read; if that fails, the rest is prepared in the next step."""
        while self._entries:
            entry = self._entries[0]
            item = self._delivery.prepare(entry) if entry.index >= self._reached else None
            if item is not None:
                self._waiting.append((entry, item))
            self._entries.popleft()

    @property
    def _passed(self) -> int:
        """The index after the last entry that was prepared."""
        return self._tail.next_index - len(self._entries)

    def _catch_up(self, index: int) -> None:
        """Leaves out what another process has sent meanwhile."""
        self._reached = max(self._reached, index)
        while self._waiting and self._waiting[0][0].index < self._reached:
            self._waiting.popleft()

    def _send(self, followers: Followers, mine: Follower) -> bool:
        """Sends what waits, until it fails. The courier holds its place in the table."""
        delivery = self._delivery
        while self._waiting:
            part = [self._waiting[n] for n in range(min(delivery.most, len(self._waiting)))]
            entry, tries = part[0][0], mine.tries + 1
            self._fresh = False
            try:
                delivery.send([item for _, item in part])
            except UndeliveredError as error:
                if not self._gives_up(entry):
                    pause_ms = int(1000 * self._pause_s(tries))
                    self._not_before_ms = self._now_ms() + pause_ms
                    failed = replace(
                        mine,
                        next_index=entry.index,
                        tries=tries,
                        problem=str(error),
                        retry_ms=self._not_before_ms,
                        holder="",
                    )
                    followers.keep(failed, self._holder)
                    return False
                if delivery.given_up is not None:
                    delivery.given_up(entry, tries, str(error))
                part = part[:1]
            for _ in part:
                self._waiting.popleft()
            if not self._keep(followers, mine, part[-1][0].index + 1):
                return True
            mine = replace(mine, tries=0)
        self._keep(followers, mine, self._passed)
        return True

    def _keep(self, followers: Followers, mine: Follower, reached: int) -> bool:
        """Stores how far it has got; lets go if nothing waits, or it is to stop.

        Returns:
            Whether it may go on.
        """
        goes_on = bool(self._waiting) and not self._stopped.is_set()
        kept = Follower(
            name=mine.name,
            next_index=reached if self._waiting else self._passed,
            holder=self._holder if goes_on else "",
            held_until_ms=self._now_ms() + self._lease_ms if goes_on else 0,
        )
        self._reached = kept.next_index
        return followers.keep(kept, self._holder) and goes_on

    def _gives_up(self, entry: Entry) -> bool:
        gives_up = self._delivery.gives_up
        return gives_up is not None and self._clock() - entry.time > gives_up

    def _pause_s(self, tries: int) -> float:
        first = self._delivery.first_pause_s
        return min(first * 2.0 ** min(tries - 1, 30), _LONGEST_PAUSE_SECONDS)

    def _now_ms(self) -> int:
        return milliseconds(self._clock())

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            try:
                pause = 0.0 if self.step() else _POLL_SECONDS
                failures = 0
            except Exception as error:  # noqa: BLE001 - the thread goes on whatever happens
                failures += 1
                pause = min(2.0**failures, 60.0)
                why = error.message if isinstance(error, AuditkitError) else type(error).__name__
                _logger.warning("%s is not told for now: %s", self._delivery.name, why)
                self._outbox.give_up(self._tail.log)
            self._stopped.wait(pause)
