"""Converts tables of any common kind to pandas, and computes their digest.

Why pandas: SHAP, scikit-learn and XGBoost take it with column names, which reports need. narwhals
recognises the callers' tables and converts them through Arrow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from auditkit.canonical import Digest
from auditkit.errors import InputError
from auditkit.subject import Dataset

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def to_pandas(table: Any, *, what: str) -> pd.DataFrame:
    """Any common table as pandas, with text column names and a fresh index.

    Args:
        table: pandas, polars, pyarrow, a DuckDB relation, a mapping of columns, or an array of
            two dimensions, whose columns become x0, x1, ...
        what: The table's name in errors, such as "data".

    Raises:
        InputError: If it is none of these, or names a column twice.
    """
    if isinstance(table, pd.DataFrame):
        frame = table
    elif isinstance(table, pd.Series):
        frame = table.to_frame(name=table.name if table.name is not None else what)
    elif isinstance(table, np.ndarray) and table.ndim == 2:
        frame = pd.DataFrame(table, columns=[f"x{i}" for i in range(table.shape[1])])
    elif isinstance(table, Mapping):
        lengths = {len(values) for values in table.values()}
        if len(lengths) > 1:
            raise InputError(f"The columns of {what} differ in length: {sorted(lengths)}.")
        frame = pd.DataFrame({str(k): np.asarray(v) for k, v in table.items()})
    else:
        frame = _through_narwhals(table, what)
    frame = frame.reset_index(drop=True)
    names = [str(name) for name in frame.columns]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(
            f"{what} has two columns called {twice[0]!r}.", remedy="rename one of them"
        )
    if list(frame.columns) != names:
        frame = frame.set_axis(names, axis="columns")
    return frame


def _through_narwhals(table: Any, what: str) -> pd.DataFrame:
    import narwhals as nw

    try:
        native = nw.from_native(table)
    except TypeError as error:
        raise InputError(
            f"{what} is a {type(table).__name__}, which is not a table.",
            remedy="give a pandas, polars or pyarrow table, or a two-dimensional array",
        ) from error
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    frame: pd.DataFrame = native.to_pandas()
    return frame


def describe(frame: pd.DataFrame, *, name: str, role: str) -> Dataset:
    """A table's size and digest."""
    return Dataset(
        name=name,
        role=role,
        rows=len(frame),
        columns=frame.shape[1],
        digest=table_digest(frame),
    )


def table_digest(frame: pd.DataFrame) -> Digest:
    """The digest of column names, kinds and values, in order.

    Numbers are hashed as doubles and text as UTF-8, so the same table from CSV, Parquet, pandas or
    polars has the same digest if the values are equal. All missing values are hashed the same.
    """
    hasher = hashlib.sha256(b"auditkit/table/v1\0")

    def add(data: bytes) -> None:
        hasher.update(len(data).to_bytes(8, "little"))
        hasher.update(data)

    for name in frame.columns:
        add(str(name).encode())
        column = frame[name]
        kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else "O"
        if kind in "biuf":
            values = column.to_numpy(dtype="<f8")
            values = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, one zero
            add(b"number")
            add(values.tobytes())
        else:
            add(b"text")
            missing = column.isna().to_numpy()
            texts = column.astype(str).to_numpy(dtype=object)
            for text, absent in zip(texts, missing, strict=True):
                add(b"\xff" if absent else text.encode("utf-8", "surrogatepass"))
    return Digest(hasher.hexdigest())


def array_digest(values: npt.NDArray[np.float64]) -> Digest:
    """The digest of an array of numbers, for an audit of scores without a model."""
    data = np.ascontiguousarray(values, dtype="<f8").tobytes()
    return Digest.of(b"auditkit/scores/v1\0" + data)
