"""Normalization: texts that look alike get one spelling, which recognizers read.

Escapes of mark-up and web addresses and the encoded words of mail headers (RFC 2047) are decoded,
zero-width characters are removed, and full-width and mathematical letters, digits of any script
and the common look-alike letters of other scripts get their plain forms. Whole words of another
script stay as they are: only a word that mixes scripts is a disguise.

Law: `normalize(text)` gives offsets, one per character of its result, that map it to the text.
"""

from __future__ import annotations

import base64
import html
import quopri
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
# `=?utf-8?Q?J=C3=BCrgen?=`: character set, base64 or quoted-printable, content.
_ENCODED_WORD: Final = (
    r"=\?(?P<charset>[A-Za-z][\w-]{1,30})(?:\*[\w-]{1,20})?"
    r"\?(?P<form>[bBqQ])\?(?P<content>[^?\s]{0,400})\?="
)
# Escaped characters of mark-up and web addresses; after a digit, `%` is per cent. Blanks between
# two encoded words belong to neither (RFC 2047, section 6.2).
_ESCAPED: Final = re.compile(
    rf"&#\d{{2,6}};|&#[xX][0-9a-fA-F]{{2,5}};|&[A-Za-z]{{2,8}};|(?<![\d\s])%[2-7][0-9A-Fa-f]"
    rf"|(?:%[C-Fc-f][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){{1,3}})+|{_ENCODED_WORD}(?:\s{{1,8}}(?==\?[\w*-]{{2,52}}\?[bBqQ]\?))?"
)
_ESCAPES: Final = 4  # depth to which escapes of escapes are decoded
_WORD: Final = re.compile(r"[^\W\d_]+")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_LATIN: Final = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Normalized:
    """A normalized text.

    Attributes:
        text: The normalized text.
        offsets: For each character of `text` the offset in the original; None if the offsets
            are the same.
        length: Length of the original.
    """

    text: str
    offsets: Sequence[int] | None
    length: int

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original for a range of `text`. Requires start < end."""
        if self.offsets is None:
            return start, end
        # An escape is covered whole or not at all.
        while end < len(self.offsets) and self.offsets[end] == self.offsets[end - 1]:
            end += 1
        after = self.offsets[end] if end < len(self.offsets) else self.length
        return self.offsets[start], max(self.offsets[end - 1] + 1, after)


def normalize(text: str) -> Normalized:
    """Normalizes a text and keeps the offsets in the original."""
    escapes = ("&" in text or "%" in text or "=?" in text) and _ESCAPED.search(text)
    return _decode_escapes(text, _ESCAPES) if escapes else _normalized(text)


def _decode_escapes(text: str, deep: int) -> Normalized:
    """A text with `&nbsp;`, `%40` and `=?utf-8?Q?=C3=BC?=` decoded."""
    parts: list[str] = []
    offsets = array("L")
    done = 0
    for match in _ESCAPED.finditer(text):
        decoded = _decode_escape(match)
        parts += [text[done : match.start()], decoded]
        offsets.extend(range(done, match.start()))
        offsets.extend([match.start()] * len(decoded))
        done = match.end()
    parts.append(text[done:])
    offsets.extend(range(done, len(text)))
    plain = "".join(parts)
    if deep > 1 and plain != text and _ESCAPED.search(plain):
        inner = _decode_escapes(plain, deep - 1)
    else:
        inner = _normalized(plain)
    if inner.offsets is not None:
        offsets = array("L", (offsets[o] for o in inner.offsets))
    return Normalized(inner.text, offsets, len(text))


def _decode_escape(match: re.Match[str]) -> str:
    escape = match.group()
    if match["form"]:
        plain = _decoded(match["charset"], match["form"], match["content"])
    elif escape[0] == "%":
        plain = bytes.fromhex(escape.replace("%", "")).decode(errors="replace")
    else:
        plain = html.unescape(escape)
    return plain if all(c.isprintable() or c.isspace() for c in plain) else escape


def _decoded(charset: str, form: str, content: str) -> str:
    """The content of an encoded word; a null character if it cannot be decoded."""
    try:
        if form in "qQ":
            written = quopri.decodestring(content, header=True)
        else:
            written = base64.b64decode(content + "=" * (-len(content) % 4))
        return written.decode("ascii" if "escape" in charset.lower() else charset, "replace")
    except (LookupError, ValueError):
        return "\0"


def _normalized(text: str) -> Normalized:
    if text.isascii():
        return Normalized(text, None, len(text))
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
    return Normalized(result, offsets if moved else None, len(text))


def plain_words(text: str) -> str:
    """A text without case, accents and look-alikes: for comparing names; it has no offsets."""
    normalized = normalize(text).text
    if not normalized.isascii():
        normalized = "".join(
            c for c in unicodedata.normalize("NFKD", normalized) if not unicodedata.combining(c)
        )
    return normalized.casefold()


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
    # Ligatures and circled letters become letters; a fraction or a unit sign is not part of a name.
    return compatible if compatible.isalnum() or len(compatible) == 1 else character


def _undisguised(match: re.Match[str]) -> str:
    word = match.group()
    if word.isascii() or not _LATIN.search(word):
        return word
    return word.translate(_LOOK_ALIKE)
