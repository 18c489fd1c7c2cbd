"""Loads a model from bytes, by its format; in the confined process alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from auditkit.errors import InputError
from auditkit.model_files.functions import load_function
from auditkit.model_files.memory import file_of
from auditkit.model_files.onnx_models import load_onnx
from auditkit.model_files.pickles import load_pickle
from auditkit.model_files.skops_files import load_skops
from auditkit.model_files.tree_files import check_catboost_json, check_lightgbm, check_xgboost


def load_bytes(
    form: str, data: bytes, *, trusted_types: Sequence[str] = ()
) -> tuple[Any, tuple[str, ...]]:
    """A model, and the names of other code that its file holds.

    Args:
        form: The name of its format; see `auditkit.model_files.formats`.
        data: The bytes of its file; of a function, its name and the folder that it is in.
        trusted_types: For a pickle or skops file, names besides the known ones.

    Raises:
        InputError: If it is malformed, or its library cannot read it.
    """
    if form == "pickle":
        return load_pickle(data, trusted_types=trusted_types)
    if form == "skops":
        return load_skops(data, trusted_types=trusted_types)
    if form == "onnx":
        return load_onnx(data)
    if form == "function":
        name, _, folder = data.decode().partition("\n")
        return load_function(name, folder), ()
    library, _, kind = form.partition("-")
    if library == "xgboost":
        check_xgboost(data, ubj=kind == "ubj")
    elif library == "lightgbm":
        check_lightgbm(data)
    elif kind == "json":
        check_catboost_json(data)
    reader = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}[library]
    try:
        return reader(data, kind), ()
    except Exception as error:
        raise InputError(
            f"The file is not a model that this version of {library} can read: "
            f"{type(error).__name__}.",
            remedy="save it again with its save_model",
        ) from error


def _xgboost(data: bytes, kind: str) -> Any:  # noqa: ARG001 - the library tells which it is
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(data))
    objective = str(json.loads(booster.save_config())["learner"]["objective"]["name"])
    classifies = objective.startswith(("binary:", "multi:"))
    model = (xgboost.XGBClassifier if classifies else xgboost.XGBRegressor)()
    model.load_model(bytearray(data))
    return model


def _lightgbm(data: bytes, kind: str) -> Any:  # noqa: ARG001 - it has one form
    import lightgbm

    return lightgbm.Booster(model_str=data.decode())


def _catboost(data: bytes, kind: str) -> Any:
    import catboost

    def loaded(of: Any) -> Any:
        model = of()
        if kind == "cbm":
            model.load_model(blob=data)
        else:
            with file_of(data) as path:
                model.load_model(path, format=kind)
        return model

    found = loaded(catboost.CatBoost)
    classes = getattr(found, "classes_", None)
    loss = str((found.get_all_params() or {}).get("loss_function", ""))
    classifies = (classes is not None and len(classes)) or loss in {"Logloss", "CrossEntropy"}
    return loaded(catboost.CatBoostClassifier if classifies else catboost.CatBoostRegressor)
