"""Limits on guessing passwords: each wrong one makes the next wait longer, and nobody else.

Laws:
    - A name that does not exist is treated as one that does: what is answered, and when, tells
      nothing about it. Only while an address floods the server with log-ins are those under names
      that do not exist refused sooner, so that the others get through.
    - A wrong password counts against the name that was tried and for the address that tried it. It
      never keeps another name out at that address.
    - Somebody who has logged in from an address before is not kept out there by guesses made
      elsewhere.
    - Nobody waits in here for a guess to be allowed: a log-in is checked, or refused at once with
      the time to wait. What is remembered is bounded.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from auditkit.access.login.callers import TooManyFailuresError

# Wrong passwords for one name before the next has to wait: 1 s, 2 s, 4 s ... a minute.
_FREE: Final = 10
_LONGEST_SECONDS: Final = 60.0
# After so many wrong passwords from one address, each name has one try from there before it has to
# wait, and the wait grows to a quarter of an hour: one password tried on many names.
_FREE_AT_ADDRESS: Final = 30
_LONGEST_AT_ADDRESS_SECONDS: Final = 900.0
# Counts are forgotten when nothing was wrong for so long.
_FORGET_SECONDS: Final = 900.0
_MAX_KEPT: Final = 20_000

# How many log-ins may wait for the slow hash, in all and from one address, and for how long: under
# names that exist, and under others, which must not take their places.
_MAX_WAITING: Final = {True: 14, False: 10}
_MAX_WAITING_AT_ADDRESS: Final = {True: 12, False: 8}
_TURN_SECONDS: Final = 5.0

_V = TypeVar("_V")


class Attempts:
    """Counts wrong passwords.

    Args:
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._secret = secrets.token_bytes(32)
        self.counts: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._familiar: OrderedDict[bytes, None] = OrderedDict()

    def refuse_hasty(self, user: str, address: str) -> None:
        """Raises an error if a name has to wait before the next guess.

        Args:
            user: The name that is tried.
            address: Where from.

        Raises:
            TooManyFailuresError: With the time to wait.
        """
        with self._lock:
            count, since = self._count(self._account(user, address))
            wait = _pause(count - _FREE, _LONGEST_SECONDS) - since
            if self._count(self._key("address", address))[0] >= _FREE_AT_ADDRESS:
                count, since = self._count(self._key("pair", user, address))
                wait = max(wait, _pause(count - 1, _LONGEST_AT_ADDRESS_SECONDS) - since)
        if wait > 0:
            raise TooManyFailuresError("Too many wrong passwords.", retry_after=wait)

    def failed(self, user: str, address: str) -> None:
        """Counts a wrong password."""
        with self._lock:
            for key in (
                self._account(user, address),
                self._key("address", address),
                self._key("pair", user, address),
            ):
                _keep(self.counts, key, (self._count(key)[0] + 1, self._clock()))

    def succeeded(self, user: str, address: str) -> None:
        """Notes that a name's right password came from an address."""
        with self._lock:
            _keep(self._familiar, self._key("pair", user, address), None)

    def _account(self, user: str, address: str) -> bytes:
        if self._key("pair", user, address) in self._familiar:
            return self._key("account", user, address)
        return self._key("account", user)

    def _key(self, *parts: str) -> bytes:
        """A short name for what is counted, however long the names in it are."""
        text = "\0".join(parts).encode()
        return hashlib.blake2b(text, key=self._secret, digest_size=16).digest()

    def _count(self, key: bytes) -> tuple[int, float]:
        """How many wrong passwords, and seconds since the last one."""
        count, last = self.counts.get(key, (0, 0.0))
        since = self._clock() - last
        return (0, 0.0) if since > _FORGET_SECONDS else (count, since)


class Turns:
    """One at a time through the slow hash: guesses in parallel take the memory of one.

    Who waits for it takes turns whether the name exists or not. Only when too many wait under
    invented names are further ones refused at once, and only these.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self.waiting: Counter[tuple[bool, str]] = Counter()

    @contextmanager
    def turn(self, address: str, *, exists: bool) -> Iterator[bool]:
        """Waits for its turn, a short while; few may wait.

        Args:
            address: Where the log-in comes from.
            exists: Whether there is such a name.

        Yields:
            Whether an invented name would have been refused: then what is wrong is answered alike.

        Raises:
            TooManyFailuresError: If too many wait already, or it takes too long.
        """
        place = exists, address
        with self._lock:
            crowded = self._full(exists=False, address=address)
            if self._full(exists=exists, address=address):
                raise busy()
            self.waiting[place] += 1
        try:
            if not self._turn.acquire(timeout=_TURN_SECONDS):
                raise busy()
            try:
                yield crowded
            finally:
                self._turn.release()
        finally:
            with self._lock:
                self.waiting[place] -= 1
                self.waiting += Counter()  # drops what is zero

    def _full(self, *, exists: bool, address: str) -> bool:
        everywhere = sum(count for (kind, _), count in self.waiting.items() if kind is exists)
        here = self.waiting[exists, address]
        return everywhere >= _MAX_WAITING[exists] or here >= _MAX_WAITING_AT_ADDRESS[exists]


def busy() -> TooManyFailuresError:
    """A log-in that has to wait because too many others are waiting."""
    return TooManyFailuresError("Too many log-ins at once.", retry_after=1)


def _pause(over: int, longest: float) -> float:
    """Seconds to wait after so many wrong passwords too many; 0 too many: one second."""
    return 0.0 if over < 0 else min(2.0 ** min(over, 60), longest)


def _keep(kept: OrderedDict[bytes, _V], key: bytes, value: _V) -> None:
    """Keeps a value as the newest, and no more than so many of them."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _MAX_KEPT:
        kept.popitem(last=False)
