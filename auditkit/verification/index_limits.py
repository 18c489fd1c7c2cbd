"""How large a file's index is, found out before a library reads it.

A PDF says where its objects lie in compressed streams: 16 kB that unfold into millions of entries
keep a reader busy for minutes, before anyone has looked at a signature. The index is followed here
as the library follows it, section by section, by the library's own parts: what stands elsewhere
in the file, as in a title that somebody chose, leads nowhere.

Law: nothing is unfolded further than a report's index can be large.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final, cast

from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    Reference,
    StreamObject,
    read_object,
)
from pyhanko.pdf_utils.misc import skip_over_whitespace
from pyhanko.pdf_utils.reader import PdfFileReader, process_data_at_eof
from pyhanko.pdf_utils.xref import ObjStreamRef, parse_xref_table, read_object_header

from auditkit.errors import VerificationError
from auditkit.verification.attachments import content_of

_MOST_INDEX: Final = 2 * 1024 * 1024  # bytes of one index; a report of 20 pages has 40 kB
_MOST_PACKED: Final = 16 * 1024 * 1024  # bytes of all objects that lie in streams
_MOST_PARSED: Final = 8 * 1024 * 1024  # bytes of objects in streams that are parsed here
_MOST_SECTIONS: Final = 200
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")


def check_index(data: bytes) -> None:
    """Refuses a file whose index unfolds into more than any report's.

    Raises:
        VerificationError: If it does.
        Exception: Of any type, if it cannot be read.
    """
    file = BytesIO(data)
    file.seek(-1, os.SEEK_END)
    waiting, seen = [cast("Any", process_data_at_eof)(file)], set[int]()
    while waiting:
        place = waiting.pop()
        if place in seen or len(seen) == _MOST_SECTIONS:
            raise VerificationError("The file's index is not that of a report.")
        seen.add(place)
        trailer = _trailer(file, place)
        waiting += [int(trailer.raw_get(k)) for k in ("/Prev", "/XRefStm") if k in trailer]


def _trailer(file: BytesIO, place: int) -> Any:
    """What a section of the index says of the file, with the section read and not unfolded."""
    table_of, header_of = cast("Any", parse_xref_table), cast("Any", read_object_header)
    file.seek(place)
    skip_over_whitespace(file)
    if file.read(1) == b"x":
        file.read(len(b"ref\n"))
        for _ in table_of(file, strict=True):
            pass
        return DictionaryObject.read_from_stream(file, Reference(0, 0))
    file.seek(-1, os.SEEK_CUR)
    number, generation = header_of(file, strict=True)
    index = StreamObject.read_from_stream(file, Reference(number, generation))
    content_of(index, _MOST_INDEX, what="entries of the file's index")
    return index


def packed_objects(reader: PdfFileReader) -> list[tuple[StreamObject, bytes]]:
    """The streams in which a file's objects lie, each with its content, unfolded.

    Raises:
        VerificationError: If there is more in them than in those of any report.
    """
    index: Any = reader.xrefs
    streams = {
        stream
        for revision in range(index.total_revisions)
        for stream in index.object_streams_used_in(revision)
    }
    found, left = [], _MOST_PACKED
    for reference in streams:
        stream: Any = reference.get_object()
        content = content_of(stream, left, what="objects")
        found.append((stream, content))
        left -= len(content)
    return found


def uses_name(data: bytes, reader: PdfFileReader, name: str) -> bool:
    """Whether a name occurs in any object of a file: a name, not a text that reads like one.

    Objects are parsed only where the bytes hold the name at all.

    Args:
        data: The file.
        reader: Of the same bytes.
        name: With its solidus, as "/Type3".

    Raises:
        VerificationError: If there is more to parse than in any report.
        Exception: Of any type, if an object cannot be read.
    """
    written = name.encode()
    index: Any = reader.xrefs
    if written in _unescaped(data):
        last = range(index.total_revisions)
        for reference in set().union(*map(index.explicit_refs_in_revision, last)):
            is_packed = isinstance(index[reference], ObjStreamRef)
            if not is_packed and _has_name(reference.get_object(), name):
                return True
    left = _MOST_PARSED
    for stream, content in packed_objects(reader):
        if written not in _unescaped(content):
            continue
        for one, length in _unpacked(stream, content, reader):
            left -= length
            if left < 0:
                raise VerificationError("The objects are larger than those of any report.")
            if _has_name(one, name):
                return True
    return False


def _unescaped(data: bytes) -> bytes:
    """Bytes in which a name's letters are not written as numbers: `/#54ype` is `/Type`."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data)


def _unpacked(stream: Any, content: bytes, reader: PdfFileReader) -> Iterator[tuple[Any, int]]:
    """The objects of a stream of objects, and how many bytes each was read from."""
    file, first = BytesIO(content), int(stream["/First"])
    numbers = [int(number) for number in content[:first].split()]
    for number, offset in zip(numbers[::2], numbers[1::2], strict=True):
        file.seek(first + offset)
        one = read_object(file, Reference(number, 0, pdf=reader))
        yield one, file.tell() - first - offset


def _has_name(one: Any, name: str) -> bool:
    """Whether an object, or one that it holds, is a name or has it as a key."""
    waiting = [one]
    while waiting:
        found = waiting.pop()
        if isinstance(found, NameObject):
            if found == name:
                return True
        elif isinstance(found, DictionaryObject):
            waiting += [*found.keys(), *map(found.raw_get, found.keys())]
        elif isinstance(found, ArrayObject):
            waiting += map(found.raw_get, range(len(found)))
    return False
