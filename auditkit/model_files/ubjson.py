"""Reads UBJSON, in which XGBoost saves models, without trusting a length in it.

Source: https://ubjson.org, draft 12; what XGBoost writes of it.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np

_NUMBERS: Final = {
    b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8",
}  # fmt: skip
_LITERALS: Final[dict[bytes, Any]] = {b"Z": None, b"T": True, b"F": False}
_MAX_DEPTH: Final = 32


def parse_ubjson(data: bytes) -> Any:
    """The value that some bytes hold; an array of one type of numbers is a numpy array.

    Raises:
        ValueError: If they are malformed, cut short, nested too deep, or followed by others.
    """
    reader = _Reader(data)
    found = reader.value(reader.take(1), 0)
    if reader.place != len(data):
        raise ValueError("bytes after the end")
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self.place = data, 0

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self._data) - self.place:
            raise ValueError("cut short")
        self.place += count
        return self._data[self.place - count : self.place]

    def value(self, kind: bytes, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deep")
        if kind in _NUMBERS:
            dtype = np.dtype(_NUMBERS[kind])
            return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()
        if kind in _LITERALS:
            return _LITERALS[kind]
        if kind == b"C":
            return self.take(1).decode("ascii")
        if kind in {b"S", b"H"}:
            return self._text()
        if kind == b"[":
            return self._array(depth)
        if kind == b"{":
            return self._object(depth)
        raise ValueError("an unknown type")

    def _length(self) -> int:
        kind = self.take(1)
        if kind not in {b"i", b"U", b"I", b"l", b"L"}:
            raise ValueError("a length that is none")
        found = int(self.value(kind, 0))
        if found < 0:
            raise ValueError("a length that is none")
        return found

    def _text(self) -> str:
        return self.take(self._length()).decode()

    def _head(self) -> tuple[bytes, int | None]:
        """The type and the length of a container, if it states them."""
        kind = b""
        if self._peek() == b"$":
            self.take(1)
            kind = self.take(1)
        if self._peek() == b"#":
            self.take(1)
            return kind, self._length()
        if kind:
            raise ValueError("a type without a length")
        return b"", None

    def _peek(self) -> bytes:
        return self._data[self.place : self.place + 1]

    def _array(self, depth: int) -> Any:
        kind, length = self._head()
        if kind in _NUMBERS and length is not None:
            dtype = np.dtype(_NUMBERS[kind])
            taken = self.take(length * dtype.itemsize)
            return np.frombuffer(taken, dtype).astype(dtype.newbyteorder("="))
        found = []
        if length is not None:
            if length > len(self._data):
                raise ValueError("cut short")
            return [self.value(kind or self.take(1), depth + 1) for _ in range(length)]
        while (kind := self.take(1)) != b"]":
            found.append(self.value(kind, depth + 1))
        return found

    def _object(self, depth: int) -> dict[str, Any]:
        kind, length = self._head()
        if length is not None and length > len(self._data):
            raise ValueError("cut short")
        found: dict[str, Any] = {}
        while len(found) != length if length is not None else self._peek() != b"}":
            name = self._text()
            if name in found:
                raise ValueError("a name twice")
            found[name] = self.value(kind or self.take(1), depth + 1)
        if length is None:
            self.take(1)
        return found


def write_ubjson(value: Any) -> bytes:
    """A value as UBJSON, arrays of numbers with their type, as XGBoost writes them."""
    if isinstance(value, dict):
        pairs = [_name(name) + write_ubjson(one) for name, one in value.items()]
        return b"{" + b"".join(pairs) + b"}"
    if isinstance(value, np.ndarray):
        kinds = {np.dtype(form).newbyteorder("="): kind for kind, form in _NUMBERS.items()}
        kind = kinds[value.dtype]
        swapped = value.astype(value.dtype.newbyteorder(">")).tobytes()
        return b"[$" + kind + b"#L" + struct.pack(">q", len(value)) + swapped
    if isinstance(value, list):
        return b"[" + b"".join(map(write_ubjson, value)) + b"]"
    if isinstance(value, str):
        return b"S" + _name(value)
    if isinstance(value, bool) or value is None:
        return {True: b"T", False: b"F", None: b"Z"}[value]
    if isinstance(value, int):
        return b"L" + struct.pack(">q", value)
    return b"D" + struct.pack(">d", value)


def _name(text: str) -> bytes:
    return b"L" + struct.pack(">q", len(text.encode())) + text.encode()
