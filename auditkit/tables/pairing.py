"""Whether tables and columns are about the same rows, as far as they say which rows those are.

The rule, for every function that takes rows:
    - Rows are paired by their position. Nothing is put into another order.
    - pandas objects carry an index, and so do Arrow tables that were made of them. Where two
      inputs carry one, the two must be equal; else it is refused, whether they hold the same
      labels in another order, some of the same, or others.
    - The index 0, 1, ..., n-1 is what pandas counts where nobody gave one, so it says nothing
      beside labels of which any lies outside it. Beside an index of its own labels in another
      order it does, and is refused.
    - Arrays, lists and polars tables carry no index.

Why refuse: docs/adr/0009. The remedy is one line of the caller's.

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
    """Stops where inputs that are paired row by row say that their rows are others.

    Args:
        inputs: Tables, columns and mappings of columns by what errors call them; None is skipped.
            Those of another length are left to whoever reads them.

    Raises:
        InputError: Naming the first two that differ.
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
    """The indexes that an input carries; of a mapping, those of its columns."""
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
