"""Foreign text in a report: names of columns, people and files that somebody else chose.

Such text may hold characters that hide, reorder or overprint their neighbours. A character that the
report's fonts do not draw as a plain visible sign is printed as an escape.

Laws:
    - What is shown is visible, runs from left to right, and has one line.
    - Two strings that look the same differ at most beyond the length limit, and then end in an
      ellipsis.
    - The report brings its fonts, so a page looks the same on every machine.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from functools import cache

LIMIT = 400
MAX_MARKS = 2
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def shown(
    text: str,
    *,
    limit: int = LIMIT,
    marks: int = MAX_MARKS,
    plain: Collection[str] | None = None,
) -> str:
    r"""Foreign text as it may be printed.

    Args:
        text: Anything.
        limit: The most characters to show.
        marks: The most combining marks in a row that are not escaped.
        plain: The characters beyond ASCII that are not escaped; None: those that may be and that
            the report's fonts draw.

    Example:
        >>> shown("a\u202eb\n")
        'a\\u202eb\\n'
    """
    pieces: list[str] = []
    in_row = length = 0
    for character in text:
        in_row = in_row + 1 if unicodedata.combining(character) else 0
        if character.isascii():
            is_plain = character.isprintable()
        else:
            is_plain = is_drawn(character) if plain is None else character in plain
        piece = character if is_plain and in_row <= marks else _escape(character)
        length += len(piece)
        if length > limit:
            return _cut(pieces, limit)
        pieces.append(piece)
    return "".join(pieces)


def _cut(pieces: list[str], limit: int) -> str:
    """The text with an ellipsis; never cut inside a number, which would read as another."""
    kept = "".join(pieces)[: limit - 1]
    return kept.rstrip("0123456789.,").rstrip() + "…"


def is_drawn(character: str) -> bool:
    """Whether a character beyond ASCII may be printed as it is, and the report's fonts draw it."""
    return is_visible(character) and ord(character) in _drawn()


def is_visible(character: str) -> bool:
    """Whether a character is visible and does not reorder its neighbours."""
    return unicodedata.category(character) not in _INVISIBLE and unicodedata.bidirectional(
        character
    ) not in {"R", "AL", "AN"}


def _escape(character: str) -> str:
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    code = ord(character)
    return short or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


@cache
def _drawn() -> frozenset[int]:
    """The characters that both of the report's fonts draw."""
    from fontTools.ttLib import TTFont

    from auditkit.report.typeset.fonts import font_files

    known: list[frozenset[int]] = []
    for name in ("sans", "mono"):
        with TTFont(font_files()[name], lazy=True) as font:
            known.append(frozenset(font["cmap"].getBestCmap()))
    return frozenset.intersection(*known)
