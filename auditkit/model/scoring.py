"""Any common model as a function from a table to scores of the favourable outcome."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from auditkit.canonical import Digest
from auditkit.errors import InputError
from auditkit.model.elsewhere import Elsewhere
from auditkit.model.output import booster_rows, classes_of
from auditkit.model.refusals import outputs_of, refusal
from auditkit.tables.fitted_columns import as_fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Score = Callable[[pd.DataFrame], npt.NDArray[np.float64]]


# The classes of a model that gives chances of two and does not name them.
_TWO: Final = [0, 1]
# Chances in single precision sum to 1 up to this.
SUMS_TO_ONE: Final = 1e-3


@dataclass(frozen=True, kw_only=True)
class Chances:
    """A model as a function from rows to the chances of its classes.

    Attributes:
        classes: The classes, in the order of the columns.
        ask: Rows to chances, shape `(rows, classes)`, each row summing to 1; or, if `decides`,
            rows to the classes decided, shape `(rows,)`.
        decides: Whether the model gives classes alone.
    """

    classes: tuple[Any, ...]
    ask: Callable[[pd.DataFrame], npt.NDArray[Any]]
    decides: bool = False


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A model as a function from rows to scores of the favourable outcome.

    Attributes:
        score: Rows to scores, shape `(rows,)`, in [0, 1].
        scored_class: The class of the model that the scores are of; None: it has no classes.
        is_mirrored: Whether a score is one minus what the model gives.
    """

    score: Score
    scored_class: Any = None
    is_mirrored: bool = False


