"""Columns of any common kind as NumPy arrays, checked once.

Laws: an error names the column, the fault and the remedy, never a value. Nothing is dropped,
filled or clipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.errors import InputError, argument
from auditkit.tables.convert import to_pandas

Array = npt.NDArray[np.float64]

_SQUARABLE: Final = (1e-90, 1e90)
_DECIDE: Final = "decide about these rows, then leave them out"


def one_column(
    values: Any, *, what: str, rows: int | None = None, against: str = "labels"
) -> npt.NDArray[Any]:
    """One column as a one-dimensional array, unchanged.

    Args:
        values: A list, array, or column of any common dataframe.
        what: Its name in errors.
        rows: Number of rows it must have; None: any.
        against: The name in errors of the input with that many rows.

    Raises:
        InputError: If it is not one column, or its length differs.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(f"{what} is not one column.", remedy=f"give {what} as one column")
    if rows is not None:
        _refuse_other_length(len(array), what, rows, against)
    return array


def _refuse_other_length(length: int, what: str, rows: int, against: str) -> None:
    if length != rows:
        raise InputError(
            f"{what} has {length:,} rows and {against} has {rows:,}.",
            remedy="give the same rows, in the same order",
        )


def vector(
    values: Any, *, what: str, rows: int | None = None, against: str = "labels"
) -> npt.NDArray[Any]:
    """One column as a one-dimensional array with at least one row and no missing value.

    Args:
        values: As for `one_column`.
        what: As for `one_column`.
        rows: As for `one_column`.
        against: As for `one_column`.

    Raises:
        InputError: As `one_column`, or if it has no rows, or a value is missing.
    """
    array = one_column(values, what=what, rows=rows, against=against)
    if not len(array):
        raise InputError(f"{what} has no rows.", remedy="give at least one row")
    if array.dtype.kind == "O":
        refuse(pd.isna(array), f"{what} has missing values")
    return array


def refuse(wrong: npt.NDArray[np.bool_], what: str, *, remedy: str = _DECIDE) -> None:
    """Refuses rows that are wrong; the error gives their number and the first one.

    Raises:
        InputError: If any row is wrong.
    """
    if wrong.any():
        places = f"in {int(wrong.sum()):,} of {len(wrong):,} rows"
        raise InputError(
            f"{what} {places}, the first in row {int(wrong.argmax()):,} (counted from 0).",
            remedy=remedy,
        )


def numbers(values: Any, *, what: str, rows: int | None = None, against: str = "labels") -> Array:
    """One column of finite numbers.

    Raises:
        InputError: As `vector`, or if a value is not a finite number.
    """
    array = vector(values, what=what, rows=rows, against=against)
    try:
        found = array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{what} holds values that are not numbers.", remedy=f"give {what} as numbers"
        ) from error
    refuse(~np.isfinite(found), f"{what} holds NaN or infinities")
    return found


def probabilities(values: Any, *, what: str, rows: int) -> Array:
    """One column of numbers in [0, 1].

    Raises:
        InputError: As `numbers`, or if a value lies outside.
    """
    found = numbers(values, what=what, rows=rows)
    refuse(
        (found < 0) | (found > 1),
        f"{what} holds values outside [0, 1]",
        remedy="give probabilities: predict_proba, not decision_function or log-odds",
    )
    return found


def weights_of(values: Any, *, rows: int) -> Array:
    """One column of weights, none negative and not all 0.

    Raises:
        InputError: As `numbers`, or if a weight is negative, or all are 0.
    """
    found = numbers(values, what="weights", rows=rows)
    refuse(found < 0, "weights are negative", remedy="weights are 0 or more")
    if not found.any():
        raise InputError("All weights are 0.", remedy="give at least one weight above 0")
    largest = float(found.max())
    # Only proportions matter; squares of very large or small weights are infinite or 0.
    return found if _SQUARABLE[0] < largest < _SQUARABLE[1] else found / largest


