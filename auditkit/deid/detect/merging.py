"""Merges the recognizers' findings into whole identifiers.

No half words, no durations as dates, one address where five recognizers each found a part. All
functions take and return spans of one text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from auditkit.deid.rules.rule import CAPITALS
from auditkit.deid.vocabulary.entity_types import class_of
from auditkit.deid.vocabulary.spans import Span, merged
from auditkit.deid.vocabulary.word_lists import not_names

_COMMON_TEXT: Final = """
The And Will May Mark Grant Bill Rose Long Young April June August Patient Doctor Street Hospital
Bank City New Old North South East West Dr Mr Mrs Ms This That His Her She Our Your My
"""
_COMMON: Final = frozenset(_COMMON_TEXT.split())
_WORD: Final = re.compile(r"\w")
_NUMBER_BEFORE: Final = re.compile(r"(?<![\w.,$-])(?:\d{1,6}[A-Za-z]?(?:[-/]\d{1,4})?,? ){1,2}\Z")
_PREFIX: Final = re.compile(
    r"(?<!\w)(?:\d{1,6},? )?(?:ul\.?|via|viale|rue|calle|avda\.?|av\.?|c/|rua|str\.|strada|plaza|"
    r"piazza|place|route|allée|chemin|boulevard|av[ei]nue|al\.|os\.|pl\.|r\.?|u\.|str|c\.) \Z",
    re.IGNORECASE,
)
# Between parts of an address: separators, line breaks, and at most three words: capitalised,
# numbers, or the small words of place names.
_GAP: Final = re.compile(
    r"[\s,.;>#/|?()\-\u2013]{0,6}"
    r"(?:(?:[^\W\d_a-z][\w'\u2019-]*|\d{1,6}[A-Za-z]?|de|la|le|les|des|du|del|della|delle|di|da|do|"
    r"dos|das|van|der|den|het|st|str|am|an|im|of|the|rue|via|u|ul|no|nr)\b[\s,.;>#/|()\-\u2013]{1,6}){0,3}\Z"
)
_STATE_AFTER: Final = re.compile(r"[ ,\n]{1,3}[A-Z]{2,3}(?:[ ,\n]{1,3}\d{5}(?:-\d{4})?)?(?![\w])")
_STREET_AFTER: Final = re.compile(r" (?:st|str|street|road|rd|ave|avenue)\b", re.IGNORECASE)
_ZIP_AFTER: Final = re.compile(r"[ ,\n]{1,3}\d{5}(?:-\d{4})?(?![\w-])")
# Groups of digits that continue a number: `0688 872` and ` 49 99` are one number.
_DIGITS_BEFORE: Final = re.compile(r"(?<![\w.,$])\+?(?:\(?\d{1,5}\)?[ .()/-]{1,2}){1,4}\Z")
_DIGITS_AFTER: Final = re.compile(r"(?:[ .()/-]{1,2}\d{2,5}){1,4}(?![\w%])")
_NUMBERS: Final = frozenset(
    {"PHONE_NUMBER", "FAX_NUMBER", "ACCOUNT", "ID", "CREDIT_CARD", "TAX_ID"}
)
_NAMES: Final = frozenset({"PERSON", "ORGANIZATION"})
_NUMBERED: Final = _NUMBERS | {"DRIVER_LICENSE", "PASSPORT", "ROUTING_NUMBER", "ZIP_CODE"}
_DIGIT: Final = re.compile(r"\d")
_CERTAIN: Final = 0.6
_NAME_WORD: Final = re.compile(rf"(?<![\w'])[{CAPITALS}][\w\u2019-]{{2,}}(?![\w])")
# With the rest on the next line, after a hyphen.
_SMALL: Final = rf"[^\W\d_{CAPITALS}]"
_SURNAME: Final = re.compile(rf" ([{CAPITALS}](?:{_SMALL}{{2,}}|{_SMALL}*-\n{_SMALL}+))(?![\w])")
_REST_OF_WORD: Final = re.compile(rf"-\n{_SMALL}+")
_LINE: Final = re.compile(r"^[ \t>?*#|-]*([^\n]+?)[ \t]*$", re.MULTILINE)
_TITLE_LINE: Final = re.compile(
    r"[^\W_a-z][\w'&.\u2019-]*"
    r"(?:,? (?:(?:and|of|de|del|la|di|da|&) )?[^\W_a-z][\w'&.\u2019()-]*){0,4}[,.]?"
)
# Words that begin or end a heading or a greeting, which is not a letterhead.
_HEADS_TEXT: Final = """
notice application agreement form record records report summary statement manifest memorandum list
log note notes plan history exam examination results instructions request order orders invoice
receipt letter certificate contract policy transcript minutes agenda authorization requisition
benefits explanation transfer intake consult evaluation assessment confirmation page section part
education experience skills references information details r\u00e9sum\u00e9 resume
thanks regards sincerely cheers hello dear
"""
_HEADS: Final = frozenset(_HEADS_TEXT.split())
_AGE_AFTER: Final = re.compile(
    r"(?: ?,| ?\(| is| was| turned) ?(9\d|1[01]\d)"
    r"(?=\)|[,;]? (?:of|from|and|who|is|was|has)\b|, [a-z]|[.;]?$|\. )"
)
_AND: Final = re.compile(r" (?:and|&|at) \Z")
_CORNER: Final = re.compile(r"(?:\b(?:the )?(?:corner|intersection|junction) of )\Z", re.IGNORECASE)


def whole_identifiers(spans: Iterable[Span], text: str) -> list[Span]:
    """Whole identifiers from spans without false positives: in order, without overlap."""
    grown = (_whole_words(span, text) for span in spans if not _without_digits(span, text))
    whole = merged((span for span in grown if not _no_zip(span, text)), text)
    joined = _firms(_addresses([_with_surname(s, text) for s in whole], text), text)
    return merged(
        [*joined, *_repeated_names(joined, text), *_letterhead(joined, text), *_ages(joined, text)],
        text,
    )


def _without_digits(span: Span, text: str) -> bool:
    """Whether a model reports a number that has no digit."""
    if span.kind not in _NUMBERED or not span.source.startswith("model:"):
        return False
    return not _DIGIT.search(text, span.start, span.end)


def _no_zip(span: Span, text: str) -> bool:
    """Whether a model reports a longer number, such as an amount, as a ZIP code."""
    written = text[span.start : span.end]
    return span.source == "model: zip code" and written.isdigit() and len(written) > 5


def _whole_words(span: Span, text: str) -> Span:
    """Extended to whole words: half a name still reveals the name."""
    start, end = span.start, span.end
    while start > 0 and _WORD.match(text[start - 1]) and _WORD.match(text[start]):
        start -= 1
    while end < len(text) and _WORD.match(text[end]) and _WORD.match(text[end - 1]):
        end += 1
    broken = _REST_OF_WORD.match(text, end) if span.kind in _NAMES else None
    end = broken.end() if broken else end
    if span.kind in _NUMBERS and text[start:end].replace(" ", "").isdigit():
        before = _DIGITS_BEFORE.search(text, max(0, start - 20), start)
        after = _DIGITS_AFTER.match(text, end)
        start = before.start() if before else start
        end = after.end() if after else end
    return span.over(start, end)


def _with_surname(span: Span, text: str) -> Span:
    """A name extended over the capitalised word after it, such as a surname."""
    if span.kind != "PERSON" or not text[span.end - 1].isalpha():
        return span
    match = _SURNAME.match(text, span.end)
    if match is None or match[1] in _COMMON or match[1].lower() in not_names():
        return span
    return span.over(span.start, match.end())


def _addresses(spans: list[Span], text: str) -> list[Span]:
    """Parts of one address joined, with the house number before and the state after."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last is not None and _same_address(last, span, text):
            kind = last.kind if last.kind == span.kind else "ADDRESS"
            joined[-1] = replace(last, end=span.end, kind=kind)
        else:
            joined.append(span)
    return merged((_with_ends(span, text) for span in joined), text)