def scorer(model: Any, *, favourable: Any, reference: pd.DataFrame | None = None) -> Scorer:
    """The scores of the favourable outcome that a model gives.

    Args:
        model: An estimator with `predict_proba`, an XGBoost or LightGBM booster with a binary
            objective, or a callable that returns such scores.
        favourable: The label value that is good for the person; selects the column of
            `predict_proba`. A booster or callable scores label 1.
        reference: Rows that it can score, to explain why others cannot be scored.

    Raises:
        InputError: If the model has no scores. The returned function raises it if the model refuses
            the rows, with the likely fault.
    """
    if hasattr(model, "predict_proba"):
        column = _favourable_column(model, favourable)
        chances = _chances_of(model, column)
        return Scorer(
            score=lambda rows: _scores_of(model, chances, rows, reference),
            scored_class=(classes_of(model) or _TWO)[column],
        )
    predict = booster_predict(model)
    if predict is None and callable(model) and not inspect.isclass(model):
        predict = model
    if predict is None:
        raise InputError(
            f"A {type(model).__name__} has no predict_proba and is not callable.",
            remedy="give an estimator with predict_proba, a booster, or a function table -> scores",
        )
    ask, flipped = predict, favourable in (0, False)

    def score(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        values = _scores_of(model, ask, rows, reference)
        return 1.0 - values if flipped else values

    return Scorer(score=score, is_mirrored=flipped)


def number_predictor(model: Any, *, reference: pd.DataFrame | None = None) -> Score:
    """A model as a function from rows to predicted numbers, shape `(rows,)`.

    Args:
        model: An estimator with `predict`, a booster, or a function from a table to numbers.
        reference: As for `scorer`.

    Raises:
        InputError: If it predicts nothing. The returned function raises it as `scorer`'s.
    """
    ask = booster_predict(model)
    if ask is None and hasattr(model, "predict"):
        given = as_fitted(model)
        ask = lambda rows: model.predict(given(rows))  # noqa: E731
    if ask is None and callable(model) and not inspect.isclass(model):
        ask = model
    if ask is None:
        raise InputError(
            f"A {type(model).__name__} has no predict and is not callable.",
            remedy="give an estimator with predict, a booster, or a function table -> numbers",
        )
    predict = ask
    return lambda rows: outputs_of(model, predict, rows, reference=reference, what="prediction")


def chances_of_classes(
    model: Any, labels: Sequence[Any], *, reference: pd.DataFrame | None = None
) -> Chances:
    """A model of several classes as a function from rows to their chances.

    Args:
        model: An estimator with `predict_proba`, or `predict` alone; a booster; or a function that
            gives one chance for each class, or one class, for each row.
        labels: The classes in the order of the columns, for a model that does not name its own.
        reference: As for `scorer`.

    Raises:
        InputError: If it gives neither. The returned function raises it if the model refuses the
            rows, or gives other shapes, or numbers that are no chances.
    """
    classes = tuple(classes_of(model))
    given = as_fitted(model)
    ask: Any = None
    decides = False
    if hasattr(model, "predict_proba"):
        ask = lambda rows: model.predict_proba(given(rows))  # noqa: E731
    elif classes and hasattr(model, "predict"):
        ask, decides = (lambda rows: model.predict(given(rows))), True
    else:
        ask = booster_predict(model)
        if ask is None and callable(model) and not inspect.isclass(model):
            ask = model
    if ask is None:
        raise InputError(
            f"A {type(model).__name__} has no predict_proba and is not callable.",
            remedy="give an estimator, a booster, or a function table -> chances of each class",
        )
    own = ask

    def chances(rows: pd.DataFrame) -> npt.NDArray[Any]:
        try:
            found = np.asarray(own(rows))
        except Exception as error:  # noqa: BLE001, whatever a model raises
            raise refusal(error, model, rows, reference=reference) from None
        return found if decides else _refuse_no_chances(found, len(rows), len(known))

    known = classes or tuple(labels)
    return Chances(classes=known, ask=chances, decides=decides)


def _refuse_no_chances(found: npt.NDArray[Any], rows: int, classes: int) -> npt.NDArray[np.float64]:
    if found.shape != (rows, classes):
        raise InputError(
            f"The model gives an output of shape {found.shape} for {rows:,} rows and "
            f"{classes:,} classes.",
            remedy="it must give one chance for each class and row",
        )
    chances = found.astype(np.float64)
    wrong = ~np.isfinite(chances).all(axis=1) | (chances < 0).any(axis=1)
    wrong |= np.abs(chances.sum(axis=1) - 1) > SUMS_TO_ONE
    if wrong.any():
        raise InputError(
            f"The model gives no chances for {int(wrong.sum()):,} of {rows:,} rows: they are "
            "missing, negative, or do not sum to 1.",
            remedy="give probabilities, not margins",
        )
    return chances


def _scores_of(
    model: Any,
    ask: Callable[[pd.DataFrame], Any],
    rows: pd.DataFrame,
    reference: pd.DataFrame | None,
) -> npt.NDArray[np.float64]:
    scores = outputs_of(model, ask, rows, reference=reference, what="score")
    outside = int(((scores < 0) | (scores > 1)).sum())
    if outside:
        raise InputError(
            f"The model gives scores outside [0, 1] for {outside:,} of {len(rows):,} rows.",
            remedy="give probabilities, not margins",
        )
    return scores


def model_digest(model: Any) -> Digest:
    """The digest of a model in memory, if its files have no known digest.

    Raises:
        InputError: If the model cannot be written to bytes.
    """
    stated = getattr(model, "digest", None)
    if isinstance(stated, Digest):
        return stated
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    if hasattr(booster, "save_raw"):
        return Digest.of(b"auditkit/xgboost-ubj/v1\0" + bytes(booster.save_raw(raw_format="ubj")))
    import pickle

    try:
        return Digest.of(b"auditkit/pickle/v1\0" + pickle.dumps(model, protocol=5))
    except Exception as error:
        raise InputError(
            f"A {type(model).__name__} cannot be written to bytes, so it has no digest.",
            remedy="give digest='sha256:...' of the file that the model came from",
        ) from error


def _favourable_column(model: Any, favourable: Any) -> int:
    """Which column of `predict_proba` is the favourable outcome's."""
    classes = classes_of(model) or _TWO
    if len(classes) != 2:
        raise InputError(
            f"The model decides between {len(classes)} classes; this audit is of two.",
            remedy="give scores of the favourable class against the rest",
        )
    matching = [i for i, c in enumerate(classes) if c == favourable]
    if not matching and isinstance(favourable, bool | np.bool_ | int):
        matching = [i for i, c in enumerate(classes) if str(c) == str(int(favourable))]
    if not matching:
        raise InputError(
            f"The model's classes are {classes!r}; the favourable label is {favourable!r}.",
            remedy="give labels in the values that the model was fitted on",
        )
    return matching[0]


def _chances_of(model: Any, column: int) -> Score:
    given = as_fitted(model)

    def score(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        chances = np.asarray(model.predict_proba(given(rows)))
        if chances.ndim != 2:  # LightGBM's margins, with a custom objective
            raise InputError(
                "The model's predict_proba gives one number per row, not probabilities.",
                remedy="give a function that converts the model's raw outputs to probabilities",
            )
        return np.asarray(chances[:, column], dtype=np.float64)

    return score


def booster_predict(model: Any) -> Score | None:
    """What asks a native booster, or a model elsewhere without classes; None: it is neither."""
    if isinstance(model, Elsewhere):
        return (lambda rows: model.ask("scores", rows)) if model.has_scores else None
    kind = type(model)
    if kind.__module__.startswith("xgboost") and hasattr(model, "inplace_predict"):

        def by_xgboost(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
            result: npt.NDArray[np.float64] = model.predict(booster_rows(rows))
            return result

        return by_xgboost
    if kind.__module__.startswith("lightgbm") and hasattr(model, "model_to_string"):
        predict: Score = model.predict
        return predict
    return None
