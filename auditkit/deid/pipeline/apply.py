"""Applies a plan to a table: treats, searches again, and makes the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from auditkit.deid.detect.detector import Deidentifier
from auditkit.deid.pipeline.evidence import Run, evidence_of
from auditkit.deid.pipeline.free_text import Reader, redact_free_text
from auditkit.deid.pipeline.leaks import Leaks, search
from auditkit.deid.pipeline.titles import nobody_in_titles
from auditkit.deid.planning.columns import FREE_TEXT, examine
from auditkit.deid.planning.plan import TablePlan
from auditkit.deid.planning.strays import counted, strays, whole_strays
from auditkit.deid.planning.treatments import LIMITED_MAY_KEEP, ColumnPlan, Mode, Treatment
from auditkit.deid.risk.population import Population
from auditkit.deid.table.column import Column
from auditkit.deid.table.frames import flat, read_columns, with_columns
from auditkit.deid.transform.linked_values import known_of_rows
from auditkit.deid.transform.operators import Keys, shifted, treated_values
from auditkit.deid.vocabulary.entity_types import CLASSES, ENTITY_TYPES, class_of, describe
from auditkit.errors import InputError, PolicyError, VerificationError
from auditkit.evidence import Evidence

# Too coarse to look for in a note: every note holds such numbers and such words.
_SHORTEST: Final = 7
_NOT_SEARCHED: Final = frozenset({"AGE", "COORDINATES"})


@dataclass(frozen=True, kw_only=True)
class Result:
    """A de-identified table.

    Attributes:
        table: Of the kind that came in.
        evidence: Of what was found, done and left; to be handed to an audit.
        found: Number of identifiers by column and kind.
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
) -> Result:
    """See `Plan.apply`."""
    clean, run = treat(
        plan, table, keys=keys or Keys(), reader=Reader(deidentifier or Deidentifier())
    )
    if run.leaks.total:
        raise leaked(run.leaks)
    everyone = None if population is None else Population.of(read_columns(population))
    run = replace(run, recall=recall, population=everyone)
    return Result(table=clean, evidence=evidence_of(run), found=run.found)


def treat(plan: TablePlan, table: Any, *, keys: Keys, reader: Reader) -> tuple[Any, Run]:
    """The treated table and what the run came to, leaks included: the caller must look at them.

    Raises:
        InputError: If the columns are not the plan's, or a column's name holds an identifier.
        PolicyError: If values that the plan keeps as no identifiers are some.
    """
    table = flat(table)
    columns = read_columns(table)
    _same_columns(plan, columns)
    _nothing_untreated(plan, columns)
    rows = len(next(iter(columns.values())).codes) if columns else 0
    known = known_of_rows(
        {
            entry.column: (entry.kind, columns[entry.column].cells())
            for entry in plan.columns
            if entry.kind in ENTITY_TYPES and entry.kind not in _NOT_SEARCHED and not _kept(entry)
        },
        rows,
    )
    dates_stay = plan.mode is not Mode.SAFE_HARBOR
    nobody_in_titles(table, known, reader.deidentifier, dates_stay=dates_stay)
    changed: dict[str, Sequence[str | None]] = {}
    searched: dict[str, Sequence[str | None]] = {}
    invented: dict[tuple[str, str], str] = {}
    found: dict[str, Counter[str]] = {}
    # Notes come last: they get the surrogates of their row's columns.
    for entry in sorted(plan.columns, key=lambda e: e.treatment is Treatment.REDACT):
        column = columns[entry.column]
        if entry.kind in ENTITY_TYPES:
            found[entry.column] = Counter({entry.kind: column.present})
        if entry.treatment is Treatment.REDACT:
            redacted = redact_free_text(
                column.cells(), known, reader, invented, whole=_whole(column)
            )
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
    leaks = search(
        output,
        known,
        texts=frozenset(e.column for e in plan.columns if e.treatment is Treatment.REDACT),
        looked_for=frozenset(class_of(k) for counts in found.values() for k in counts),
        reader=reader,
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
        reader=reader.deidentifier,
    )
    return clean, run


def _same_columns(plan: TablePlan, columns: Mapping[str, Column]) -> None:
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


def _nothing_untreated(plan: TablePlan, columns: Mapping[str, Column]) -> None:
    """What a plan keeps is looked at again: it may have been edited, or the table have changed."""
    stays = frozenset[str]() if plan.mode is Mode.SAFE_HARBOR else LIMITED_MAY_KEEP
    for entry in plan.columns:
        kept = entry.treatment is Treatment.KEEP
        if entry.accepted or entry.treatment is Treatment.DROP or (entry.kind and not kept):
            continue
        column = columns[entry.column]
        found = examine(column)
        if not entry.kind and found.kind in ENTITY_TYPES:
            letter = class_of(found.kind)
            raise PolicyError(
                f"Column {entry.column!r} holds identifiers (class {letter}, "
                f"{CLASSES[letter].lower()}: {found.reason}) and the plan keeps them as none.",
                remedy="choose a treatment, or name who accepts it: accepted: NAME, REASON",
            )
        if not entry.kind and found.kind == FREE_TEXT and found.score == 1:
            raise PolicyError(
                f"Column {entry.column!r} holds free text ({found.reason}) and the plan keeps it "
                "as none.",
                remedy="search it (kind: FREE_TEXT, treatment: redact), drop it, or name who "
                "accepts it: accepted: NAME, REASON",
            )
        counts = counted(column, strays(column)) if kept else Counter[str]()
        held = {kind: n for kind, n in counts.items() if kind not in stays}
        if held:
            told = ", ".join(f"{describe(kind)} in {n:,}" for kind, n in sorted(held.items()))
            raise PolicyError(
                f"Column {entry.column!r} is kept, and {sum(held.values()):,} of its "
                f"{column.present:,} cells hold an identifier by form ({told}).",
                remedy="search each cell (kind: FREE_TEXT, treatment: redact), replace or drop the "
                "column, or name who accepts it: accepted: NAME, REASON",
            )


def _whole(column: Column) -> dict[str, str]:
    """Cells that are recognised, with their kind: whole they go, if no part of them does."""
    return {column.values[position]: kind for position, kind in whole_strays(column).items()}


def _short_numbers(column: Column) -> bool:
    """Whether a column holds numbers too short to be anyone's."""
    if max(map(len, column.values), default=0) >= _SHORTEST:
        return False
    return column.numeric or all(map(str.isdigit, column.values))


def _has_forms(entry: ColumnPlan, column: Column) -> bool:
    """Whether a column's output is text that was not made here, so that its forms say something."""
    if entry.treatment is Treatment.REDACT:
        return True
    return _kept(entry) and not (column.numeric or column.nested or column.temporal)


def _kept(entry: ColumnPlan) -> bool:
    return entry.treatment is Treatment.KEEP


def leaked(leaks: Leaks) -> VerificationError:
    """The error that a leak stops a run with: counts and columns, no values."""
    classes = ", ".join(f"{CLASSES[c].lower()}: {n}" for c, n in leaks.by_class.items() if n)
    columns = ", ".join(repr(name) for name, n in leaks.by_column.items() if n)
    return VerificationError(
        f"Identifiers remain in the output, in {columns} ({classes}). Nothing was handed over.",
        remedy="drop or replace these columns, or name in the plan who accepts it: accepted: NAME",
    )