def _same_address(first: Span, second: Span, text: str) -> bool:
    between = text[first.end : second.start]
    if class_of(second.kind) != "B":
        return False
    if class_of(first.kind) == "B":
        if _AND.match(between):
            return bool(_CORNER.search(text, max(0, first.start - 24), first.start))
        return len(between) <= 40 and bool(_GAP.match(between))
    # An intersection: one street looks like a name, "Maple and 5th Avenue".
    return (
        first.kind in {"PERSON", "ORGANIZATION"}
        and second.kind == "ADDRESS"
        and bool(_AND.match(between))
    )


def _with_ends(span: Span, text: str) -> Span:
    if class_of(span.kind) != "B":
        return span
    start, end = span.start, span.end
    if not text[start].isdigit():
        before = _PREFIX.search(text, max(0, start - 24), start)
        if before:
            start = before.start()
    if span.kind in {"ADDRESS", "CITY", "ZIP_CODE"} or start < span.start:
        before = _NUMBER_BEFORE.search(text, max(0, start - 16), start)
        if before:
            start = before.start()
    for after in (_STREET_AFTER, _STATE_AFTER, _ZIP_AFTER):
        match = after.match(text, end)
        if match and (span.kind != "LOCATION" or after is not _STREET_AFTER):
            end = match.end()
    return span.over(start, end)


