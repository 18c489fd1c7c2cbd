"""The columns that a model takes, as it says itself: which hold categories, and which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from auditkit.errors import InputError
from auditkit.model.categories import fitted_categories
from auditkit.model.elsewhere import asked
from auditkit.tables.fitted_columns import fitted_names

if TYPE_CHECKING:
    import pandas as pd

# Where scikit-learn's models keep those that they are made of.
_INSIDE: Final = (
    "steps", "estimators_", "calibrated_classifiers_", "best_estimator_", "estimator_", "estimator",
)  # fmt: skip


@asked
def columns_of_boosted_trees(model: Any) -> dict[str, list[Any]] | None:
    """The categories of each column of boosted trees; None: another model.

    Of XGBoost, LightGBM, and scikit-learn's histogram boosting. A column of numbers has none.
    Another model, as a pipeline or CatBoost, takes what its steps take.
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
    if hasattr(model, "is_categorical_") and fitted_names(model) is not None:
        columns = fitted_names(model) or []
        levels = {columns[i]: known.tolist() for i, known in fitted_categories(model, None).items()}
        # Numbers that are categories are taken as numbers.
        return {n: known for n, known in levels.items() if any(isinstance(v, str) for v in known)}
    return None


@asked
def text_columns(model: Any) -> list[str]:
    """The columns whose values a scikit-learn model was fitted on as text, by its encoders.

    A file of text does not tell them from numbers: 00100 may be a postcode.
    """
    found: set[str] = set()
    seen: set[int] = set()

    def walk(part: Any, names: list[str]) -> None:
        if part is None or isinstance(part, str) or id(part) in seen:
            return
        seen.add(id(part))
        if isinstance(part, list | tuple):
            for one in part:
                walk(one, names)
            return
        for _, step, chosen in getattr(part, "transformers_", ()):
            walk(step, _names(chosen, names))
        known = getattr(part, "categories_", ())
        if len(known) == len(names):
            texts = zip(names, known, strict=True)
            found.update(n for n, of in texts if any(isinstance(value, str) for value in of))
        for inside in _INSIDE:
            walk(getattr(part, inside, None), names)

    walk(model, fitted_names(model) or [])
    return sorted(found)


def _names(chosen: Any, names: list[str]) -> list[str]:
    """The names of the columns that a step was given, where they are told by name or place."""
    try:
        given = list(chosen)
    except TypeError:
        return []
    if all(isinstance(one, str) for one in given):
        return given
    if all(isinstance(one, int) and 0 <= one < len(names) for one in given):
        return [names[one] for one in given]
    return []


def as_the_model_takes(
    table: pd.DataFrame,
    levels: Mapping[str, list[Any]],
    *,
    source: str,
    unnamed: str = "the model was not fitted on",
) -> pd.DataFrame:
    """A table whose columns of categories have the model's own.

    Args:
        table: Columns as a file holds them.
        levels: From `columns_of_boosted_trees`.
        source: The table's name in errors.
        unnamed: Who does not name the others, in errors.

    Raises:
        InputError: If a column holds values that are none of its levels.
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
                f"that {unnamed}.",
                remedy="leave out these rows, and say so in the scope, or correct the spelling",
            )
        taken[name] = pd.Categorical(values, categories=known)
    return taken
