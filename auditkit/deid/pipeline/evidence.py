"""Evidence of a de-identification: what was found, done and left, and the disclosure risk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auditkit.deid.pipeline.leaks import Leaks
from auditkit.deid.planning.columns import FREE_TEXT
from auditkit.deid.planning.plan import TablePlan
from auditkit.deid.planning.treatments import ColumnPlan, Treatment
from auditkit.deid.risk.disclosure import (
    SIZES,
    disclosure_risk,
    diversity,
    equivalence_classes,
    equivalence_classes_in_population,
)
from auditkit.deid.risk.population import Population
from auditkit.deid.table.column import Column
from auditkit.deid.vocabulary.entity_types import CLASSES, class_of
from auditkit.deid.vocabulary.generalize import zip3_digest
from auditkit.errors import InputError
from auditkit.evidence import Evidence, Measurement, Outcome, Table

if TYPE_CHECKING:
    from auditkit.canonical import Json
    from auditkit.deid.detect.detector import Deidentifier

_AREA: Final = "privacy"
_WANTED_K: Final = 11
_SEARCHED: Final = (
    "Searched: every identifier of a cell's own row, whole, as digits and by its parts; the whole "
    "identifiers of all other rows; in cells kept or redacted, every form and check digit that is "
    "known; free text by the detector again. The index and the titles of columns, too."
)
_FOUND_AS: Final = (
    "Identifiers count under the class that they were found as, and recall under the class that "
    "they were labelled as: a fax number may be found as a telephone number."
)
_MODE_NOTES: Final = {
    "safe-harbor": (
        "Mode: Safe Harbor, 45 CFR 164.514(b)(2). The rule also wants that the entity has no "
        "actual knowledge that what remains could identify someone: a statement that people make."
    ),
    "limited-data-set": (
        "Mode: limited data set, 45 CFR 164.514(e). It is not de-identified and needs a data use "
        "agreement."
    ),
    "expert": (
        "Mode: expert determination, 45 CFR 164.514(b)(1). This is not Safe Harbor. An expert has "
        "to decide, and to document, whether the risk is very small that who receives the table "
        "could identify someone, alone or with other information that is reasonably available. "
        "The numbers here are inputs to that determination, not the determination."
    ),
}
_COLUMN_METHOD: Final = "whole column, by name and values"
_TEXT_METHOD: Final = "in text: the row's own values, rules, lists and models"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Counts and output of one application of a plan.

    Attributes:
        plan: The plan.
        found: Number of identifiers by column and kind.
        leaks: What remains.
        rows: Number of rows.
        output: The output's columns.
    """

    plan: TablePlan
    found: Mapping[str, Counter[str]]
    leaks: Leaks
    rows: int
    output: Mapping[str, Column]


def evidence_of(
    run: Run,
    deidentifier: Deidentifier,
    *,
    recall: Evidence | None = None,
    population: Population | None = None,
) -> tuple[Evidence, ...]:
    """Evidence for the checks privacy.identifiers, .leaks, .disclosure_risk, .safe_harbor_table.

    Args:
        run: An application of a plan.
        deidentifier: Read the free text.
        recall: Evidence of privacy.recall by the same detector; None: it was not measured.
        population: Everybody that a row could be; None: unknown.

    Raises:
        InputError: If recall was measured with another detector.
    """
    parameters: dict[str, Json] = {
        "mode": run.plan.mode.value,
        "as_of": run.plan.as_of.isoformat(),
        "plan": str(run.plan.digest),
        "zip3_table": str(zip3_digest()),
        "detector": deidentifier.describe(),
    }
    return (
        _identifiers(run, parameters),
        _leaks(run, parameters),
        _risk(run, population, parameters),
        _classes(run, recall, parameters),
    )


