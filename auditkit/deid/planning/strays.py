"""Identifiers in single cells of a column that holds something else.

A column is judged by most of its values (`columns`). What its other cells hold is looked at here:
every distinct value, by the forms and check digits that need no model. What is recognised in a
column that is to be kept stops the run, or is replaced if the column's cells are searched one by
one.

A number alone has no form: nine digits are an amount as well as a Social Security number. Bare
numbers count only beside text, or where those of an identifier's length are all valid and no other
number is one digit longer or shorter, which amounts do not do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.deid.planning.columns import FREE_TEXT, Verdict
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

# What rules find by form, check digits or an express cue.
_SURE_TEXT: Final = """
EMAIL_ADDRESS US_SSN CREDIT_CARD IBAN_CODE VEHICLE HEALTH_PLAN MAC_ADDRESS IP_ADDRESS URL
PHONE_NUMBER FAX_NUMBER MEDICAL_RECORD PASSPORT DRIVER_LICENSE ACCOUNT CRYPTO NPI DEA TAX_ID
ADDRESS
"""
_SURE: Final = frozenset(_SURE_TEXT.split())
# Forms of whole cells, where no rule reads a text without its cue.
_WHOLE: Final = (
    "EMAIL_ADDRESS",
    "US_SSN",
    "MAC_ADDRESS",
    "IBAN_CODE",
    "VEHICLE",
    "HEALTH_PLAN",
    "ID",
)
# No identifier is without one of these.
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
_FEW: Final = 10
_NEARLY: Final = 0.9
_MOST: Final = 0.8
# "4 wheel drive" is no address, "12 Maple Street" is one.
_HOUSE: Final = re.compile(rf"\d\d.*[{CAPITALS}]")
# Lengths, check, and how many different numbers must pass before chance is ruled out.
_BARE: Final = (
    ("US_SSN", (9,), checksums.ssn, 5),
    ("CREDIT_CARD", (16, 15, 14, 13), checksums.card, 3),
    ("DEVICE", (15,), checksums.imei, 3),
    ("NPI", (10,), checksums.npi, 3),
    ("PHONE_NUMBER", (10,), _phone, 5),
)


def strays(column: Column) -> dict[int, str]:
    """Positions in a column's values that hold an identifier, with its kind.

    Args:
        column: Its values are looked at one by one, all of them.
    """
    found = whole_strays(column)
    if column.nested or column.numeric or column.temporal or column.opaque:
        return found
    return found | in_texts(column.values)


def whole_strays(column: Column) -> dict[int, str]:
    """Those of `strays` that no rule finds in a text: bare numbers, codes, and nested cells.

    Returns:
        Positions in the column's values, with the kind.
    """
    values = column.values
    if column.temporal or column.opaque:
        return {}
    if column.nested:
        numbers = _inside(values, whole_numbers_in, _in_numbers)
        return numbers | _inside(values, strings_in, in_texts)
    if column.numeric:
        return _in_numbers(values)
    short = [i for i, value in enumerate(values) if len(value) <= _LONGEST_CODE]
    plain = [i for i in short if _NUMBER.fullmatch(values[i].strip())]
    found = _unique_codes(column, short) | _in_numbers(values)
    return found | (_bare_beside_text(values, plain) if len(plain) < len(values) else {})


def mixed(column: Column, stays: frozenset[str] = frozenset()) -> Verdict | None:
    """What a column is that would be kept and holds identifiers; None if it holds none.

    Args:
        column: Of no kind by name and by most of its values.
        stays: Kinds that may be kept.
    """
    kinds = counted(column, strays(column))
    held = {kind: n for kind, n in kinds.items() if kind not in stays}
    if not held:
        return None
    kind, count = max(held.items(), key=lambda pair: pair[1])
    share = count / column.present
    told = ", ".join(f"{describe(k)} in {n:,}" for k, n in sorted(held.items()))
    return Verdict(
        kind=kind if share >= _MOST and not column.nested else FREE_TEXT,
        score=round(sum(held.values()) / column.present, 3),
        reason=f"{told} of {column.present:,} cells: each cell is searched",
    )


def in_texts(texts: Sequence[str]) -> dict[int, str]:
    """Positions of the texts that hold an identifier by form, with its kind; no bare numbers."""
    found = {}
    for i, text in enumerate(texts):
        plain = text if text.isascii() else normalize(text).text
        kind = _kind_in(plain) if _MAYBE.search(plain) and not _AMOUNT.fullmatch(plain) else ""
        if kind:
            found[i] = kind
    return found


@lru_cache(maxsize=2**17)
def _kind_in(plain: str) -> str:
    """The kind of an identifier that a folded text holds; "" if it holds none."""
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
    """Positions of the nested values of which a part holds an identifier."""
    parts = [(i, part) for i, value in enumerate(values) for part in parts_of(value)]
    held = look([part for _, part in parts])
    return {parts[place][0]: kind for place, kind in held.items()}


def _sure(span: Span, text: str) -> bool:
    """Whether a finding is more than the form of a code: some pass a check digit by chance."""
    if span.kind in {"PHONE_NUMBER", "FAX_NUMBER"}:
        return not _IN_CODE.search(text[: span.start])
    if span.kind == "ADDRESS":
        return bool(_HOUSE.search(text, span.start, span.end))
    if span.kind == "DEA":
        return span.end - span.start < len(text.strip())
    return span.kind in _SURE


def counted(column: Column, found: Mapping[int, str]) -> Counter[str]:
    """Number of cells by kind."""
    rows = Counter(column.codes.tolist())
    kinds: Counter[str] = Counter()
    for position, kind in found.items():
        kinds[kind] += rows[position]
    return +kinds


def _in_numbers(values: Iterable[str]) -> dict[int, str]:
    """Numbers of a length of its own that are all valid."""
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
    """Long codes of which each cell has another, as 45 CFR 164.514(b)(2)(i)(R) means."""
    codes = [
        i
        for i, value in zip(short, map(column.values.__getitem__, short), strict=True)
        if len(_DIGIT.findall(value)) >= _LONG_CODE and is_code(value)
        if not _NUMBER.fullmatch(value) or value[0] == "0"
    ]
    if len(codes) < _FEW:
        return {}
    cells = int(np.isin(column.codes, codes).sum())
    return dict.fromkeys(codes, "ID") if len(codes) >= _NEARLY * cells else {}


@cache
def _rules() -> Deidentifier:
    from auditkit.deid.detect.detector import Deidentifier

    return Deidentifier(model=False)
