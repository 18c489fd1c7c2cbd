"""Whether a table has the columns that a model was fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def fitted_columns(model: Any, columns: Sequence[str]) -> list[str] | None:
    """The columns that a model was fitted on, in its order; None if it has no names.

    LightGBM replaces spaces by underscores; such a name is returned in the table's spelling. Names
    that a library made up because it was fitted on an array do not count.

    Args:
        model: A fitted estimator, pipeline or booster.
        columns: Those of the table to score.
    """
    fitted = fitted_names(model)
    if fitted is None or (_made_up(fitted) and not set(fitted) & set(columns)):
        return None
    spelled = {name.replace(" ", "_"): name for name in columns}
    return [name if name in columns else spelled.get(name, name) for name in fitted]


def refuse_other_columns(model: Any, columns: Sequence[str], *, what: str) -> None:
    """Refuses a table with other columns, or another order, than the model was fitted on.

    Some libraries take columns by position and would return wrong scores without an error.

    Args:
        model: A fitted estimator, pipeline or booster.
        columns: The table's.
        what: The table's name in errors, such as "data".

    Raises:
        InputError: With the first column that is missing, unknown, or in another place.
    """
    fitted = fitted_columns(model, columns)
    if fitted is None:
        made_up = fitted_names(model)
        if made_up is not None and len(made_up) != len(columns):
            raise InputError(
                f"{what} has {len(columns):,} columns; the model was fitted on {len(made_up):,}.",
                remedy="give the columns that it was fitted on, in their order",
            )
        return
    if fitted == list(columns):
        return
    missing = [name for name in fitted if name not in columns]
    unknown = [name for name in columns if name not in fitted]
    if missing:
        fault = f"lacks the column {missing[0]!r}, which the model was fitted on"
    elif unknown:
        fault = f"has the column {unknown[0]!r}, which the model was not fitted on"
    else:
        at = next(i for i, (a, b) in enumerate(zip(fitted, columns, strict=True)) if a != b)
        where = f"{columns[at]!r} is where the model was fitted on {fitted[at]!r}"
        fault = f"has its columns in another order: {where}"
    raise InputError(
        f"{what} {fault}.", remedy=f"give these columns, in this order: {', '.join(fitted)}"
    )


def as_fitted(model: Any) -> Callable[[Any], Any]:
    """Converts tables to the form the model was fitted on: an array if it was fitted without names.

    scikit-learn warns about every table with names if it was fitted without. The warning could only
    be silenced for the whole process, on every thread.

    Args:
        model: A fitted estimator or pipeline, or anything else.

    Returns:
        A function from a table to the model's input. A table with columns other than numbers is
        unchanged.
    """
    counts = _attribute(model, "n_features_in_") is not None
    if not counts or _attribute(model, "feature_names_in_") is not None:
        return lambda rows: rows

    def given(rows: Any) -> Any:
        return rows.to_numpy() if holds_numbers(rows) else rows

    return given


def holds_numbers(table: Any) -> bool:
    """Whether a dataframe holds numbers and booleans of numpy's kinds alone."""
    return hasattr(table, "dtypes") and all(
        isinstance(d, np.dtype) and d.kind in "biuf" for d in table.dtypes
    )


def fitted_names(model: Any) -> list[str] | None:
    """The names of the columns that a model was fitted on; None if it has none."""
    names = next(
        (
            found
            for attribute in ("feature_names_in_", "feature_name_", "feature_names_")
            if (found := _attribute(model, attribute)) is not None
        ),
        None,
    )
    if names is None:
        names = _attribute(model, "feature_names")  # XGBoost's Booster
        if names is None and callable(getattr(model, "feature_name", None)):
            names = model.feature_name()  # LightGBM's
    if names is None or callable(names) or len(names) == 0:
        return None
    return [str(name) for name in names]


def _made_up(names: Sequence[str]) -> bool:
    """Whether a library numbered the columns of an array: Column_0, 0 or f0, and so on."""
    return any(
        list(names) == [f"{prefix}{i}" for i in range(len(names))]
        for prefix in ("Column_", "", "f")
    )


def _attribute(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:  # noqa: BLE001, some compute it, and raise before they are fitted
        return None
