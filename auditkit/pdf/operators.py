"""What draws a page: operators and what they are given, read from content streams."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils.generic import (
    ContentOpReading,
    DictionaryObject,
    Reference,
    StreamObject,
    read_object,
)
from pyhanko.pdf_utils.misc import read_until_delimiter, skip_over_comments, skip_over_whitespace

Operation = tuple[str, list[Any]]

_VALUES: Final = {b"true", b"false", b"null"}
_OPERATOR: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'\"")
# Operators that lead to something by name.
_NAMING: Final = {"BMC", "MP", "Do", "gs", "sh"}


def operations(parts: Sequence[StreamObject]) -> list[Operation]:
    """The operations of a page, whose content may be in several streams.

    pyHanko's own reader of content takes the operator `f` for the beginning of `false`.

    Raises:
        PdfReadError: If they cannot be read.
        ValueError: Likewise, or if a picture is among them, which no report has.
    """
    stream = BytesIO(b"\n".join(part.data for part in parts))
    holder = Reference(0, 0)
    found: list[Operation] = []
    given: list[Any] = []
    while _next(stream):
        at = stream.tell()
        if stream.getbuffer()[at] not in _OPERATOR:
            given.append(
                read_object(stream, holder, in_content_stream=ContentOpReading.GRAPHIC_OPS)
            )
            continue
        name = read_until_delimiter(stream)
        if name in _VALUES:
            stream.seek(at)
            given.append(
                read_object(stream, holder, in_content_stream=ContentOpReading.GRAPHIC_OPS)
            )
        elif name == b"BI":
            raise ValueError("a picture is in it")
        else:
            found.append((name.decode("latin-1"), given))
            given = []
    return found


def _next(stream: BytesIO) -> bool:
    """Goes to the next part; whether there is one."""
    skip_over_whitespace(stream, error_on_end_of_stream=False)
    skip_over_comments(stream, error_on_end_of_stream=False)
    return stream.tell() < len(stream.getbuffer())


def word(operator: str, given: Sequence[Any]) -> str:
    """What an operation does, apart from numbers and text: what no page may do anew."""
    if operator == "Tr":
        return f"Tr {given[0]}" if given else "Tr"
    if operator in {"BDC", "DP"}:
        inner = given[1] if len(given) > 1 else None
        entries = " ".join(sorted(inner)) if isinstance(inner, DictionaryObject) else inner
        return f"{operator} {given[0] if given else ''} {entries}"
    if operator in _NAMING:
        return f"{operator} {given[0] if given else ''}"
    return operator
