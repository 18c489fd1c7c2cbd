"""What a column holds: judged by its name and by a sample of its distinct values.

A name proposes; the values decide, by the validators of `checksums` and the forms of `rules`. A
column of numbers is an identifier only where its name says so and its values fit: an income is
not a date and not a telephone number. A column of sentences is free text, whatever names occur in
it. Every verdict says why, and a plan lets a person overrule it.
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
_SAMPLE: Final = 200
_MOST: Final = 0.8
_SOME: Final = 0.5
_SHORTEST_NUMBER: Final = 4
_LONGEST_COUNT: Final = 7
_FEWEST: Final = 5
_FEW_NAMES: Final = 3
_FEW: Final = 10
_NEARLY: Final = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a column holds.

    Attributes:
        kind: One of `kinds.ENTITY_TYPES`; `FREE_TEXT`; "" for no identifier.
        score: Share of the sampled values that fit, in [0, 1]; 1 where only the name decided.
        reason: Why, in one line, without a value.
    """

    kind: str
    score: float
    reason: str


# A number in a text file; longer ones may be telephone numbers or the like, and are looked at.
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,7})(?:\.\d+)?")


def examine(column: Column) -> Verdict:
    """What a column holds. Looks at no more than 200 distinct values, evenly spread."""
    if column.opaque:
        return Verdict(
            kind="ID", score=1.0, reason="bytes that are no text: nobody can search them"
        )
    if column.nested:
        return _nested(column)
    sample = _sample(column.values)
    proposed = type_by_name(column.name)
    if not sample:
        kind = "PERSON" if proposed == SOMEBODY else proposed
        reason = "the name says so; there is no value" if kind else "there is no value"
        return Verdict(kind=kind, score=1.0 if kind else 0.0, reason=reason)
    if column.temporal:
        kind = proposed if proposed == "BIRTH_DATE" else "DATE_TIME"
        return Verdict(kind=kind, score=1.0, reason="the column holds dates or times")
    if column.numeric or all(map(_PLAIN_NUMBER.fullmatch, sample)):
        return _numeric(proposed, sample, labels=column.labels)
    if _is_free_text(column.name, sample, proposed):
        return Verdict(kind=FREE_TEXT, score=1.0, reason="the values are sentences, each different")
    by_value = _by_value(sample, proposed)
    if by_value is not None:
        return by_value
    by_name = _by_name(sample, proposed)
    if by_name is not None:
        return by_name
    share = _share(names_someone, sample)
    enough = _SOME if len(sample) >= _FEW else _MOST
    if share >= enough and proposed not in {"CITY", "ORGANIZATION"} and len(sample) >= _FEWEST:
        return Verdict(
            kind="PERSON", score=share, reason=f"{share:.0%} of the values are written as names are"
        )
    if _is_unique_code(column, sample):
        return Verdict(kind="ID", score=1.0, reason="codes, a different one in nearly every row")
    if _has_words(sample):
        return Verdict(
            kind=FREE_TEXT, score=0.5, reason="text that may name someone: each value is searched"
        )
    if _some_names(sample):
        return Verdict(
            kind=FREE_TEXT, score=0.5, reason="some values may be names: each value is searched"
        )
    reason = "no identifier by name or by value"
    if proposed in ENTITY_TYPES:
        reason = f"the name suggests {describe(proposed)}, the values do not"
    return Verdict(kind="", score=1.0, reason=reason)


def _by_name(sample: Sequence[str], proposed: str) -> Verdict | None:
    """What the name says, if the values do not speak against it."""
    fits = MUST_FIT.get(proposed)
    share = _share(fits, sample) if fits else 1.0
    if not proposed or share < _SOME:
        return None
    reason = "the name says so" + (f", and {share:.0%} of the values fit" if fits else "")
    return Verdict(kind="PERSON" if proposed == SOMEBODY else proposed, score=share, reason=reason)


def _is_unique_code(column: Column, sample: Sequence[str]) -> bool:
    """Whether a row is told from the others by a code, as 45 CFR 164.514(b)(2)(i)(R) means."""
    if column.present < _FEW or len(column.values) < _NEARLY * column.present:
        return False
    return _share(is_code, sample) >= _MOST


