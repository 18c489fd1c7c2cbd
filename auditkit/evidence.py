"""Evidence: numbers with their n and interval, and findings on the conditions about them.

A check turns a case into `Evidence`. The judgement compares `Measurement`s with thresholds and
makes `Finding`s. Nothing later changes either.

Laws:
    - A rate travels with its n and its interval. What cannot be estimated has the value None and a
      reason; it is never 0 and never 1.
    - Within one evidence a measurement's `key` is unique: it is the number's address, together
      with the evidence's id.
    - Evidence holds counts, rates, digests and names of columns; never a person's identifiers.
    - The statement has the digest of a `Table`; its rows are kept beside the statement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from auditkit.canonical import Digest, Json, canonical_bytes, digest_of, parse_json
from auditkit.errors import InputError

# The source of the suppression rule; every statement and report names it.
SUPPRESSION_RULE: Final = "CMS cell size suppression policy (unverified)"


class Outcome(StrEnum):
    """The result of a test. All six are counted and shown everywhere, zero included."""

    PASS = "pass"
    FAIL = "fail"
    UNCERTAIN = "uncertain"
    NOT_APPLICABLE = "not_applicable"
    NOT_ASSESSED = "not_assessed"
    ERROR = "error"

    @property
    def words(self) -> str:
        """The words for people: met, exception, uncertain, not tested, not applicable, error."""
        return _WORDS[self]

    def __repr__(self) -> str:
        """The same words, so that a notebook shows no others."""
        return f"<Outcome: {self.words}>"


_WORDS = {
    Outcome.PASS: "met",
    Outcome.FAIL: "exception",
    Outcome.UNCERTAIN: "uncertain",
    Outcome.NOT_APPLICABLE: "not applicable",
    Outcome.NOT_ASSESSED: "not tested",
    Outcome.ERROR: "error",
}

# From what stops a deployment to what does not; a set of outcomes counts as its worst.
SEVEREST_FIRST = (
    Outcome.FAIL,
    Outcome.ERROR,
    Outcome.NOT_ASSESSED,
    Outcome.UNCERTAIN,
    Outcome.PASS,
    Outcome.NOT_APPLICABLE,
)


def worst(outcomes: list[Outcome] | tuple[Outcome, ...]) -> Outcome:
    """The worst of some outcomes; NOT_ASSESSED for none."""
    if not outcomes:
        return Outcome.NOT_ASSESSED
    return min(outcomes, key=SEVEREST_FIRST.index)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One number, with its interval and number of observations.

    Attributes:
        name: The field's standard term, for example "selection_rate".
        value: The number; None if it is not estimable, and then `reason` says why.
        n: The number of observations behind it, >= 0; None if the number is suppressed.
        unit: "proportion", "ratio", "count", "difference", "log-odds", "probability", ...
        lower: Lower end of the interval, in the same unit; None if there is no interval.
        upper: Upper end of the interval.
        level: Nominal coverage of the interval in (0, 1), for example 0.95; None if there is none.
        method: How value and interval were computed, for example "Wilson".
        group: The group that it is about, for example (("afam", "yes"), ("single", "no")); empty:
            everyone.
        compared_with: The group that a ratio or difference is relative to; empty: none.
        reason: Why there is no value. If there is one, whom it leaves out; it may then break a
            condition but never meets one.
        suppressed: "small" if n is a small cell, "complementary" if one could be derived from the
            number; empty if it is shown. See `auditkit.judgement.small_cells`.
    """

    name: str
    value: float | int | None
    n: int | None
    unit: str = "proportion"
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    method: str = ""
    group: tuple[tuple[str, str], ...] = ()
    compared_with: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    suppressed: Literal["", "small", "complementary"] = ""

    def __post_init__(self) -> None:
        # JSON has one kind of number: what is printed may not depend on Python's two.
        for name in ("value", "lower", "upper"):
            object.__setattr__(self, name, _of_unit(getattr(self, name), self.unit))
        if (self.n is None) != bool(self.suppressed):
            raise InputError(f"{self.key} has no n, or has one although it is suppressed.")
        if self.suppressed and (self.value is not None or self.lower is not None):
            raise InputError(f"{self.key} is suppressed and has a value.")
        for number in (self.value, self.lower, self.upper):
            if number is not None and not math.isfinite(number):
                raise InputError(f"{self.key} is not finite; say why it is not estimable instead.")
        if self.value is None and not self.reason:
            raise InputError(f"{self.key} has no value and no reason.")
        if (self.lower is None) != (self.upper is None):
            raise InputError(f"{self.key} has one end of an interval and not the other.")
        if None not in (self.value, self.lower, self.upper) and not (
            self.lower <= self.value <= self.upper  # type: ignore[operator]
        ):
            raise InputError(f"{self.key} is outside its own interval.")

    @property
    def key(self) -> str:
        """The number's address within its evidence: `selection_rate[afam=yes,single=no]`."""
        if not self.group:
            return self.name
        return f"{self.name}[{describe_group(self.group)}]"

    @property
    def estimable(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Measurement:
        """The measurement that `to_json` wrote."""
        fields = dict(content)
        del fields["key"]
        for name in ("group", "compared_with"):
            fields[name] = tuple((attribute, value) for attribute, value in fields[name])
        return cls(**fields)

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement: every field, at full precision."""
        return {
            "key": self.key,
            "name": self.name,
            "value": self.value,
            "n": self.n,
            "unit": self.unit,
            "lower": self.lower,
            "upper": self.upper,
            "level": self.level,
            "method": self.method,
            "group": [list(pair) for pair in self.group],
            "compared_with": [list(pair) for pair in self.compared_with],
            "reason": self.reason,
            "suppressed": self.suppressed,
        }


def _of_unit(number: float | None, unit: str) -> float | int | None:
    """A number as its unit is written: a count whole, everything else with decimals."""
    if number is None or isinstance(number, bool) or not math.isfinite(number):
        return number
    if unit != "count":
        return float(number)
    return int(number) if number == int(number) else number


def describe_group(group: tuple[tuple[str, str], ...]) -> str:
    """A group in one line: `afam=yes,single=no`."""
    return ",".join(f"{attribute}={value}" for attribute, value in group)


Cell = None | bool | int | float | str


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows behind an evidence: too many for the statement, which has only their digest.

    Attributes:
        name: Unique within the audit; a file name without its ending, for example "shap_values".
        title: What the rows are, in one line.
        columns: Column names, unique.
        rows: One tuple per row, as long as `columns`; cells are None, bool, int, float or str.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns):
            raise InputError(f"Table {self.name!r} names a column twice.")
        if any(len(row) != len(self.columns) for row in self.rows):
            raise InputError(f"Table {self.name!r} has a row of the wrong length.")
        # As with measurements: what is printed may not depend on Python's two kinds of number.
        columns = [_of_one_kind(column) for column in zip(*self.rows, strict=True)]
        if any(made is not None for made in columns):
            old = zip(*self.rows, strict=True)
            cells = [new or kept for new, kept in zip(columns, old, strict=True)]
            object.__setattr__(self, "rows", tuple(zip(*cells, strict=True)))

    def column(self, name: str) -> tuple[Cell, ...]:
        """The cells of one column, top to bottom."""
        position = self.columns.index(name)
        return tuple(row[position] for row in self.rows)

    def to_bytes(self) -> bytes:
        """The file that is kept beside the statement: canonical JSON of columns and rows."""
        return canonical_bytes(
            {"columns": list(self.columns), "rows": [list(r) for r in self.rows]}
        )

    @cached_property
    def digest(self) -> Digest:
        """The digest of its file."""
        return Digest.of(self.to_bytes())

    @classmethod
    def from_json(cls, content: Mapping[str, Any], rows: Sequence[Sequence[Cell]]) -> Table:
        """The table that `to_json` described, with its rows.

        Raises:
            InputError: If the rows do not have the digest.
        """
        table = cls(
            name=content["name"],
            title=content["title"],
            columns=tuple(content["columns"]),
            rows=tuple(tuple(row) for row in rows),
        )
        if table.to_json() != dict(content):
            raise InputError(f"The rows of table {table.name!r} do not have its digest.")
        return table

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement: the table's size and the digest of its file."""
        return {
            "name": self.name,
            "title": self.title,
            "columns": list(self.columns),
            "rows": len(self.rows),
            "digest": str(self.digest),
        }


def _of_one_kind(column: tuple[Cell, ...]) -> tuple[Cell, ...] | None:
    """A column with all of its numbers whole, or all with decimals; None: it is one already."""
    kinds = {type(cell) for cell in column}
    if float not in kinds:
        return None
    broken = any(type(cell) is float and not cell.is_integer() for cell in column)
    if broken:
        made = tuple(float(c) if type(c) is int else c for c in column) if int in kinds else None
    else:
        made = tuple(int(c) if type(c) is float else c for c in column)
    return made


class Term(NamedTuple):
    """The name and definition of a measure.

    Attributes:
        words: Its name for people, as in a heading. Here and in the definition `{favourable}` and
            `{unfavourable}` are replaced by the policy's words for decisions.
        definition: How it is computed, in one sentence.
    """

    words: str
    definition: str

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Term:
        """The term that `to_json` of evidence wrote.

        Raises:
            TypeError: If it is anything else.
        """
        term = cls(**content)
        if not all(isinstance(text, str) for text in term):
            raise TypeError
        return term


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The result of one check on one case.

    Attributes:
        check: Id of the check that made it, for example "fairness.selection_rates".
        version: Version of that check; it changes with the check's meaning.
        title: A section's heading: what it is, in a few words.
        area: Section of the report: "privacy", "performance", "comparison", "fairness",
            "explanation", "access", "monitoring" or "lineage".
        outcome: PASS when the check ran; NOT_APPLICABLE, NOT_ASSESSED or ERROR when it did not,
            and `reason` says why. It judges nothing: thresholds are the policy's.
        n: The number of rows or items examined.
        population: What those are, for example "mortgage applications".
        parameters: Everything that the numbers depend on besides the case, with the seed.
        measurements: The numbers.
        tables: The rows behind them.
        notes: How to read it, and how it misleads.
        reason: Why it did not run.
        terms: Words and definitions of its measures, by name, if the check does not come with
            auditkit; empty for those that do, whose words every verifier has.
        id: `E-0001`, given by the audit in the order of its list of checks; empty before that.
    """

    check: str
    version: str
    title: str
    area: str
    outcome: Outcome = Outcome.PASS
    n: int = 0
    population: str = "rows"
    parameters: Mapping[str, Json] = field(default_factory=dict, hash=False)
    measurements: tuple[Measurement, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""
    terms: Mapping[str, Term] = field(default_factory=dict, hash=False)
    id: str = ""

    def __post_init__(self) -> None:
        # In the order in which a statement has them, so that a report prints them in one order.
        for name in ("parameters", "terms"):
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))
        # As with measurements: a whole number has no decimals, as a reader of the statement has it.
        read = parse_json(canonical_bytes(dict(self.parameters)))
        object.__setattr__(self, "parameters", read)
        keys = [m.key for m in self.measurements]
        if len(set(keys)) != len(keys):
            twice = sorted({k for k in keys if keys.count(k) > 1})
            raise InputError(f"Evidence of {self.check} gives two numbers one address: {twice[0]}.")
        if self.outcome is not Outcome.PASS and not self.reason:
            raise InputError(f"Evidence of {self.check} did not run and does not say why.")

    def measurement(self, key: str) -> Measurement:
        """The measurement at an address.

        Raises:
            KeyError: If there is none.
        """
        for measurement in self.measurements:
            if measurement.key == key:
                return measurement
        raise KeyError(key)

    def named(self, name: str) -> tuple[Measurement, ...]:
        """Every measurement with a name, in order."""
        return tuple(m for m in self.measurements if m.name == name)

    def table(self, name: str) -> Table:
        """The table with a name.

        Raises:
            KeyError: If there is none.
        """
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    @cached_property
    def digest(self) -> Digest:
        """The digest of everything except the id, which depends on what else was audited."""
        content = self.to_json()
        del content["id"]
        return digest_of("evidence/v1", content)

    def to_file(self) -> bytes:
        """A file for a later audit: everything, including the rows of tables."""
        rows = {t.name: [list(row) for row in t.rows] for t in self.tables}
        return canonical_bytes({"evidence": self.to_json(), "rows": rows})

    @classmethod
    def from_file(cls, data: bytes, *, source: str = "This") -> Evidence:
        """Reads what `to_file` wrote.

        Args:
            data: The file's bytes.
            source: Their name in errors, for example the file's.

        Raises:
            InputError: If it is anything else, or a table's rows do not have their digest.
        """
        try:
            document = parse_json(data)
            made = cls.from_json(document["evidence"], document["rows"])
            assert made.digest  # evidence that cannot be written as JSON is refused here
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{source} is not evidence that auditkit wrote.",
                remedy="make it again with the command that wrote it",
            ) from error
        return made

    @classmethod
    def from_json(
        cls, content: Mapping[str, Any], rows: Mapping[str, Sequence[Sequence[Cell]]]
    ) -> Evidence:
        """The evidence that `to_json` described, with the rows of its tables by their names.

        Raises:
            InputError: If rows do not have their table's digest.
            KeyError, TypeError, ValueError: If it is anything else.
        """
        fields = dict(content)
        measurements = tuple(Measurement.from_json(m) for m in fields.pop("measurements"))
        tables = tuple(Table.from_json(t, rows[t["name"]]) for t in fields.pop("tables"))
        fields["outcome"] = Outcome(fields["outcome"])
        fields["notes"] = tuple(fields["notes"])
        terms = fields.pop("terms", {})
        fields["terms"] = {name: Term.from_json(term) for name, term in terms.items()}
        return cls(**fields, measurements=measurements, tables=tables)

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement; terms only if there are any."""
        terms: dict[str, Json] = {name: term._asdict() for name, term in self.terms.items()}
        return ({"terms": terms} if terms else {}) | {
            "id": self.id,
            "check": self.check,
            "version": self.version,
            "title": self.title,
            "area": self.area,
            "outcome": self.outcome.value,
            "n": self.n,
            "population": self.population,
            "parameters": dict(self.parameters),
            "measurements": [m.to_json() for m in self.measurements],
            "tables": [t.to_json() for t in self.tables],
            "notes": list(self.notes),
            "reason": self.reason,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The result of one rule of the policy, or of one condition: the rule on one number.

    Attributes:
        rule: Id of the rule, for example "FL-1".
        title: The rule in a few words.
        outcome: Pass, fail, uncertain, not applicable, not assessed or error.
        statement: One sentence with the number, its interval, the threshold and n of N.
        evidence: Id of the evidence it was judged on; empty if there was none.
        check: Id of the check whose evidence the condition reads.
        key: Address of the number that decided it; empty if there was none.
        value: That number; None if there was none.
        lower: Lower end of its interval.
        upper: Upper end of its interval.
        n: The number of observations behind it.
        operator: ">=" or "<=".
        threshold: The bound that it was compared with.
        severity: "high", "medium" or "low".
        citation: The source of the threshold.
        tested: How many numbers the condition was applied to.
        exceptions: Addresses of those that failed.
        waiver: Id, owner, approver, reason and expiry of the waiver that lifts it; else None. A
            rule whose conditions several waivers lift has the one that ends first.
        id: `F-` and 12 letters or digits, the same in every audit by this policy and every format;
            see `auditkit.judgement.findings`. Empty until it is judged.
        group: The group that a condition is about; empty: everyone; "suppressed": all groups whose
            numbers are suppressed. None: the finding is the rule's own, the worst of its
            conditions.
        conditions: The findings on single numbers, in the order of the evidence; of a rule only.
            A rule whose check gave no number has none.
    """

    rule: str
    title: str
    outcome: Outcome
    statement: str
    evidence: str
    check: str
    key: str = ""
    value: float | int | None = None
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    operator: str
    threshold: float
    severity: str
    citation: str
    tested: int = 0
    exceptions: tuple[str, ...] = ()
    waiver: Mapping[str, str] | None = field(default=None, hash=False)
    id: str = ""
    group: tuple[tuple[str, str], ...] | Literal["suppressed"] | None = None
    conditions: tuple[Finding, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement, without the conditions, which stand beside it.

        A condition has what is its own: its number is in the evidence, at `key`, and the bound and
        its reasons are its rule's.
        """
        if self.group is not None:
            suppressed = isinstance(self.group, str)
            waived = {"waiver": dict(self.waiver)} if self.waiver is not None else {}
            return {
                **waived,
                "id": self.id,
                "rule": self.rule,
                "group": self.group if suppressed else [list(pair) for pair in self.group],
                "outcome": self.outcome.value,
                "statement": self.statement,
                "evidence": self.evidence,
                "check": self.check,
                "key": self.key,
            }
        return {
            "id": self.id,
            "group": None,
            "rule": self.rule,
            "title": self.title,
            "outcome": self.outcome.value,
            "statement": self.statement,
            "evidence": self.evidence,
            "check": self.check,
            "key": self.key,
            "value": self.value,
            "lower": self.lower,
            "upper": self.upper,
            "n": self.n,
            "operator": self.operator,
            "threshold": self.threshold,
            "severity": self.severity,
            "citation": self.citation,
            "tested": self.tested,
            "exceptions": list(self.exceptions),
            "waiver": dict(self.waiver) if self.waiver is not None else None,
        }
