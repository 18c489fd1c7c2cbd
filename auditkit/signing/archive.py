"""Long-term validation of a signed PDF: certificates, revocation data, a document timestamp.

PAdES B-LT and B-LTA (ETSI EN 319 142-1, 5.4 and 5.5; ISO 32000-2, 12.8.4.3 and 12.8.5): a
document security store (DSS) and a document timestamp over everything before, appended as one
revision. Another can be appended before the last timestamp's certificate expires.

A verifier rebuilds the revision from its contents (`prepare`, `Prepared.filled`) and compares the
bytes. Why this module writes each object instead of asking the PDF library: docs/adr/0016.

Laws:
    - Not one byte of the signed file changes. The catalog, the form and the first page are
      repeated with one entry added each; everything else is new.
    - Every byte is determined by the signed file, the data, the room for the token, and the token.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from auditkit.errors import InputError
from auditkit.signing.validation_data import KINDS, ValidationData

_RANGE_WIDTH: Final = 60  # bytes reserved for the four numbers of the range


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A file with its new revision, whose timestamp is still empty.

    Attributes:
        data: The file's bytes, with zeros in place of the token's hexadecimal digits.
        begin: Offset of the token's value, at its `<`.
        end: Offset of the first byte after the value.
    """

    data: bytes
    begin: int
    end: int

    @property
    def digest(self) -> bytes:
        """SHA-256 of everything but the token: the digest to be timestamped."""
        found = hashlib.sha256(self.data[: self.begin])
        found.update(self.data[self.end :])
        return found.digest()

    def filled(self, token: bytes) -> bytes:
        """The file with its timestamp.

        Args:
            token: DER of the RFC 3161 token over `digest`.

        Raises:
            InputError: If it is larger than the room reserved for it.
        """
        room = self.end - self.begin - 2
        digits = token.hex().upper().encode()
        if len(digits) > room:
            raise InputError(
                "The timestamp authority's answer is larger than the room reserved for it.",
                remedy="use an authority that sends fewer certificates",
            )
        return self.data[: self.begin + 1] + digits.ljust(room, b"0") + self.data[self.end - 1 :]


