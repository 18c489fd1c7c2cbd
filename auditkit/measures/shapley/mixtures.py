"""Rows mixed of two tables, as coalitions mix the row that is explained with the reference.

An attribution is a sum over such rows, and many of them lie in neither table. So a way to read a
model is as good as its values on mixtures: it may be right on every row of both tables, and wrong
where a zero of one meets a missing value of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Integers = NDArray[np.int64]

# How many mixtures a way to read a model is tested on.
MIXTURES: Final = 256


def alike(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with the same dtypes, which lose no value of either.

    Numbers become the wider of two kinds; categories are those of both, a level that one lacks
    declared in both.

    Args:
        ours: The rows that are explained.
        theirs: The reference, with the same columns.
    """
    differ = {
        name: common
        for name, one, other in zip(ours.columns, ours.dtypes, theirs.dtypes, strict=True)
        if one != other or not isinstance(one, np.dtype)
        if (common := _common(ours[name], theirs[name], one, other)) is not None
    }
    return (ours.astype(differ), theirs.astype(differ)) if differ else (ours, theirs)


class Mixer:
    """Two tables with the same columns, whose rows are mixed as often as one likes.

    Args:
        ours: `n` rows; what is taken from them is taken as it stands.
        theirs: `m` rows.
    """

    def __init__(self, ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
        import pandas as pd

        ours, theirs = alike(ours, theirs)
        self._rows: Final = len(ours)
        self._names: Final = ours.columns
        kinds = {*ours.dtypes, *theirs.dtypes}
        # One array of numbers is mixed in one step, and stays one in the table that is made.
        self._numbers: NDArray[Any] | None = None
        self._columns: list[Any] = []
        if len(kinds) == 1 and isinstance(kind := kinds.pop(), np.dtype) and kind.kind in "fiu":
            self._numbers = np.concatenate([ours.to_numpy(), theirs.to_numpy()])
        else:
            self._columns = [
                pd.concat([ours.iloc[:, c], theirs.iloc[:, c]], ignore_index=True).array
                for c in range(ours.shape[1])
            ]

    def __call__(self, one: Integers, other: Integers, taken: Bools) -> pd.DataFrame:
        """Rows that take some columns from a row of ours and the others from one of theirs.

        Args:
            one: Positions in our table, shape `(k,)`.
            other: Positions in theirs, shape `(k,)`.
            taken: Where our value is taken, shape `(k, columns)`.
        """
        import pandas as pd

        theirs = other + self._rows
        if self._numbers is not None:
            mixture = np.where(taken, self._numbers[one], self._numbers[theirs])
            return pd.DataFrame(mixture, columns=self._names)
        columns = [
            column.take(np.where(taken[:, number], one, theirs))
            for number, column in enumerate(self._columns)
        ]
        made = pd.DataFrame(dict(enumerate(columns)))
        made.columns = self._names
        return made


def mixed(ours: pd.DataFrame, theirs: pd.DataFrame, taken: Bools) -> pd.DataFrame:
    """Rows that take some columns from one table and the others from another.

    Args:
        ours: `n` rows.
        theirs: `n` rows with the same columns.
        taken: Where our value is taken, shape `(n, columns)`.
    """
    every = np.arange(len(ours))
    return Mixer(ours, theirs)(every, every, taken)


def mixtures(rows: pd.DataFrame, reference: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Rows that take each column from one table or the other at random.

    Every column that holds a zero or a missing value anywhere lends one to some of them.

    Args:
        rows: The rows that are explained; at least one.
        reference: With the same columns; at least one row.
        seed: Seeds the draws.
    """
    rng = np.random.default_rng(seed)
    sides = []
    for table in (rows, reference):
        few = [*rng.integers(0, len(table), MIXTURES // 4), *_telling(table)]
        sides.append(table.iloc[rng.permutation(np.resize(few, max(MIXTURES, 4 * len(few))))])
    ours, theirs = sides
    count = min(len(ours), len(theirs))
    taken = rng.random((count, rows.shape[1])) < 0.5
    return mixed(ours.iloc[:count], theirs.iloc[:count], taken)


def special_values(table: pd.DataFrame) -> Bools:
    """In which cells zeros and missing values stand, shape `(2, rows, columns)`.

    Libraries of trees treat both in ways of their own.
    """
    import pandas as pd

    values: NDArray[Any] = table.to_numpy()
    missing = np.isnan(values) if values.dtype.kind == "f" else pd.isna(values)
    if values.dtype.kind == "O":
        values = values.copy()
        values[missing] = None  # whether pandas' NA is zero has no answer
    with np.errstate(invalid="ignore"):
        return np.array([np.asarray(values == 0, dtype=np.bool_), missing])


def _telling(table: pd.DataFrame) -> list[int]:
    """For each column a row in which it is zero, and one in which it is missing, where any is."""
    special = special_values(table)
    first = special.argmax(axis=1)
    return sorted({int(row) for row in first[special.any(axis=1)]})


def _common(ours: pd.Series, theirs: pd.Series, one: Any, other: Any) -> Any:
    """The dtype that holds every value of two columns; None if both have it."""
    import pandas as pd

    categories = [isinstance(dtype, pd.CategoricalDtype) for dtype in (one, other)]
    if any(categories):
        return _levels(ours, theirs)
    if one == other:
        return None
    common = pd.concat([ours.iloc[:0], theirs.iloc[:0]]).dtype
    numbers = all(pd.api.types.is_numeric_dtype(dtype) for dtype in (one, other))
    if common.kind != "O" or not numbers:
        return common
    plain = all(isinstance(dtype, np.dtype) for dtype in (one, other))  # booleans beside numbers
    return np.result_type(one, other) if plain else "Float64"


def _levels(ours: pd.Series, theirs: pd.Series) -> Any:
    import pandas as pd

    def of(column: pd.Series) -> list[Any]:
        if isinstance(column.dtype, pd.CategoricalDtype):
            return list(column.cat.categories)
        return list(pd.unique(column.dropna()))

    mine, yours = of(ours), of(theirs)
    if mine == yours and ours.dtype == theirs.dtype:
        return None
    if len({type(level) is bool or isinstance(level, np.bool_) for level in (*mine, *yours)}) > 1:
        return np.dtype(object)  # True and 1 are one level to pandas, and not one value
    # A level that is declared and not there is not needed, and a model may refuse it.
    there = {*yours, *pd.unique(ours.dropna())}
    longer, shorter = (mine, yours) if set(yours) < set(mine) else (yours, mine)
    every = [level for level in dict.fromkeys([*longer, *shorter]) if level in there]
    ordered = all(getattr(c.dtype, "ordered", False) for c in (ours, theirs)) and every == yours
    return pd.CategoricalDtype(every, ordered=ordered)
