"""Tables of any kind as columns of text, and back in the kind they came in.

Only treated columns are ever rebuilt; the others are handed through as they are, type and all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column as text: its distinct values, and which of them each row has.

    Attributes:
        name: The column's name.
        values: Distinct values as text, in order of first appearance; dates by ISO 8601, whole
            numbers without a decimal point.
        codes: For each row the position in `values`, or -1 where the row has none, shape `(rows,)`.
        numeric: Whether the column holds numbers.
        temporal: Whether it holds dates or times.
    """

    name: str
    values: tuple[str, ...]
    codes: npt.NDArray[np.int64]
    numeric: bool
    temporal: bool

    @property
    def present(self) -> int:
        """Number of rows that have a value."""
        return int((self.codes >= 0).sum())

    def cells(self) -> list[str | None]:
        """The value of each row."""
        padded = [*self.values, None]
        return [padded[code] for code in self.codes.tolist()]


def read_columns(table: Any) -> dict[str, Column]:
    """Every column of a table, as text.

    Args:
        table: A pandas or polars DataFrame, or a pyarrow Table.

    Raises:
        InputError: If it is none of these, or names two columns alike.
    """
    arrow = _arrow(table)
    names = [str(name) for name in arrow.column_names]
    if len(set(names)) != len(names):
        raise InputError("Two columns of the table have the same name.", remedy="rename one")
    return {name: _column(name, arrow.column(i)) for i, name in enumerate(names)}


def with_columns(
    table: Any, changed: Mapping[str, Sequence[str | None]], dropped: Sequence[str]
) -> Any:
    """The table with some columns replaced by text and some dropped; the input is not changed.

    Args:
        table: As for `read_columns`.
        changed: New cells of a column, one per row, in place of the old.
        dropped: Names of columns to leave out.
    """
    module = type(table).__module__.partition(".")[0]
    if module == "pandas":
        import pandas as pd

        copy = table.drop(columns=list(dropped))
        return copy.assign(
            **{
                name: pd.Series(list(v), index=copy.index, dtype="str")
                for name, v in changed.items()
            }
        )
    if module == "polars":
        import polars as pl

        return table.drop(list(dropped)).with_columns(
            [pl.Series(name, list(cells), dtype=pl.String) for name, cells in changed.items()]
        )
    import pyarrow as pa

    result = table.drop_columns(list(dropped)) if dropped else table
    for name, cells in changed.items():
        position = result.column_names.index(name)
        result = result.set_column(position, name, pa.array(list(cells), pa.string()))
    return result


def _arrow(table: Any) -> Any:
    module = type(table).__module__.partition(".")[0]
    import pyarrow as pa

    if module == "pandas":
        return _arrow_of_pandas(table, pa)
    if module == "polars" and hasattr(table, "to_arrow"):
        return table.to_arrow()
    if isinstance(table, pa.Table):
        return table
    raise InputError(
        f"A {type(table).__name__} is not a table that can be de-identified.",
        remedy="pass a pandas or polars DataFrame or a pyarrow Table",
    )


def _arrow_of_pandas(table: Any, pa: Any) -> Any:
    arrays = []
    for position in range(table.shape[1]):
        series = table.iloc[:, position]
        try:
            arrays.append(pa.chunked_array([pa.Array.from_pandas(series)]))
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError):
            # Mixed types in one column: each cell's own text.
            cells = [
                None if missing else str(v)
                for v, missing in zip(series, series.isna(), strict=True)
            ]
            arrays.append(pa.chunked_array([pa.array(cells, pa.string())]))
    return pa.table(arrays, names=[str(name) for name in table.columns])


def _column(name: str, data: Any) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = data.type
    numeric = bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )
    temporal = bool(pa.types.is_temporal(kind))
    if pa.types.is_dictionary(kind):
        data = data.cast(kind.value_type)
    if pa.types.is_floating(data.type):
        data = pc.if_else(pc.is_finite(data), data, None)
    if isinstance(data, pa.ChunkedArray):
        data = data.combine_chunks()
    if isinstance(data, pa.ChunkedArray):
        data = pa.concat_arrays(data.chunks) if data.num_chunks else pa.array([], data.type)
    encoded = data.dictionary_encode() if _encodable(pa, data.type) else None
    if encoded is None:
        texts = [None if v is None else str(v) for v in data.to_pylist()]
        encoded = pa.array(texts, pa.string()).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Column(
        name=name,
        values=tuple(_text(value) for value in encoded.dictionary.to_pylist()),
        codes=codes,
        numeric=numeric,
        temporal=temporal,
    )


def _encodable(pa: Any, kind: Any) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_null(kind))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if hasattr(value, "isoformat"):
        text: str = (
            value.isoformat(sep=" ")
            if hasattr(value, "hour") and hasattr(value, "year")
            else value.isoformat()
        )
        return text.removesuffix(" 00:00:00")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
