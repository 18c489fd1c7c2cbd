"""Compares two PDFs as they are drawn: their words with their places, and the picture of each page.

PDFium draws both. So the difference between two files is not one between two programs.
"""

from __future__ import annotations

from typing import Any, Final

# How far from its place other versions of the libraries may draw, in points.
OTHERS_POINTS: Final = 0.5
# Pixels per point: 144 an inch, and 216 where pictures may differ a little.
_SCALE: Final = 2
_FINE_SCALE: Final = 3
# How much lighter or darker, of 255, a pixel may be than all around it in the other picture.
_SHADES: Final = 72


def drawn_otherwise(one: bytes, other: bytes, *, points: float, alike: bool) -> str:
    """The first difference between two PDFs as they are drawn. Call it in a child process.

    Args:
        one: The PDF as it should be.
        other: The PDF in question.
        points: How far from its place a letter may be, in points.
        alike: Whether pictures may differ as those of other versions of the libraries do: each
            pixel has to lie between the lightest and the darkest around its place in the other
            picture, at 216 dots an inch, give or take `_SHADES`. Else they must be the same.

    Returns:
        In words; empty: there is none.
    """
    import pypdfium2

    mine, theirs = pypdfium2.PdfDocument(one), pypdfium2.PdfDocument(other)
    if len(mine) != len(theirs):
        return f"The file has {len(theirs)} pages; {len(mine)} follow."
    for number in range(len(mine)):
        difference = _page_otherwise(mine[number], theirs[number], points, alike=alike)
        if difference:
            return f"Page {number + 1} {difference}."
    return ""


def _page_otherwise(one: Any, other: Any, points: float, *, alike: bool) -> str:
    boxes = [
        (p.get_mediabox(), p.get_cropbox(), p.get_bbox(), p.get_rotation()) for p in (one, other)
    ]
    if boxes[0] != boxes[1]:
        return "has another size, or is turned or cut"
    words = [page.get_textpage() for page in (one, other)]
    if words[0].get_text_range() != words[1].get_text_range():
        return "has other words than those that follow"
    for at in range(words[0].count_chars()):
        places = [text.get_charbox(at) for text in words]
        if any(abs(a - b) > points for a, b in zip(*places, strict=True)):
            return "has words in other places"
    same = _alike(one, other) if alike else _picture(one) == _picture(other)
    return "" if same else "is drawn otherwise than it follows"


def _picture(page: Any) -> bytes:
    return bytes(page.render(scale=_SCALE).buffer)


def _alike(one: Any, other: Any) -> bool:
    """Whether each pixel of each picture lies within what is around it in the other."""
    from PIL import ImageChops, ImageFilter

    pictures = [page.render(scale=_FINE_SCALE).to_pil().convert("RGB") for page in (one, other)]
    if ImageChops.difference(*pictures).getbbox() is None:
        return True
    for a, b in (pictures, pictures[::-1]):
        for mine, theirs in zip(a.split(), b.split(), strict=True):
            darkest = theirs.filter(ImageFilter.MinFilter(3))
            lightest = theirs.filter(ImageFilter.MaxFilter(3))
            beyond = ImageChops.subtract(darkest, mine), ImageChops.subtract(mine, lightest)
            if any(_lightest(picture) > _SHADES for picture in beyond):
                return False
    return True


def _lightest(picture: Any) -> int:
    """The highest value in a picture of one colour."""
    _, most = picture.getextrema()
    return int(most)
