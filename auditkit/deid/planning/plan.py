"""What is to be done with each column: proposed, edited by people, then applied.

A plan is a YAML file that a person can read, change and review. Exactly one mode holds:

    safe-harbor        45 CFR 164.514(b)(2): the eighteen classes go, by removal, replacement,
                       random token or the generalizations that the rule allows
    limited-data-set   164.514(e): dates, city, state and ZIP code may stay; direct identifiers go;
                       the result is not de-identified
    expert             164.514(b)(1): anything may be chosen; an expert decides whether the risk is
                       very small, auditkit measures

A mode refuses what its rule forbids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, Self

from pydantic import Field

from auditkit.canonical import Digest, Json, digest_of
from auditkit.deid.planning.columns import FREE_TEXT, examine_column
from auditkit.deid.planning.strays import verdict_of_strays
from auditkit.deid.planning.treatments import (
    BANDED,
    LIMITED_MAY_KEEP,
    NOT_SAFE_HARBOR,
    ONLY_FOR,
    USUAL,
    ColumnPlan,
    Mode,
    Treatment,
)
from auditkit.deid.rules.field_names import name_words
from auditkit.deid.table.frames import read_columns
from auditkit.deid.vocabulary.entity_types import CLASSES, ENTITY_TYPES
from auditkit.documents import Document, PersonOrNobody, names_somebody, parse_document
from auditkit.errors import InputError, PolicyError

# Never earlier than this release: a plan without a date of its own must not take people for
# younger than they are.
_RELEASED: Final = date(2026, 11, 24)


_QUASI_KINDS: Final = frozenset({"BIRTH_DATE", "AGE", "ZIP_CODE", "CITY", "LOCATION"})
_QUASI_NAMES: Final = re.compile(
    r"\b(?:sex|gender|race|ethnic(?:ity)?|marital|married|single|nationality|language|religion|"
    r"education|occupation|profession|state|region|household|children|veteran|age|afam)\b"
)


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """What is to be done with each column of a table; `auditkit.deid.Plan` also applies it.

    Attributes:
        columns: One entry a column, in the table's order.
        mode: The rule that the plan follows.
        as_of: When the table is released: what ages are counted to.
        subject: The column that says whose a row is; dates are shifted by it.
        quasi_identifiers: Columns by which someone who is known could be picked out.
        sensitive: Columns that someone could learn from a row once it is picked.
    """

    columns: tuple[ColumnPlan, ...]
    mode: Mode = Mode.SAFE_HARBOR
    as_of: date = _RELEASED
    subject: str = ""
    quasi_identifiers: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    _index: Mapping[str, ColumnPlan] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {c.column: c for c in self.columns})
        if len(self._index) != len(self.columns):
            raise PolicyError("The plan names a column twice.", remedy="remove one entry")
        for name in (*self.quasi_identifiers, *self.sensitive, *filter(None, [self.subject])):
            if name not in self._index:
                raise PolicyError(f"The plan names {name!r}, which is none of its columns.")
        for entry in self.columns:
            self._allowed(entry)

    @classmethod
    def propose(cls, table: Any, *, mode: Mode | str = Mode.SAFE_HARBOR, as_of: date) -> Self:
        """A plan for a table, from its columns' names and values.

        Args:
            table: A pandas or polars DataFrame, a pyarrow Table or a DuckDB relation; an index is a
                column by its name, and a record one for each of its fields, `a.b`.
            mode: The rule to follow.
            as_of: When the table is released.

        Raises:
            InputError: If the table is of no known kind, or the mode is unknown.
        """
        rule = _mode(mode)
        entries = []
        for name, column in read_columns(table).items():
            verdict = examine_column(column)
            if _usual(verdict.kind, rule) is Treatment.KEEP:
                stays = LIMITED_MAY_KEEP if rule is Mode.LIMITED_DATA_SET else frozenset[str]()
                verdict = verdict_of_strays(column, stays) or verdict
            entries.append(
                ColumnPlan(
                    column=name,
                    kind=verdict.kind,
                    treatment=_usual(verdict.kind, rule),
                    reason=verdict.reason,
                    score=round(verdict.score, 3),
                )
            )
        return cls(
            columns=tuple(entries),
            mode=rule,
            as_of=as_of,
            quasi_identifiers=tuple(e.column for e in entries if _is_quasi(e)),
        )

    def __getitem__(self, column: str) -> ColumnPlan:
        return self._index[column]

    def __contains__(self, column: object) -> bool:
        return column in self._index

    def with_column(self, column: str, **changes: Any) -> Self:
        """The plan with one entry changed, as `with_column("city", treatment="keep")`.

        Raises:
            PolicyError: If there is no such column, or the mode forbids the change.
        """
        if column not in self._index:
            raise PolicyError(f"The plan has no column {column!r}.")
        if "treatment" in changes:
            changes["treatment"] = _treatment(changes["treatment"], column)
        entries = tuple(replace(c, **changes) if c.column == column else c for c in self.columns)
        return replace(self, columns=entries)

    def to_json(self) -> dict[str, Json]:
        """As evidence and files write it."""
        return {
            "mode": self.mode.value,
            "as_of": self.as_of.isoformat(),
            "subject": self.subject,
            "quasi_identifiers": list(self.quasi_identifiers),
            "sensitive": list(self.sensitive),
            "columns": [
                {
                    "column": c.column,
                    "class": c.identifier_class,
                    "kind": c.kind,
                    "treatment": c.treatment.value,
                    "reason": c.reason,
                    "score": c.score,
                    **({"accepted": c.accepted} if c.accepted else {}),
                    **({"width": c.width} if c.width else {}),
                }
                for c in self.columns
            ],
        }

    @property
    def digest(self) -> Digest:
        """Commits to every entry."""
        return digest_of("deid-plan/v1", self.to_json())

    def to_yaml(self) -> str:
        """A file that people can edit; `from_yaml` reads it back."""
        import yaml

        text: str = yaml.safe_dump(self.to_json(), sort_keys=False, allow_unicode=True, width=100)
        return text

    @classmethod
    def from_yaml(cls, text: str, *, source: str = "The plan") -> Self:
        """Reads a plan.

        Args:
            text: What `to_yaml` wrote, as people changed it.
            source: What it is called in errors, as a file's name.

        Raises:
            PolicyError: If it is not a plan, or its mode forbids one of its treatments.
        """
        found = parse_document(PlanFile, text, source=source)
        return cls(
            columns=tuple(_entry(column) for column in found.columns),
            mode=found.mode,
            as_of=found.as_of,
            subject=found.subject,
            quasi_identifiers=found.quasi_identifiers,
            sensitive=found.sensitive,
        )

    def _allowed(self, entry: ColumnPlan) -> None:
        if entry.kind not in {*ENTITY_TYPES, FREE_TEXT, ""}:
            raise PolicyError(
                f"Column {entry.column!r}: there is no kind {entry.kind!r}.",
                remedy=f"use one of {', '.join(ENTITY_TYPES)}, {FREE_TEXT}, or nothing",
            )
        only = ONLY_FOR.get(entry.treatment)
        if only is not None and entry.kind not in only:
            raise PolicyError(
                f"Column {entry.column!r}: {entry.treatment.value!r} is for "
                f"{', '.join(sorted(only))}.",
                remedy="drop or replace the column",
            )
        if entry.accepted and not names_somebody(entry.accepted):
            raise PolicyError(
                f"Column {entry.column!r}: what it is accepted by is nobody's name.",
                remedy="write who accepts it and why, in text: accepted: NAME, REASON",
            )
        if not 0 <= entry.width < float("inf") or (entry.width and entry.treatment not in BANDED):
            raise PolicyError(
                f"Column {entry.column!r}: a width is a positive number, for "
                f"{', '.join(sorted(BANDED))}.",
                remedy="remove the width, or change the treatment",
            )
        if entry.treatment is not Treatment.BAND and entry.width != int(entry.width):
            raise PolicyError(f"Column {entry.column!r}: years and ages need a whole width.")
        if entry.treatment is Treatment.BAND and not entry.width:
            raise PolicyError(
                f"Column {entry.column!r} is to be put in bands, and the plan names no width.",
                remedy="name one: width: 10",
            )
        if self.mode is Mode.SAFE_HARBOR and entry.treatment in NOT_SAFE_HARBOR:
            raise PolicyError(
                f"Column {entry.column!r}: {entry.treatment.value!r} leaves what is derived from "
                "the value, which 164.514(b)(2) and (c) do not allow.",
                remedy="use token with a vault, replace or drop; or the mode expert",
            )
        if entry.treatment is Treatment.SHIFT and not self.subject:
            raise PolicyError(
                f"Column {entry.column!r} is to be shifted, and the plan names no subject.",
                remedy="name the column that says whose each row is: subject: COLUMN",
            )
        if entry.treatment is not Treatment.KEEP or not entry.kind or entry.accepted:
            return
        if self.mode is not Mode.SAFE_HARBOR and entry.kind in LIMITED_MAY_KEEP:
            return
        letter = entry.identifier_class
        what = f"class {letter}, {CLASSES[letter].lower()}" if letter else "free text"
        raise PolicyError(
            f"Column {entry.column!r} holds identifiers ({what}) and the plan keeps them.",
            remedy="choose a treatment, or name who accepts it: accepted: NAME, REASON",
        )


def _usual(kind: str, mode: Mode) -> Treatment:
    if mode is Mode.LIMITED_DATA_SET and kind in LIMITED_MAY_KEEP:
        return Treatment.KEEP
    return USUAL.get(kind, Treatment.REPLACE)


def _is_quasi(entry: ColumnPlan) -> bool:
    """Whether what remains of a column is what people know of each other."""
    if entry.kind in _QUASI_KINDS:
        return entry.treatment in {Treatment.YEAR, Treatment.AGE, Treatment.ZIP3, Treatment.KEEP}
    return not entry.kind and bool(_QUASI_NAMES.search(name_words(entry.column)))


def _mode(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError as error:
        raise InputError(
            f"There is no mode {str(text)!r}.", remedy=f"use one of {', '.join(Mode)}"
        ) from error


def _treatment(name: str, column: str) -> Treatment:
    try:
        return Treatment(name)
    except ValueError as error:
        raise PolicyError(
            f"Column {column!r}: there is no treatment {name!r}.",
            remedy=f"use one of {', '.join(Treatment)}",
        ) from error


class PlanEntry(Document):
    """A column's part of a plan's file; the fields are those of `ColumnPlan`.

    Attributes:
        letter: The Safe Harbor class, for the reader: it follows from the kind.
    """

    column: str
    letter: str = Field(default="", alias="class")
    kind: str = ""
    treatment: Treatment
    reason: str = ""
    score: float = Field(default=1.0, ge=0, le=1)
    accepted: PersonOrNobody = ""
    width: float = Field(default=0, ge=0, allow_inf_nan=False)


class PlanFile(Document):
    """A plan's file; the fields are those of `Plan`."""

    mode: Mode
    as_of: date
    subject: str = ""
    quasi_identifiers: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    columns: tuple[PlanEntry, ...]


def _entry(item: PlanEntry) -> ColumnPlan:
    return ColumnPlan(
        column=item.column,
        kind=item.kind,
        treatment=item.treatment,
        reason=item.reason,
        score=item.score,
        accepted=item.accepted,
        width=item.width,
    )
