"""Assigns rows to groups: those of each attribute alone, then their intersections.

Laws:
    - A row belongs to exactly one group of every combination of attributes, `(unknown)` included.
    - Groups are ordered by attribute, then by name, whatever the order of the rows; `(unknown)`
      is last.
    - One pass over the rows counts by *cell*, the finest intersection that occurs. The counts of
      every group are sums over cells, so the cost after that pass does not depend on the rows.

Example:
    >>> import numpy as np
    >>> p = partition({"sex": np.array(["m", "f", "m"]), "old": np.array(["no", "no", "yes"])})
    >>> p.groups[:4]
    ((('sex', 'f'),), (('sex', 'm'),), (('old', 'no'),), (('old', 'yes'),))
    >>> p.group_sums(p.count(np.array([0, 1, 1]), 2))[1]
    array([1., 1.])
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from auditkit.errors import InputError
from auditkit.parameters import DEPTH

Array = npt.NDArray[np.float64]
Group = tuple[tuple[str, str], ...]

UNKNOWN: Final = "(unknown)"
# A printed count below this may identify a person; CMS suppresses such cells.
SUPPRESS_BELOW: Final = 11
# More values than these are not groups to compare.
MAX_LEVELS: Final = 100
MAX_NUMBERS: Final = 20
_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:0|[1-9][\d,]*)(?:[.,]\d*)?|\.\d+)(?:[eE][+-]?\d+)?%?"  # 41, 41.5, 4e3, 12%
    r"|\d{4}-\d{2}(?:-\d{2}(?:[ T].*)?)?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}"  # dates
    r"|\d{1,2}:\d{2}(?::\d{2}.*)?|-?\d+/\d+"  # times, fractions
    r"|-?\d+ [a-z]*(?:second|minute|hour|day|week|month|year)s?\b.*"  # durations
)
_CHUNK: Final = 1 << 18  # rows; keeps the temporary arrays in the processor's cache
_MAX_DENSE: Final = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Partition:
    """The groups of a table's rows.

    Attributes:
        names: The attributes.
        cell_of_row: For each row the index of its cell, shape `(n,)`.
        cells: Number of cells.
        groups: Every group that occurs.
        rows: Rows in each group, shape `(groups,)`.
        members: 1 if a cell belongs to a group, shape `(groups, cells)`.
        empty: Number of intersections of existing groups that have no member.
    """

    names: tuple[str, ...]
    cell_of_row: npt.NDArray[Any]
    cells: int
    groups: tuple[Group, ...]
    rows: npt.NDArray[np.int64]
    members: sparse.csr_array
    empty: int

    def __repr__(self) -> str:
        """The number of rows and groups, no membership."""
        rows, groups = len(self.cell_of_row), len(self.groups)
        return f"Partition of {rows:,} rows, {groups:,} groups by {', '.join(self.names)}"

    def count(self, kinds: npt.NDArray[Any], number: int, *, weights: Array | None = None) -> Array:
        """Number of rows of each kind in each cell, shape `(cells, number)`.

        Args:
            kinds: For each row an integer in [0, number), shape `(n,)`.
            number: Number of kinds.
            weights: Summed instead of counted, shape `(n,)`.
        """
        total = np.zeros(self.cells * number)
        for start in range(0, len(kinds), _CHUNK):
            part = slice(start, start + _CHUNK)
            code = self.cell_of_row[part].astype(np.intp)
            code *= number
            code += kinds[part]
            weight = None if weights is None else weights[part]
            total += np.bincount(code, weight, minlength=len(total))
        return total.reshape(self.cells, number)

    def group_sums(self, by_cell: Array) -> Array:
        """Sums over the cells of each group: `(cells, ...)` to `(groups, ...)`."""
        flat = by_cell.reshape(self.cells, -1)
        summed: Array = self.members @ flat
        return summed.reshape(len(self.groups), *by_cell.shape[1:])

    def rows_of(self, position: int) -> npt.NDArray[np.bool_]:
        """True for the rows of one group, shape `(n,)`."""
        belongs: npt.NDArray[np.bool_] = self.members[[position]].toarray()[0] > 0
        of_group: npt.NDArray[np.bool_] = belongs[self.cell_of_row]
        return of_group

    def combinations(self) -> dict[tuple[str, ...], list[int]]:
        """For each combination of attributes, the positions of its groups."""
        found: dict[tuple[str, ...], list[int]] = {}
        for position, group in enumerate(self.groups):
            found.setdefault(tuple(name for name, _ in group), []).append(position)
        return found


def is_unknown(group: Group) -> bool:
    """Whether any attribute of a group is unknown."""
    return any(value == UNKNOWN for _, value in group)


def partition(groups: Mapping[str, Any], *, depth: int = 2) -> Partition:
    """Assigns rows to groups.

    Args:
        groups: One column of equal length for each attribute: an array, or a pandas series.
            Missing values and empty text are `(unknown)`.
        depth: Largest number of attributes to intersect.

    Raises:
        InputError: If there is no attribute or no row, lengths differ, or an attribute has too
            many groups, as `refuse_many_levels` says.
    """
    if not groups:
        raise InputError("No group attribute is given.", remedy="give at least one column")
    depth = DEPTH.read(depth, name="depth")
    lengths = {name: len(column) for name, column in groups.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(
            "The group columns differ in length.", remedy="give the same rows, in the same order"
        )
    if not next(iter(lengths.values())):
        raise InputError("The group columns have no rows.", remedy="give at least one row")
    encoded = [_encode(name, column) for name, column in groups.items()]
    cell_of_row, codes = _cells([c for c, _ in encoded], [len(levels) for _, levels in encoded])
    return _partition(tuple(groups), [levels for _, levels in encoded], cell_of_row, codes, depth)


def _partition(
    names: tuple[str, ...],
    levels: list[list[str]],
    cell_of_row: npt.NDArray[Any],
    codes: npt.NDArray[np.int64],
    depth: int,
) -> Partition:
    cells = len(codes)
    found: list[Group] = []
    members, empty = [], 0
    for size in range(1, min(depth, len(names)) + 1):
        for chosen in itertools.combinations(range(len(names)), size):
            shape = tuple(len(levels[a]) for a in chosen)
            code = np.ravel_multi_index(tuple(codes[:, a] for a in chosen), shape)
            occurring, group_of_cell = np.unique(code, return_inverse=True)
            empty += math.prod(shape) - len(occurring)
            places = np.stack(np.unravel_index(occurring, shape), axis=1)
            found += [
                tuple((names[a], levels[a][i]) for a, i in zip(chosen, place, strict=True))
                for place in places
            ]
            members.append(
                sparse.csr_array(
                    (np.ones(cells), (group_of_cell, np.arange(cells))),
                    shape=(len(occurring), cells),
                )
            )
    matrix = sparse.csr_array(sparse.vstack(members))
    in_cell = np.zeros(cells)
    for start in range(0, len(cell_of_row), _CHUNK):
        in_cell += np.bincount(cell_of_row[start : start + _CHUNK], minlength=cells)
    return Partition(
        names=names,
        cell_of_row=cell_of_row,
        cells=cells,
        groups=tuple(found),
        rows=np.asarray(matrix @ in_cell).astype(np.int64),
        members=matrix,
        empty=empty,
    )


def _cells(
    columns: list[npt.NDArray[np.int16]], sizes: list[int]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The cell of each row, and each cell's code for every attribute."""
    if math.prod(sizes) > np.iinfo(np.int64).max:
        raise InputError(
            "The attributes have too many intersections to number.", remedy="give fewer attributes"
        )
    dense = math.prod(sizes) <= _MAX_DENSE
    n = len(columns[0])
    combined = np.empty(n, dtype=np.int32 if dense else np.int64)
    seen = np.zeros(math.prod(sizes) if dense else 0, dtype=bool)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        code = columns[0][part].astype(combined.dtype)
        for column, size in zip(columns[1:], sizes[1:], strict=True):
            code = code * size + column[part]
        combined[part] = code
        if dense:
            seen[code] = True
    if dense:
        occurring = np.flatnonzero(seen)
        compact = np.zeros(len(seen), dtype=np.min_scalar_type(len(occurring)))
        compact[occurring] = np.arange(len(occurring))
        cell_of_row: npt.NDArray[Any] = compact[combined]
    else:
        occurring, cell_of_row = np.unique(combined, return_inverse=True)
    return cell_of_row, np.stack(np.unravel_index(occurring, sizes), axis=1).astype(np.int64)