def favourable_rows(
    values: Any,
    *,
    what: str,
    favourable: Any,
    rows: int | None = None,
    against: str = "labels",
) -> npt.NDArray[np.bool_]:
    """True for rows of the favourable one of two classes.

    Args:
        values: Booleans, 0 and 1, or with `favourable` any two values.
        what: Its name in errors.
        favourable: The value that is good for the person; None: True or 1.
        rows: Number of rows it must have.
        against: The name in errors of the input with that many rows.

    Raises:
        InputError: As `vector`, or if it does not hold two classes.
    """
    array = vector(values, what=what, rows=rows, against=against)
    if array.dtype == np.bool_ and favourable is None:
        return np.ascontiguousarray(array)
    wanted = 1 if favourable is None else favourable
    is_favourable = np.asarray(array == wanted, dtype=bool)
    if array.dtype.kind == "f":
        refuse(~np.isfinite(array), f"{what} holds NaN or infinities")
    rest = array[~is_favourable]
    if favourable is None:
        try:
            plain = bool((rest == 0).all())
        except TypeError:
            plain = False
        if array.dtype.kind not in "iufbO" or not plain:
            raise InputError(
                f"{what} is neither 0 and 1 nor booleans, so the favourable value is unknown.",
                remedy=f"name the favourable value with {argument('favourable')}; for more classes "
                "use by_class()",
            )
    elif len(rest) and len(pd.unique(rest)) > 1:
        if not is_favourable.any():
            raise InputError(
                f"{what} has no row with the value that {argument('favourable')} names.",
                remedy="name a value of the column, with its type and spelling",
            )
        raise InputError(
            f"{what} has more than two classes.", remedy="for more than two classes use by_class()"
        )
    return is_favourable


def group_columns(
    groups: Any, *, rows: int, what: str = "groups", against: str = "labels"
) -> Mapping[str, Any]:
    """The columns of a table of groups, or one column, by name.

    Args:
        groups: A table of any common kind, a mapping of columns, a list of rows, or one column.
        rows: Number of rows it must have.
        what: Its name in errors.
        against: The name in errors of the input with that many rows.

    Raises:
        InputError: If it is none of these, is empty, or has another number of rows.
    """
    if isinstance(groups, pd.MultiIndex):
        groups = groups.to_frame(index=False)
    if isinstance(groups, list | tuple):
        groups = _listed(groups)
    if _is_column(groups):
        name = getattr(groups, "name", None)
        values = groups if isinstance(groups, pd.Series) else _plain(groups)
        groups = {str(name) if name else "group": values}
    if isinstance(groups, Mapping):
        table = {str(name): _plain(column) for name, column in groups.items()}
    else:
        frame = to_pandas(groups, what=what)
        table = {str(name): frame[name] for name in frame.columns}
    if not table:
        raise InputError(f"{what} has no column.", remedy="give at least one attribute")
    for name, column in table.items():
        called = f"The column {name!r} of {what}" if len(table) > 1 else what
        _refuse_other_length(len(column), called, rows, against)
    return table


def _is_column(groups: Any) -> bool:
    """Whether it is one column: an array, a series, an index, or an Arrow array."""
    of_arrow = hasattr(groups, "to_pylist") and not hasattr(groups, "column_names")
    return of_arrow or type(groups).__name__ == "Series" or getattr(groups, "ndim", None) == 1


def _listed(groups: Any) -> Any:
    """A list of values as a column, or a list of rows as a table."""
    if groups and all(isinstance(row, Mapping | list | tuple) for row in groups):
        frame = pd.DataFrame(groups)
        return frame.set_axis([c if isinstance(c, str) else f"x{c}" for c in frame], axis=1)
    return _plain(groups)


def _plain(column: Any) -> Any:
    if isinstance(column, pd.Series | np.ndarray):
        return column
    if hasattr(column, "__array__"):
        return np.asarray(column)
    return np.asarray(column, dtype=object)
