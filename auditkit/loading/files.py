"""Reads tables from files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import pandas as pd

# Words that others write for a missing value. Here they are words, unless the caller says so.
OFTEN_MISSING: Final = frozenset(
    {"NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-nan", "NULL", "null"}
    | {"None", "none", "NONE", "missing", "?", "-", "."}
)
_TRUTH: Final = ("True", "TRUE", "true", "False", "FALSE", "false")
_WHOLE: Final = r"^[+-]?[0-9]+$"
_NUMBER: Final = (
    r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?([iI]nf|INF|[iI]nfinity|INFINITY)$"
)


def load_table(
    path: Path, *, text: Collection[str] = (), missing: Collection[str] = ()
) -> pd.DataFrame:
    """Reads CSV, JSON Lines or Parquet.

    A column of CSV or JSON Lines all of whose cells read as numbers holds numbers, and one of
    `true` and `false` booleans; any other holds text, each cell as it is written. An empty cell is
    missing, and no word is unless it is named: NA may be a country, and None an answer. Decimals
    of Parquet become doubles.

    Args:
        path: The file.
        text: Columns that are text whatever they look like: 007 is a code.
        missing: Words that mean a missing value, such as NA.

    Raises:
        InputError: If the file is missing, of another kind, or cannot be read, or names two
            columns alike.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from auditkit.tables.reading import read_table

    table = read_table(path)
    parsed = path.suffix.lower() != ".parquet"
    for position, name in enumerate(table.column_names):
        column = _without_missing(table.column(position), missing)
        if pa.types.is_decimal(column.type):  # which no model takes as it is
            column = pc.cast(column, pa.float64())
        if parsed and name not in text:
            column = _typed(column)
        table = table.set_column(position, name, column)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _without_missing(column: Any, missing: Collection[str]) -> Any:
    """A column whose empty texts, and the words for missing, are null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    words = pa.array(["", *missing], column.type)
    return pc.if_else(pc.is_in(column, value_set=words), pa.scalar(None, column.type), column)


def _typed(column: Any) -> Any:
    """A column of texts as what all of its texts are: whole numbers, numbers, booleans, or text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count == len(column):
        return pc.cast(column, pa.float64())
    trimmed = pc.utf8_trim_whitespace(column)
    if _all(pc.match_substring_regex(trimmed, _NUMBER)):
        plain = pc.replace_substring_regex(trimmed, r"^\+", "")
        if not column.null_count and _all(pc.match_substring_regex(trimmed, _WHOLE)):
            try:
                return pc.cast(plain, pa.int64())
            except pa.ArrowInvalid:  # beyond 64 bits, where a number would lose digits: a code
                return column
        return pc.cast(plain, pa.float64())
    if _all(pc.is_in(trimmed, value_set=pa.array(_TRUTH))):
        return pc.equal(pc.utf8_lower(trimmed), "true")
    return column


def _all(true: Any) -> bool:
    """Whether all that are not null are true."""
    import pyarrow.compute as pc

    return bool(pc.all(true).as_py())
