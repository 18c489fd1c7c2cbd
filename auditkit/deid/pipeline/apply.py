"""Applies a plan to a table: treats, searches again, and makes the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditkit.deid.detect.detector import Deidentifier
from auditkit.deid.pipeline.evidence import Run, evidence_of
from auditkit.deid.pipeline.free_text import NoteRedactor
from auditkit.deid.pipeline.leaks import Leaks, find_leaks
from auditkit.deid.pipeline.titles import refuse_identifying_titles
from auditkit.deid.planning.columns import FREE_TEXT, examine_column
from auditkit.deid.planning.plan import TablePlan
from auditkit.deid.planning.strays import count_cells, strays, whole_strays
from auditkit.deid.planning.treatments import LIMITED_MAY_KEEP, ColumnPlan, Mode, Treatment
from auditkit.deid.risk.population import Population
from auditkit.deid.table.column import Column
from auditkit.deid.table.frames import flat, read_columns, with_columns
from auditkit.deid.transform.linked_values import linked_values
from auditkit.deid.transform.operators import Keys, shifted, treated_values
from auditkit.deid.vocabulary.entity_types import CLASSES, ENTITY_TYPES, class_of, describe
from auditkit.errors import InputError, PolicyError, VerificationError
from auditkit.evidence import Evidence

# Too coarse to search for: every note contains such numbers and words.
_SHORTEST: Final = 7
_NOT_SEARCHED: Final = frozenset({"AGE", "COORDINATES"})


@dataclass(frozen=True, kw_only=True)
class DeidentifiedTable:
    """A de-identified table.

    Attributes:
        table: Of the kind that came in.
        evidence: Of what was found, done and left; give it to an audit.
        found: Number of identifiers by column and type.
    """

    table: Any
    evidence: tuple[Evidence, ...]
    found: Mapping[str, Mapping[str, int]]


def apply_plan(
    plan: TablePlan,
    table: Any,
    *,
    keys: Keys | None = None,
    deidentifier: Deidentifier | None = None,
    recall: Evidence | None = None,
    population: Any = None,
) -> DeidentifiedTable:
    """See `Plan.apply`."""
    deidentifier = deidentifier or Deidentifier()
    clean, run = treat_table(plan, table, keys=keys or Keys(), redactor=NoteRedactor(deidentifier))
    if run.leaks.total:
        raise leak_error(run.leaks)
    everyone = None if population is None else Population.of(read_columns(population))
    evidence = evidence_of(run, deidentifier, recall=recall, population=everyone)
    return DeidentifiedTable(table=clean, evidence=evidence, found=run.found)


def treat_table(
    plan: TablePlan, table: Any, *, keys: Keys, redactor: NoteRedactor
) -> tuple[Any, Run]:
    """The treated table and the run's counts, leaks included: the caller must check them.

    Raises:
        InputError: If the columns are not the plan's, or a column's name holds an identifier.
        PolicyError: If a column that the plan keeps holds identifiers.
    """
    table = flat(table)
    columns = read_columns(table)
    _refuse_other_columns(plan, columns)
    _refuse_untreated(plan, columns)
    rows = len(next(iter(columns.values())).codes) if columns else 0
    linked = linked_values(
        {
            entry.column: (entry.kind, columns[entry.column].cells())
            for entry in plan.columns
            if entry.kind in ENTITY_TYPES and entry.kind not in _NOT_SEARCHED and not _kept(entry)
        },
        rows,
    )
    dates_stay = plan.mode is not Mode.SAFE_HARBOR
    refuse_identifying_titles(table, linked, redactor.deidentifier, dates_stay=dates_stay)
    changed: dict[str, Sequence[str | None]] = {}
    searched: dict[str, Sequence[str | None]] = {}
    invented: dict[tuple[str, str], str] = {}
    found: dict[str, Counter[str]] = {}
    # Notes are last: they get the surrogates of their row's columns.
    for entry in sorted(plan.columns, key=lambda e: e.treatment is Treatment.REDACT):
        column = columns[entry.column]
        if entry.kind in ENTITY_TYPES:
            found[entry.column] = Counter({entry.kind: column.present})
        if entry.treatment is Treatment.REDACT:
            redacted = redactor.redact(column.cells(), linked, invented, whole=_whole(column))
            changed[entry.column] = redacted.texts
            searched[entry.column] = redacted.masked
            found[entry.column] = redacted.found
        elif entry.treatment is Treatment.SHIFT:
            subjects = columns[plan.subject].cells()
            changed[entry.column] = shifted(entry, column.cells(), subjects, keys)
        elif entry.treatment not in {Treatment.KEEP, Treatment.DROP}:
            new = treated_values(entry, column.values, as_of=plan.as_of, keys=keys)
            if entry.treatment is Treatment.SURROGATE:
                pairs = zip(column.values, new, strict=True)
                invented |= {(entry.kind, value): made for value, made in pairs if made}
            new.append(None)
            changed[entry.column] = [new[code] for code in column.codes.tolist()]
    dropped = [e.column for e in plan.columns if e.treatment is Treatment.DROP]
    output = {
        name: searched.get(name, changed.get(name)) or column.cells()
        for name, column in columns.items()
        if name not in dropped and not _short_numbers(column) and not plan[name].accepted
    }
    leaks = find_leaks(
        output,
        linked,
        texts=frozenset(e.column for e in plan.columns if e.treatment is Treatment.REDACT),
        looked_for=frozenset(class_of(k) for counts in found.values() for k in counts),
        redactor=redactor,
        shifted=frozenset(e.column for e in plan.columns if e.treatment is Treatment.SHIFT),
        invented=frozenset(e.column for e in plan.columns if e.treatment is Treatment.SURROGATE),
        by_form=frozenset(e.column for e in plan.columns if _has_forms(e, columns[e.column])),
        stays=LIMITED_MAY_KEEP if dates_stay else frozenset(),
    )
    clean = with_columns(table, changed, dropped)
    run = Run(
        plan=plan,
        found=found,
        leaks=leaks,
        rows=rows,
        output=read_columns(clean),
    )
    return clean, run


def _refuse_other_columns(plan: TablePlan, columns: Mapping[str, Column]) -> None:
    missing = [c.column for c in plan.columns if c.column not in columns]
    new = [name for name in columns if name not in plan]
    if missing or new:
        parts = []
        if missing:
            parts.append("the table lacks " + ", ".join(map(repr, missing)))
        if new:
            parts.append("the plan lacks " + ", ".join(map(repr, new)))
        raise InputError(
            f"The plan was made for other columns: {'; '.join(parts)}.",
            remedy="rename the columns back, or propose a new plan",
        )


def _refuse_untreated(plan: TablePlan, columns: Mapping[str, Column]) -> None:
    """Examines the columns that a plan keeps: the plan or the table may have changed since."""
    stays = frozenset[str]() if plan.mode is Mode.SAFE_HARBOR else LIMITED_MAY_KEEP
    for entry in plan.columns:
        kept = entry.treatment is Treatment.KEEP
        if entry.accepted or entry.treatment is Treatment.DROP or (entry.kind and not kept):
            continue
        column = columns[entry.column]
        verdict = examine_column(column)
        if not entry.kind and verdict.kind in ENTITY_TYPES:
            letter = class_of(verdict.kind)
            raise PolicyError(
                f"Column {entry.column!r} holds identifiers (class {letter}, "
                f"{CLASSES[letter].lower()}: {verdict.reason}) and the plan keeps the column.",
                remedy="choose a treatment, or name who accepts it: accepted: NAME, REASON",
            )
        if not entry.kind and verdict.kind == FREE_TEXT and verdict.score == 1:
            raise PolicyError(
                f"Column {entry.column!r} holds free text ({verdict.reason}) and the plan "
                "keeps it.",
                remedy="search it (kind: FREE_TEXT, treatment: redact), drop it, or name who "
                "accepts it: accepted: NAME, REASON",
            )
        counts = count_cells(column, strays(column)) if kept else Counter[str]()
        identifiers = {kind: n for kind, n in counts.items() if kind not in stays}
        if identifiers:
            listed = ", ".join(
                f"{describe(kind)} in {n:,}" for kind, n in sorted(identifiers.items())
            )
            raise PolicyError(
                f"Column {entry.column!r} is kept, and {sum(identifiers.values()):,} of its "
                f"{column.present:,} cells hold an identifier by form ({listed}).",
                remedy="search each cell (kind: FREE_TEXT, treatment: redact), replace or drop the "
                "column, or name who accepts it: accepted: NAME, REASON",
            )


def _whole(column: Column) -> dict[str, str]:
    """Cells that are identifiers as a whole, with their type."""
    return {column.values[position]: kind for position, kind in whole_strays(column).items()}


def _short_numbers(column: Column) -> bool:
    """Whether a column holds numbers too short to identify a person."""
    if max(map(len, column.values), default=0) >= _SHORTEST:
        return False
    return column.numeric or all(map(str.isdigit, column.values))


def _has_forms(entry: ColumnPlan, column: Column) -> bool:
    """Whether a column's output is original text, in which rules can find identifiers."""
    if entry.treatment is Treatment.REDACT:
        return True
    return _kept(entry) and not (column.numeric or column.nested or column.temporal)


def _kept(entry: ColumnPlan) -> bool:
    return entry.treatment is Treatment.KEEP


def leak_error(leaks: Leaks) -> VerificationError:
    """The error for leaks: counts and columns, no values."""
    classes = ", ".join(f"{CLASSES[c].lower()}: {n}" for c, n in leaks.by_class.items() if n)
    columns = ", ".join(repr(name) for name, n in leaks.by_column.items() if n)
    return VerificationError(
        f"Identifiers remain in the output, in {columns} ({classes}). Nothing was handed over.",
        remedy="drop or replace these columns, or name in the plan who accepts it: accepted: NAME",
    )
