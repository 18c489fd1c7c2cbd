"""One column of a table as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
