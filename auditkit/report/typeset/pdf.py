"""From HTML to PDF: PDF/A-3a and PDF/UA-1 in one file, the same bytes each time.

Laws:
    - Only the drawings and fonts that are handed in are loaded; anything else is an error.
    - Dates and the file's identifier follow from the statement, not from the clock.
    - The numbers on the finished pages are compared with the ledger before the file is returned.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final

from auditkit.report.typeset.fonts import font_files
from auditkit.resources import data_path

if TYPE_CHECKING:
    from weasyprint import Document

_NO_DATE: Final = date(2000, 1, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """A file inside the PDF.

    Attributes:
        name: Its name; ASCII letters, digits, dots, hyphens and underscores.
        content: Its bytes.
        description: A description for readers.
        relationship: PDF/A-3's word: "Source", "Data", "Supplement", ...
    """

    name: str
    content: bytes
    description: str
    relationship: str


class Paper:
    """Pages that are laid out but not yet written.

    Args:
        html: The document.
        drawings: Pictures, by the names that the document uses.
        page_size: "A4" or "Letter".
        day: The day of the file's dates; None: a fixed day.
        identifier: 16 bytes that identify the file.
        style: The style sheet's name among the templates.
    """

    def __init__(
        self,
        html: str,
        drawings: Mapping[str, bytes],
        *,
        page_size: str,
        day: date | None,
        identifier: bytes,
        style: str = "report.css",
    ) -> None:
        self._moment = datetime.combine(day or _NO_DATE, datetime.min.time(), tzinfo=UTC)
        self._identifier = identifier
        self._drawings = drawings
        self._document = _laid_out(html, drawings, page_size, style)

    @property
    def pages(self) -> int:
        """The number of pages."""
        return len(self._document.pages)

    def texts(self) -> list[str]:
        """The text of each page as laid out, running heads and drawings included."""
        return [
            "\n".join(_texts(page._page_box, self._drawings))  # noqa: SLF001 - the only way in
            for page in self._document.pages
        ]

    def write(self, attached: Sequence[Attached]) -> bytes:
        """The PDF's bytes. Can be called once: writing consumes the fonts.

        Args:
            attached: Files to put inside, in any order.
        """
        from weasyprint import Attachment

        written = io.BytesIO()
        files = [
            Attachment(
                string=file.content,
                name=file.name,
                description=file.description,
                relationship=file.relationship,
                created=self._moment,
                modified=self._moment,
                url_fetcher=_fetcher({}),
            )
            for file in sorted(attached, key=lambda f: f.name)
        ]
        self._document.write_pdf(
            written,
            finisher=self._finish,
            pdf_variant="pdf/a-3a",
            pdf_identifier=self._identifier,
            attachments=files,
        )
        return written.getvalue()

    def _finish(self, _: Document, pdf: Any) -> None:
        """Completes a PDF that is about to be written."""
        _date_fonts(pdf, self._moment)
        _write_once(pdf)


def _texts(box: Any, drawings: Mapping[str, bytes]) -> Iterator[str]:
    from weasyprint.formatting_structure.boxes import ReplacedBox, TextBox

    for inner in (box, *box.descendants(placeholders=True)):
        if isinstance(inner, TextBox):
            yield inner.text
        elif isinstance(inner, ReplacedBox) and inner.element is not None:
            drawing = drawings.get(inner.element.get("src") or "", b"")
            yield from re.findall(r"<text[^>]*>([^<]*)</text>", drawing.decode("utf-8"))


def _laid_out(html: str, drawings: Mapping[str, bytes], page_size: str, style: str) -> Document:
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration

    known = {f"font:{name}": path.read_bytes() for name, path in font_files().items()}
    fetcher = _fetcher({**known, **drawings})
    fonts = FontConfiguration()
    sheets = [
        CSS(string=text, font_config=fonts, url_fetcher=fetcher)
        for text in (
            data_path("report_templates", style).read_text("utf-8"),
            f"@page {{ size: {page_size} }}",
        )
    ]
    document = HTML(string=html, url_fetcher=fetcher, base_url=None).render(
        font_config=fonts, stylesheets=sheets
    )
    document.metadata.__class__ = _metadata_class()
    document.fonts = _LightFonts()
    return document


class _LightFonts(dict[Any, Any]):
    """Fonts to embed, without the tables that only layout needs.

    The pages are laid out by then. WeasyPrint drops these tables too, but without HarfBuzz's
    subsetter it first reads through them, which takes longer than everything else.
    """

    def __setitem__(self, key: Any, font: Any) -> None:
        font.file_content = _without_layout_tables(font.file_content)
        super().__setitem__(key, font)


@cache
def _without_layout_tables(content: bytes) -> bytes:
    from fontTools.ttLib import TTFont

    slim = io.BytesIO()
    with TTFont(io.BytesIO(content), lazy=True, recalcTimestamp=False) as font:
        for tag in ("GSUB", "GPOS", "GDEF"):
            if tag in font:
                del font[tag]
        font.save(slim)
    return slim.getvalue()


def _fetcher(files: Mapping[str, bytes]) -> Any:
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

    class InMemory(URLFetcher):  # type: ignore[misc]
        """Loads only names in memory."""

        def fetch(self, url: str, headers: Any = None) -> Any:  # noqa: ARG002 - its interface
            """The bytes of a name.

            Raises:
                FatalURLFetchingError: For any other name.
            """
            if url not in files:
                raise FatalURLFetchingError("the report asks for something that is not in it")
            mime = "image/svg+xml" if url.startswith("drawing:") else "font/ttf"
            return URLFetcherResponse(url, files[url], {"Content-Type": mime})

    return InMemory()


@cache
def _metadata_class() -> type:
    from weasyprint.pdf.metadata import DocumentMetadata

    class Metadata(DocumentMetadata):  # type: ignore[misc]
        """XMP metadata that claims PDF/UA-1 and PDF/A, with the schema that PDF/A requires."""

        def generate_rdf_metadata(self, variant: str, version: int, conformance: str) -> bytes:
            """The metadata, with two more descriptions."""
            rdf: bytes = super().generate_rdf_metadata(variant, version, conformance)
            body, end = rdf[: rdf.rindex(b"</rdf:RDF>")], b"</rdf:RDF>"
            return body + _PDFUA.encode() + end

    return Metadata


def _write_once(pdf: Any) -> None:
    """Has each stream compressed once; the writer asks for all bytes again, for an identifier."""
    streams = [item for item in pdf.objects if hasattr(item, "stream")]
    kinds: dict[Any, Any] = {kind: _once(kind) for kind in {type(item) for item in streams}}
    for item in streams:
        item.__class__ = kinds[type(item)]


def _once(kind: Any) -> Any:
    class Once(kind):  # type: ignore[misc]
        @cached_property
        def data(self) -> bytes:
            return bytes(super().data)

    return Once


# PDF/UA-1 5: the claim; ISO 19005-3 6.6.2.3: every schema that PDF/A does not know is described.
_PDFUA: Final = """
  <rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part></rdf:Description>
  <rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
    xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
    xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
    <pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
      <pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
      <pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
      <pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
      <pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
        <pdfaProperty:category>internal</pdfaProperty:category>
        <pdfaProperty:description>PDF/UA version identifier</pdfaProperty:description>
        <pdfaProperty:name>part</pdfaProperty:name>
        <pdfaProperty:valueType>Integer</pdfaProperty:valueType>
      </rdf:li></rdf:Seq></pdfaSchema:property>
    </rdf:li></rdf:Bag></pdfaExtension:schemas>
  </rdf:Description>
