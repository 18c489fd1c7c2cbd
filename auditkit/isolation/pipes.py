"""Writes to and reads from a pipe to another process, which may never take or give anything."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from time import monotonic
from typing import IO, Final

from auditkit.isolation.errors import unavailable

# Waits until a descriptor is ready for an event of `select.poll`; raises if that takes too long.
Wait = Callable[[int, int], None]
_PIECE: Final = 1 << 20
# A Ctrl-C that comes just before a wait is noticed when the wait ends.
_STEP_SECONDS: Final = 1.0


def until(latest: float) -> Wait:
    """Waits until a time of the monotonic clock."""

    def wait(stream: int, event: int) -> None:
        if not is_ready(stream, event, latest - monotonic()):
            raise unavailable("does not answer")

    return wait


def is_ready(stream: int, event: int, seconds: float) -> bool:
    """Whether a descriptor is ready for an event within some seconds."""
    poll = select.poll()  # unlike select, takes descriptors above 1023
    poll.register(stream, event)
    latest = monotonic() + seconds
    while True:
        left = latest - monotonic()
        if poll.poll(1000 * max(0.0, min(left, _STEP_SECONDS))):
            return True
        if left <= _STEP_SECONDS:
            return False


def write(pipe: IO[bytes] | None, data: bytes, wait: Wait) -> None:
    """Writes all of some bytes.

    Raises:
        ChildUnavailableError: If the other process has ended.
    """
    assert pipe is not None
    stream, rest = pipe.fileno(), memoryview(data)
    os.set_blocking(stream, False)
    while rest:
        wait(stream, select.POLLOUT)
        try:
            rest = rest[os.write(stream, rest) :]
        except BrokenPipeError as error:
            raise unavailable("ended before it got its input") from error


def read(pipe: IO[bytes] | None, size: int, wait: Wait) -> bytes:
    """Reads as many bytes.

    Raises:
        ChildUnavailableError: If the other process has ended.
    """
    assert pipe is not None
    stream, parts, have = pipe.fileno(), list[bytes](), 0
    while have < size:
        wait(stream, select.POLLIN)
        part = os.read(stream, min(size - have, _PIECE))
        if not part:
            raise unavailable("ended")
        parts.append(part)
        have += len(part)
    return b"".join(parts)


def close(*pipes: IO[bytes] | None) -> None:
    """Closes the pipes to a process."""
    for pipe in pipes:
        if pipe is not None:
            pipe.close()