def _encode(name: str, column: Any) -> tuple[npt.NDArray[np.int16], list[str]]:
    """Each row's level as a number, and the levels as text in their order."""
    codes = np.empty(len(column), dtype=np.int16)
    position: dict[str, int] = {}
    for start in range(0, len(column), _CHUNK):
        part = column[start : start + _CHUNK]
        if isinstance(part, np.ndarray) and part.dtype.kind in "US":
            part = part.astype(object)
        code, values = pd.factorize(part)
        texts = [_text(value) for value in values] + [UNKNOWN]  # code -1 is a missing value
        for text in texts[: len(values)] + ([UNKNOWN] if (code < 0).any() else []):
            position.setdefault(text, len(position))
        if len(position) > MAX_LEVELS + 1:  # the unknown is none of them
            break
        codes[start : start + _CHUNK] = np.array([position.get(t, -1) for t in texts])[code]
    refuse_many_levels(name, position, rows=len(column))
    levels = sorted(position, key=lambda text: (text == UNKNOWN, text))
    renumber = np.empty(len(levels), dtype=np.int16)
    for new, text in enumerate(levels):
        renumber[position[text]] = new
    return renumber[codes], levels


def refuse_many_levels(name: str, levels: Collection[str], *, rows: int) -> None:
    """Refuses a column of numbers, dates or identifiers, which are not groups.

    A column may have at most `MAX_LEVELS` distinct values; if these are numbers, dates or times,
    also as text, at most `MAX_NUMBERS`; and above that, at least two rows per value on average.
    `(unknown)` does not count. Digits with a leading zero, such as 007, are a code, not a number.

    Args:
        name: The column.
        levels: Its distinct values as text.
        rows: Its number of rows.

    Raises:
        InputError: With the column and counts, no value.
    """
    known = [text for text in levels if text != UNKNOWN]
    if len(known) <= MAX_NUMBERS:
        return
    numbers = sum(_NUMBER.fullmatch(text) is not None for text in known)
    count = f"{len(known):,}" if len(known) <= MAX_LEVELS else f"more than {MAX_LEVELS:,}"
    if numbers > MAX_NUMBERS:
        raise InputError(
            f"The group column {name!r} has {count} different values, which are numbers or dates; "
            f"at most {MAX_NUMBERS} are compared.",
            remedy=f"cut them into classes first, as pandas.cut(table[{name!r}], bins) does; of "
            "numbers that stand for groups write the groups' names",
        )
    if len(known) > MAX_LEVELS or rows < 2 * len(known):
        raise InputError(
            f"The group column {name!r} has {count} different values in {rows:,} rows; at most "
            f"{MAX_LEVELS} are compared, of two rows or more on average.",
            remedy="put them into fewer classes first, as table[...].map(class_of); leave out a "
            "column of identifiers",
        )


def _text(value: Any) -> str:
    return str(value).strip() or UNKNOWN
