"""The text of a PDF's pages, by PDFium, and how much they may draw."""

from __future__ import annotations

from typing import Any, Final

from auditkit.errors import InputError
from auditkit.pdf.attachments import content_of, entry

_MAX_PAGES: Final = 5000
# What draws a page, and all pages together, decompressed. The largest page of a report of 30 pages
# takes 0.4 MB, all of them 1.6 MB.
_MAX_PAGE: Final = 2 << 20
_MAX_DRAWN: Final = 16 << 20


def check_sizes(reader: Any) -> None:
    """Bounds what draws the pages, before a library that draws gets it.

    Args:
        reader: pyHanko's reader of the file.

    Raises:
        VerificationError: If a page, or all of them, draw more than those of any report.
        InputError: If there are more pages than in any report.
    """
    waiting, visited, left = [reader.root["/Pages"]], 0, _MAX_DRAWN
    while waiting:
        node = waiting.pop()
        children = entry(node, "/Kids", ())
        visited += 1
        if visited + len(children) + len(waiting) > 2 * _MAX_PAGES:
            raise InputError("The PDF has more pages than any report.")
        waiting += [children[at] for at in range(len(children))]
        contents = entry(node, "/Contents", ())
        parts = [contents] if hasattr(contents, "encoded_data") else contents
        page_left = min(_MAX_PAGE, left)
        for at in range(len(parts)):
            size = len(content_of(parts[at], page_left, what="pages"))
            page_left, left = page_left - size, left - size


def page_texts(pdf: bytes) -> list[str]:
    """The text of each page of a PDF. Call it on our own PDFs, or within a child process.

    Raises:
        InputError: If it has more pages than any report.
    """
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        if len(document) > _MAX_PAGES:
            raise InputError("The PDF has more pages than any report.")
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()
