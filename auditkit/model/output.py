"""The explained output of a model: one number for each row, on its additive scale.

Boosted trees and linear classifiers sum log-odds; forests average probabilities; regressors sum
their output or, with a log link, its logarithm. An attribution is exact on that scale and stated in
its unit, which `auditkit.model.units` finds from the model's predictions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.errors import InputError
from auditkit.model.elsewhere import Elsewhere
from auditkit.model.units import Unit, unit_of
from auditkit.tables.fitted_columns import as_fitted, holds_numbers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]
    Outputs = Callable[[pd.DataFrame], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainedOutput:
    """One output of a model.

    Attributes:
        predict: Maps a table to outputs on the additive scale, shape `(rows,)`, computed by the
            model itself.
        asked: Maps a table to the model's predictions, shape `(rows,)`; None: the same as
            `predict`.
        gives: The scale of the predictions.
        column: Which output of several, counted from 0.
        sign: -1 if two classes share one margin and the first is explained; otherwise 1.
        family: "xgboost", "lightgbm", "catboost", "sklearn-trees", "linear" or "callable".
    """

    predict: Callable[[pd.DataFrame], Doubles]
    asked: Callable[[pd.DataFrame], Doubles] | None
    gives: Unit
    column: int
    sign: int
    family: str

    def unit(self, rows: Any) -> Unit:
        """The unit of the additive scale, found from the model's predictions for a few rows.

        Args:
            rows: Rows for the model; the more they differ, the better.
        """
        if self.asked is None:
            return self.gives
        try:
            predicted = self.asked(rows)
        except Exception:  # noqa: BLE001, models of every kind may raise
            return Unit.MARGIN
        among: tuple[Unit, ...] = (self.gives, Unit.LOG_ODDS)
        if self.gives is Unit.OUTPUT:
            among = (*among, Unit.LOG_OUTPUT)
        return unit_of(self.predict(rows), predicted, among=among)

    def on_scale(self, wanted: str | None, rows: Any) -> tuple[ExplainedOutput, Unit]:
        """The output on a scale, and that scale.

        Attributions cannot be converted: they sum on one scale only. On another scale the model's
        prediction is explained as a function.

        Args:
            wanted: "log-odds", "probability" or "output"; None: the additive scale.
            rows: As for `unit`.

        Raises:
            InputError: If the model has no such output.
        """
        own, asked = self.unit(rows), self.asked or self.predict
        if wanted is None or wanted == own:
            return self, own
        if wanted == self.gives:
            return self._as_function(asked), self.gives
        if wanted == Unit.PROBABILITY and own is Unit.LOG_ODDS:
            return self._as_function(lambda r: own.predicted(self.predict(r))), Unit.PROBABILITY
        if wanted == Unit.LOG_ODDS and self.gives is Unit.PROBABILITY:
            from scipy.special import logit

            return self._as_function(lambda r: np.asarray(logit(asked(r)))), Unit.LOG_ODDS
        raise InputError(
            f"An output in {own} has no exact form in {wanted!r}.",
            remedy=f"explain it in {own}: leave out unit=",
        )

    def _as_function(self, predict: Callable[[pd.DataFrame], Doubles]) -> ExplainedOutput:
        return replace(self, predict=predict, asked=None, family="callable")


def adds_up(values: Doubles, outputs: Doubles, base: float) -> bool:
    """Whether every row's values and the base sum to the model's output.

    Tolerance: 1e-4 of the largest output, because boosted trees sum in single precision.
    """
    residual = np.abs(values.sum(axis=1) + base - outputs)
    scale = max(1.0, float(np.abs(outputs).max(initial=0.0)), abs(base))
    return bool(np.isfinite(values).all() and residual.max(initial=0.0) <= 1e-4 * scale)


def explained_output(model: Any, *, of: Any = None) -> ExplainedOutput:
    """The explained output of a model.

    Args:
        model: A fitted model, or a function from a table to one number a row.
        of: The class to explain; default: the second of two. Needed for more than two.

    Raises:
        InputError: If the class is unknown or left out where it is needed, or the model has
            nothing to explain.
    """
    if isinstance(model, Elsewhere):
        return _elsewhere(model, of)
    own, given = _own_output(model, of), as_fitted(model)
    predict, asked = own.predict, own.asked
    return replace(
        own,
        predict=lambda rows: predict(given(rows)),
        asked=None if asked is None else lambda rows: asked(given(rows)),
    )


def _elsewhere(model: Elsewhere, of: Any) -> ExplainedOutput:
    gives, column, sign, family, is_asked = model.ask("explained", of)
    return ExplainedOutput(
        predict=lambda rows: np.asarray(model.ask("summed", of, rows)),
        asked=(lambda rows: np.asarray(model.ask("given", of, rows))) if is_asked else None,
        gives=Unit(gives),
        column=int(column),
        sign=-1 if sign == -1 else 1,
        family=str(family),
    )


def _own_output(model: Any, of: Any) -> ExplainedOutput:
    classes = classes_of(model)
    column = _column(classes, of)
    library = type(model).__module__.partition(".")[0]
    if library == "xgboost":
        return _xgboost(model, column, classes)
    if library == "lightgbm":
        return _lightgbm(model, column, classes)
    if library == "catboost":
        return _catboost(model, column, classes)
    if library == "sklearn" and classes:
        return _sklearn_classifier(model, column, classes)
    if library == "sklearn":
        return _regressor(model)
    return _callable(model, column)


def classes_of(model: Any) -> list[Any]:
    """The model's classes; none: a regression, a bare booster or a function."""
    known = getattr(model, "classes_", None)
    return [] if known is None else list(known)


