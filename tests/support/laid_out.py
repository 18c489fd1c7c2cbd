"""Reads the pages of a finished PDF as a critical eye would: what lies over, off or alone.

It knows nothing of how the pages were made: it reads the boxes of the characters, as PDFium does.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium

# Larger than text, tables and captions; what is set so large is a heading.
HEADING_SIZE = 10.0
# Running feet stand in the last part of a page.
_FOOT = 56.0
_TOLERANCE = 0.5
# Two letters that overlap by less than this share of the smaller one are kerned, or slanted.
_SHARE = 0.25


@dataclass(frozen=True)
class Letters:
    """The visible characters of a page, in the order of the file.

    Attributes:
        signs: The characters.
        boxes: Left, bottom, right, top in points from the lower left corner, shape `(n, 4)`.
        bases: Heights of the lines that they stand on, shape `(n,)`.
        sizes: Sizes of the type in points, shape `(n,)`.
        width: Of the page.
        height: Of the page.
    """

    signs: str
    boxes: np.ndarray
    bases: np.ndarray
    sizes: np.ndarray
    width: float
    height: float

    def line_at(self, height: float) -> str:
        """What stands on the line at a height."""
        on = np.flatnonzero(np.abs(self.bases - height) < 1)
        return "".join(self.signs[i] for i in on)


def letters_of(page: pypdfium2.PdfPage) -> Letters:
    """The visible characters of a page."""
    text = page.get_textpage()
    signs, boxes, bases, sizes = [], [], [], []
    sides = [ctypes.c_double() for _ in range(4)]
    left, right, bottom, top = sides
    x, y, matrix = ctypes.c_double(), ctypes.c_double(), pdfium.FS_MATRIX()
    for i in range(text.count_chars()):
        sign = chr(pdfium.FPDFText_GetUnicode(text, i))
        if sign.isspace() or sign == "\ufffe" or pdfium.FPDFText_IsGenerated(text, i) == 1:
            continue
        pdfium.FPDFText_GetCharBox(text, i, *map(ctypes.byref, sides))
        signs.append(sign)
        boxes.append((left.value, bottom.value, right.value, top.value))
        pdfium.FPDFText_GetCharOrigin(text, i, ctypes.byref(x), ctypes.byref(y))
        bases.append(y.value)
        pdfium.FPDFText_GetMatrix(text, i, ctypes.byref(matrix))
        sizes.append(pdfium.FPDFText_GetFontSize(text, i) * abs(matrix.d))
    return Letters(
        signs="".join(signs),
        boxes=np.array(boxes).reshape(-1, 4),
        bases=np.array(bases),
        sizes=np.array(sizes),
        width=page.get_width(),
        height=page.get_height(),
    )


def faults(pdf: bytes) -> list[str]:
    """One sentence for everything on the pages that should not be so."""
    found: list[str] = []
    document = pypdfium2.PdfDocument(pdf)
    for number, page in enumerate(document, start=1):
        letters = letters_of(page)
        told = _outside(letters) + _overlapping(letters)
        if number < len(document):
            told += _ends_badly(letters)
        found += [f"page {number}: {problem}" for problem in told]
    document.close()
    return found


def _outside(letters: Letters) -> list[str]:
    left, bottom, right, top = letters.boxes.T
    off = (left < -_TOLERANCE) | (bottom < -_TOLERANCE)
    off |= (right > letters.width + _TOLERANCE) | (top > letters.height + _TOLERANCE)
    beyond = "".join(np.array(list(letters.signs))[off])
    return [f"{len(beyond)} characters beyond the paper: {beyond[:30]!r}"] if beyond else []


def _overlapping(letters: Letters) -> list[str]:
    """Pairs of letters, not neighbours in one word, of which one is printed over the other."""
    boxes = letters.boxes
    order = np.argsort(boxes[:, 0])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    over: list[tuple[int, int]] = []
    # Sorted by their left sides, a letter meets only those that begin before it ends.
    for shift in range(1, len(boxes)):
        first, second = order[:-shift], order[shift:]
        near = boxes[second, 0] < boxes[first, 2]
        if not near.any():
            break
        first, second = first[near], second[near]
        across = np.minimum(boxes[first, 2], boxes[second, 2]) - boxes[second, 0]
        up = np.minimum(boxes[first, 3], boxes[second, 3]) - np.maximum(
            boxes[first, 1], boxes[second, 1]
        )
        shared = np.clip(across, 0, None) * np.clip(up, 0, None)
        bad = (shared > _SHARE * np.minimum(areas[first], areas[second])) & (shared > 0.3)
        bad &= np.abs(first - second) > 2
        over += list(zip(first[bad], second[bad], strict=True))
    if not over:
        return []
    line = letters.line_at(float(letters.bases[over[0][0]]))
    return [f"{len(over)} characters over others, as in {line[:60]!r}"]


def _ends_badly(letters: Letters) -> list[str]:
    body = letters.bases > _FOOT
    if not body.any():
        return ["nothing on it"]
    lowest = float(letters.bases[body].min())
    line = letters.line_at(lowest)[:60]
    told = []
    if lowest > letters.height / 2:
        told.append(f"it ends above its half, with {line!r}")
    if letters.sizes[np.abs(letters.bases - lowest) < 1].max() >= HEADING_SIZE:
        told.append(f"it ends with the heading {line!r}")
    return told