"""


def _date_fonts(pdf: Any, moment: datetime) -> None:
    """Dates the fonts of a PDF that is about to be written; the font tools wrote the time there.

    Why not SOURCE_DATE_EPOCH, which they respect: the environment belongs to the whole process.
    """
    for item in pdf.objects:
        streams: list[Any] = getattr(item, "stream", [])
        for number, content in enumerate(streams):
            if isinstance(content, bytes) and content[:4] in (b"\0\1\0\0", b"OTTO", b"true"):
                streams[number] = dated_font(content, moment)


def dated_font(font: bytes, moment: datetime) -> bytes:
    """A font with a date of change, and new checksums (ISO/IEC 14496-22, table head)."""
    data = bytearray(font)
    for place in range(12, 12 + 16 * int.from_bytes(data[4:6]), 16):
        if data[place : place + 4] == b"head":
            start, length = (int.from_bytes(data[place + at : place + at + 4]) for at in (8, 12))
            data[start + 28 : start + 36] = (int(moment.timestamp()) + _SINCE_1904).to_bytes(8)
            data[start + 8 : start + 12] = bytes(4)
            data[place + 4 : place + 8] = _sum(data[start : start + length]).to_bytes(4)
            whole = (_MAGIC_SUM - _sum(data)) % 2**32
            data[start + 8 : start + 12] = whole.to_bytes(4)
    return bytes(data)


def _sum(part: bytes | bytearray) -> int:
    """The sum of a table's 32-bit numbers."""
    padded = part + bytes(-len(part) % 4)
    numbers: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(numbers) % 2**32


# Fonts count seconds from 1904; the sum of a whole font is this number.
_SINCE_1904: Final = 2_082_844_800
_MAGIC_SUM: Final = 0xB1B0AFBA