def _column(classes: list[Any], of: Any) -> int:
    if not classes:
        return 1 if of is None else int(of)
    if of is None:
        if len(classes) > 2:
            raise InputError(
                f"The model decides between {len(classes)} classes; which one is to be explained?",
                remedy="give target_class=, one of the model's classes",
            )
        return len(classes) - 1
    for position, value in enumerate(classes):
        if value == of:
            return position
    raise InputError(
        "The class to explain is none of the model's.",
        remedy="give target_class=, one of model.classes_",
    )


def booster_rows(rows: pd.DataFrame) -> Any:
    """Rows as a native XGBoost booster takes them, columns of categories too."""
    from xgboost import DMatrix

    return DMatrix(rows, enable_categorical=True)


def _xgboost(model: Any, column: int, classes: list[Any]) -> ExplainedOutput:
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    settings = json.loads(booster.save_config())
    objective = str(settings["learner"]["objective"]["name"])

    def ask(rows: pd.DataFrame, *, margin: bool) -> Any:
        if booster is model:
            return model.predict(booster_rows(rows), output_margin=margin)
        if holds_numbers(rows):  # it takes longer to look through a table than to predict a row
            numbers = rows.to_numpy(dtype=np.float64)
            return model.predict(numbers, output_margin=margin, validate_features=False)
        return model.predict(rows, output_margin=margin)

    def margins(rows: pd.DataFrame) -> Any:
        return ask(rows, margin=True)

    is_linear = settings["learner"]["gradient_booster"]["name"] == "gblinear"
    family = "linear" if is_linear else "xgboost"
    if classes:
        several = objective.startswith("multi:")
        if objective == "binary:logitraw":  # its "probabilities" are log-odds
            log_odds = _of_class(margins, None, column, several=False, family=family)
            return replace(log_odds, gives=Unit.LOG_ODDS)
        return _of_class(margins, model.predict_proba, column, several=several, family=family)
    if objective.startswith("multi:"):
        return _of_class(margins, None, column, several=True, family=family)
    two = objective.startswith("binary:") or objective == "reg:logistic"
    return _single(lambda r: ask(r, margin=False), family, added=margins, column=column, two=two)


def _lightgbm(model: Any, column: int, classes: list[Any]) -> ExplainedOutput:
    booster = getattr(model, "booster_", model)
    written = booster.dump_model(num_iteration=1)
    objective = str(written.get("objective", ""))
    # Raw scores are the sum of the trees, even if predictions are their average.
    trees = 1
    if written.get("average_output"):
        trees = (
            booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
        )

    def margins(rows: pd.DataFrame) -> Any:
        return np.asarray(model.predict(rows, raw_score=True)) / trees

    if classes:
        several = objective.startswith("multiclass")
        # With a custom objective its "probabilities" are the margins.
        chances = model.predict_proba if objective else None
        return _of_class(margins, chances, column, several=several, family="lightgbm")
    if objective.startswith("multiclass"):
        return _of_class(margins, model.predict, column, several=True, family="lightgbm")
    two = objective.startswith(("binary", "cross_entropy"))
    return _single(model.predict, "lightgbm", added=margins, column=column, two=two)


def _catboost(model: Any, column: int, classes: list[Any]) -> ExplainedOutput:
    def margins(rows: pd.DataFrame) -> Any:
        return model.predict(rows, prediction_type="RawFormulaVal")

    def chances(rows: pd.DataFrame) -> Any:
        return model.predict(rows, prediction_type="Probability")

    if classes:
        return _of_class(margins, chances, column, several=len(classes) > 2, family="catboost")
    return _single(model.predict, "catboost", added=margins)