def prepare(signed: bytes, added: ValidationData, *, room: int) -> Prepared:
    """Appends validation data and a document timestamp that is still empty.

    Args:
        signed: A report that auditkit signed, with or without earlier such revisions.
        added: Validation data that the file does not hold yet.
        room: Bytes to reserve for the token.

    Raises:
        InputError: If the bytes are not such a report.
    """
    try:
        return _Revision(signed).prepare(added, room)
    except (PdfError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(
            "The bytes are not a PDF that auditkit signed.", remedy="give a signed report"
        ) from error


def validation_data(reader: PdfFileReader) -> ValidationData:
    """The contents of a file's document security store; empty if it has none."""
    store = reader.root["/DSS"] if "/DSS" in reader.root else {}  # noqa: SIM401 - get follows none
    found = {}
    for key, name in KINDS:
        items = store[f"/{key}"] if f"/{key}" in store else ()  # noqa: SIM401
        found[name] = tuple(bytes(items[at].encoded_data) for at in range(len(items)))
    return ValidationData(**found)


class _Revision:
    """Builds one revision: the objects that it writes, by number."""

    def __init__(self, signed: bytes) -> None:
        self._signed = signed
        self._reader = PdfFileReader(BytesIO(signed), strict=True)
        self._next = int(self._reader.trailer["/Size"])
        self._objects: dict[int, bytes] = {}

    def prepare(self, added: ValidationData, room: int) -> Prepared:
        root = self._reader.root
        self._put_store(root, added)
        value = self._put_field(root, room)
        body, places = bytearray(self._signed), {}
        for number in sorted(self._objects):
            places[number] = len(body)
            body += b"%d 0 obj\n%b\nendobj\n" % (number, self._objects[number])
        begin = body.index(b"<", places[value] + len(b"%d 0 obj\n<<\n" % value))
        end = begin + 2 * room + 2
        self._put_index(body, places)
        numbers = b"[0 %d %d %d]" % (begin, end, len(body) - end)
        at = body.index(b"/ByteRange ", end) + len(b"/ByteRange ")
        body[at : at + _RANGE_WIDTH] = numbers.ljust(_RANGE_WIDTH)
        return Prepared(data=bytes(body), begin=begin, end=end)

    def _put_store(self, root: Any, added: ValidationData) -> None:
        """Writes the document security store: its former contents, then what is added."""
        known = "/DSS" in root
        store: Any = root["/DSS"] if known else {}
        lines = [b"<<", b"/Type /DSS"]
        for key, name in KINDS:
            old: Any = store[f"/{key}"] if f"/{key}" in store else ()  # noqa: SIM401
            numbers = [old.raw_get(at).reference.idnum for at in range(len(old))]
            numbers += [self._add(_stream(item)) for item in getattr(added, name)]
            if numbers:
                lines.append(b"/%b [ %b ]" % (key.encode(), _references(numbers)))
        written = b"\n".join([*lines, b">>"])
        if known:
            self._objects[root.raw_get("/DSS").reference.idnum] = written
            return
        number = self._add(written)
        extensions = b"/Extensions <<\n/ESIC <<\n/BaseVersion /1.7\n/ExtensionLevel 5\n>>\n>>\n"
        entry = b"/DSS %d 0 R\n%b" % (number, b"" if "/Extensions" in root else extensions)
        self._repeat(self._reader.root_ref, after=rb"<<\n", entry=entry)

    def _put_field(self, root: Any, room: int) -> int:
        """Writes the timestamp's field, in form and page; returns its value's object number."""
        form = root["/AcroForm"]
        count = len(form["/Fields"])
        page = form["/Fields"][0].raw_get("/P").reference
        value = self._add(
            b"<<\n/Contents <%b>\n/ByteRange %b\n/Type /DocTimeStamp\n/Filter /Adobe.PPKLite\n"
            b"/SubFilter /ETSI.RFC3161\n>>" % (b"00" * room, b" " * _RANGE_WIDTH)
        )
        field = self._add(
            b"<<\n/FT /Sig\n/T (archive-%d)\n/Type /Annot\n/Subtype /Widget\n/F 132\n"
            b"/Rect [ 0 0 0 0 ]\n/P %d 0 R\n/V %d 0 R\n/TU (Timestamp of the audit report)\n>>"
            % (count, page.idnum, value)
        )
        entry = b"%d 0 R " % field
        form_reference = root.raw_get("/AcroForm").reference
        self._repeat(form_reference, after=rb"\n/Fields \[ (?:\d+ 0 R )*", entry=entry)
        self._repeat(page, after=rb"\n/Annots \[ (?:\d+ 0 R )*", entry=entry)
        return value

    def _put_index(self, body: bytearray, places: dict[int, int]) -> None:
        """Writes the cross-references, as a stream or a table like the file's own."""
        trailer = self._reader.trailer
        names = [(b"Root", trailer.raw_get("/Root")), (b"Info", trailer.raw_get("/Info"))]
        first, second = (part.hex().encode() for part in self._reader.document_id)
        begin = len(body)
        if self._reader.has_xref_stream:
            places = {**places, self._next: begin}
        common = b"/Size %d\n%b/ID [ <%b> <%b> ]\n/Prev %d\n" % (
            self._next + int(bool(self._reader.has_xref_stream)),
            b"".join(b"/%b %d 0 R\n" % (name, ref.reference.idnum) for name, ref in names),
            first,
            second,
            self._reader.last_startxref or 0,
        )
        runs = _runs(sorted(places))
        if self._reader.has_xref_stream:
            entries = b"".join(b"\1%b\0\0" % places[n].to_bytes(8) for n in sorted(places))
            index = b" ".join(b"%d %d" % (start, count) for start, count in runs)
            body += (
                b"%d 0 obj\n<<\n/Type /XRef\n/W [ 1 8 2 ]\n/Index [ %b ]\n%b/Length %d\n>>\n"
                % (
                    self._next,
                    index,
                    common,
                    len(entries),
                )
            )
            body += b"stream\n%b\nendstream\nendobj\n" % entries
        else:
            body += b"xref\n"
            for start, count in runs:
                body += b"%d %d\n" % (start, count)
                for number in range(start, start + count):
                    body += b"%010d 00000 n \n" % places[number]
            body += b"trailer\n<<\n%b>>\n" % common
        body += b"startxref\n%d\n%%%%EOF\n" % begin

    def _add(self, content: bytes) -> int:
        number, self._next = self._next, self._next + 1
        self._objects[number] = content
        return number

    def _repeat(self, reference: Reference, *, after: bytes, entry: bytes) -> None:
        """Writes an object again as it is in the file, with one more entry."""
        place = self._reader.xrefs[reference]
        begin = self._signed.index(b" 0 obj\n", place) + len(b" 0 obj\n")
        content = self._signed[begin : self._signed.index(b"\nendobj", begin)]
        found = re.search(after, content)
        if found is None:
            raise ValueError(after)
        self._objects[reference.idnum] = content[: found.end()] + entry + content[found.end() :]


def _stream(content: bytes) -> bytes:
    return b"<<\n/Length %d\n>>\nstream\n%b\nendstream" % (len(content), content)


def _references(numbers: Iterable[int]) -> bytes:
    return b" ".join(b"%d 0 R" % number for number in numbers)


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Ascending numbers as runs of (first, count)."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and sum(runs[-1]) == number:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs
