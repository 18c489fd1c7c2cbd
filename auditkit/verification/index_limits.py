"""How large a file's index is, found out before a library reads it.

A PDF says where its objects lie in compressed streams: 16 kB that unfold into millions of entries
keep a reader busy for minutes, before anyone has looked at a signature. What is read here is more
than what any reader would: every number in the bytes that can lead to an index.

Law: nothing is unfolded further than a report's index can be large.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any, Final, cast

from pyhanko.pdf_utils.generic import Reference, StreamObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import read_object_header

from auditkit.errors import VerificationError
from auditkit.verification.attachments import content_of

_MOST_INDEX: Final = 2 * 1024 * 1024  # bytes of one index; a report of 20 pages has 40 kB
_MOST_PACKED: Final = 16 * 1024 * 1024  # bytes of all objects that lie in streams
_MOST_SECTIONS: Final = 200
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
# Numbers that lead to an index; "/Prev 7 0 R" leads from one bookmark to another.
_LEADS: Final = re.compile(
    rb"(?:startxref|/Prev|/XRefStm)\s+([0-9]{1,19})(?![0-9])(?!\s+[0-9]+\s+R)"
)
_UNUSUAL: Final = re.compile(rb"(?:startxref|/(?:Prev|XRefStm)(?![A-Za-z0-9]))(?!\s+[0-9])")


def unescaped(data: bytes) -> bytes:
    """Bytes in which a name's letters are not written as numbers: `/#54ype` is `/Type`."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data)


def check_index(data: bytes) -> None:
    """Refuses a file whose index unfolds into more than any report's.

    Raises:
        VerificationError: If it does, or is written as no report's is.
        Exception: Of any type, if it cannot be read.
    """
    plain = unescaped(data)
    places = {int(found[1]) for found in _LEADS.finditer(plain)}
    if _UNUSUAL.search(plain) or len(places) > _MOST_SECTIONS:
        raise VerificationError("The file's index is not written as that of a report.")
    file, header_of = BytesIO(data), cast("Any", read_object_header)
    for place in places:
        if data[place : place + 4] == b"xref":
            continue
        file.seek(place)
        # As the library itself reads it, but for unfolding it.
        number, generation = header_of(file, strict=True)
        index = StreamObject.read_from_stream(file, Reference(number, generation))
        content_of(index, _MOST_INDEX, what="entries of the file's index")


def packed_objects(reader: PdfFileReader) -> list[bytes]:
    """The streams in which a file's objects lie, unfolded.

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
    for stream in streams:
        found.append(content_of(stream.get_object(), left, what="objects"))
        left -= len(found[-1])
    return found
