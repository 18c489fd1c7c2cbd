"""Linked values: the values of a row's identifier columns, searched for in that row's free text.

A name in a column is the best recognizer for the notes beside it: no model has to guess that it is
a name. Names are found in any case, with or without accents, in either order and with initials,
numbers with any separators, and dates in any usual form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from auditkit.deid.vocabulary.generalize import read_date
from auditkit.deid.vocabulary.normalization import normalize, plain_words
from auditkit.deid.vocabulary.spans import Span

# A part of a name that is also a common word counts only if it is capitalised.
_WORDS_TEXT: Final = """
will may mark long young bill rose grant june april august art bob chase chip christian
cliff clay dale dawn day dean drew earl faith frank gay gene glen grace guy hall hope ivy
jack jay joy king lane lee miles nick pat paul penny price ray rich rob rusty sandy sky
stone summer sue ted van victor wade ward west white wood black brown green gray street
north park hill banks church cook baker major mason page parks best love good little bush
case field fields ford fox glass gold hand head hood house law mills moody moon noble pace
poor power rice small snow story strong sweet town train waters way wise wolf and the for
not has was are her his
"""
_WORDS: Final = frozenset(_WORDS_TEXT.split())
_NAMES: Final = frozenset({"PERSON", "ORGANIZATION"})
_MISSING: Final = frozenset({"nan", "nat", "none", "null", "na", "n/a"})
_TITLES_TEXT: Final = """
mr mrs ms miss dr prof sir jr sr ii iii iv md phd dds rn esq
"""
_TITLES: Final = frozenset(_TITLES_TEXT.split())
# A possessive ending is not part of the name: "Lee's" is Lee, "O'Brien" is one word.
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019](?![sS](?![^\W_]))[^\W_]+)*")
_RUN: Final = re.compile(r"[+(]?\d(?:[\s().\-/\u2010-\u2015_]{0,3}\d){3,}")
_DATES: Final = re.compile(
    r"(?<!\d)(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{8}"
    r"|(?:the )?\d{1,2}(?:st|nd|rd|th)?(?: day)?(?: of)?[ -]+[A-Za-z]{3,9}\.?[ ,'-]+\d{2,4}"
    r"|[A-Za-z]{3,9}\.?[ -]+\d{1,2}(?:st|nd|rd|th)?[ ,'-]+\d{4})(?!\d)"
)
_STREET_WORDS: Final = (
    ("street", "st"), ("avenue", "ave"), ("road", "rd"), ("boulevard", "blvd"), ("lane", "ln"),
    ("drive", "dr"), ("court", "ct"), ("place", "pl"), ("terrace", "ter"), ("circle", "cir"),
    ("parkway", "pkwy"), ("highway", "hwy"), ("square", "sq"), ("apartment", "apt"),
    ("suite", "ste"), ("north", "n"), ("south", "s"), ("east", "e"), ("west", "w"),
)  # fmt: skip
_SHORT: Final = dict(_STREET_WORDS)
_NUMBERS_TEXT: Final = """
US_SSN PHONE_NUMBER FAX_NUMBER CREDIT_CARD ACCOUNT ROUTING_NUMBER NPI TAX_ID MEDICAL_RECORD
HEALTH_PLAN LICENSE DRIVER_LICENSE PASSPORT DEVICE VEHICLE LICENSE_PLATE ID IBAN_CODE DEA
"""
_NUMBERS: Final = frozenset(_NUMBERS_TEXT.split())
_DATE_KINDS: Final = frozenset({"BIRTH_DATE", "DATE_TIME"})


@dataclass(frozen=True, slots=True)
class IndexedText:
    """A free text, indexed once for any number of searches.

    Attributes:
        text: The text.
        words: Its words without case and accents, streets shortened.
        places: Start and end of each word, half-open.
        vocabulary: The same words as a set.
        runs: Its runs of four digits or more, separators removed, with their places.
        dates: The days that it names, as ISO dates, with their places.
    """

    text: str
    words: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    vocabulary: frozenset[str]
    runs: tuple[tuple[str, int, int], ...]
    dates: tuple[tuple[str, int, int], ...]


@lru_cache(maxsize=4096)
def index_text(text: str) -> IndexedText:
    """Indexes a text for `find_linked`."""
    normalized = normalize(text)
    plain = normalized.text
    words, places = [], []
    # Normalization keeps places; ASCII text can be lowered all at once.
    source, plain_word = (plain.lower(), str) if plain.isascii() else (plain, plain_words)
    for match in _WORD.finditer(source):
        words.append(_short(plain_word(match.group())))
        places.append(normalized.original(*match.span()))
    numbers = any(map(str.isdigit, plain))
    runs = [
        (digits_of(match.group()), *normalized.original(*match.span()))
        for match in (_RUN.finditer(plain) if numbers else ())
    ]
    dates = []
    for match in _DATES.finditer(plain) if numbers else ():
        day = read_date(match.group())
        if day is not None:
            dates.append((day.isoformat(), *normalized.original(*match.span())))
    return IndexedText(
        text, tuple(words), tuple(places), frozenset(words), tuple(runs), tuple(dates)
    )


def find_linked(text: IndexedText, values: Iterable[tuple[str, str]]) -> list[Span]:
    """Spans of a row's own values in one of its texts; they may overlap.

    Args:
        text: As `index_text` gives it.
        values: Pairs of type and value: the row's identifier columns.
    """
    found: list[Span] = []
    for kind, value in values:
        if not text.runs and not text.dates and text.vocabulary.isdisjoint(value_words(value)):
            continue
        if kind in _DATE_KINDS:
            found.extend(_dates(text, kind, value))
            continue
        if kind == "PERSON":
            found.extend(_name(text, value))
        if kind in _NUMBERS:
            found.extend(_number(text, kind, value))
        found.extend(_whole(text, kind, value))
    return found


@lru_cache(maxsize=65536)
def value_words(value: str) -> tuple[str, ...]:
    """The words of a value as they are compared."""
    if value.isascii():
        return tuple(_short(w) for w in _WORD.findall(value.lower()))
    return tuple(_short(plain_words(w)) for w in _WORD.findall(value))


@lru_cache(maxsize=65536)
def digits_of(value: str) -> str:
    """The digits of a value."""
    return "".join(filter(str.isdigit, value))


def _short(word: str) -> str:
    return _SHORT.get(word, word)


def _whole(text: IndexedText, kind: str, value: str) -> Iterable[Span]:
    wanted = value_words(value)
    if not wanted or sum(map(len, wanted)) < 3:
        return
    width = len(wanted)
    first = wanted[0]
    for i, word in enumerate(text.words):
        if word == first and text.words[i : i + width] == wanted:
            start, end = text.places[i][0], text.places[i + width - 1][1]
            if width == 1 and wanted[0] in _WORDS and not text.text[start].isupper():
                continue
            yield Span(start, end, kind, 1.0, "known")


def _name(text: IndexedText, value: str) -> Iterable[Span]:
    """Each part of a name, and an initial beside a part."""
    parts = {w for w in value_words(value) if w not in _TITLES}
    long = {p for p in parts if len(p) > 1}
    if not long or long.isdisjoint(text.words):
        return
    initials = {p[0] for p in parts}
    for i, word in enumerate(text.words):
        if word not in long:
            continue
        start, end = text.places[i]
        if (len(word) < 3 or word in _WORDS) and not text.text[start].isupper():
            continue
        yield Span(start, end, "PERSON", 1.0, "known")
        for j in (i - 1, i + 1):
            if 0 <= j < len(text.words) and text.words[j] in initials and len(text.words[j]) == 1:
                a, b = text.places[j]
                if text.text[a].isupper() and not text.text[min(b, start) : max(a, end)].strip(
                    " .,-" + text.text[start:end] + text.text[a:b]
                ):
                    yield Span(a, b, "PERSON", 1.0, "known")


def _number(text: IndexedText, kind: str, value: str) -> Iterable[Span]:
    if not text.runs and kind != "US_SSN":
        return
    digits = digits_of(value)
    if len(digits) < 4:
        return
    if kind in {"PHONE_NUMBER", "FAX_NUMBER"} and len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    for run, start, end in text.runs:
        if digits in run:
            yield Span(start, end, kind, 1.0, "known")
    if kind == "US_SSN" and len(digits) == 9:
        # "last four 6789": four digits by themselves that end the row's own number.
        for i, word in enumerate(text.words):
            if word == digits[5:]:
                yield Span(*text.places[i], kind, 1.0, "known")


def _dates(text: IndexedText, kind: str, value: str) -> Iterable[Span]:
    if not text.dates:
        return
    day = read_date(value)
    if day is None:
        return
    # Day and month may be in either order.
    wanted = {day.isoformat()}
    if day.day <= 12:
        wanted.add(f"{day.year:04}-{day.day:02}-{day.month:02}")
    for named, start, end in text.dates:
        if named in wanted:
            yield Span(start, end, kind, 1.0, "known")


def _is_missing(kind: str, cell: str) -> bool:
    """Whether a cell marks a missing value. Nan, None and Null are also names of people."""
    return kind not in _NAMES and cell.strip().casefold() in _MISSING


def linked_values(
    identifiers: Mapping[str, tuple[str, Sequence[str | None]]], rows: int
) -> list[tuple[tuple[str, str], ...]]:
    """For each row the types and values of its identifier columns.

    Args:
        identifiers: Column name to type and cells.
        rows: Number of rows.
    """
    columns = [
        [(kind, cell) if cell and not _is_missing(kind, cell) else None for cell in cells]
        for kind, cells in identifiers.values()
    ]
    if not columns:
        return [()] * rows
    return [tuple(pair for pair in row if pair) for row in zip(*columns, strict=True)]
