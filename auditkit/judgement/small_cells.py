"""Suppresses small cells: the numbers of an audit that are about few people.

    checks --evidence--> suppress, by the policy's small_cell --evidence--> judgement and report

The rule is applied once, here. Checks measure and suppress nothing; after this step nothing sees a
suppressed number: not the gate, the statement, the pages, or an attached table.

Laws:
    - A number about a group is hidden if it is based on 1 to `small_cell` - 1 people, and so is
      every number from which such a count could be derived by sums and differences: see
      `auditkit.measures.numbers.suppression`.
    - Everyone together is a group too if the audit has fewer than `small_cell` rows; their number
      is shown.
    - If the size of a group is hidden, every number about it is, and every number that compares
      another group with it.
    - A hidden number has no value, no interval and no n, but a reason. Nothing else changes.
    - Suppressing again changes nothing.

What is protected is how many people there are in a group, and in the part of it that a rate is a
share of: those with the favourable outcome, those without, those selected. A rate of a group of at
least `small_cell` people is shown even if few of them were selected: that rate is what a fairness
audit is about, and a reader can multiply it by its n.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from auditkit.canonical import Digest, digest_of
from auditkit.evidence import Evidence, Measurement, Table
from auditkit.judgement.small_cell_tables import (
    BOTH,
    People,
    PeopleInRow,
    of_people,
    people_in_rows,
)
from auditkit.measures.groups.membership import UNKNOWN
from auditkit.measures.numbers.suppression import Equation, Why, hidden_cells

if TYPE_CHECKING:
    from auditkit.subject import Case

_ALL: Final = "(all)"
_UNKNOWN_CATEGORY: Final = "unknown_category"
# The parts of a group that a measure is a share of, or that it compares; of any other measure: the
# members. The calibration gap is the share with the favourable outcome less a mean of scores.
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "tpr": ("favourable",),
    "fpr": ("unfavourable",),
    "ppv": ("selected",),
    "equalized_odds": BOTH,
    "auc": BOTH,
    "calibration_gap": BOTH,
    "tpr_change": ("favourable",),
    "fpr_change": ("unfavourable",),
}
# Numbers of people who are decided anew. How much a group's selection rate changes is what one less
# the other gives, and how many change is their sum: they are hidden together.
_NEWLY: Final = ("newly_favourable", "newly_unfavourable")
_OF_THE_NEWLY: Final = frozenset({*_NEWLY, "decisions_changed", "mcnemar_p"})


# The attribute of an address that names a class of the model, and no group of people.
_CLASS: Final = "class"
_OF_CLASS: Final = "class_recall"


def _whom(m: Measurement) -> frozenset[tuple[str, str]]:
    """The group that a number is about: without the class, if it is about one."""
    return _without_class(m.group) if m.name.startswith("class_") else frozenset(m.group)


def _without_class(group: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset(pair for pair in group if pair[0] != _CLASS)


def reason(why: Why, small_cell: int) -> str:
    """Why a number is hidden, in words."""
    if why == "small":
        return f"fewer than {small_cell} people"
    return f"a number of fewer than {small_cell} people would follow from it"


def suppress(
    evidence: Sequence[Evidence], *, small_cell: int, rows: int, attributes: Collection[str]
) -> tuple[Evidence, ...]:
    """The evidence without its small cells and without numbers that would reveal them.

    Args:
        evidence: As the checks made it.
        small_cell: Numbers of people from 1 to `small_cell` - 1 are small; 0 or 1: none is.
        rows: The number of rows of the audit; it is always shown.
        attributes: The names of the group attributes.
    """
    cells = _Cells(evidence=evidence, rows=rows, attributes=frozenset(attributes))
    hidden = cells.hidden(small_cell)
    if not hidden:
        return tuple(evidence)
    return tuple(
        replace(
            e,
            measurements=tuple(
                _without(m, cells.why(e, m, hidden), small_cell) for m in e.measurements
            ),
            tables=tuple(_emptied(t, cells.emptied(e, t, hidden)) for t in e.tables),
        )
        for e in evidence
    )


def commitment(evidence: Sequence[Evidence], salt: bytes) -> Digest:
    """The salted digest of evidence before anything is hidden.

    Args:
        evidence: With ids, as the checks made it.
        salt: At least `MIN_SALT` bytes that readers of the report do not have; with them they
            could try every small number until the digest fits.
    """
    return digest_of(
        "unsuppressed-evidence/v1",
        {
            "salt": salt.hex(),
            "evidence": [e.to_json() for e in evidence],
        },
    )


def salt_of(case: Case) -> bytes:
    """A salt that is derived from every row of a case: 32 bytes.

    The same inputs give the same statement, and only who holds the rows can make it.
    """
    given = (case.labels, case.decisions, case.scores)
    parts = [values.tobytes() for values in given if values is not None]
    parts += [_row_hashes(pd.DataFrame(dict(case.groups)))] if case.groups else []
    parts += [_row_hashes(case.features)]
    return bytes.fromhex(digest_of("salt/v1", [Digest.of(part).hex for part in parts]).hex)


def _row_hashes(table: pd.DataFrame) -> bytes:
    plain = table.astype({c: str for c in table if table[c].dtype == object})
    return np.asarray(pd.util.hash_pandas_object(plain, index=False)).tobytes()


def _without(of: Measurement, why: Why | None, small_cell: int) -> Measurement:
    if why is None:
        return of
    return replace(
        of,
        value=None,
        lower=None,
        upper=None,
        n=None,
        method="",
        suppressed=why,
        reason=reason(why, small_cell),
    )


def _emptied(table: Table, cells: set[tuple[int, str]]) -> Table:
    if not cells:
        return table
    return replace(
        table,
        rows=tuple(
            tuple(
                None if (i, name) in cells else cell
                for name, cell in zip(table.columns, row, strict=True)
            )
            for i, row in enumerate(table.rows)
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """Every number of people that some evidence would show, and the sums that hold among them."""

    evidence: Sequence[Evidence]
    rows: int
    attributes: frozenset[str]
    _read: dict[int, list[PeopleInRow]] = field(default_factory=dict)

    def hidden(self, small_cell: int) -> dict[People, Why]:
        """The numbers of people that must not be shown."""
        counts = self._counts
        equations = [*_margins(counts), *self._splits(), *self._bins()]
        fixed = [
            c for c in counts if not c[1] and not c[0].startswith("bin ") and c[0] not in _NEWLY
        ]
        if self.rows < small_cell:  # everyone together is one small cell
            fixed = []
        return hidden_cells(
            counts, equations, small_cell=small_cell, fixed=fixed, rank=_rank, whole=_whole
        )

    def why(self, e: Evidence, m: Measurement, hidden: Mapping[People, Why]) -> Why | None:
        """Why a measurement is hidden; None: it is not."""
        if m.suppressed:
            return None
        about = self._people_of(e, m)
        if about and hidden.get((self._part(m), frozenset(m.group))) == "small":
            return "small"
        if about and m.compared_with:
            about += [(part, frozenset(m.compared_with)) for part in ("members", *_parts(m.name))]
            if m.name.startswith("class_"):
                about.append((_OF_CLASS, frozenset(m.compared_with)))
                about.append(("members", _without_class(m.compared_with)))
        return "complementary" if any(p in hidden for p in about) else None

    def emptied(
        self, e: Evidence, table: Table, hidden: Mapping[People, Why]
    ) -> set[tuple[int, str]]:
        """The cells of a table to leave empty, by row and column."""
        cells = {
            (row.row, name)
            for row in self._people_in_rows(e, table)
            if row.people in hidden
            for name in row.columns
        }
        whole = {m.key: self.why(e, m, hidden) for m in e.measurements}
        columns = [name for name in table.columns if whole.get(name)]
        return cells | {(i, name) for i in range(len(table.rows)) for name in columns}

    # Who a measurement is about

    def _is_about_people(self, e: Evidence, m: Measurement) -> bool:
        named = {name for name, _ in m.group} & self.attributes
        return bool(named) or (bool(m.group) and of_people(e))

    def _people_of(self, e: Evidence, m: Measurement) -> list[People]:
        """The numbers of people that a measurement shows or would reveal."""
        if m.name in _OF_THE_NEWLY and not any(value == _ALL for _, value in m.group):
            whom = frozenset(m.group)
            return [("members", whom), *((part, whom) for part in _NEWLY)]
        if not m.group and of_people(e):
            return [("members", frozenset())]
        if not self._is_about_people(e, m):
            return []
        if any(value == _ALL for _, value in m.group):
            return self._compared(e, m)
        if m.name.startswith("class_"):  # it rests on how many of the group are of the class
            of_class: People = (_OF_CLASS, frozenset(m.group))
            return [("members", _whom(m)), of_class, (self._part(m), frozenset(m.group))]
        if m.name == _UNKNOWN_CATEGORY:
            return [(_UNKNOWN_CATEGORY, frozenset(m.group))]
        group = frozenset(m.group)
        named = frozenset(p for p in group if p[0] in self.attributes) or group
        people = [("members", named), *((p, group) for p in _parts(m.name) or [self._part(m)])]
        if named != group:  # it tells members from all others who are known, and its n counts both
            people += [("members", frozenset({(name, UNKNOWN)})) for name, _ in named]
        return people

    def _compared(self, e: Evidence, m: Measurement) -> list[People]:
        """The people that a number across all groups of some attributes compares."""
        names = {name for name, _ in m.group}
        if m.name == "unknown_share":
            return [("members", frozenset({(name, UNKNOWN)})) for name in names]
        least = e.parameters.get("min_group", 0)
        least = least if isinstance(least, int) else 0
        groups = [
            g
            for (part, g), n in self._counts.items()
            if part == "members" and {a for a, _ in g} == names and n >= least
        ]
        known = [g for g in groups if all(value != UNKNOWN for _, value in g)]
        return [(part, g) for g in known for part in ("members", *_parts(m.name))]

    def _part(self, m: Measurement) -> str:
        if m.name in _NEWLY:
            return m.name
        if m.name.startswith("class_"):
            return _base(m.name)
        parts = _parts(m.name)
        if len(parts) == 1:
            return parts[0]
        whom = _whom(m)
        whole = self._members.get(whom) if whom else self.rows
        return "members" if m.n == whole else _base(m.name)

    @cached_property
    def _members(self) -> dict[frozenset[tuple[str, str]], int]:
        """The size of each group: the largest n of a number about it."""
        found: dict[frozenset[tuple[str, str]], int] = {}
        for e in self.evidence:
            for m in e.measurements:
                if m.n is None or not self._is_about_people(e, m):
                    continue
                group = _whom(m)
                if group and ({name for name, _ in group} <= self.attributes or of_people(e)):
                    found[group] = max(found.get(group, 0), m.n)
        return {g: n for g, n in found.items() if all(value != _ALL for _, value in g)}

    @cached_property
    def _counts(self) -> dict[People, int]:
        counts: dict[People, int] = {("members", frozenset()): self.rows}
        counts |= {("members", group): n for group, n in self._members.items()}
        for e in self.evidence:
            for m in e.measurements:
                if m.name in (_UNKNOWN_CATEGORY, *_NEWLY) and isinstance(m.value, int):
                    counts[m.name, frozenset(m.group)] = m.value
                elif m.n is not None and not any(value == _ALL for _, value in m.group):
                    overall = not m.group and of_people(e) and bool(_parts(m.name))
                    if overall or self._is_about_people(e, m):
                        counts.setdefault((self._part(m), frozenset(m.group)), m.n)
            for table in e.tables:
                for row in self._people_in_rows(e, table):
                    if row.count is not None:
                        counts.setdefault(row.people, row.count)
        return counts

    # The sums that hold

    def _splits(self) -> Iterator[Equation[People]]:
        """Members are those with the favourable outcome and those without."""
        for group in self._members:
            yield Equation(
                total=("members", group), parts=(("favourable", group), ("unfavourable", group))
            )
        of_classes = [group for part, group in self._counts if part == _OF_CLASS]
        for group in {_without_class(g) for g in of_classes}:
            own = tuple((_OF_CLASS, g) for g in of_classes if _without_class(g) == group)
            yield Equation(total=("members", group), parts=own)
        categories = [m for e in self.evidence for m in e.named("category_impact_ratio")]
        pairs = [("members", frozenset(m.group)) for m in categories if len(m.group) == 2]
        unknown = [cell for cell in self._counts if cell[0] == _UNKNOWN_CATEGORY]
        if pairs and unknown:
            yield Equation(total=("members", frozenset()), parts=(*pairs, *unknown))

    def _bins(self) -> Iterator[Equation[People]]:
        """The bins of a group's scores hold its members."""
        bins: dict[frozenset[tuple[str, str]], list[People]] = {}
        for part, group in self._counts:
            if part.startswith("bin "):
                bins.setdefault(group, []).append((part, group))
        for group, parts in bins.items():
            yield Equation(total=("members", group), parts=tuple(parts))

    # What the tables tell

    def _people_in_rows(self, e: Evidence, table: Table) -> list[PeopleInRow]:
        """The numbers of people in the rows of a table."""
        if id(table) not in self._read:
            self._read[id(table)] = list(people_in_rows(e, table))
        return self._read[id(table)]


def _margins(counts: Mapping[People, int]) -> Iterator[Equation[People]]:
    """Over the groups of one attribute, people add up to those of the group without it."""
    parts: dict[tuple[People, frozenset[str]], list[People]] = {}
    for cell in counts:
        part, group = cell
        names = frozenset(name for name, _ in group)
        for name in names:
            rest = frozenset(p for p in group if p[0] != name)
            parts.setdefault(((part, rest), names), []).append(cell)
    for (total, _), cells in parts.items():
        yield Equation(total=total, parts=tuple(cells))


def _rank(cell: People) -> int:
    """The order of complementary suppression: first what the fewest numbers are based on."""
    part, group = cell
    if any(value == UNKNOWN for _, value in group):
        return 0  # no comparison is based on them
    if part == "members":
        return 5 if len(group) == 1 else 4
    return 1 if part.startswith("bin ") else 3 if len(group) == 1 else 2


def _whole(cell: People) -> People | None:
    """The members of the group that a part belongs to."""
    part, group = cell
    return None if part == "members" else ("members", group)


def _base(name: str) -> str:
    return name.removesuffix("_difference").removesuffix("_ratio")


def _parts(name: str) -> tuple[str, ...]:
    return _PARTS.get(_base(name), ())
