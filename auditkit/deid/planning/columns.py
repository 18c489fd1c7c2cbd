"""The entity type of a column, from its name and a sample of its distinct values.

The name suggests a type; the values decide, by check digits and forms. A column of numbers is an
identifier only if its name says so and its values fit: an income is not a date and not a telephone
number. A column of sentences is free text, whatever its name. Every verdict gives a reason, and a
person can overrule it in the plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.deid.rules.column_forms import (
    BY_VALUE,
    FULL,
    MUST_FIT,
    NOTES,
    is_code,
    is_full_name,
    is_title_case,
    names_someone,
)
from auditkit.deid.rules.field_names import SOMEBODY, name_words, type_by_name
from auditkit.deid.table.cell_texts import strings_in
from auditkit.deid.vocabulary.entity_types import ENTITY_TYPES, describe
from auditkit.deid.vocabulary.normalization import normalize

if TYPE_CHECKING:
    from auditkit.deid.table.column import Column

FREE_TEXT: Final = "FREE_TEXT"
_MAX_SAMPLE: Final = 200
_LARGE_SHARE: Final = 0.8
_HALF: Final = 0.5
_MIN_DIGITS: Final = 4
_MIN_LONG_DIGITS: Final = 7
_MIN_SAMPLE: Final = 5
_MIN_NAMES: Final = 3
_MIN_ROWS: Final = 10
_NEARLY_ALL: Final = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnVerdict:
    """What a column holds.

    Attributes:
        kind: One of `ENTITY_TYPES`; `FREE_TEXT`; "" for no identifier.
        score: Share of the sampled values that fit, in [0, 1]; 1 if only the name decided.
        reason: Why, in one line that quotes no value.
    """

    kind: str
    score: float
    reason: str


# A number in a text file; longer ones may be telephone numbers and the like.
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,7})(?:\.\d+)?")


def examine_column(column: Column) -> ColumnVerdict:
    """The entity type of a column, from at most 200 of its distinct values, evenly spread."""
    if column.opaque:
        return ColumnVerdict(
            kind="ID", score=1.0, reason="bytes that are no text: nobody can search them"
        )
    if column.nested:
        return _nested(column)
    sample = _sample(column.values)
    proposed = type_by_name(column.name)
    if not sample:
        kind = "PERSON" if proposed == SOMEBODY else proposed
        reason = "the name says so; there is no value" if kind else "there is no value"
        return ColumnVerdict(kind=kind, score=1.0 if kind else 0.0, reason=reason)
    if column.temporal:
        kind = proposed if proposed == "BIRTH_DATE" else "DATE_TIME"
        return ColumnVerdict(kind=kind, score=1.0, reason="the column holds dates or times")
    if column.numeric or all(map(_PLAIN_NUMBER.fullmatch, sample)):
        return _numeric(proposed, sample, labels=column.labels)
    if _is_free_text(column.name, sample, proposed):
        return ColumnVerdict(
            kind=FREE_TEXT, score=1.0, reason="the values are sentences, each different"
        )
    by_value = _by_value(sample, proposed)
    if by_value is not None:
        return by_value
    by_name = _by_name(sample, proposed)
    if by_name is not None:
        return by_name
    share = _share(names_someone, sample)
    enough = _HALF if len(sample) >= _MIN_ROWS else _LARGE_SHARE
    if share >= enough and proposed not in {"CITY", "ORGANIZATION"} and len(sample) >= _MIN_SAMPLE:
        return ColumnVerdict(
            kind="PERSON", score=share, reason=f"{share:.0%} of the values are written as names are"
        )
    if _is_unique_code(column, sample):
        return ColumnVerdict(
            kind="ID", score=1.0, reason="codes, a different one in nearly every row"
        )
    if _has_words(sample):
        return ColumnVerdict(
            kind=FREE_TEXT, score=0.5, reason="text that may name someone: each value is searched"
        )
    if _some_names(sample):
        return ColumnVerdict(
            kind=FREE_TEXT, score=0.5, reason="some values may be names: each value is searched"
        )
    reason = "no identifier by name or by value"
    if proposed in ENTITY_TYPES:
        reason = f"the name suggests {describe(proposed)}, the values do not"
    return ColumnVerdict(kind="", score=1.0, reason=reason)


def _by_name(sample: Sequence[str], proposed: str) -> ColumnVerdict | None:
    """The verdict by name, unless the values contradict it."""
    fits = MUST_FIT.get(proposed)
    share = _share(fits, sample) if fits else 1.0
    if not proposed or share < _HALF:
        return None
    reason = "the name says so" + (f", and {share:.0%} of the values fit" if fits else "")
    return ColumnVerdict(
        kind="PERSON" if proposed == SOMEBODY else proposed, score=share, reason=reason
    )


def _is_unique_code(column: Column, sample: Sequence[str]) -> bool:
    """Whether codes distinguish the rows: 45 CFR 164.514(b)(2)(i)(R)."""
    if column.present < _MIN_ROWS or len(column.values) < _NEARLY_ALL * column.present:
        return False
    return _share(is_code, sample) >= _LARGE_SHARE


def _sample(values: Sequence[str]) -> list[str]:
    texts = [v for v in values if v.strip()]
    step = max(1, len(texts) // _MAX_SAMPLE)
    return [normalize(t).text for t in texts[::step][:_MAX_SAMPLE]]


def _is_long(text: str) -> bool:
    return text.isdigit() and len(text) >= _MIN_LONG_DIGITS


def _share(fits: Callable[[str], bool], sample: Sequence[str]) -> float:
    return sum(map(fits, sample)) / len(sample)


def _nested(column: Column) -> ColumnVerdict:
    """The verdict on the strings in lists and records; numbers in them are ignored."""
    strings = tuple(dict.fromkeys(s for value in column.values for s in strings_in(value)))
    if not strings:
        return ColumnVerdict(kind="", score=1.0, reason="lists of numbers")
    rows = np.arange(len(strings))
    inside = examine_column(replace(column, values=strings, codes=rows, nested=False))
    if inside.kind or len(strings) < _MIN_ROWS:
        kind = inside.kind or FREE_TEXT
        return ColumnVerdict(
            kind=kind, score=inside.score, reason=f"in lists or records: {inside.reason}"
        )
    return inside


def _numeric(proposed: str, sample: Sequence[str], *, labels: bool) -> ColumnVerdict:
    """The verdict on numbers: identifiers only if the name says so and the values fit."""
    if labels and not proposed and _share(_is_long, sample) >= _LARGE_SHARE:
        return ColumnVerdict(
            kind="ID", score=1.0, reason="long numbers that tell rows from each other"
        )
    fits = {**FULL, **MUST_FIT}.get(proposed)
    if proposed in {"PERSON", "ORGANIZATION", "CITY", "ADDRESS", "URL", "PHOTO", SOMEBODY, ""}:
        return ColumnVerdict(kind="", score=1.0, reason="numbers, and the name names no identifier")
    if proposed in {"US_SSN", "DATE_TIME", "BIRTH_DATE", "AGE", "ZIP_CODE", "COORDINATES"} and fits:
        padded = [v.zfill(9) for v in sample] if proposed == "US_SSN" else sample
        share = _share(fits, padded)
        if share < _HALF:
            return ColumnVerdict(
                kind="",
                score=1 - share,
                reason=f"the name suggests {describe(proposed)}, the numbers do not fit",
            )
        return ColumnVerdict(
            kind=proposed,
            score=share,
            reason=f"the name says so, and {share:.0%} of the values fit",
        )
    share = _share(lambda v: v.isdigit() and len(v) >= _MIN_DIGITS, sample)
    if share < _LARGE_SHARE:
        return ColumnVerdict(
            kind="",
            score=1 - share,
            reason="the name suggests a number of a person, the values do not",
        )
    return ColumnVerdict(kind=proposed, score=1.0, reason="the name says so")


def _is_free_text(name: str, sample: Sequence[str], proposed: str) -> bool:
    words = sum(len(t.split()) for t in sample) / len(sample)
    if (
        proposed in {"ADDRESS", "PERSON", SOMEBODY, "DATE_TIME", "ORGANIZATION", "CITY"}
        and words < 8
    ):
        return False
    return words >= 5 or (words >= 2 and bool(NOTES.search(name_words(name))))


def _by_value(sample: Sequence[str], proposed: str) -> ColumnVerdict | None:
    for kind in BY_VALUE:
        share = _share(FULL[kind], sample)
        if share < _LARGE_SHARE:
            continue
        # A more specific name wins: a fax number has a telephone number's form.
        same_form = {
            "PHONE_NUMBER": {"FAX_NUMBER", "ACCOUNT", "MEDICAL_RECORD", "HEALTH_PLAN", "NPI", "ID"},
            "DATE_TIME": {"BIRTH_DATE"},
            "US_SSN": {
                "TAX_ID",
                "ACCOUNT",
                "MEDICAL_RECORD",
                "HEALTH_PLAN",
                "ROUTING_NUMBER",
                "ID",
                "ZIP_CODE",
            },
            "URL": {"PHOTO"},
            "ID": {"DEVICE", "MEDICAL_RECORD"},
            "CREDIT_CARD": {"DEVICE", "ACCOUNT"},
        }.get(kind, set())
        if proposed in same_form:
            return ColumnVerdict(kind=proposed, score=1.0, reason="the name says so")
        return ColumnVerdict(
            kind=kind, score=share, reason=f"{share:.0%} of the values are {describe(kind)} by form"
        )
    return None


def _some_names(sample: Sequence[str]) -> bool:
    """Whether most of the values that look like full names contain common names."""
    whole = [text for text in sample if is_title_case(text)]
    return len(whole) >= _MIN_NAMES and _share(is_full_name, whole) >= _HALF


def _has_words(sample: Sequence[str]) -> bool:
    """Whether values could name someone: many distinct words that are not short codes."""
    if len(set(sample)) < 20:
        return False
    return _share(lambda t: bool(re.search(r"[^\W\d_]{3}", t)), sample) > 0.3
