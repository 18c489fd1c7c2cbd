"""The format of a job's input and answer: a JSON value, then pieces of bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

_WIDTH: Final = 8  # bytes of the number that gives the length of the JSON


def pack(content: Any, parts: Sequence[bytes] = ()) -> bytes:
    """A JSON value and pieces of bytes as one message.

    Example:
        >>> unpack(pack({"name": "a"}, [b"1", b"23"]))
        ({'name': 'a'}, (b'1', b'23'))
    """
    return b"".join(pieces(content, parts))


def pieces(content: Any, parts: Sequence[bytes] = ()) -> list[bytes]:
    """As `pack`, before the pieces are put together, which copies them."""
    head = json.dumps([content, [len(part) for part in parts]]).encode()
    return [len(head).to_bytes(_WIDTH), head, *parts]


def unpack(message: bytes | memoryview) -> tuple[Any, tuple[Any, ...]]:
    """Reads what `pack` wrote; of a view the pieces are views.

    Raises:
        ValueError: If the message is malformed, cut short or too long.
    """
    place = _WIDTH + int.from_bytes(message[:_WIDTH])
    content, sizes = json.loads(bytes(message[_WIDTH:place]))
    parts = []
    for size in sizes:
        parts.append(message[place : place + size])
        place += size
    if place != len(message):
        raise ValueError
    return content, tuple(parts)
