"""Whether a table has the columns that a model was fitted on, and what in it a model may refuse."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd


def refuse_other_columns(model: Any, columns: Sequence[str]) -> None:
    """Stops where a model knows its columns by name and a table has others, or another order.

    Some libraries take columns by their position, and give another row's answer without a word.

    Raises:
        InputError: Naming the first column that is lacking, strange, or elsewhere.
    """
    fitted = _fitted_names(model)
    if fitted is None or fitted == list(columns):
        return
    lacking = [name for name in fitted if name not in columns]
    strange = [name for name in columns if name not in fitted]
    if lacking:
        what = f"lack the column {lacking[0]!r} that the model was fitted on"
    elif strange:
        what = f"have the column {strange[0]!r} that the model was not fitted on"
    else:
        at = next(i for i, (a, b) in enumerate(zip(fitted, columns, strict=True)) if a != b)
        what = f"have {columns[at]!r} where the model was fitted on {fitted[at]!r}"
    raise InputError(
        f"data and reference {what}.",
        remedy=f"give the {len(fitted):,} columns that it was fitted on, in their order",
    )


def suspects(rows: pd.DataFrame, reference: pd.DataFrame) -> list[str]:
    """What a model that refuses rows may have stumbled on, in sentences; columns, never values."""
    import pandas as pd

    told = []
    for name in rows.columns:
        column = rows[name]
        missing = int(column.isna().sum())
        if missing:
            told.append(f"{name!r} is missing in {missing:,} of {len(rows):,} rows.")
        if pd.api.types.is_numeric_dtype(column.dtype):
            endless = int(np.isinf(column.dropna().to_numpy(dtype=float)).sum())
            if endless:
                told.append(f"{name!r} is infinite in {endless:,} rows.")
        elif rows is not reference and name in reference:
            other = int((~column.dropna().isin(reference[name].dropna())).sum())
            if other:
                told.append(f"{name!r} holds values in {other:,} rows that the reference lacks.")
    return told


@contextlib.contextmanager
def no_name_warnings() -> Iterator[None]:
    """Keeps scikit-learn's remarks on named and nameless columns from the user."""
    with warnings.catch_warnings():
        for message in ("X has feature names", "X does not have valid feature names"):
            warnings.filterwarnings("ignore", message=message)
        yield


def _fitted_names(model: Any) -> list[str] | None:
    """The names of the columns that a model was fitted on; None: it knows none."""
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
    if names is None or callable(names):
        return None
    listed = [str(name) for name in names]
    made_up = {f"{prefix}{i}" for i in range(len(listed)) for prefix in ("Column_", "", "f")}
    return None if set(listed) <= made_up else listed


def _attribute(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:  # noqa: BLE001, some compute it, and refuse before they are fitted
        return None
