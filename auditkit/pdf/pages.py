"""The text of a PDF's pages, by PDFium."""

from __future__ import annotations

from typing import Final

from auditkit.errors import InputError

_MAX_PAGES: Final = 5000


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
