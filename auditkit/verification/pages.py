"""The text of a report's pages, as another PDF reader than the one that wrote it sees it."""

from __future__ import annotations

from auditkit.errors import VerificationError


def page_texts(data: bytes) -> tuple[str, ...]:
    """Extracts the text of every page.

    Raises:
        VerificationError: If the pages cannot be read.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
        try:
            return tuple(_text(document[number]) for number in range(len(document)))
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:
        raise VerificationError("The pages of the file cannot be read.") from error


def _text(page: object) -> str:
    import pypdfium2

    assert isinstance(page, pypdfium2.PdfPage)
    text_page = page.get_textpage()
    try:
        text: str = text_page.get_text_bounded()
        return text
    finally:
        text_page.close()
        page.close()
