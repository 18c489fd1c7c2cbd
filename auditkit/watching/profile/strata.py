"""Whose rows are counted together, and what was counted of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from auditkit.watching.profile.layout import Layout

Counts = npt.NDArray[np.int64]


class Stratum(NamedTuple):
    """Whose rows are counted together: of a version, and of a group or everyone."""

    version: str
    attribute: str = ""
    group: str = ""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Tallied:
    """What was counted of a stratum.

    Attributes:
        rows: The number of rows.
        cells: The count of each cell of each column, shape `(layout.size,)`.
        sums: Of each column of numbers the sum and the sum of squares, in units of 2**-1074.
    """

    rows: int
    cells: Counts
    sums: tuple[int, ...]

    @classmethod
    def nothing(cls, layout: Layout) -> Tallied:
        """The counts of no rows."""
        cells = np.zeros(layout.size, dtype=np.int64)
        return cls(rows=0, cells=cells, sums=(0,) * (2 * len(layout.summed)))

    def __add__(self, other: Tallied) -> Tallied:
        return Tallied(
            rows=self.rows + other.rows,
            cells=self.cells + other.cells,
            sums=tuple(map(int.__add__, self.sums, other.sums)),
        )