def _identifiers(run: Run, parameters: dict[str, Json]) -> Evidence:
    lines = []
    for entry in run.plan.columns:
        counts = run.found.get(entry.column, Counter())
        total = counts.total()
        lines.append(
            (
                entry.column,
                entry.identifier_class,
                ", ".join(sorted(counts)) if entry.kind == FREE_TEXT else entry.kind,
                total,
                0 if entry.treatment is Treatment.KEEP else total,
                entry.action,
                entry.reason,
            )
        )
    table = Table(
        name="identifier_columns",
        title="What each column of the raw table holds, and what was done with it",
        columns=("column", "identifier_class", "kinds", "found", "treated", "treatment", "reason"),
        rows=tuple(lines),
    )
    return Evidence(
        check="privacy.identifiers",
        version="1",
        title="Identifiers found and treated",
        area=_AREA,
        n=run.rows,
        parameters=parameters,
        measurements=(
            _count("identifiers_found", sum(line[3] for line in lines), run.rows),
            _count("identifiers_treated", sum(line[4] for line in lines), run.rows),
            _count("columns_examined", len(lines), run.rows),
        ),
        tables=(table,),
        notes=(_MODE_NOTES[run.plan.mode.value], *_accepted(run.plan)),
    )


def _leaks(run: Run, parameters: dict[str, Json]) -> Evidence:
    leaks = run.leaks
    return Evidence(
        check="privacy.leaks",
        version="1",
        title="Identifiers that remain",
        area=_AREA,
        n=leaks.cells,
        population="cells of the output",
        parameters=parameters,
        measurements=(
            _count("leaks", leaks.total, leaks.cells),
            *(
                _count("leaks", n, leaks.cells, ("class", CLASSES[letter]))
                for letter, n in leaks.by_class.items()
            ),
        ),
        notes=(_SEARCHED,),
    )


def _risk(run: Run, population: Population | None, parameters: dict[str, Json]) -> Evidence:
    names = [n for n in run.plan.quasi_identifiers if n in run.output]
    parameters = {
        **parameters,
        "quasi_identifiers": names,
        "sensitive": list(run.plan.sensitive),
        "wanted_k": _WANTED_K,
        "population": population.rows if population else None,
    }
    head: dict[str, Any] = {
        "check": "privacy.disclosure_risk",
        "version": "1",
        "title": "Disclosure risk in the released table",
        "area": _AREA,
        "parameters": parameters,
    }
    if not names or not run.rows:
        return Evidence(
            outcome=Outcome.NOT_ASSESSED,
            reason="the plan names no quasi-identifiers" if run.rows else "the table has no rows",
            **head,
        )
    columns = [_from_zero(run.output[name]) for name in names]
    if population is None:
        classes, people = equivalence_classes(columns), None
    else:
        classes, people = equivalence_classes_in_population(
            columns, population.codes(run.plan, run.output)
        )
    risk = disclosure_risk(classes, wanted_k=_WANTED_K, population=people)
    n = risk.rows
    measured = [
        _count("k", risk.k, n),
        _count("classes", risk.classes, n),
        Measurement(name="sample_uniqueness", value=risk.unique, n=n),
        Measurement(name="rows_at_risk", value=risk.at_risk, n=n),
        Measurement(name="prosecutor_risk", value=risk.prosecutor, n=n, unit="probability"),
        Measurement(name="marketer_risk", value=risk.marketer, n=n, unit="probability"),
        Measurement(
            name="journalist_risk",
            value=risk.journalist,
            n=population.rows if population else n,
            unit="probability",
            reason=""
            if population
            else "no population was given; it is at most the prosecutor risk",
        ),
    ]
    for name in run.plan.sensitive:
        column = run.output[name]
        spread = diversity(classes, _from_zero(column), ordered=False)
        group = ("attribute", name)
        measured.append(_count("l", spread.l, n, group))
        measured.append(
            Measurement(
                name="t",
                value=spread.t,
                n=n,
                unit="difference",
                group=(group,),
                reason="" if spread.t is not None else "the attribute has one value",
            )
        )
    histogram = Table(
        name="class_sizes",
        title="Equivalence classes by size",
        columns=("size", "classes", "rows"),
        rows=tuple(
            (_range(low, high), *counts)
            for (low, high), counts in zip(SIZES, risk.histogram, strict=True)
        ),
    )
    return Evidence(
        n=n,
        measurements=tuple(measured),
        tables=(histogram,),
        notes=(
            f"Columns by which someone who is known could be picked out: {', '.join(names)}.",
            f"Small sets are those of fewer than {_WANTED_K} rows.",
            "k says nothing of what is learnt without picking a row: see l and t.",
            "The rule names no number; what is a very small risk is for an expert to say.",
        ),
        **head,
    )


