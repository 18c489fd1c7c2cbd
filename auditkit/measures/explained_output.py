"""What is explained: the one number that a model gives each row, on the scale it adds up on.

Boosted trees and linear classifiers add up log-odds; forests average probabilities; regressors
add up their own output. An attribution is exact on that scale and stated in its unit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.errors import InputError
from auditkit.measures.fitted_columns import as_fitted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Outputs = Callable[[pd.DataFrame], Any]

LOG_ODDS: Final = "log-odds"
PROBABILITY: Final = "probability"
MARGIN: Final = "margin"
OUTPUT: Final = "output"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainedOutput:
    """One output of a model.

    Attributes:
        predict: Maps a table to the output, shape `(rows,)`, as the model itself computes it.
        unit: "log-odds" or "probability" of the class `column`; "margin", where the model adds up
            a score that is not the log-odds of a probability; "output", a regressor's own unit.
        column: Which output of several, counted from 0.
        sign: -1 where two classes share one margin and the first of them is explained; else 1.
        family: "xgboost", "lightgbm", "catboost", "sklearn-trees", "linear" or "callable".
    """

    predict: Callable[[pd.DataFrame], NDArray[np.float64]]
    unit: str
    column: int
    sign: int
    family: str

    def in_unit(self, unit: str | None) -> ExplainedOutput:
        """The same output on another scale.

        Attributions do not convert with it: what adds up on one scale does not on the other. So
        what is explained then is the converted output itself, as a function.

        Args:
            unit: "log-odds" or "probability"; None: the scale it adds up on.

        Raises:
            InputError: If the output is neither of the two.
        """
        if unit is None or unit == self.unit:
            return self
        if {unit, self.unit} != {LOG_ODDS, PROBABILITY}:
            raise InputError(
                f"An output in {self.unit} has no exact form in {unit!r}.",
                remedy=f"explain it in {self.unit}: leave out unit=",
            )
        from scipy.special import expit, logit

        convert = expit if unit == PROBABILITY else logit

        def predict(rows: pd.DataFrame) -> NDArray[np.float64]:
            return np.asarray(convert(self.predict(rows)), dtype=np.float64)

        return replace(self, predict=predict, unit=unit, family="callable")


def adds_up(values: NDArray[np.float64], outputs: NDArray[np.float64], base: float) -> bool:
    """Whether every row's values and the base add up to the model's own output.

    Tolerance: 1e-4 of the largest output, as boosted trees are added in single precision.
    """
    residual = np.abs(values.sum(axis=1) + base - outputs)
    scale = max(1.0, float(np.abs(outputs).max(initial=0.0)), abs(base))
    return bool(np.isfinite(values).all() and residual.max(initial=0.0) <= 1e-4 * scale)


def explained_output(model: Any, *, of: Any = None) -> ExplainedOutput:
    """The output of a model that is explained.

    Args:
        model: A fitted model, or a function from a table to one number a row.
        of: The class to explain; default: the second of two. Needed for more than two.

    Raises:
        InputError: If the class is unknown or left out where it is needed, or the model has
            nothing to explain.
    """
    own, given = _own_output(model, of), as_fitted(model)

    def predict(rows: pd.DataFrame) -> NDArray[np.float64]:
        return own.predict(given(rows))

    return replace(own, predict=predict)


def _own_output(model: Any, of: Any) -> ExplainedOutput:
    classes = _classes(model)
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


def _classes(model: Any) -> list[Any]:
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
                remedy="give of=, one of the model's classes",
            )
        return len(classes) - 1
    for position, value in enumerate(classes):
        if value == of:
            return position
    raise InputError(
        "The class to explain is none of the model's.", remedy="give of=, one of model.classes_"
    )


def _xgboost(model: Any, column: int, classes: list[Any]) -> ExplainedOutput:
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    settings = json.loads(booster.save_config())
    objective = str(settings["learner"]["objective"]["name"])

    def margins(rows: pd.DataFrame) -> Any:
        from xgboost import DMatrix

        table = DMatrix(rows) if booster is model else rows
        return model.predict(table, output_margin=True)

    is_linear = settings["learner"]["gradient_booster"]["name"] == "gblinear"
    family = "linear" if is_linear else "xgboost"
    if objective.startswith("multi:"):
        return _one_of_many(margins, column, family)
    if objective in {"binary:logistic", "reg:logistic", "binary:logitraw"}:
        return _shared(margins, column, LOG_ODDS, family)
    if classes:
        return _shared(margins, column, MARGIN, family)
    return _single(margins, family)


def _lightgbm(model: Any, column: int, classes: list[Any]) -> ExplainedOutput:
    booster = getattr(model, "booster_", model)
    objective = str(booster.dump_model(num_iteration=1).get("objective", ""))

    def margins(rows: pd.DataFrame) -> Any:
        return model.predict(rows, raw_score=True)

    if objective.startswith("multiclass"):
        return _one_of_many(margins, column, "lightgbm")
    if objective.startswith("binary"):
        unit = LOG_ODDS if objective == "binary sigmoid:1" else MARGIN
        return _shared(margins, column, unit, "lightgbm")
    if classes:
        return _shared(margins, column, MARGIN, "lightgbm")
    return _single(margins, "lightgbm")


def _catboost(model: Any, column: int, classes: list[Any]) -> ExplainedOutput:
    def margins(rows: pd.DataFrame) -> Any:
        return model.predict(rows, prediction_type="RawFormulaVal")

    if len(classes) > 2:
        return _one_of_many(margins, column, "catboost")
    if classes:
        return _shared(margins, column, LOG_ODDS, "catboost")
    return _single(margins, "catboost")


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
_LOGISTIC: Final = {"LogisticRegression", "LogisticRegressionCV"}


def _sklearn_classifier(model: Any, column: int, classes: list[Any]) -> ExplainedOutput:
    name = type(model).__name__
    linear = _is_linear(model)
    if name not in _BOOSTED and not linear:
        if not hasattr(model, "predict_proba"):
            return _callable(model.decision_function, column)
        family = "sklearn-trees" if name in _AVERAGED else "callable"
        return _one_of_many(model.predict_proba, column, family, unit=PROBABILITY)
    family = "linear" if linear else "sklearn-trees"
    if len(classes) > 2:
        return _one_of_many(model.decision_function, column, family)
    exponential = getattr(model, "loss", "") == "exponential"
    additive = (name in _BOOSTED and not exponential) or name in _LOGISTIC
    unit = LOG_ODDS if additive else MARGIN
    return _shared(model.decision_function, column, unit, family)


def _regressor(model: Any) -> ExplainedOutput:
    if not hasattr(model, "predict"):
        raise InputError(
            f"A {type(model).__name__} has nothing to explain.",
            remedy="give an estimator, a booster, or a function from a table to one number a row",
        )
    trees = type(model).__name__ in _TREE_REGRESSORS
    family = "sklearn-trees" if trees else "linear" if _is_linear(model) else "callable"
    return _single(model.predict, family)


def _is_linear(model: Any) -> bool:
    return hasattr(model, "coef_") and hasattr(model, "intercept_") and not hasattr(model, "kernel")


def _callable(model: Any, column: int) -> ExplainedOutput:
    if hasattr(model, "predict_proba"):
        return _one_of_many(model.predict_proba, column, "callable", unit=PROBABILITY)
    function = model.predict if hasattr(model, "predict") else model
    if not callable(function):
        raise InputError(
            f"A {type(model).__name__} has nothing to explain.",
            remedy="give an estimator, a booster, or a function from a table to one number a row",
        )
    return _single(function, "callable")


def _one_of_many(
    outputs: Outputs, column: int, family: str, *, unit: str = MARGIN
) -> ExplainedOutput:
    def predict(rows: pd.DataFrame) -> NDArray[np.float64]:
        return _one_a_row(np.asarray(outputs(rows))[:, column])

    return ExplainedOutput(predict=predict, unit=unit, column=column, sign=1, family=family)


def _shared(outputs: Outputs, column: int, unit: str, family: str) -> ExplainedOutput:
    """Two classes share one margin, which belongs to the second."""
    sign = 1 if column == 1 else -1

    def predict(rows: pd.DataFrame) -> NDArray[np.float64]:
        return sign * _one_a_row(outputs(rows))

    return ExplainedOutput(predict=predict, unit=unit, column=0, sign=sign, family=family)


def _single(outputs: Outputs, family: str) -> ExplainedOutput:
    def predict(rows: pd.DataFrame) -> NDArray[np.float64]:
        return _one_a_row(outputs(rows))

    return ExplainedOutput(predict=predict, unit=OUTPUT, column=0, sign=1, family=family)


def _one_a_row(values: Any) -> NDArray[np.float64]:
    outputs = np.asarray(values, dtype=np.float64)
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        outputs = outputs[:, 0]
    if outputs.ndim != 1:
        raise InputError(
            f"The model gives outputs of shape {outputs.shape}; one number a row is wanted.",
            remedy="explain a function that gives one number a row",
        )
    return outputs