_AVERAGED: Final = {
    "DecisionTreeClassifier",
    "ExtraTreeClassifier",
    "ExtraTreesClassifier",
    "RandomForestClassifier",
}
_BOOSTED: Final = {"GradientBoostingClassifier", "HistGradientBoostingClassifier"}
_TREE_REGRESSORS: Final = {
    "DecisionTreeRegressor",
    "ExtraTreeRegressor",
    "ExtraTreesRegressor",
    "GradientBoostingRegressor",
    "HistGradientBoostingRegressor",
    "RandomForestRegressor",
}


def _sklearn_classifier(model: Any, column: int, classes: list[Any]) -> ExplainedOutput:
    name = type(model).__name__
    linear = _is_linear(model)
    several = len(classes) > 2
    chances = getattr(model, "predict_proba", None)
    if name in _BOOSTED or linear or chances is None:
        family = "linear" if linear else "sklearn-trees" if name in _BOOSTED else "callable"
        return _of_class(model.decision_function, chances, column, several=several, family=family)
    return _chance(chances, column, "sklearn-trees" if name in _AVERAGED else "callable")


def _regressor(model: Any) -> ExplainedOutput:
    if not hasattr(model, "predict"):
        raise InputError(
            f"A {type(model).__name__} has nothing to explain.",
            remedy="give an estimator, a booster, or a function from a table to one number a row",
        )
    trees = type(model).__name__ in _TREE_REGRESSORS
    family = "sklearn-trees" if trees else "linear" if _is_linear(model) else "callable"
    if _has_log_link(model):
        return _single(model.predict, family, added=lambda rows: np.log(model.predict(rows)))
    return _single(model.predict, family)


def _has_log_link(model: Any) -> bool:
    """Whether a scikit-learn regressor sums the logarithm of its prediction.

    Generalised linear models and boosted trees keep the loss that they were fitted with. If a
    release keeps it elsewhere, their values do not sum here and they are explained as functions.
    """
    loss = getattr(model, "_base_loss", getattr(model, "_loss", None))
    return type(getattr(loss, "link", None)).__name__ == "LogLink"


def _is_linear(model: Any) -> bool:
    return hasattr(model, "coef_") and hasattr(model, "intercept_") and not hasattr(model, "kernel")


def _callable(model: Any, column: int) -> ExplainedOutput:
    if hasattr(model, "predict_proba"):
        return _chance(model.predict_proba, column, "callable")
    function = model.predict if hasattr(model, "predict") else model
    if not callable(function):
        raise InputError(
            f"A {type(model).__name__} has nothing to explain.",
            remedy="give an estimator, a booster, or a function from a table to one number a row",
        )
    return _single(function, "callable")


def _chance(chances: Outputs, column: int, family: str) -> ExplainedOutput:
    """The probability of a class, which is additive."""

    def predict(rows: pd.DataFrame) -> Doubles:
        return _one_a_row(np.asarray(chances(rows))[:, column])

    return ExplainedOutput(
        predict=predict, asked=None, gives=Unit.PROBABILITY, column=column, sign=1, family=family
    )


def _of_class(
    added: Outputs, chances: Outputs | None, column: int, *, several: bool, family: str
) -> ExplainedOutput:
    """The margin of a class: each class has one, or two share that of the second."""
    sign = 1 if several or column == 1 else -1

    def predict(rows: pd.DataFrame) -> Doubles:
        values = np.asarray(added(rows))
        return _one_a_row(values[:, column]) if several else sign * _one_a_row(values)

    def chance(rows: pd.DataFrame) -> Doubles:
        assert chances is not None
        return _one_a_row(np.asarray(chances(rows))[:, column])

    return ExplainedOutput(
        predict=predict,
        asked=None if chances is None else chance,
        gives=Unit.MARGIN if chances is None else Unit.PROBABILITY,
        column=column if several else 0,
        sign=sign,
        family=family,
    )


def _single(
    output: Outputs,
    family: str,
    *,
    added: Outputs | None = None,
    column: int = 1,
    two: bool = False,
) -> ExplainedOutput:
    """The only output of a model, or the one that two classes share."""
    sign = -1 if two and column == 0 else 1

    def predict(rows: pd.DataFrame) -> Doubles:
        return sign * _one_a_row((added or output)(rows))

    def asked(rows: pd.DataFrame) -> Doubles:
        values = _one_a_row(output(rows))
        return values if sign == 1 else 1 - values

    return ExplainedOutput(
        predict=predict,
        asked=None if added is None else asked,
        gives=Unit.OUTPUT,
        column=0,
        sign=sign,
        family=family,
    )


def _one_a_row(values: Any) -> Doubles:
    outputs = np.asarray(values, dtype=np.float64)
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        outputs = outputs[:, 0]
    if outputs.ndim != 1:
        raise InputError(
            f"The model gives outputs of shape {outputs.shape}; one number per row is needed.",
            remedy="explain a function that gives one number per row",
        )
    return outputs