def _classes(run: Run, recall: Evidence | None, parameters: dict[str, Json]) -> Evidence:
    """The table A to R: found, action, method, recall, left."""
    recall_by_class = _recall_by_class(recall, parameters["detector"])
    lines = []
    for letter, title in CLASSES.items():
        entries = [e for e in run.plan.columns if e.identifier_class == letter]
        in_text = sum(
            n
            for entry in run.plan.columns
            if entry.kind == FREE_TEXT
            for kind, n in run.found.get(entry.column, Counter()).items()
            if class_of(kind) == letter
        )
        in_columns = sum(run.found.get(e.column, Counter()).total() for e in entries)
        methods = ([_COLUMN_METHOD] if entries else []) + ([_TEXT_METHOD] if in_text else [])
        lines.append(
            (
                letter,
                title,
                in_columns + in_text,
                in_columns,
                in_text,
                _actions(entries, in_text),
                "; ".join(methods) or "looked for in every column and text",
                *recall_by_class.get(letter, ("not measured", None)),
                run.leaks.by_class.get(letter, 0),
            )
        )
    table = Table(
        name="safe_harbor_table",
        title="The eighteen classes of 45 CFR 164.514(b)(2)(i)",
        columns=(
            *("class", "identifier", "found", "in_columns", "in_text"),
            *("action", "method", "recall_in_text", "recall_at_least", "residual"),
        ),
        rows=tuple(lines),
    )
    return Evidence(
        check="privacy.safe_harbor_table",
        version="2",
        title="The eighteen classes of Safe Harbor",
        area=_AREA,
        n=run.rows,
        parameters={**parameters, "recall": str(recall.digest) if recall else None},
        measurements=(
            _count("classes_examined", len(lines), run.rows),
            _count("classes_present", sum(line[2] > 0 for line in lines), run.rows),
            _count("classes_remaining", sum(line[9] > 0 for line in lines), run.rows),
        ),
        tables=(table,),
        notes=(
            _MODE_NOTES[run.plan.mode.value],
            "None found means that the detector found none, not that there was none.",
            _FOUND_AS,
            "Columns are treated whole; only what stands in free text depends on recall.",
        ),
    )


def _recall_by_class(recall: Evidence | None, detector: Json) -> dict[str, tuple[Any, Any]]:
    """Recall in text and its lower bound, by class; empty if not measured.

    Raises:
        InputError: If it was measured with another detector: its recall is not this one's.
    """
    if recall is None:
        return {}
    if recall.parameters.get("detector") != detector:
        raise InputError(
            "The recall that was handed over was measured with another detector.",
            remedy="measure it anew: auditkit deid evaluate labelled.jsonl --evidence DIR",
        )
    return {m.group[0][1]: (m.value, m.lower) for m in recall.named("recall") if len(m.group) == 1}


def _actions(entries: list[ColumnPlan], in_text: int) -> str:
    words = {e.action + (f", accepted by {e.accepted}" if e.accepted else "") for e in entries}
    text = [Treatment.REDACT.words] if in_text else []
    return "; ".join([*sorted(words), *text]) or "none found"


def _from_zero(column: Column) -> Any:
    """A column's codes with the missing value as a value of its own."""
    return column.codes + 1


def _range(low: int, high: int | None) -> str:
    if high is None:
        return f"{low} or more"
    return str(low) if low == high else f"{low} to {high}"


def _accepted(plan: TablePlan) -> tuple[str, ...]:
    return tuple(
        f"Column {c.column!r} is accepted as it is by {c.accepted}."
        for c in plan.columns
        if c.accepted
    )


def _count(name: str, value: int, n: int, *group: tuple[str, str]) -> Measurement:
    return Measurement(name=name, value=value, n=n, unit="count", group=group)
