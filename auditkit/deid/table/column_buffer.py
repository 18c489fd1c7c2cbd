"""Some columns of a table that comes in batches, kept whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from auditkit.deid.table.column import Column

if TYPE_CHECKING:
    import numpy.typing as npt


class ColumnBuffer:
    """Columns put together from batches; four bytes a row and column, and each value once.

    Args:
        names: Which columns to keep.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._values: dict[str, dict[str, int]] = {}
        self._codes: dict[str, list[npt.NDArray[np.int32]]] = {}
        self._numeric: dict[str, bool] = {}

    def add(self, batch: Mapping[str, Column]) -> None:
        """Adds the rows of a batch; columns that it lacks are left out."""
        for name in self._names:
            if name not in batch:
                continue
            column = batch[name]
            values = self._values.setdefault(name, {})
            place = np.array([values.setdefault(v, len(values)) for v in column.values] + [-1])
            self._codes.setdefault(name, []).append(place[column.codes].astype(np.int32))
            self._numeric[name] = self._numeric.get(name, True) and column.numeric

    def columns(self) -> dict[str, Column]:
        """What was gathered, by name."""
        return {
            name: Column(
                name=name,
                values=tuple(self._values[name]),
                codes=np.concatenate(parts).astype(np.int64),
                numeric=self._numeric[name],
                temporal=False,
            )
            for name, parts in self._codes.items()
        }
