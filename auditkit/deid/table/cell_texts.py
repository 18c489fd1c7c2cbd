"""One cell of a table as text, whatever Python value it holds.

A list, a record or a set is written as JSON, so that what stands in it can be searched, and so that
its strings are known from its numbers. What has no text of its own is refused: nobody can say what
leaves with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

import numpy as np

# Their text says all that they hold.
_SPEAKING: Final = (
    *(str, bool, int, float, complex, Decimal, Fraction, date, datetime, time, timedelta),
    *(UUID, PurePath, IPv4Address, IPv4Network, IPv6Address, IPv6Network, np.generic),
)
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WHOLE_NUMBER: Final = re.compile(r"(?<![\d.eE+-])\d+(?![\d.eE])")
_MAX_DEPTH: Final = 100


class UnreadableError(ValueError):
    """A cell has no text; says what it holds instead, for the sentence "A column holds ..."."""


def cell_text(value: Any) -> str:
    """What a cell holds, as text: dates by ISO 8601, whole numbers without a decimal point.

    Raises:
        UnreadableError: If it has no text that says all it holds.
    """
    if isinstance(value, str):
        text = str(value)
        if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            raise UnreadableError("text that is no Unicode")
        return text
    if type(value) is int:
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, bytes | bytearray | memoryview):
        read = text_of_bytes(bytes(value))
        if read is None:
            raise UnreadableError("bytes that are no text")
        return read
    if is_nested(value):
        try:
            return json.dumps(_plain(value, 0), ensure_ascii=False)
        except RecursionError:
            raise UnreadableError("lists in lists without end") from None
    if hasattr(value, "isoformat") and not isinstance(value, timedelta):
        text = (
            value.isoformat(sep=" ")
            if hasattr(value, "hour") and hasattr(value, "year")
            else value.isoformat()
        )
        return str(text).removesuffix(" 00:00:00")
    if isinstance(value, _SPEAKING) or _is_pandas_scalar(value):
        return str(value)
    raise UnreadableError(f"values of the type {type(value).__name__}")


def _is_pandas_scalar(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and not hasattr(value, "shape")


def is_nested(value: Any) -> bool:
    """Whether a cell holds several values."""
    return isinstance(value, list | tuple | Mapping | AbstractSet | np.ndarray)


def text_of_bytes(data: bytes) -> str | None:
    """The text that bytes hold, UTF-8; None if they are no text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(c.isprintable() or c.isspace() for c in text) else None


def strings_in(nested: str) -> list[str]:
    """The strings of a nested cell as `cell_text` writes it: items, and the names of a record."""
    return [
        json.loads(f'"{inside}"') if "\\" in inside else inside
        for inside in _STRING.findall(nested)
    ]


def whole_numbers_in(nested: str) -> list[str]:
    """The whole numbers of a nested cell as `cell_text` writes it."""
    return _WHOLE_NUMBER.findall(_STRING.sub('""', nested))


def _plain(value: Any, depth: int) -> Any:
    """A nested value in JSON's own types; numbers stay numbers, all else is text."""
    if depth > _MAX_DEPTH:
        raise UnreadableError(f"more than {_MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        pairs = [(k, _plain(v, depth + 1)) for k, v in value.items()]
        return {k if isinstance(k, str) else cell_text(k): v for k, v in pairs}
    if isinstance(value, np.ndarray):
        value = value.tolist()
        return _plain(value, depth) if is_nested(value) else _plain([value], depth)
    if isinstance(value, AbstractSet):
        return sorted((_plain(item, depth + 1) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, np.number | np.bool_):
        return value.item() if not isinstance(value, np.complexfloating) else str(value)
    return cell_text(value)
