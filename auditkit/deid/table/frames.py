"""Tables of any kind as columns of text, and back in the kind they came in.

All that leaves with a table is read as a column: the columns themselves, the fields of records
(`a.b`), and the index of a pandas DataFrame, each level by its name. Only treated columns are ever
rebuilt; the others are handed through as they are, type and all. What is no cell and no title stays
behind: attributes, metadata of schemas and fields, categories that no row has.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from auditkit.deid.table.column import Column, column_of, column_of_cells
from auditkit.deid.table.pandas_frames import (
    flat_pandas,
    parts_of_pandas,
    titles_of_pandas,
    with_columns_of_pandas,
)
from auditkit.errors import InputError

if TYPE_CHECKING:
    pass


def flat(table: Any) -> Any:
    """The table with a column for each field of a record, named `a.b`, in the order of the fields.

    Args:
        table: A pandas or polars DataFrame, a pyarrow Table or RecordBatch, or a DuckDB relation,
            which becomes a pyarrow Table.

    Raises:
        InputError: If it is none of these.
    """
    import pyarrow as pa

    library = _library(table)
    if library == "pandas":
        return flat_pandas(table)
    if library == "polars":
        return _flat_polars(table)
    if library == "duckdb":
        table = table.to_arrow_table()
    elif isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    if not isinstance(table, pa.Table):
        raise InputError(
            f"A {type(table).__name__} is not a table that can be de-identified.",
            remedy="pass a pandas or polars DataFrame, a pyarrow Table or a DuckDB relation",
        )
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    return table


def read_columns(table: Any) -> dict[str, Column]:
    """Every column of a table, as text.

    Args:
        table: As for `flat`.

    Raises:
        InputError: If it is none of these, names two columns alike, or a cell has no text.
    """
    table = flat(table)
    library = _library(table)
    if library == "pandas":
        found = list(parts_of_pandas(table))
    elif library == "polars":
        found = [_of_polars(series) for series in table.get_columns()]
    else:
        found = [column_of(n, c) for n, c in zip(table.column_names, table.columns, strict=True)]
    columns = {column.name: column for column in found}
    if len(columns) != len(found):
        raise InputError("Two columns of the table have the same name.", remedy="rename one")
    return columns


def titles_of(table: Any) -> list[str]:
    """Every text that names a part of a table, columns first: they leave with it."""
    if _library(table) == "pandas":
        return titles_of_pandas(table)
    return list(table.columns if _library(table) == "polars" else table.column_names)


def with_columns(
    table: Any, changed: Mapping[str, Sequence[str | None]], dropped: Sequence[str]
) -> Any:
    """The table with some columns replaced by text and some dropped; the input is not changed.

    Args:
        table: As `flat` gives it.
        changed: New cells of a column, one per row, in place of the old.
        dropped: Names of columns to leave out.
    """
    library = _library(table)
    if library == "pandas":
        return with_columns_of_pandas(table, changed, frozenset(dropped))
    if library == "polars":
        return _with_columns_of_polars(table, changed, frozenset(dropped))
    import pyarrow as pa

    from auditkit.deid.table.arrow_types import without_metadata

    fields, arrays = [], []
    for name, data in zip(table.column_names, table.columns, strict=True):
        if name in dropped:
            continue
        new = pa.array(list(changed[name]), pa.string()) if name in changed else data
        bare = without_metadata(pa.chunked_array([new]) if name in changed else new)
        fields.append(pa.field(name, bare.type))
        arrays.append(bare)
    if not fields:
        return table.select([]).replace_schema_metadata(None)
    return pa.table(arrays, schema=pa.schema(fields))


def _library(table: Any) -> str:
    """Whose table it is: pandas, polars, duckdb, or "" for none of these."""
    for name, kind in (("pandas", "DataFrame"), ("polars", "DataFrame")):
        module = sys.modules.get(name)
        if module is not None and isinstance(table, getattr(module, kind)):
            return name
    return "duckdb" if hasattr(table, "to_arrow_table") and hasattr(table, "project") else ""


def _of_polars(series: Any) -> Column:
    import polars as pl

    if series.dtype == pl.Object:
        return column_of_cells(series.name, series.to_list())
    return column_of(series.name, series.to_arrow())


def _flat_polars(table: Any) -> Any:
    import polars as pl

    while any(isinstance(kind, pl.Struct) for kind in table.dtypes):
        parts = []
        for series in table.get_columns():
            if isinstance(series.dtype, pl.Struct):
                inside = series.struct.unnest().get_columns()
                parts += [field.rename(f"{series.name}.{field.name}") for field in inside]
            else:
                parts.append(series)
        if len({part.name for part in parts}) != len(parts):
            raise InputError("Two columns of the table have the same name.", remedy="rename one")
        table = pl.DataFrame(parts)
    return table


def _with_columns_of_polars(
    table: Any, changed: Mapping[str, Sequence[str | None]], dropped: frozenset[str]
) -> Any:
    import polars as pl

    parts = []
    for series in table.get_columns():
        if series.name in dropped:
            continue
        if series.name in changed:
            parts.append(pl.Series(series.name, list(changed[series.name]), dtype=pl.String))
        elif isinstance(series.dtype, pl.Enum):
            used = frozenset(series.unique().drop_nulls().to_list())
            names = [name for name in series.dtype.categories.to_list() if name in used]
            parts.append(series.cast(pl.String).cast(pl.Enum(names)))
        else:
            parts.append(series)
    return pl.DataFrame(parts)
