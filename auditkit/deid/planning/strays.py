"""Strays: identifiers in single cells of a column that holds something else.

A column is judged by most of its values (`columns`). This module examines its other cells: every
distinct value, by rules and check digits, without models. A stray in a column that is kept stops
the run; in a column whose cells are searched one by one it is replaced.

A number alone has no form: nine digits may be an amount or a Social Security number. Bare numbers
count only beside text, or if all numbers of an identifier's length are valid and no other number
is one digit longer or shorter, which is not so for amounts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.deid.planning.columns import FREE_TEXT, ColumnVerdict
from auditkit.deid.rules import checksums
from auditkit.deid.rules.column_forms import FULL, is_code
from auditkit.deid.rules.rule import CAPITALS
from auditkit.deid.table.cell_texts import strings_in, whole_numbers_in
from auditkit.deid.vocabulary.entity_types import describe
from auditkit.deid.vocabulary.generalize import read_date
from auditkit.deid.vocabulary.normalization import normalize

if TYPE_CHECKING:
    from auditkit.deid.detect.detector import Deidentifier
    from auditkit.deid.table.column import Column
    from auditkit.deid.vocabulary.spans import Span

# Types that rules find by form, check digits or a cue.
_SURE_TEXT: Final = """
EMAIL_ADDRESS US_SSN CREDIT_CARD IBAN_CODE VEHICLE HEALTH_PLAN MAC_ADDRESS IP_ADDRESS URL
PHONE_NUMBER FAX_NUMBER MEDICAL_RECORD PASSPORT DRIVER_LICENSE ACCOUNT CRYPTO NPI DEA TAX_ID
ADDRESS
"""
_SURE: Final = frozenset(_SURE_TEXT.split())
# Forms of whole cells, for types whose rules need a cue in text.
_WHOLE: Final = (
    "EMAIL_ADDRESS",
    "US_SSN",
    "MAC_ADDRESS",
    "IBAN_CODE",
    "VEHICLE",
    "HEALTH_PLAN",
    "ID",
)
# Every identifier contains one of these.
_MAYBE: Final = re.compile(
    r"@|://|www\.|(?:\d\D{0,3}){6}\d|(?:[0-9A-Fa-f]{1,4}:){3}|::|(?:\d{1,3}\.){3}\d"
    r"|\d[A-Za-z]? [A-Za-z]",
    re.ASCII,
)
_IN_CODE: Final = re.compile(r"[\w/-]\Z")
_NUMBER: Final = re.compile(r"[-+]?\d+(?:\.\d+)?")
# A number, or a sum of money.
_AMOUNT: Final = re.compile(
    r"\s*[-+(]?[$\u20ac\u00a3]? ?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?\)?\s*"
)
_DATE: Final = re.compile(
    r"(?<!\d)(?:(?:18|19|20)\d\d-[01]?\d-[0-3]?\d|[0-3]?\d([-/.])[0-3]?\d\1(?:18|19|20)\d\d)(?!\d)"
)


def _phone(digits: str) -> bool:
    """Ten digits of the North American plan: area and exchange begin with 2 to 9."""
    return len(digits) == 10 and digits[0] in "23456789" and digits[3] in "23456789"


_DIGIT: Final = re.compile(r"\d")
_LONG_CODE: Final = 6
_LONGEST_CODE: Final = 64
_MIN_CODES: Final = 10
_NEARLY_ALL: Final = 0.9
_LARGE_SHARE: Final = 0.8
# "4 wheel drive" is no address, "12 Maple Street" is one.
_HOUSE: Final = re.compile(rf"\d\d.*[{CAPITALS}]")
# Lengths, check, and the number of different numbers that must pass to rule out chance.
_BARE: Final = (
    ("US_SSN", (9,), checksums.ssn, 5),
    ("CREDIT_CARD", (16, 15, 14, 13), checksums.card, 3),
    ("DEVICE", (15,), checksums.imei, 3),
    ("NPI", (10,), checksums.npi, 3),
    ("PHONE_NUMBER", (10,), _phone, 5),
)


def strays(column: Column) -> dict[int, str]:
    """Positions in a column's values that contain an identifier, with its type.

    Args:
        column: All of its values are examined, one by one.
    """
    found = whole_strays(column)
    if column.nested or column.numeric or column.temporal or column.opaque:
        return found
    return found | find_by_form(column.values)


def whole_strays(column: Column) -> dict[int, str]:
    """The strays that no rule finds in a text: bare numbers, codes, and nested cells.

    Returns:
        Positions in the column's values, with the type.
    """
    values = column.values
    if column.temporal or column.opaque:
        return {}
    if column.nested:
        numbers = _inside(values, whole_numbers_in, _in_numbers)
        return numbers | _inside(values, strings_in, find_by_form)
    if column.numeric:
        return _in_numbers(values)
    short = [i for i, value in enumerate(values) if len(value) <= _LONGEST_CODE]
    plain = [i for i in short if _NUMBER.fullmatch(values[i].strip())]
    found = _unique_codes(column, short) | _in_numbers(values)
    return found | (_bare_beside_text(values, plain) if len(plain) < len(values) else {})


def verdict_of_strays(column: Column, stays: frozenset[str] = frozenset()) -> ColumnVerdict | None:
    """The verdict on a column that would be kept but has strays; None if it has none.

    Args:
        column: Not an identifier by name and by most of its values.
        stays: Types that may be kept.
    """
    counts = {
        entity_type: n
        for entity_type, n in count_cells(column, strays(column)).items()
        if entity_type not in stays
    }
    if not counts:
        return None
    entity_type, count = max(counts.items(), key=lambda pair: pair[1])
    share = count / column.present
    listed = ", ".join(f"{describe(k)} in {n:,}" for k, n in sorted(counts.items()))
    return ColumnVerdict(
        kind=entity_type if share >= _LARGE_SHARE and not column.nested else FREE_TEXT,
        score=round(sum(counts.values()) / column.present, 3),
        reason=f"{listed} of {column.present:,} cells: each cell is searched",
    )


def find_by_form(texts: Sequence[str]) -> dict[int, str]:
    """Positions of the texts in which rules find an identifier, with its type; no bare numbers."""
    found = {}
    for i, text in enumerate(texts):
        plain = text if text.isascii() else normalize(text).text
        kind = _type_in(plain) if _MAYBE.search(plain) and not _AMOUNT.fullmatch(plain) else ""
        if kind:
            found[i] = kind
    return found


@lru_cache(maxsize=2**17)
def _type_in(plain: str) -> str:
    """The type of an identifier in a normalized text; "" if there is none."""
    for kind in _WHOLE:
        if FULL[kind](plain):
            return kind
    for span in _rules().find_by_rules([plain])[0]:
        if _sure(span, plain):
            return span.kind
    dated = any(read_date(match.group()) for match in _DATE.finditer(plain))
    return "DATE_TIME" if dated else ""


def _inside(
    values: Sequence[str],
    parts_of: Callable[[str], list[str]],
    look: Callable[[Sequence[str]], dict[int, str]],
) -> dict[int, str]:
    """Positions of the nested values with an identifier in one of their parts."""
    parts = [(i, part) for i, value in enumerate(values) for part in parts_of(value)]
    held = look([part for _, part in parts])
    return {parts[place][0]: kind for place, kind in held.items()}


def _sure(span: Span, text: str) -> bool:
    """Whether a finding is sure enough for a single cell: codes pass a check digit by chance."""
    if span.kind in {"PHONE_NUMBER", "FAX_NUMBER"}:
        return not _IN_CODE.search(text[: span.start])
    if span.kind == "ADDRESS":
        return bool(_HOUSE.search(text, span.start, span.end))
    if span.kind == "DEA":
        return span.end - span.start < len(text.strip())
    return span.kind in _SURE


def count_cells(column: Column, types: Mapping[int, str]) -> Counter[str]:
    """Number of cells by type."""
    rows = Counter(column.codes.tolist())
    counts: Counter[str] = Counter()
    for position, entity_type in types.items():
        counts[entity_type] += rows[position]
    return +counts


def _in_numbers(values: Iterable[str]) -> dict[int, str]:
    """Numbers whose length no neighbouring length shares and that are all valid."""
    numbers = {i: v for i, v in enumerate(values) if v.isdigit()}
    lengths = Counter(map(len, numbers.values()))
    for kind, own, valid, enough in _BARE:
        for length in own:
            if lengths[length] < enough or lengths[length - 1] or lengths[length + 1]:
                continue
            found = [i for i, v in numbers.items() if len(v) == length]
            if all(valid(numbers[i]) for i in found):
                return dict.fromkeys(found, kind)
    return {}


def _bare_beside_text(values: Sequence[str], plain: Sequence[int]) -> dict[int, str]:
    return {
        i: kind
        for i in plain
        for kind in ("US_SSN", "CREDIT_CARD", "NPI")
        if len(values[i].strip()) >= 9 and FULL[kind](values[i])
    }


def _unique_codes(column: Column, short: Sequence[int]) -> dict[int, str]:
    """Long codes that differ in nearly every cell: 45 CFR 164.514(b)(2)(i)(R)."""
    codes = [
        i
        for i, value in zip(short, map(column.values.__getitem__, short), strict=True)
        if len(_DIGIT.findall(value)) >= _LONG_CODE and is_code(value)
        if not _NUMBER.fullmatch(value) or value[0] == "0"
    ]
    if len(codes) < _MIN_CODES:
        return {}
    cells = int(np.isin(column.codes, codes).sum())
    return dict.fromkeys(codes, "ID") if len(codes) >= _NEARLY_ALL * cells else {}


@cache
def _rules() -> Deidentifier:
    from auditkit.deid.detect.detector import Deidentifier

    return Deidentifier(model=False)
