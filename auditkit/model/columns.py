"""The columns that a model takes, as it says itself: which hold categories, and which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auditkit.errors import InputError
from auditkit.model.elsewhere import asked

if TYPE_CHECKING:
    import pandas as pd


@asked
def columns_of_boosted_trees(model: Any) -> dict[str, list[Any]] | None:
    """The categories of each column of XGBoost's or LightGBM's trees; None: another model.

    A column of numbers has none. Another model, as a pipeline, takes what its steps take.
    """
    library = type(model).__module__.partition(".")[0]
    if library == "xgboost":
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        if "c" not in (booster.feature_types or []) or not hasattr(booster, "get_categories"):
            return {}
        kept = booster.get_categories(export_to_arrow=True).to_arrow()
        return {str(name): levels.to_pylist() for name, levels in kept or () if levels is not None}
    if library == "lightgbm":
        booster = getattr(model, "booster_", model)
        kept = booster.pandas_categorical or []
        lines = booster.model_to_string(num_iteration=1).splitlines()
        told = next((line for line in lines if line.startswith("feature_infos=")), "=")
        infos = told.partition("=")[2].split()
        # Numbers have a range, [0:1]; categories a list of codes, 0:1:2.
        names = [
            name
            for name, info in zip(booster.feature_name(), infos, strict=False)
            if not info.startswith("[") and info != "none"
        ]
        return dict(zip(names, map(list, kept), strict=True)) if len(names) == len(kept) else {}
    return None


def as_the_model_takes(
    table: pd.DataFrame, levels: Mapping[str, list[Any]], *, source: str
) -> pd.DataFrame:
    """A table whose columns of categories have the model's own.

    Args:
        table: Columns as a file holds them.
        levels: From `columns_of_boosted_trees`.
        source: The table's name in errors.

    Raises:
        InputError: If a column holds values that the model was not fitted on.
    """
    import pandas as pd

    taken = table.copy() if levels else table
    for name, known in levels.items():
        if name not in taken.columns:
            continue
        column = taken[name]
        texts = all(isinstance(level, str) for level in known)
        values = column.astype(str).where(column.notna()) if texts else column
        unseen = int((~values.isin(known) & column.notna()).sum())
        if unseen:
            raise InputError(
                f"{source}: the column {name!r} holds values in {unseen:,} of {len(column):,} rows "
                "that the model was not fitted on.",
                remedy="leave out these rows, and say so in the scope, or correct the spelling",
            )
        taken[name] = pd.Categorical(values, categories=known)
    return taken
