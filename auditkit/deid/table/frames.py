"""Tables of any kind as columns of text, and back in the kind they came in.

All that leaves with a table is read as a column: the columns themselves, the fields of records
(`a.b`), and the index of a pandas DataFrame, each level by its name. Only treated columns are ever
rebuilt; the others are handed through as they are, type and all. What is no cell and no title stays
behind: attributes, metadata of schemas and fields, categories that no row has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.deid.table.cell_texts import UnreadableError, cell_text, is_nested, text_of_bytes
from auditkit.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column as text: its distinct values, and which of them each row has.

    Attributes:
        name: The column's name.
        values: Distinct values as text, in order of first appearance; dates by ISO 8601, whole
            numbers without a decimal point, lists and records as JSON.
        codes: For each row the position in `values`, or -1 where the row has none, shape `(rows,)`.
        numeric: Whether the column holds numbers or durations.
        temporal: Whether it holds dates or periods.
        nested: Whether a cell holds several values.
        opaque: Whether it holds bytes that are no text; the values are then hexadecimal digits.
        labels: Whether it is an index, which tells the rows from each other.
    """

    name: str
    values: tuple[str, ...]
    codes: npt.NDArray[np.int64]
    numeric: bool
    temporal: bool
    nested: bool = False
    opaque: bool = False
    labels: bool = False

    @property
    def present(self) -> int:
        """Number of rows that have a value."""
        return int((self.codes >= 0).sum())

    def cells(self) -> list[str | None]:
        """The value of each row."""
        padded = [*self.values, None]
        return [padded[code] for code in self.codes.tolist()]


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
        from auditkit.deid.table.pandas_frames import flat_pandas

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
        from auditkit.deid.table.pandas_frames import parts_of_pandas

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
        from auditkit.deid.table.pandas_frames import titles_of_pandas

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
        from auditkit.deid.table.pandas_frames import with_columns_of_pandas

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


def column_of(name: str, data: Any) -> Column:
    """A column of an Arrow array, chunked or not.

    Raises:
        InputError: If a cell has no text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = data.type
    if pa.types.is_run_end_encoded(kind):
        data = pc.run_end_decode(data)
        kind = data.type
    if pa.types.is_dictionary(kind):
        data = data.cast(kind.value_type)
        kind = data.type
    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_nested(kind) or pa.types.is_null(kind):
        return column_of_cells(name, data.to_pylist())
    if pa.types.is_floating(kind):
        data = data.cast(pa.float64()) if pa.types.is_float16(kind) else data
        data = pc.if_else(pc.is_finite(data), data, None)
    if isinstance(data, pa.ChunkedArray):
        data = pa.concat_arrays(data.chunks) if data.num_chunks else pa.array([], data.type)
    if _is_binary(kind):
        return _column_of_bytes(name, data.to_pylist())
    try:
        encoded = data.dictionary_encode()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return column_of_cells(name, data.to_pylist())
    return Column(
        name=name,
        values=tuple(cell_text(value) for value in encoded.dictionary.to_pylist()),
        codes=encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64),
        numeric=bool(
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_duration(kind)
        ),
        temporal=bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind)),
    )


def column_of_cells(name: str, cells: Iterable[Any], *, temporal: bool = False) -> Column:
    """A column of Python values, None where there is none.

    Raises:
        InputError: If a value has no text.
    """
    places: dict[str, int] = {}
    codes, nested, numbers = [], False, True
    for cell in cells:
        if cell is None:
            codes.append(-1)
            continue
        nested = nested or is_nested(cell)
        numbers = numbers and isinstance(cell, int | float) and not isinstance(cell, bool)
        try:
            codes.append(places.setdefault(cell_text(cell), len(places)))
        except UnreadableError as error:
            raise InputError(
                f"Column {name!r} holds {error}, which cannot be searched.",
                remedy="write it as text, numbers or dates, or leave the column out",
            ) from None
    return Column(
        name=name,
        values=tuple(places),
        codes=np.array(codes, np.int64),
        numeric=numbers and bool(places),
        temporal=temporal,
        nested=nested,
    )


def _column_of_bytes(name: str, cells: Sequence[bytes | None]) -> Column:
    texts = {cell: text_of_bytes(cell) for cell in cells if cell is not None}
    opaque = None in texts.values()
    read = {cell: cell.hex() if opaque else text for cell, text in texts.items()}
    column = column_of_cells(name, [None if cell is None else read[cell] for cell in cells])
    return replace(column, opaque=opaque)


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


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
