"""Freezes the layout of a baseline: which edges and levels its columns are counted over.

Edges are quantiles, about `EDGES` of them and more in the tails, rounded to three significant
digits; of a column with few distinct values they are these values. Where three digits would leave
too few cells, as with numbers near 1,000,000 that differ by 10, edges have as many more digits as
that takes. Then edges are left out until every cell holds at least `small_cell` rows of the
baseline, or none. The outermost edges stand for minimum and maximum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from auditkit.errors import InputError
from auditkit.watching.profile.counting import Array, as_numbers, as_texts
from auditkit.watching.profile.layout import TOO_LARGE, Column, Role, salted

EDGES: Final = 240
MOST_VALUES: Final = 256
MOST_LEVELS: Final = 200
# Digests of rare levels that are remembered, so that they are not taken for new ones.
MOST_RARE: Final = 10_000
_DIGITS: Final = 3
# With at least this many cells, three digits are enough.
_ENOUGH: Final = 20


def fit_column(
    values: Any,
    *,
    name: str,
    role: Role = "feature",
    small_cell: int,
    personal: bool = False,
    salt: bytes | None = None,
) -> Column:
    """The frozen cells of one column.

    Args:
        values: The baseline's, as one column.
        name: The column's name.
        role: What it is to the model.
        small_cell: The fewest rows of an edge or a level.
        personal: Whether its levels are written as salted digests.
        salt: The salt; without it no rare level is remembered.

    Raises:
        InputError: If the column holds times, or is personal and there is no salt.
    """
    series = values if isinstance(values, pd.Series) else pd.Series(values)
    if not personal and kind_of(series) == "number":
        numbers = as_numbers(series, what=f"The column {name!r}")
        finite = numbers[np.abs(numbers) < TOO_LARGE]
        edges = fit_edges(finite, small_cell=small_cell)
        atoms = len(edges) > 0 and bool(np.isin(finite, edges).all())
        return Column(name=name, role=role, kind="number", edges=edges, atoms=atoms)
    if personal and salt is None:
        raise InputError(
            f"The column {name!r} is personal, and there is no salt.",
            remedy="give salt=secrets.token_bytes(16), and keep it where keys are kept",
        )
    codes, texts = as_texts(series)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    common = sorted(
        (i for i in range(len(texts)) if counts[i] >= max(1, small_cell)),
        key=lambda i: (-counts[i], texts[i]),
    )[:MOST_LEVELS]
    left = sorted(set(range(len(texts))) - set(common))

    def written(i: int) -> str:
        return texts[i] if not personal or salt is None else salted(salt, name, texts[i])

    is_known = salt is not None and len(left) <= MOST_RARE
    rare = [salted(salt, name, texts[i]) for i in left] if salt is not None and is_known else []
    return Column(
        name=name,
        role=role,
        kind="level",
        levels=tuple(sorted(map(written, common))),
        rare=tuple(sorted(rare)),
        personal=personal,
        closed=is_known or not left,
    )


def kind_of(series: Any) -> Literal["number", "level"]:
    """Whether a column holds numbers, or levels: texts, booleans, categories.

    Times count as numbers here, and are refused when they are read.
    """
    if isinstance(series.dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(series.dtype):
        return "level"
    if pd.api.types.is_numeric_dtype(series.dtype) or series.dtype.kind in "mM":
        return "number"
    if series.dtype == object:
        held = series.dropna()
        if len(held) and bool(held.map(_is_number).all()):
            return "number"
    return "level"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def fit_edges(values: Array, *, small_cell: int) -> tuple[float, ...]:
    """The edges of a column of numbers: see this module.

    Args:
        values: Finite, shape `(n,)`, in any order.
        small_cell: The fewest rows of a cell that holds any.
    """
    if not len(values):
        return ()
    ordered = np.sort(values) + 0.0  # one zero
    distinct = np.unique(ordered)
    few = len(distinct) <= MOST_VALUES
    wanted = distinct if few else _quantiles(ordered, max(1, small_cell))
    found: tuple[float, ...] = ()
    for digits in range(_DIGITS, 18):
        rounded = np.unique([float(f"{edge:.{digits - 1}e}") for edge in wanted.tolist()]) + 0.0
        found = _filled(rounded, ordered, max(1, small_cell))
        if len(found) >= min(_ENOUGH, len(wanted)) or len(rounded) == len(wanted):
            break
    return found


def with_edge(column: Column, edge: float) -> Column:
    """The same cells, with the edge that is nearest to a number moved there."""
    if not column.edges or not column.edges[0] < edge < column.edges[-1]:
        return column
    edges = np.array(column.edges)
    edges[np.abs(edges - edge).argmin()] = edge
    atoms = column.atoms and edge in column.edges
    return replace(column, edges=tuple(np.unique(edges).tolist()), atoms=atoms)


def _quantiles(ordered: Array, small_cell: int) -> Array:
    """Values at even shares, and in both tails at shares that halve down to `small_cell` rows."""
    n = len(ordered)
    places = {round(n * i / EDGES) for i in range(1, EDGES)}
    tail = n // (2 * EDGES)
    while tail >= small_cell:
        places |= {tail, n - tail}
        tail //= 2
    places |= {small_cell, n - small_cell}
    return np.array([ordered[p] for p in sorted(places) if 0 <= p < n])


def _filled(edges: Array, ordered: Array, small_cell: int) -> tuple[float, ...]:
    """Those of the edges between which there are no rows, or at least `small_cell`."""
    below = np.searchsorted(ordered, edges, side="left").tolist()
    kept: list[float] = []
    before = 0
    for edge, rows, to_next in zip(edges.tolist(), below, [*below[1:], len(ordered)], strict=True):
        held, above = rows - before, to_next - rows
        if held >= small_cell or (not kept and held == 0 and above >= small_cell):
            kept.append(edge)
            before = rows
    while kept and len(ordered) - before < small_cell:
        kept.pop()
        before = int(np.searchsorted(ordered, kept[-1], side="left")) if kept else 0
    return tuple(kept)
