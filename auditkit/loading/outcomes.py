"""What was decided of each row, and what was true: the fields of a case about both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from auditkit.errors import InputError
from auditkit.subject import Classes, Numbers
from auditkit.tables.columns import numbers

if TYPE_CHECKING:
    import numpy.typing as npt

    from auditkit.model.scoring import Score


@dataclass(frozen=True, kw_only=True, eq=False)
class Decided:
    """The fields of a `Case` about decisions and outcomes."""

    labels: npt.NDArray[np.bool_] | None = None
    decisions: npt.NDArray[np.bool_] | None = None
    scores: npt.NDArray[np.float64] | None = None
    score: Score | None = None
    scored_class: Any = None
    is_mirrored: bool = False
    threshold: float = float("nan")
    numbers: Numbers | None = None
    classes: Classes | None = None

    @property
    def what_was_decided(self) -> npt.NDArray[np.float64]:
        """What stands for a model that was not given, shape `(n,)` or `(n, classes)`."""
        if self.numbers is not None:
            return self.numbers.predicted
        if self.classes is not None:
            chances = self.classes.chances
            return self.classes.decided.astype(np.float64) if chances is None else chances
        assert self.decisions is not None
        return self.scores if self.scores is not None else self.decisions.astype(np.float64)


def refuse_missing(column: npt.NDArray[Any]) -> None:
    """Refuses labels some of which are missing.

    Raises:
        InputError: With their number and the first one.
    """
    missing = int(pd.isna(column).sum())
    if missing:
        first = int(np.flatnonzero(pd.isna(column))[0])
        raise InputError(
            f"{missing:,} of {len(column):,} labels are missing, the first in row {first}.",
            remedy="leave out the rows without a label, and say so in the scope",
        )


def finite(values: Any, *, what: str, rows: int) -> npt.NDArray[np.float64]:
    """One column of finite numbers, as long as the data."""
    return numbers(values, what=what, rows=rows, against="data")