def _sample(values: Sequence[str]) -> list[str]:
    texts = [v for v in values if v.strip()]
    step = max(1, len(texts) // _SAMPLE)
    return [normalize(t).text for t in texts[::step][:_SAMPLE]]


def _is_long(text: str) -> bool:
    return text.isdigit() and len(text) >= _LONGEST_COUNT


def _share(fits: Callable[[str], bool], sample: Sequence[str]) -> float:
    return sum(map(fits, sample)) / len(sample)


def _nested(column: Column) -> Verdict:
    """What the strings in lists and records are; numbers in them are nobody's."""
    strings = tuple(dict.fromkeys(s for value in column.values for s in strings_in(value)))
    if not strings:
        return Verdict(kind="", score=1.0, reason="lists of numbers")
    rows = np.arange(len(strings))
    inside = examine(replace(column, values=strings, codes=rows, nested=False))
    if inside.kind or len(strings) < _FEW:
        kind = inside.kind or FREE_TEXT
        return Verdict(
            kind=kind, score=inside.score, reason=f"in lists or records: {inside.reason}"
        )
    return inside


def _numeric(proposed: str, sample: Sequence[str], *, labels: bool) -> Verdict:
    """Numbers are identifiers only if the name says so, and then only if they fit."""
    if labels and not proposed and _share(_is_long, sample) >= _MOST:
        return Verdict(kind="ID", score=1.0, reason="long numbers that tell rows from each other")
    fits = {**FULL, **MUST_FIT}.get(proposed)
    if proposed in {"PERSON", "ORGANIZATION", "CITY", "ADDRESS", "URL", "PHOTO", SOMEBODY, ""}:
        return Verdict(kind="", score=1.0, reason="numbers, and the name names no identifier")
    if proposed in {"US_SSN", "DATE_TIME", "BIRTH_DATE", "AGE", "ZIP_CODE", "COORDINATES"} and fits:
        padded = [v.zfill(9) for v in sample] if proposed == "US_SSN" else sample
        share = _share(fits, padded)
        if share < _SOME:
            return Verdict(
                kind="",
                score=1 - share,
                reason=f"the name suggests {describe(proposed)}, the numbers do not fit",
            )
        return Verdict(
            kind=proposed,
            score=share,
            reason=f"the name says so, and {share:.0%} of the values fit",
        )
    share = _share(lambda v: v.isdigit() and len(v) >= _SHORTEST_NUMBER, sample)
    if share < _MOST:
        return Verdict(
            kind="",
            score=1 - share,
            reason="the name suggests a number of a person, the values do not",
        )
    return Verdict(kind=proposed, score=1.0, reason="the name says so")


def _is_free_text(name: str, sample: Sequence[str], proposed: str) -> bool:
    words = sum(len(t.split()) for t in sample) / len(sample)
    if (
        proposed in {"ADDRESS", "PERSON", SOMEBODY, "DATE_TIME", "ORGANIZATION", "CITY"}
        and words < 8
    ):
        return False
    return words >= 5 or (words >= 2 and bool(NOTES.search(name_words(name))))


def _by_value(sample: Sequence[str], proposed: str) -> Verdict | None:
    for kind in BY_VALUE:
        share = _share(FULL[kind], sample)
        if share < _MOST:
            continue
        # A name that is more particular keeps its word: a fax number has a telephone's form.
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
            return Verdict(kind=proposed, score=1.0, reason="the name says so")
        return Verdict(
            kind=kind, score=share, reason=f"{share:.0%} of the values are {describe(kind)} by form"
        )
    return None


def _some_names(sample: Sequence[str]) -> bool:
    """Whether most of the values that could be whole names hold common ones."""
    whole = [text for text in sample if is_title_case(text)]
    return len(whole) >= _FEW_NAMES and _share(is_full_name, whole) >= _SOME


def _has_words(sample: Sequence[str]) -> bool:
    """Whether values could name someone: many distinct words that are no short codes."""
    if len(set(sample)) < 20:
        return False
    return _share(lambda t: bool(re.search(r"[^\W\d_]{3}", t)), sample) > 0.3
