"""Finds false positives among the numbers that a model reports: measurements, amounts, counts.

A model guesses from digits, and vital signs, laboratory values and status lines have digits too.
The number's shape and the words beside it decide. Matches of rules are not checked: a rule has a
pattern or a cue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from auditkit.deid.rules.rule import ANY_CASE, CAPITALS
from auditkit.deid.vocabulary.entity_types import class_of
from auditkit.deid.vocabulary.spans import IN_ADDRESS, Span
from auditkit.deid.vocabulary.word_lists import not_names

# Least number of digits, by entity type.
_MIN_DIGITS: Final = {
    "TAX_ID": 7, "ROUTING_NUMBER": 7, "PHONE_NUMBER": 4, "ACCOUNT": 4, "ID": 3, "PASSPORT": 4,
    "DRIVER_LICENSE": 4, "ZIP_CODE": 2,
}  # fmt: skip
_STREET: Final = "model: street"
_POSTCODE_GUESS: Final = "model: zip code"
# Parts of an address that count only beside a street or a town.
_PARTS: Final = frozenset({"model: building number", "model: secondary address", _POSTCODE_GUESS})
# Postcodes with letters: `D-10115`, `1012 AB`, `EH1 1BB`, `K1A 0B1`, `D02 X285`, `C1425ABC`.
_POSTCODE: Final = re.compile(
    r"[A-Z]{1,3}[- ]?\d{3,6}(?:[- ]\d{2,4})?|\d{4} ?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z][ -]?\d[A-Z]\d"
    r"|(?:[A-Z]\d[\dW] ?)?(?=\w*\d)[A-Z\d]{4}|[A-Z]\d\d|[A-Z]\d{4}[A-Z]{3}",
    ANY_CASE,
)
_WHOLE_POSTCODE: Final = 5
_NEIGHBOURS: Final = 4
# A measured number, a disease's code, a tumour's stage.
_DECIMAL: Final = re.compile(
    r"[-+<>=~]{0,2}\d{1,12}[.,]\d+|[A-Z]\d[\dA-Z]\.\w{1,4}|[cpy]{0,2}T\dN\dM[\dX]"
)
_DECIMALS: Final = re.compile(r"(?<![\d.])[-+]?\d+\.\d{1,3}(?![\d.]|\s?\d{3,4})")
# Letters and digits of a measure or a gene: `HCO3`, `FiO2`.
_SYMBOL: Final = re.compile(r"[A-Za-z]{1,5}\d{1,2}[A-Za-z]?")
_WORD: Final = re.compile(r"\b[^\W\d_]{2,}\d{0,2}\b")
_LETTERS: Final = re.compile(r"[^\W\d_]+\d{0,2}")
# A digest of something in hexadecimal, of a commit or a file.
_DIGEST: Final = re.compile(r"(?:[a-z0-9]{2,8}[:-])?(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{20,128}")
# Letters before a number that name a project or a part; not a country, as in `LV-1010`.
_TICKET: Final = re.compile(
    r"(?<![\w-])(?!(?:CH|DK|LT|LV|NL|PL|SE|SI|SK|CZ|HR|EE|RO|MD|AD|LU|FI|NO|IS|AT|DE|FR|IT|ES|PT|BE|AZ|AM|HN|UA)-)[A-Z]{2,8}-(?:\d{1,6}(?!\d)|\Z)"
)
# A server's answer: `404 Not Found`.
_STATUS: Final = re.compile("|".join(rf"\b{s.value} {re.escape(s.phrase)}\b" for s in HTTPStatus))
_NEAR: Final = 32
_ROMAN: Final = re.compile(r"[ivx]+")
_SHORT_NUMBER: Final = re.compile(r"\d{1,6}(?![\d.,/-]*\d)")
_UNIT: Final = re.compile(
    r" ?(?:%|\u00b0|(?:mg|mcg|ug|\u00b5g|g|gm|kg|lbs?|oz|ml|dl|l|cc|mm|cm|km|m|mmhg|cmh2o|bpm|ms|s|secs?|seconds?|mins?|minutes?|h|hrs?|"
    r"hours?|days?|weeks?|wks?|months?|years?|yrs?|hz|khz|mhz|ghz|kb|mb|gb|tb|kib|mib|gib|bytes?|bits?|px|dpi|units?|iu|meq|mmol|umol|"
    r"times|steps?|rows?|points?|breaths?|beats?|tablets?|tabs?|caps?|doses?|puffs?|drops?|percent|degrees|usd|eur|gbp|dollars|euros)(?![\w-]))",
    ANY_CASE,
)
_AMOUNT: Final = re.compile(
    r"(?:[$\u20ac\u00a3\u00a5]|\b(?:usd|eur|gbp|chf|sek|cad|aud|rs)) ?\Z", ANY_CASE
)
_COUNTED: Final = re.compile(
    r"\b(?:code|status|error|errno|exit|port|pid|line|row|step|epoch|fold|batch|seed|iter(?:ation)?|layer|size|count|total|score|offset|limit|"
    r"took|bytes|page|chapter|section|figure|table|version|release|cpt|hcpcs|loinc|snomed|icd|ndc|drg|rxnorm|sku|http/\d(?:\.\d)?)s?[ :=#]{1,2}\Z",
    ANY_CASE,
)
# A bare number in JSON or a setting: if its name said what it is, a rule would have matched.
_MEMBER: Final = re.compile(r"[\"']\s?:\s?-?\Z|[A-Za-z_]=-?\Z")
_NAME_AFTER: Final = re.compile(
    rf",? (?:[NSEW]\.? )?([{CAPITALS}][a-z\u00df-\u00ff]{{2,}}|\d{{1,3}}(?:st|nd|rd|th)\b)"
)
_NAME_BEFORE: Final = re.compile(
    rf"(?<![\w'])([{CAPITALS}][\w'\u2019-]*[a-z\u00df-\u00ff]{{2,}}\.?),?[ \n]{{1,2}}\Z"
)
# The words before or after the number of a flat or a floor.
_DESIGNATOR: Final = re.compile(
    r"\b(?:ap(?:ar)?t|appt|apartment|suite|ste|unit|fl|floor|room|rm|bldg|building|flat|level|lot|box|trailer|space|slip|pier|"
    r"hangar|basement|lobby|penthouse|block|tower|wing|door|piso|planta|wohnung|etage|stiege|po)\b|#",
    ANY_CASE,
)
_ADDRESS: Final = re.compile(
    r"\b(?:address|addr|liv(?:es?|ed|ing)|resid(?:es?|ing)) ?(?:at|on|is|to|:)?\s{1,2}\Z", ANY_CASE
)


def is_measure(span: Span, text: str) -> bool:
    """Whether a model's finding is a measurement, an amount or a plain word.

    Args:
        span: A finding of the token model, of any type but a name.
        text: The normalized text.
    """
    whole = _whole(span, text)
    if class_of(span.kind) == "B" and _is_status(span, text):
        return True
    if _DIGEST.fullmatch(whole) and span.kind != "URL":
        return True
    if span.kind == "URL":
        return not re.search(r"[./@:]", whole.strip("./:@"))
    if span.kind == "CITY":
        return whole.lower() in not_names() or bool(_SYMBOL.fullmatch(whole))
    if span.source == _STREET:
        words = _LETTERS.findall(whole.lower())
        return all(word in not_names() or _ROMAN.fullmatch(word) for word in words)
    if span.source in _PARTS - {_POSTCODE_GUESS}:
        return bool(_DECIMAL.fullmatch(whole))
    if span.kind not in _MIN_DIGITS:
        return False
    return _is_misshapen(span.kind, whole) or _is_measured(span, text)


def _is_status(span: Span, text: str) -> bool:
    around = max(0, span.start - _NEAR), span.end + _NEAR
    return any(m.start() <= span.start < m.end() for m in _STATUS.finditer(text, *around))


def _is_misshapen(entity_type: str, whole: str) -> bool:
    """Whether a number has too few digits, a decimal point, or words between its figures."""
    if sum(map(str.isdigit, whole)) < _MIN_DIGITS[entity_type] or _DECIMAL.fullmatch(whole):
        return True
    if entity_type == "PHONE_NUMBER":
        return bool(_DECIMALS.search(whole))
    words = _WORD.findall(whole)
    if entity_type == "ZIP_CODE":
        lettered = any(map(str.isalpha, whole))
        return lettered and (not _POSTCODE.fullmatch(whole) or bool(_TICKET.fullmatch(whole)))
    # `QTc 440. PR 160`: words and short numbers in turn.
    longest = max(map(len, re.findall(r"\d+", whole)))
    return longest < 4 and len(words) >= 2


def _is_measured(span: Span, text: str) -> bool:
    """Whether the text beside a short number shows a measurement or a count."""
    number = _SHORT_NUMBER.match(text, span.start)
    if number is None or (number.end() < span.end and not _UNIT.match(text, number.end())):
        return False
    before = max(0, span.start - 5)
    return bool(
        _AMOUNT.search(text, before, span.start)
        or _COUNTED.search(text, max(0, span.start - 20), span.start)
        or _UNIT.match(text, number.end())
        or _MEMBER.search(text, before, span.start)
        or (span.kind == "ZIP_CODE" and _TICKET.search(text, max(0, span.start - 9), span.start))
    )


def _whole(span: Span, text: str) -> str:
    """The characters of a span, extended to the whole number or word."""
    start, end = span.start, span.end
    while start > 0 and _goes_on(text[start - 1], text[start - 2 : start - 1], text[start]):
        start -= 1
    while end < len(text) and _goes_on(text[end], text[end - 1], text[end + 1 : end + 2]):
        end += 1
    return text[start:end]


def _goes_on(character: str, before: str, after: str) -> bool:
    return character.isalnum() or (character in ".-_" and before.isdigit() and after.isdigit())


def keep_in_address(spans: Sequence[Span], text: str) -> list[bool]:
    """For each span whether to keep it: a house number only beside a street or a town.

    Args:
        spans: All findings, ordered by start; they may overlap.
        text: The normalized text.
    """
    kept = [not _needs_address(span, text) for span in spans]
    places = [i for i, span in enumerate(spans) if class_of(span.kind) == "B"]
    # Forwards, then backwards: a flat's number is next to the house number, that to the street.
    for order in (places, places[::-1]):
        for at, i in enumerate(order):
            if not kept[i]:
                kept[i] = any(
                    kept[j] and _adjoin(spans[i], spans[j], text)
                    for j in order[max(0, at - _NEIGHBOURS) : at]
                )
    return kept


def _adjoin(one: Span, other: Span, text: str) -> bool:
    first, second = sorted((one, other), key=lambda span: span.start)
    return first.end > second.start or bool(IN_ADDRESS.match(text[first.end : second.start]))


def _needs_address(span: Span, text: str) -> bool:
    """Whether a finding counts only beside other parts of an address."""
    if span.source not in _PARTS:
        return False
    if span.source == _POSTCODE_GUESS:
        short = sum(map(str.isalnum, _whole(span, text))) < _WHOLE_POSTCODE
        return short and not _is_by_a_name(span, text)
    if _ADDRESS.search(text, max(0, span.start - 24), span.start):
        return False
    return not _DESIGNATOR.search(text, span.start, span.end)


def _is_by_a_name(span: Span, text: str) -> bool:
    after = _NAME_AFTER.match(text, span.end)
    before = _NAME_BEFORE.search(text, max(0, span.start - 40), span.start)
    return any(m and m[1].rstrip(".").lower() not in not_names() for m in (after, before))
