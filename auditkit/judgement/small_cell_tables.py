"""The numbers of people in the tables of evidence: in which columns, of which group, how many.

A row is about a group if the table has a column `group` with the group's address, or columns
`attribute` and `group`; a row of Local Law 144 names a category. Its number of people stands in
`n`, those selected in `selected`; rows with `from` and `to` are about a bin of scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auditkit.evidence import describe_group

if TYPE_CHECKING:
    from auditkit.evidence import Cell, Evidence, Table

# A group, in no particular order; empty: everyone.
Whom = frozenset[tuple[str, str]]
# A number of people: a part of a group, and the group.
People = tuple[str, Whom]

# The areas whose numbers are about people only if they name a group. Numbers of every other area
# are always about people, even if a check of another package names the area.
_OF_THINGS: Final = frozenset({"privacy", "explanation", "access", "lineage"})
BOTH: Final = ("favourable", "unfavourable")

# Columns that identify a row, and columns that identify only its group.
_LABELS: Final = frozenset(
    {"attribute", "group", "table", "category", "from", "to", "threshold", "in_use", "reference"}
    | {"left_out"}
)
_OWN: Final = frozenset({"n", "selected", "selection_rate", "lower", "upper", "rate"})
# The parts of a group that a column of rates is based on. At a cut-off that selects everyone the
# accuracy is the share with the favourable outcome.
_RESTS_ON: Final[Mapping[str, tuple[str, ...]]] = {
    "tpr": ("favourable",),
    "fpr": ("unfavourable",),
    "accuracy": BOTH,
}
# Over all bins these add up to the number with the favourable outcome.
_OBSERVED: Final = frozenset({"observed", "lower", "upper"})


def of_people(e: Evidence) -> bool:
    """Whether the numbers of some evidence are about people, whether they name a group or not."""
    return e.area not in _OF_THINGS


@dataclass(frozen=True, kw_only=True)
class PeopleInRow:
    """The numbers of people in one row of a table: in which columns, of which group, how many."""

    row: int
    columns: tuple[str, ...]
    people: People
    count: int | None = None


def people_in_rows(e: Evidence, table: Table) -> Iterator[PeopleInRow]:
    """The numbers of people in each row of a table of some evidence."""
    if not of_people(e):
        return
    named = {
        describe_group(g): frozenset(g) for m in e.measurements for g in (m.group, m.compared_with)
    }
    for i, row in enumerate(table.rows):
        cell = dict(zip(table.columns, row, strict=True))
        group = _group_of(e, cell, named)
        rest = tuple(c for c in table.columns if c not in _LABELS)
        if group is None:
            alone: People = ("row", frozenset({(table.name, str(i))}))
            yield PeopleInRow(row=i, columns=rest, people=alone, count=_count(cell.get("n")))
            yield PeopleInRow(row=i, columns=rest, people=("members", frozenset()))
            continue
        if "from" in cell and "to" in cell:
            people: People = (f"bin {cell['from']:g} to {cell['to']:g}", group)
            yield PeopleInRow(row=i, columns=rest, people=people, count=_count(cell.get("n")))
            yield PeopleInRow(row=i, columns=rest, people=("members", group))
            observed = tuple(c for c in rest if c in _OBSERVED)
            yield from (PeopleInRow(row=i, columns=observed, people=(p, group)) for p in BOTH)
            continue
        if not group:
            continue
        yield PeopleInRow(
            row=i, columns=rest, people=("members", group), count=_count(cell.get("n"))
        )
        if "selected" in cell:
            selected: People = ("selected", group)
            yield PeopleInRow(
                row=i, columns=("selected",), people=selected, count=_count(cell["selected"])
            )
        for column, parts in _RESTS_ON.items():
            if column in cell:
                yield from (PeopleInRow(row=i, columns=(column,), people=(p, group)) for p in parts)
        against = _reference_of(e, cell, group, named)
        if against:
            compared = tuple(c for c in rest if c not in _OWN)
            yield PeopleInRow(row=i, columns=compared, people=("members", against))


def _group_of(e: Evidence, cell: Mapping[str, Cell], named: Mapping[str, Whom]) -> Whom | None:
    if "category" in cell and "table" in cell:
        return _category(e, str(cell["table"]), str(cell["category"]))
    if "group" not in cell:
        return frozenset() if "from" in cell else None
    if "attribute" in cell:
        return frozenset({(str(cell["attribute"]), str(cell["group"]))})
    return named.get(str(cell["group"]))


def _reference_of(
    e: Evidence,
    cell: Mapping[str, Cell],
    group: Whom,
    named: Mapping[str, Whom],
) -> Whom | None:
    """The group that a row of a table is compared with."""
    if "category" not in cell:
        return named.get(str(cell.get("reference", "")))
    ratios = (m for m in e.named("category_impact_ratio") if frozenset(m.group) == group)
    return next((frozenset(m.compared_with) for m in ratios), None)


def _category(e: Evidence, table: str, category: str) -> Whom | None:
    """The group of a row of Local Law 144's tables, found among those that were measured."""
    wanted = {"sex": (str(e.parameters.get("sex")),), "race": (str(e.parameters.get("race")),)}
    names = wanted.get(table, (*wanted["race"], *wanted["sex"]))
    for m in e.named("category_impact_ratio"):
        values = dict(m.group)
        if set(values) == set(names) and " / ".join(values[name] for name in names) == category:
            return frozenset(m.group)
    return None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
