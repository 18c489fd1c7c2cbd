"""Refuses tables and columns whose pandas indexes say that their rows differ.

The rule, for every function that takes rows:
    - Rows are paired by position. Nothing is reordered.
    - pandas objects have an index, and so do Arrow tables made from them. If two inputs have one,
      the two must be equal; otherwise they are refused, whether the labels are the same in
      another order, partly the same, or different.
    - The index 0, 1, ..., n-1 is pandas' default, so it says nothing beside an index with any
      other label. Beside an index of the same labels in another order it does, and is refused.
    - Arrays, lists and polars tables have no index.

Why refuse: docs/adr/0009. The remedy is one line in the caller's code.

Example:
    >>> y = pd.Series([1, 0, 1], index=[2, 0, 1])
    >>> refuse_other_rows({"labels": y, "predictions": y.to_numpy()})
    >>> refuse_other_rows({"labels": y, "predictions": y.sort_index()})
    Traceback (most recent call last):
    auditkit.errors.InputError: labels and predictions carry the same index in another order.
    To fix: give predictions in the order of labels, as predictions.loc[labels.index]; if its rows \
are in that order already, give it without an index, as predictions.to_numpy()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import pandas as pd

from auditkit.errors import InputError


def refuse_other_rows(inputs: Mapping[str, Any]) -> None:
    """Refuses inputs to be paired row by row whose indexes say that the rows differ.

    Args:
        inputs: Tables, columns and mappings of columns by what errors call them; None is skipped.
            Lengths are checked elsewhere.

    Raises:
        InputError: With the first two that differ.
    """
    carried = [(name, index) for name, value in inputs.items() for index in _indexes(value)]
    if all(index is carried[0][1] or index.equals(carried[0][1]) for _, index in carried):
        return
    for (first, one), (second, other) in combinations(carried, 2):
        if len(one) != len(other) or one.equals(other):
            continue
        counted, labels = (one, other) if _counted(one) else (other, one)
        within = _same_labels(labels, counted)
        if _counted(counted) and not within:
            continue
        how = "the same index in another order" if within else "different indexes"
        raise InputError(
            f"{first} and {second} carry {how}.",
            remedy=f"give {second} in the order of {first}, as {second}.loc[{first}.index]; if its "
            f"rows are in that order already, give it without an index, as {second}.to_numpy()",
        )


def _indexes(value: Any) -> Iterator[pd.Index[Any]]:
    """The indexes of an input; of a mapping, those of its columns."""
    if type(value).__module__.startswith("narwhals"):
        value = value.to_native()
    if isinstance(value, pd.Series | pd.DataFrame):
        yield value.index
    elif isinstance(value, Mapping):
        for column in value.values():
            if isinstance(column, pd.Series | pd.DataFrame):
                yield column.index
    elif type(value).__module__.startswith("pyarrow") and hasattr(value, "schema"):
        stored = (value.schema.pandas_metadata or {}).get("index_columns", [])
        names = [name for name in stored if isinstance(name, str) and name in value.column_names]
        if names:
            yield value.select(names).to_pandas().index


def _counted(index: pd.Index[Any]) -> bool:
    """Whether an index is 0, 1, ..., n-1."""
    return index.equals(pd.RangeIndex(len(index)))


def _same_labels(labels: pd.Index[Any], others: pd.Index[Any]) -> bool:
    """Whether every label of one index is a label of another."""
    return labels.nlevels == others.nlevels and bool(labels.isin(others).all())
