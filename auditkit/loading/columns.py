"""The column contract: which columns a model takes, their kinds, and their levels.

A file of text keeps no types: 007 may be a code or a number, 2026-01-31 a date or a text. `init`
writes the contract from the model and the data; `run` reads tables by it, and refuses one that
breaks it. Ranges, missing values and keys are another contract's affair: `auditkit validate`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from auditkit.errors import InputError
from auditkit.loading.files import OFTEN_MISSING
from auditkit.model.columns import as_the_model_takes, columns_of_boosted_trees
from auditkit.tables.fitted_columns import fitted_columns

Kind = Literal["number", "boolean", "text", "date"]
# A kind, or the levels of a column of categories, in the model's order.
Columns = Mapping[str, Kind | tuple[bool | int | float | str, ...]]

# More levels than a person reads; the column is then text, and the model's own levels hold.
_MOST_LEVELS: Final = 50
_CORRECT: Final = "correct the table, or this line of columns in the audit file"


def features_of(
    models: Sequence[Any], columns: Columns, table: pd.DataFrame, others: Sequence[str]
) -> list[str]:
    """The columns that models take, in their order: their own names, else the contract's.

    Args:
        models: One, or two that are compared; empty: there is none.
        columns: The contract; empty: none.
        table: The rows to evaluate.
        others: Columns of labels, groups and the like, which are no features if nobody names any.

    Raises:
        InputError: If the contract names a column that no model was fitted on.
    """
    spelled = list(map(str, table.columns))
    unnamed = list(columns) or [c for c in spelled if c not in others]
    fitted = [fitted_columns(model, [*spelled, *columns]) for model in models]
    names = list(dict.fromkeys(c for own in fitted or [None] for c in own or unnamed))
    unknown = [name for name in columns if name not in names]
    if unknown:
        raise InputError(
            f"columns names {unknown[0]!r}, which the model was not fitted on.",
            remedy=f"name its columns: {', '.join(names)}",
        )
    return names


def read_as_text(columns: Columns) -> list[str]:
    """The columns that hold text whatever their cells look like."""
    return [
        name
        for name, kind in columns.items()
        if kind in ("text", "date")
        or (not isinstance(kind, str) and all(isinstance(one, str) for one in kind))
    ]


def as_contracted(
    table: pd.DataFrame,
    names: Sequence[str],
    columns: Columns,
    *,
    source: str,
    models: Sequence[Any],
) -> pd.DataFrame:
    """The columns of a table that models take, as the contract and the models say.

    Args:
        table: Columns as a file holds them.
        names: From `features_of`.
        columns: The contract.
        source: The table's name in errors.
        models: One, or two that are compared; empty: there is none.

    Raises:
        InputError: If a column is missing, or holds values of another kind, or levels that are not
            among the known ones, or if two models know other categories.
    """
    lacking = [name for name in names if name not in table.columns]
    if lacking:
        needed = "the model was fitted on" if models else "the data has"
        needed = "columns names" if lacking[0] in columns else needed
        raise InputError(
            f"{source} has no column {lacking[0]!r}, which {needed}.",
            remedy=f"give these columns: {', '.join(names)}",
        )
    taken: pd.DataFrame = table[list(names)]
    if not len(table):  # a column without rows has no type, and the audit refuses
        return taken
    kinds = {name: kind for name, kind in columns.items() if isinstance(kind, str)}
    if kinds:
        taken = taken.assign(**{n: _as_kind(taken[n], kinds[n], source) for n in kinds})
    levels = {name: list(kind) for name, kind in columns.items() if not isinstance(kind, str)}
    taken = as_the_model_takes(taken, levels, source=source, unnamed="columns does not name")
    known: dict[str, list[Any]] = {}
    for model in models:
        own = columns_of_boosted_trees(model)
        if own is None:
            continue
        of_model = fitted_columns(model, list(names)) or names
        texts = [c for c in of_model if c not in {*own, *levels} and not is_numeric_dtype(taken[c])]
        if texts:
            raise _holds_text(taken[texts[0]], source)
        other = next((c for c in own if known.get(c, own[c]) != own[c]), None)
        if other is not None:
            raise InputError(
                f"The two models know other categories of the column {other!r}, or in another "
                "order.",
                remedy="fit both models on one list of categories",
            )
        known |= own
    return as_the_model_takes(taken, known, source=source)


def contract_of(model: Any, features: pd.DataFrame) -> Columns:
    """The contract that a model and its rows keep, for a person to look through.

    Args:
        model: The model; None: there is none.
        features: The rows, as the model takes them.
    """
    own = (None if model is None else columns_of_boosted_trees(model)) or {}
    found: dict[str, Kind | tuple[Any, ...]] = {}
    for name in features.columns:
        column = features[name]
        known = own.get(name)
        if known is None and isinstance(column.dtype, pd.CategoricalDtype):
            known = column.cat.categories.tolist()
        plain = known is not None and all(isinstance(v, bool | int | float | str) for v in known)
        if known and plain and len(known) <= _MOST_LEVELS:
            found[str(name)] = tuple(known)
        elif is_bool_dtype(column):
            found[str(name)] = "boolean"
        elif is_datetime64_any_dtype(column):
            found[str(name)] = "date"
        else:
            found[str(name)] = "number" if is_numeric_dtype(column) else "text"
    return found


def _as_kind(column: pd.Series[Any], kind: Kind, source: str) -> pd.Series[Any]:
    """A column as values of a kind; a missing value stays one."""
    if kind == "text":
        return column.astype(str).where(column.notna(), None)
    if kind == "number":
        if not is_numeric_dtype(column):
            raise _holds_text(column, source)
        return column
    if kind == "boolean":
        return _as_truth(column, source)
    dates = pd.to_datetime(column, errors="coerce", format="ISO8601")
    wrong = dates.isna() & column.notna()
    if wrong.any():
        raise _of_another_kind(column, wrong, "a date", source, "write dates as 2026-01-31")
    return dates


def _as_truth(column: pd.Series[Any], source: str) -> pd.Series[Any]:
    # 1 and 0 are True and False to a mapping, too.
    known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
    texts = column.map(lambda v: v.strip().lower() if isinstance(v, str) else v)
    truth = texts.map(known)
    wrong = truth.isna() & column.notna()
    if wrong.any():
        raise _of_another_kind(column, wrong, "true or false", source, "write true and false")
    return truth.astype(bool) if column.notna().all() else truth.astype(object)


def _of_another_kind(
    column: pd.Series[Any], wrong: pd.Series[bool], wanted: str, source: str, remedy: str
) -> InputError:
    return InputError(
        f"{source}: the column {str(column.name)!r} does not hold {wanted} in "
        f"{int(wrong.sum()):,} of {len(column):,} rows.",
        remedy=f"{remedy}; or {_CORRECT}",
    )


def _holds_text(column: pd.Series[Any], source: str) -> InputError:
    """The error for a column that should hold numbers; its cells are counted, not quoted."""
    known = column.dropna().astype(str).str.strip()
    odd = known[pd.to_numeric(known, errors="coerce").isna() | known.isin(OFTEN_MISSING)]
    words = sorted(set(odd))
    remedy = "write the table as it was when the model was fitted, with numbers"
    if words and OFTEN_MISSING.issuperset(words):
        remedy = f"if these mean missing values, say so: missing: {json.dumps(words)}"
    return InputError(
        f"{source}: the column {str(column.name)!r} holds text in {len(odd):,} of "
        f"{len(column):,} rows, which the model cannot score.",
        remedy=remedy,
    )
