"""One spelling for texts that look alike: what recognizers read instead of the text itself.

Zero-width characters vanish, full-width and mathematical letters, digits of any script and the
common look-alike letters of other scripts become their plain forms. Whole words of another script
stay as they are: only a word that mixes scripts is a disguise.

Law: `fold(text)` gives offsets, one per character of its result, that lead back into the text.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Cyrillic and Greek letters that look like Latin ones.
_LOOK_ALIKE: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u0406\u0408\u0405\u03bf\u03b1\u03bd\u03c1\u03c5\u03b9\u03ba\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0131\u0261",
    "aeopcyxijshdqwABEKMHOPCTYXIJSoavpuikABEZHIKMNOPTYXig",
)
_INVISIBLE: Final = frozenset(
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f"
    "\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
)
_DASHES: Final = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_QUOTES: Final = frozenset("\u2018\u2019\u201b\u02bc\uff07")
_WORD: Final = re.compile(r"[^\W\d_]+")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_LATIN: Final = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in its plain spelling.

    Attributes:
        text: The plain spelling.
        offsets: For each character of `text` the offset in the original; None if the two are equal
            in length and place.
        length: Length of the original.
    """

    text: str
    offsets: Sequence[int] | None
    length: int

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original that a range of `text` stands for. Requires start < end."""
        if self.offsets is None:
            return start, end
        return self.offsets[start], self.offsets[end - 1] + 1


def fold(text: str) -> Folded:
    """The plain spelling of a text, with the way back."""
    if text.isascii():
        return Folded(text, None, len(text))
    parts: list[str] = []
    offsets = array("L")
    moved = False
    done = 0
    for match in _NOT_ASCII.finditer(text):
        start, end = match.span()
        parts.append(text[done:start])
        offsets.extend(range(done, start))
        for position in range(start, end):
            plain = _plain(text[position])
            moved = moved or len(plain) != 1
            parts.append(plain)
            offsets.extend([position] * len(plain))
        done = end
    parts.append(text[done:])
    offsets.extend(range(done, len(text)))
    result = "".join(parts)
    if not result.isascii():
        result = _WORD.sub(_undisguised, result)
    return Folded(result, offsets if moved else None, len(text))


def plain_words(text: str) -> str:
    """Case, accents and look-alikes folded away: for comparing names, not for offsets."""
    folded = fold(text).text
    if not folded.isascii():
        folded = "".join(
            c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c)
        )
    return folded.casefold()


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if character in _INVISIBLE:
        return ""
    if character in _DASHES:
        return "-"
    if character in _QUOTES:
        return "'"
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.category(character) == "Zs":
        return " "
    compatible = unicodedata.normalize("NFKC", character)
    # Ligatures and circled letters fold; a fraction or a unit sign is no spelling of a name.
    return compatible if compatible.isalnum() or len(compatible) == 1 else character


def _undisguised(match: re.Match[str]) -> str:
    word = match.group()
    if word.isascii() or not _LATIN.search(word):
        return word
    return word.translate(_LOOK_ALIKE)
