"""Explains why a model refuses rows.

A library's error message may quote a person's value, so only the kind of fault is read from it. The
table is then searched for that kind: missing values, infinities, text instead of numbers, unseen
categories. The error gives columns and counts, never values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.errors import AuditkitError, InputError
from auditkit.model.elsewhere import RaisedElsewhereError, asked, kind_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

_MAX_NAMED: Final = 5
_MISSING, _INFINITE, _TEXT, _UNSEEN = "missing", "infinite", "text", "unseen"
# Parts of words in the libraries' messages, by kind of fault.
_WORDS: Final = {
    _MISSING: ("nan", "missing", "null", "none", "<na>"),
    _INFINITE: ("inf", "too large"),
    _TEXT: ("string", "str ", "convert", "dtype", "object", "must be real"),
    _UNSEEN: ("categor", "unseen", "unknown", "not in index", "keyerror"),
}
_REMEDY: Final = {
    _MISSING: "fill these values as it was done when the model was fitted, or leave out the rows "
    "and say so in the scope",
    _INFINITE: "give finite numbers, or leave out the rows and say so in the scope",
    _TEXT: "give these columns as they were when the model was fitted: as numbers",
    _UNSEEN: "leave out the rows with values that the model was not fitted on, and say so in the "
    "scope",
}


def outputs_of(
    model: Any,
    ask: Callable[[pd.DataFrame], Any],
    rows: pd.DataFrame,
    *,
    reference: pd.DataFrame | None,
    what: str,
) -> npt.NDArray[np.float64]:
    """Asks a model for one finite number a row.

    Args:
        model: The model, for what is said of it.
        ask: Rows to its numbers.
        rows: What it is asked about.
        reference: Rows that it can score, to tell what is wrong with those that it cannot.
        what: What the numbers are called, in the singular: "score".

    Returns:
        The numbers, shape `(rows,)`.

    Raises:
        InputError: If the model refuses the rows, or gives another shape, NaN or infinity.
    """
    try:
        outputs = np.asarray(ask(rows)).astype(np.float64)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001, whatever a model raises
        # Without the library's message, which may quote the data.
        raise refusal(error, model, rows, reference=reference) from None
    if outputs.shape != (len(rows),):
        raise InputError(
            f"The model gives {what}s of shape {outputs.shape} for {len(rows):,} rows.",
            remedy=f"it must give one {what} for each row",
        )
    wrong = int((~np.isfinite(outputs)).sum())
    if wrong:
        raise without_scores(model, rows, wrong)
    return outputs


def refusal(
    error: Exception, model: Any, rows: pd.DataFrame, *, reference: pd.DataFrame | None = None
) -> InputError:
    """The error for a model that cannot score rows.

    Args:
        error: What the model raised.
        model: The model.
        rows: The rows to score.
        reference: Rows that it can score, if there are any.
    """
    found = list(_suspects(model, rows, reference))
    said = f"{kind_of(error)} {error}".casefold()
    named = {kind for kind, words in _WORDS.items() if any(word in said for word in words)}
    likely = [one for one in found if one[0] in named] or found
    sentences = [sentence for _, sentence in likely[:_MAX_NAMED]]
    if len(likely) > _MAX_NAMED:
        sentences.append(f"The same holds for {len(likely) - _MAX_NAMED:,} more columns.")
    return InputError(
        " ".join([f"The model cannot score the data: {kind_of(error)}.", *sentences]),
        remedy=_REMEDY[likely[0][0]]
        if likely
        else "data must have the columns, order and kinds that the model was fitted on",
    )


def without_scores(model: Any, rows: pd.DataFrame, wrong: int) -> InputError:
    """The error for missing or infinite outputs.

    Args:
        model: The model.
        rows: The rows to score.
        wrong: Number of rows with a missing or infinite output.
    """
    kinds = (_MISSING, _INFINITE)
    found = [s for kind, s in _suspects(model, rows, None) if kind in kinds]
    return InputError(
        " ".join(
            [
                f"The model gives missing or infinite outputs for {wrong:,} of {len(rows):,} rows.",
                *found[:_MAX_NAMED],
            ]
        ),
        remedy="leave out the rows that it cannot score, and say so in the scope",
    )


def _suspects(
    model: Any, rows: pd.DataFrame, reference: pd.DataFrame | None
) -> Iterator[tuple[str, str]]:
    """Possible faults: the kind, and a sentence about a column."""
    from pandas.api.types import is_numeric_dtype

    n, categories = len(rows), _known_categories(model)
    for name in rows.columns:
        column = rows[name]
        like = reference[name] if reference is not None and name in reference else None
        missing = int(column.isna().sum())
        if missing:
            yield _MISSING, f"{name!r} is missing in {missing:,} of {n:,} rows."
        if is_numeric_dtype(column.dtype):
            numbers = column.dropna().to_numpy(dtype=float)
            infinite = int(np.isinf(numbers).sum())
            if infinite:
                yield _INFINITE, f"{name!r} is infinite in {infinite:,} of {n:,} rows."
            continue
        seen = categories.get(str(name))
        if seen is None and like is not None and like is not column:
            seen = None if is_numeric_dtype(like.dtype) else set(like.dropna())
        if seen is not None:
            unseen = int((~column.dropna().isin(list(seen))).sum())
            if unseen:
                yield (
                    _UNSEEN,
                    f"{name!r} holds values in {unseen:,} of {n:,} rows that the model \
was not fitted on.",
                )
        elif like is None or like is column or is_numeric_dtype(like.dtype):
            yield _TEXT, f"{name!r} is of the type {column.dtype}: {_held(column)}."


def _held(column: pd.Series[Any]) -> str:
    """The content of a column that is not numeric, in words."""
    values = column.dropna()
    texts = sum(isinstance(value, str) for value in values)
    if texts:
        return f"it holds text in {texts:,} of {len(column):,} rows"
    kinds = sorted({type(value).__name__ for value in values})
    return f"it holds {', '.join(kinds[:3]) or 'nothing'}"


def _known_categories(model: Any) -> Mapping[str, Any]:
    """`encoded_categories`; none of a model elsewhere that does not tell them as they are."""
    try:
        found = encoded_categories(model)
    except (AuditkitError, RaisedElsewhereError):
        return {}
    told = found.items() if isinstance(found, Mapping) else ()
    return {name: seen for name, seen in told if isinstance(seen, set | list)}


@asked
def encoded_categories(model: Any) -> Mapping[str, set[Any]]:
    """The categories that the encoders of a scikit-learn pipeline were fitted on, by column."""
    found: dict[str, set[Any]] = {}
    for columns, step in _steps(model):
        categories = getattr(step, "categories_", None)
        if categories is not None and len(categories) == len(columns):
            found |= {str(c): set(seen) for c, seen in zip(columns, categories, strict=True)}
    return found


def _steps(model: Any) -> Iterator[tuple[list[Any], Any]]:
    """Each transformer of a pipeline, with the columns that it takes by their names."""
    for part in (step for _, step in getattr(model, "steps", ())):
        for _, transformer, columns in getattr(part, "transformers_", ()):
            if isinstance(columns, list):
                for inner in [s for _, s in getattr(transformer, "steps", ())] or [transformer]:
                    yield columns, inner
        yield list(getattr(part, "feature_names_in_", ())), part
