"""pandas DataFrames as columns of text: with their index, titles of any kind, and every dtype."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from auditkit.deid.table.arrow_types import without_metadata
from auditkit.deid.table.column import Column, column_of, column_of_cells

# A row's number in a table has fewer digits than anybody's.
_MIN_LABEL: Final = 10**6
# More keys than these are no fields of a record, but values.
_MAX_FIELDS: Final = 100
_MAX_DEPTH: Final = 20


def flat_pandas(table: pd.DataFrame) -> pd.DataFrame:
    """A plain DataFrame with a column for each field of a record, `a.b`."""
    plain = table if type(table) is pd.DataFrame else pd.DataFrame(table)
    for _ in range(_MAX_DEPTH if plain.columns.nlevels == 1 else 0):
        flatter = _flatter(plain)
        if flatter is plain:
            break
        plain = flatter
    return plain


def _flatter(plain: pd.DataFrame) -> pd.DataFrame:
    records = {i: _fields(plain.iloc[:, i]) for i in range(plain.shape[1])}
    if not any(records.values()):
        return plain
    parts = []
    for position, fields in records.items():
        title = plain.columns[position]
        if fields:
            parts += [series.rename(f"{title}.{name}") for name, series in fields.items()]
        else:
            parts.append(plain.iloc[:, position].rename(title))
    made: pd.DataFrame = pd.concat(parts, axis=1)
    made.columns.names = plain.columns.names
    return made


def parts_of_pandas(table: pd.DataFrame) -> Iterator[Column]:
    """The levels of the index that say something, then the columns."""
    for position, name in _index_parts(table):
        level = pd.Series(table.index.get_level_values(position)).reset_index(drop=True)
        yield replace(_column(name, level), labels=True)
    for position, title in enumerate(_titles(table)):
        yield _column(title, table.iloc[:, position])


def titles_of_pandas(table: pd.DataFrame) -> list[str]:
    """Titles of the columns, at each level; names of the index, and of the titles themselves."""
    levels = [
        _title(title)
        for level in range(table.columns.nlevels if table.columns.nlevels > 1 else 0)
        for title in table.columns.get_level_values(level).unique()
    ]
    names = [_title(n) for n in (*table.index.names, *table.columns.names) if n is not None]
    return [*_titles(table), *levels, *names]


def with_columns_of_pandas(
    table: pd.DataFrame, changed: Mapping[str, Sequence[str | None]], dropped: frozenset[str]
) -> pd.DataFrame:
    """See `frames.with_columns`."""
    titles = _titles(table)
    kept = [position for position, title in enumerate(titles) if title not in dropped]
    made = table.iloc[:, kept].copy(deep=False)
    made.index = _index(table, changed, dropped)
    made.columns = _only_used(made.columns)
    made.attrs = {}
    for position, old in enumerate(kept):
        if titles[old] in changed:
            made.isetitem(position, pd.Series(list(changed[titles[old]]), dtype="str").array)
        elif isinstance(made.dtypes.iloc[position], pd.CategoricalDtype):
            made.isetitem(position, made.iloc[:, position].cat.remove_unused_categories().array)
        elif isinstance(made.dtypes.iloc[position], pd.ArrowDtype):
            bare = without_metadata(pa.chunked_array(pa.array(made.iloc[:, position])))
            made.isetitem(position, pd.arrays.ArrowExtensionArray(bare))
    return made


def _index(
    table: pd.DataFrame, changed: Mapping[str, Sequence[str | None]], dropped: frozenset[str]
) -> pd.Index:
    parts = _index_parts(table)
    if not any(name in changed or name in dropped for _, name in parts):
        return _only_used(table.index)
    levels = [
        pd.Index(list(changed[name]), dtype="str", name=table.index.names[position])
        if name in changed
        else _only_used(table.index.get_level_values(position))
        for position, name in parts
        if name not in dropped
    ]
    if not levels:
        return pd.RangeIndex(len(table))
    return levels[0] if len(levels) == 1 else pd.MultiIndex.from_arrays(levels)


def _only_used(index: pd.Index) -> pd.Index:
    """An index without the values that a larger table left in its levels and categories."""
    if isinstance(index, pd.MultiIndex):
        levels = [_only_used(index.get_level_values(i)) for i in range(index.nlevels)]
        return pd.MultiIndex.from_arrays(levels, names=index.names)
    if isinstance(index, pd.CategoricalIndex):
        return index.remove_unused_categories()
    return index


def _index_parts(table: pd.DataFrame) -> list[tuple[int, str]]:
    """Positions and names of the index's levels; none for the mere numbers of rows."""
    index = table.index
    unnamed = index.nlevels == 1 and index.name is None
    if unnamed and pd.api.types.is_integer_dtype(index.dtype) and not _long(index):
        return []
    taken = set(_titles(table))
    parts = []
    for position, given in enumerate(index.names):
        usual = "index" if index.nlevels == 1 else f"index level {position + 1}"
        name = usual if given is None else _title(given)
        while name in taken:
            name = f"index {name}"
        taken.add(name)
        parts.append((position, name))
    return parts


