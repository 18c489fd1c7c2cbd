"""Loads a model from bytes, by its format; in the confined process alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from auditkit.errors import InputError

# A model, and the names of other code that its file holds.
Loaded = tuple[Any, list[str]]


def _xgboost(data: bytes, told: Mapping[str, Any]) -> Loaded:
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(data))
        objective = str(json.loads(booster.save_config())["learner"]["objective"]["name"])
        classifies = objective.startswith(("binary:", "multi:"))
        model = (xgboost.XGBClassifier if classifies else xgboost.XGBRegressor)()
        model.load_model(bytearray(data))
    except Exception as error:
        raise InputError(
            "The file is not an XGBoost model that this version can read.",
            remedy="save it again with save_model",
        ) from error
    return model, []


def _lightgbm(data: bytes, told: Mapping[str, Any]) -> Loaded:
    import lightgbm

    try:
        return lightgbm.Booster(model_str=data.decode()), []
    except Exception as error:
        raise InputError(
            "The file is not a LightGBM model that this version can read.",
            remedy="save it again with save_model",
        ) from error


def _catboost(data: bytes, told: Mapping[str, Any]) -> Loaded:
    import catboost

    form = "json" if told["format"] == "catboost-json" else "cbm"
    try:
        found = _catboost_model(catboost.CatBoost, data, form)
        loss = str(found.get_all_params().get("loss_function", ""))
        classifies = bool(len(found.classes_)) or loss in {"Logloss", "CrossEntropy"}
        kind = catboost.CatBoostClassifier if classifies else catboost.CatBoostRegressor
        return _catboost_model(kind, data, form), []
    except Exception as error:
        raise InputError(
            "The file is not a CatBoost model that this version can read.",
            remedy="save it again with save_model",
        ) from error


def _catboost_model(kind: Any, data: bytes, form: str) -> Any:
    model = kind()
    if form == "cbm":
        model.load_model(blob=data)
    else:
        from auditkit.model_files.memory import readable_file

        with readable_file(data) as path:
            model.load_model(path, format=form)
    return model


def _pickle(data: bytes, told: Mapping[str, Any]) -> Loaded:
    from auditkit.model_files.pickles import load_pickle

    return load_pickle(data, trusted_types=told["trusted_types"])


def _function(data: bytes, told: Mapping[str, Any]) -> Loaded:
    from auditkit.model_files.functions import load_function

    return load_function(told["folder"], told["name"])


LOADERS: Final[dict[str, Callable[[bytes, Mapping[str, Any]], Loaded]]] = {
    "xgboost-json": _xgboost,
    "xgboost-ubj": _xgboost,
    "lightgbm-text": _lightgbm,
    "catboost-json": _catboost,
    "catboost-cbm": _catboost,
    "pickle": _pickle,
    "function": _function,
}
