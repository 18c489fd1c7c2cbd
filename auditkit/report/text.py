"""Foreign text on our pages: names of columns, people and files that somebody else chose.

Such text may hold characters that hide, reorder or overprint what stands around them. It is shown,
not obeyed: whatever the report's fonts do not draw as a plain visible sign appears as an escape.

Laws:
    - What is shown is visible, runs from left to right, and has one line.
    - Two strings that are shown alike differ at most beyond the length limit, and then the shown
      one ends in an ellipsis.
    - The fonts are ours, so a page looks the same on a machine that has others.
"""

from __future__ import annotations

import unicodedata
from functools import cache

LIMIT = 400
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MAX_MARKS = 2


def shown(text: str, *, limit: int = LIMIT) -> str:
    r"""Foreign text as it may be printed.

    Args:
        text: Anything.
        limit: The most characters to show.

    Example:
        >>> shown("a\u202eb\n")
        'a\\u202eb\\n'
    """
    pieces: list[str] = []
    marks = length = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        piece = character if _is_plain(character) and marks <= _MAX_MARKS else _escape(character)
        length += len(piece)
        if length > limit:
            return _cut(pieces, limit)
        pieces.append(piece)
    return "".join(pieces)


def _cut(pieces: list[str], limit: int) -> str:
    """The text with an ellipsis, not cut inside a number, which would then read as another."""
    kept = "".join(pieces)[: limit - 1]
    return kept.rstrip("0123456789.,").rstrip() + "…"


def _is_plain(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    return (
        unicodedata.category(character) not in _INVISIBLE
        and unicodedata.category(character) != "Zs"
        and unicodedata.bidirectional(character) not in {"R", "AL", "AN"}
        and ord(character) in _drawn()
    )


def _escape(character: str) -> str:
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    code = ord(character)
    return short or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


@cache
def _drawn() -> frozenset[int]:
    """The characters that both of the report's fonts draw."""
    from fontTools.ttLib import TTFont

    from auditkit.report.files import font_files

    known: list[frozenset[int]] = []
    for name in ("sans", "mono"):
        with TTFont(font_files()[name], lazy=True) as font:
            known.append(frozenset(font["cmap"].getBestCmap()))
    return frozenset.intersection(*known)