def _long(index: pd.Index) -> bool:
    """Whether an index of numbers holds any that are no row numbers."""
    return len(index) > 0 and bool(index.min() <= -_MIN_LABEL or index.max() >= _MIN_LABEL)


def _titles(table: pd.DataFrame) -> list[str]:
    return [_title(title) for title in table.columns]


def _title(title: Hashable) -> str:
    """A title as a plan writes it; of several levels, one after the other."""
    if isinstance(title, tuple):
        return " / ".join(_title(part) for part in title if part != "")
    return title if isinstance(title, str) else _whole(str(title))


def _whole(text: str) -> str:
    return text.removesuffix(" 00:00:00")


def _column(name: str, series: pd.Series) -> Column:
    dtype: Any = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _of_categories(name, series)
    if isinstance(dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_localize(None)  # the day where it was, not in Greenwich
    if isinstance(dtype, pd.SparseDtype):
        series = pd.Series(np.asarray(series))
    if isinstance(dtype, pd.PeriodDtype):
        return column_of_cells(name, _cells(series), temporal=True)
    if isinstance(dtype, pd.IntervalDtype):
        dates = str(dtype.subtype).startswith("datetime64")
        return column_of_cells(name, _cells(series), temporal=dates)
    if _is_mixed(series):
        return column_of_cells(name, _cells(series))
    try:
        data = pa.Array.from_pandas(series)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        # Mixed types in one column: each cell's own text.
        return column_of_cells(name, _cells(series))
    return column_of(name, data)


def _is_mixed(series: pd.Series) -> bool:
    """Whether cells may be lists or records, which Arrow follows without end."""
    if series.dtype != object:
        return False
    return pd.api.types.infer_dtype(series, skipna=True).startswith("mixed")


def _cells(series: pd.Series) -> list[Any]:
    """Python values, None where there is none."""
    missing = [_is_missing(value) for value in series]
    return [None if gone else value for value, gone in zip(series, missing, strict=True)]


def _is_missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _of_categories(name: str, series: pd.Series) -> Column:
    """The categories that rows have, read as what they are."""
    series = series.cat.remove_unused_categories()
    read = _column(name, pd.Series(series.cat.categories))
    places = np.append(read.codes, -1)
    return replace(read, codes=places[series.cat.codes.to_numpy()])


def _fields(series: pd.Series) -> dict[str, pd.Series]:
    """The fields of a column of records, each a column; none if it holds something else."""
    if isinstance(series.dtype, pd.ArrowDtype) and pa.types.is_struct(series.dtype.pyarrow_dtype):
        inside: pd.DataFrame = series.struct.explode()
        return {str(n): inside.iloc[:, i] for i, n in enumerate(inside.columns)}
    if not _is_mixed(series):
        return {}
    cells = _cells(series)
    records = [cell for cell in cells if cell is not None]
    if not records or not all(isinstance(cell, dict) for cell in records):
        return {}
    keys = list(dict.fromkeys(key for cell in records for key in cell))
    if not keys or len(keys) > _MAX_FIELDS or not all(isinstance(key, str) for key in keys):
        return {}
    return {
        key: pd.Series(
            [None if cell is None else cell.get(key) for cell in cells], index=series.index
        )
        for key in keys
    }