def _firms(spans: list[Span], text: str) -> list[Span]:
    """`Davis, Reynolds and Wood`: a series of surnames is one firm, or is removed as one."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.kind in {"PERSON", "ORGANIZATION", "LOCATION", "CITY"}
            and span.kind in {"PERSON", "ORGANIZATION", "LOCATION", "CITY"}
            and text[last.end : span.start] in {", ", ", and ", " & ", " and "}
            and ("," in text[last.start : span.start] or "&" in text[last.end : span.start])
            and " " not in text[span.start : span.end]
        ):
            joined[-1] = last.over(last.start, span.end)
        else:
            joined.append(span)
    return joined


def _repeated_names(spans: list[Span], text: str) -> Iterator[Span]:
    """Other places of a name that was found, if capitalised."""
    words = {
        word
        for span in spans
        if span.kind == "PERSON" and span.score >= _CERTAIN
        for word in _NAME_WORD.findall(text[span.start : span.end])
        if word not in _COMMON
    }
    if not words:
        return
    starts = [span.start for span in spans]
    for match in _NAME_WORD.finditer(text):
        if match.group() in words and not _touches_any(spans, starts, match.start(), match.end()):
            yield Span(match.start(), match.end(), "PERSON", 0.6, "named before")


def _ages(spans: list[Span], text: str) -> Iterator[Span]:
    """An age over 89 beside a name: `Irma (94)`, `Irma Stone, 94, of Racine`."""
    for span in spans:
        if span.kind == "PERSON" and (match := _AGE_AFTER.match(text, span.end)):
            yield Span(match.start(1), match.end(1), "AGE", 0.6, "age beside a name")


def _touches_any(spans: list[Span], starts: list[int], start: int, end: int) -> bool:
    """Whether a span overlaps a range. Requires spans in order, without overlap."""
    before = bisect_left(starts, end)
    return before > 0 and spans[before - 1].end > start


def _letterhead(spans: list[Span], text: str) -> Iterator[Span]:
    """Short capitalised lines among lines of names and addresses: firms, places, countries."""
    if len(spans) < 2 or text.count("\n") < 2:
        return
    lines = [(m.start(1), m.end(1)) for m in _LINE.finditer(text)]
    starts = [span.start for span in spans]
    touched = [_touches_any(spans, starts, start, end) for start, end in lines]
    for i, (start, end) in enumerate(lines):
        if i == 0 and text[start:end].isupper():
            continue  # a heading; rules find a firm's name by its form
        near = touched[max(0, i - 2) : i] + touched[i + 1 : i + 3]
        if not touched[i] and sum(near) >= 2 and _TITLE_LINE.fullmatch(text, start, end):
            words = re.findall(r"\w+", text[start:end].lower())
            if not_names().issuperset(words) or words[-1] in _HEADS or words[0] in _HEADS:
                continue
            yield Span(start, end, "ORGANIZATION", 0.5, "letterhead")
