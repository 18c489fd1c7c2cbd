"""What may be done with a column: modes, treatments, and which mode forbids what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from auditkit.deid.planning.columns import FREE_TEXT
from auditkit.deid.vocabulary.entity_types import ENTITY_TYPES, class_of


class Mode(StrEnum):
    """The rule that a plan follows."""

    SAFE_HARBOR = "safe-harbor"
    LIMITED_DATA_SET = "limited-data-set"
    EXPERT = "expert"


class Treatment(StrEnum):
    """What happens to the values of a column."""

    KEEP = "keep"
    DROP = "drop"
    REPLACE = "replace"
    REDACT = "redact"
    YEAR = "year"
    AGE = "age"
    BAND = "band"
    ZIP3 = "zip3"
    TOKEN = "token"  # noqa: S105 -- a treatment's name
    PSEUDONYM = "pseudonym"
    SURROGATE = "surrogate"
    SHIFT = "shift"
    MASK = "mask"

    @property
    def words(self) -> str:
        """What a report prints."""
        return _WORDS[self]


_WORDS: Final = {
    Treatment.KEEP: "kept",
    Treatment.DROP: "column removed",
    Treatment.REPLACE: "replaced by its kind",
    Treatment.REDACT: "identifiers replaced in the text",
    Treatment.YEAR: "reduced to the year, ages of 90 and more as one",
    Treatment.AGE: "ages of 90 and more as one",
    Treatment.BAND: "numbers",
    Treatment.ZIP3: "reduced to three digits, 000 where few people live",
    Treatment.TOKEN: "replaced by random tokens, values in the vault",
    Treatment.PSEUDONYM: "replaced by keyed pseudonyms, derived from the values",
    Treatment.SURROGATE: "replaced by invented values",
    Treatment.SHIFT: "moved by days, alike for one subject",
    Treatment.MASK: "all but the last four characters masked",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnPlan:
    """What is to be done with one column.

    Attributes:
        column: Its name.
        kind: What it holds, as PERSON; FREE_TEXT; or "" for no identifier.
        treatment: What happens to its values.
        reason: Why, in one line.
        score: Share of the examined values that fit the kind.
        accepted: Who accepts that an identifier stays untreated, or leaks; "" for no one.
        width: Numbers, years and ages become bands of this width; 0: they stay single.
    """

    column: str
    kind: str
    treatment: Treatment
    reason: str = ""
    score: float = 1.0
    accepted: str = ""
    width: float = 0

    @property
    def action(self) -> str:
        """What happens to the values, as a report prints it."""
        words = self.treatment.words
        if self.treatment is Treatment.YEAR and self.kind != "BIRTH_DATE":
            words = "reduced to the year"
        return words + (f", in bands of {self.width:g}" if self.width else "")

    @property
    def identifier_class(self) -> str:
        """The Safe Harbor letter; "" if the column is none, or is free text."""
        return class_of(self.kind) if self.kind in ENTITY_TYPES else ""


USUAL: Final = {
    "BIRTH_DATE": Treatment.YEAR,
    "DATE_TIME": Treatment.YEAR,
    "AGE": Treatment.AGE,
    "ZIP_CODE": Treatment.ZIP3,
    FREE_TEXT: Treatment.REDACT,
    "": Treatment.KEEP,
}
# 164.514(e)(2) leaves these in a limited data set.
LIMITED_MAY_KEEP: Final = frozenset(
    {"CITY", "LOCATION", "ZIP_CODE", "BIRTH_DATE", "DATE_TIME", "AGE", ""}
)
# What a width makes bands of.
BANDED: Final = frozenset({Treatment.YEAR, Treatment.AGE, Treatment.BAND})
# A treatment reads values of these kinds and of no others.
ONLY_FOR: Final = {
    Treatment.BAND: frozenset({""}),
    Treatment.YEAR: frozenset({"BIRTH_DATE", "DATE_TIME"}),
    Treatment.AGE: frozenset({"AGE"}),
    Treatment.ZIP3: frozenset({"ZIP_CODE"}),
    Treatment.REDACT: frozenset({FREE_TEXT}),
    Treatment.SHIFT: frozenset({"BIRTH_DATE", "DATE_TIME"}),
}
# Derived from the value, or a part of it: 164.514(b)(2)(i)(R) and (c), and (C) for dates.
NOT_SAFE_HARBOR: Final = frozenset({Treatment.PSEUDONYM, Treatment.SHIFT, Treatment.MASK})
