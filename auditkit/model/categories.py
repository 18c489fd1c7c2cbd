"""The categories that a model of boosted trees was fitted on, and their codes in its trees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.model.elsewhere import asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    # By the position of a column: its categories; a category's position is its code.
    Categories = Mapping[int, pd.Index]


@asked
def fitted_categories(model: Any, table: pd.DataFrame | None) -> Categories:
    """The categories that a model was fitted on, where it keeps any.

    Args:
        model: A fitted XGBoost, LightGBM or scikit-learn model.
        table: What it takes; LightGBM knows its categorical columns by their order among those of a
            table alone. None: it is no LightGBM model.
    """
    import pandas as pd

    library = type(model).__module__.partition(".")[0]
    if library == "xgboost":
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        if "c" not in (booster.feature_types or []) or not hasattr(booster, "get_categories"):
            return {}
        kept = booster.get_categories(export_to_arrow=True).to_arrow()
        found = ((i, names) for i, (_, names) in enumerate(kept or ()) if names is not None)
        return {i: pd.Index(names.to_pylist()) for i, names in found}
    if library == "lightgbm":
        kept = getattr(model, "booster_", model).pandas_categorical or []
        return {i: pd.Index(names) for i, names in zip(category_columns(table), kept, strict=False)}
    encoder = getattr(model, "_preprocessor", None)  # of a histogram booster
    if encoder is None:
        return {}
    kept = encoder.named_transformers_["encoder"].categories_
    positions = np.flatnonzero(model.is_categorical_)
    return {int(i): pd.Index(names).dropna() for i, names in zip(positions, kept, strict=True)}


def as_numbers(
    table: Any, categories: Categories, *, unseen: float = math.nan
) -> NDArray[np.float64]:
    """A table as numbers, shape `(rows, columns)`: a category becomes its code, NaN is missing.

    Args:
        table: What a model takes: a dataframe, or an array of two dimensions.
        categories: From `fitted_categories`. Other columns of categories keep their own codes.
        unseen: What stands for a category that the model was not fitted on.
    """
    import pandas as pd

    if not hasattr(table, "dtypes"):
        if not categories:
            return np.asarray(table, dtype=np.float64)
        table = pd.DataFrame(table)
    numbers: NDArray[np.float64]
    if not categories and not category_columns(table):
        numbers = table.to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers
    numbers = np.empty(table.shape)
    for i in range(table.shape[1]):
        numbers[:, i] = _as_numbers(table.iloc[:, i], categories.get(i), unseen)
    return numbers


def _as_numbers(column: pd.Series, known: pd.Index | None, unseen: float) -> Any:
    import pandas as pd

    if not isinstance(column.dtype, pd.CategoricalDtype):
        if known is None:
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        column = column.astype("category")
    levels = column.cat.categories
    codes = np.arange(len(levels)) if known is None else known.get_indexer(levels)
    # The code of what is missing is -1, the last.
    numbers = np.append(np.where(codes < 0, unseen, codes), np.nan)
    return numbers[column.cat.codes.to_numpy()]


def category_columns(table: Any) -> list[int]:
    """The positions of a table's columns of categories; none of an array."""
    import pandas as pd

    dtypes = getattr(table, "dtypes", ())
    return [i for i, dtype in enumerate(dtypes) if isinstance(dtype, pd.CategoricalDtype)]
