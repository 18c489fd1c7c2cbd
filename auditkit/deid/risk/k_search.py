"""Searches for the generalization of a plan's quasi-identifiers that reaches a k.

Each column is made coarser in steps: a date becomes its year; years, ages and numbers become bands;
a ZIP code its first three digits; the last step drops the column. Of all choices that reach k, the
one with the least information lost is taken: the mean over columns of the share of entropy lost.
No row is suppressed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.deid.planning.plan import TablePlan
from auditkit.deid.planning.treatments import ColumnPlan, Treatment
from auditkit.deid.risk.disclosure import cheapest_levels, disclosure_risk, equivalence_classes
from auditkit.deid.table.column import Column
from auditkit.deid.transform.operators import Keys, treated_values
from auditkit.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]

_WIDTHS: Final = (2, 5, 10, 20)
_MAX_BANDS: Final = 40
_COARSER: Final = {
    "BIRTH_DATE": Treatment.YEAR,
    "DATE_TIME": Treatment.YEAR,
    "AGE": Treatment.AGE,
    "ZIP_CODE": Treatment.ZIP3,
}


@dataclass(frozen=True, kw_only=True)
class GeneralizationStep:
    """The proposal for one column.

    Attributes:
        column: Its name.
        now: The plan's treatment.
        proposed: The proposed treatment.
        lost: Share of the column's entropy that is lost, in [0, 1].
    """

    column: str
    now: str
    proposed: str
    lost: float


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A plan whose quasi-identifiers hide everyone among k.

    Attributes:
        plan: The plan, changed.
        k: Rows in its smallest class.
        k_before: As the plan stood.
        information_lost: Mean over the columns of the share of entropy that goes, in [0, 1].
        steps: One a quasi-identifier.
    """

    plan: TablePlan
    k: int
    k_before: int
    information_lost: float
    steps: tuple[GeneralizationStep, ...]


def find_generalization(
    plan: TablePlan, columns: Mapping[str, Column], *, wanted_k: int
) -> Proposal:
    """The plan with the least generalization that reaches a k.

    Args:
        plan: Names the quasi-identifiers, and how each is treated now: no column is made finer.
        columns: The quasi-identifiers before any treatment.
        wanted_k: Smallest class to reach, >= 1.

    Raises:
        InputError: If the plan names no quasi-identifiers, or the table has fewer rows than that.
    """
    names = plan.quasi_identifiers
    if not names:
        raise InputError(
            "The plan names no quasi-identifiers.",
            remedy="name columns by which someone who is known could be picked out: --columns",
        )
    rows = columns[names[0]].codes.size
    if rows < wanted_k:
        raise InputError(
            f"{rows:,} rows cannot be hidden among {wanted_k:,}.", remedy="ask for a smaller k"
        )
    choices = {name: _choices(plan[name], columns[name]) for name in names}
    codes = {
        name: [_coded(entry, columns[name], plan) for entry in choices[name]] for name in names
    }
    best = cheapest_levels(codes, wanted_k=wanted_k)
    assert best is not None  # without any column everyone is alike
    changed = replace(
        plan,
        columns=tuple(
            choices[e.column][best.levels[e.column]] if e.column in choices else e
            for e in plan.columns
        ),
    )
    return Proposal(
        plan=changed,
        k=best.k,
        k_before=disclosure_risk(equivalence_classes([codes[name][0] for name in names])).k,
        information_lost=best.information_lost,
        steps=tuple(
            GeneralizationStep(
                column=name,
                now=plan[name].action,
                proposed=changed[name].action,
                lost=1 - _entropy(codes[name][best.levels[name]]) / before
                if (before := _entropy(codes[name][0]))
                else 0.0,
            )
            for name in names
        ),
    )


def _choices(entry: ColumnPlan, column: Column) -> list[ColumnPlan]:
    """What may be done with a column, from what the plan does to removing it."""
    found = [entry]
    if entry.treatment is Treatment.KEEP and entry.kind in _COARSER:
        found.append(replace(entry, treatment=_COARSER[entry.kind]))
    last = found[-1]
    if last.treatment in {Treatment.YEAR, Treatment.AGE}:
        found += [replace(last, width=width) for width in _WIDTHS if width > last.width]
    elif entry.kind == "" and entry.treatment in {Treatment.KEEP, Treatment.BAND}:
        found += [
            replace(entry, treatment=Treatment.BAND, width=width)
            for width in _round_widths(column)
            if width > entry.width
        ]
    if entry.treatment is not Treatment.DROP:
        found.append(replace(entry, treatment=Treatment.DROP, width=0))
    return found


def _round_widths(column: Column) -> list[float]:
    """Widths of 1, 2 or 5 times a power of ten, from fine to two bands; empty if not numbers."""
    try:
        numbers = np.array([float(v) for v in column.values])
    except ValueError:
        return []
    if numbers.size < 3 or not np.isfinite(numbers).all():
        return []
    reach = float(np.ptp(numbers))
    finest = max(reach / _MAX_BANDS, float(np.diff(np.unique(numbers)).min()) * 1.5)
    power = int(np.floor(np.log10(finest)))
    widths = [float(f"{m}e{p}") for p in range(power, power + 4) for m in (1, 2, 5)]
    return [w for w in widths if finest <= w <= reach]


def _coded(entry: ColumnPlan, column: Column, plan: TablePlan) -> Codes:
    """A column's codes after a treatment, missing values as 0."""
    if entry.treatment is Treatment.DROP:
        return np.zeros(column.codes.size, np.int64)
    if entry.treatment is Treatment.KEEP:
        return column.codes + 1
    # Random or keyed replacements of different values are different.
    values: Sequence[str | None] = column.values
    if entry.treatment in {Treatment.YEAR, Treatment.AGE, Treatment.BAND, Treatment.ZIP3}:
        values = treated_values(entry, column.values, as_of=plan.as_of, keys=Keys())
    elif entry.treatment in {Treatment.REPLACE, Treatment.REDACT}:
        values = [entry.kind] * len(column.values)
    code_of: dict[str | None, int] = {None: 0}
    places = np.array([code_of.setdefault(v, len(code_of)) for v in values] + [0])
    return places[column.codes]


def _entropy(codes: Codes) -> float:
    share = np.bincount(codes) / codes.size
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())
