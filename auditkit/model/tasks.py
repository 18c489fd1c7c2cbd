"""What a model predicts, as it says itself: one of two outcomes, one of several classes, a number.

Law: nothing is guessed from a model's name but its library; a model that does not say is left to
its labels.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from auditkit.errors import InputError
from auditkit.model.elsewhere import asked
from auditkit.model.output import classes_of
from auditkit.subject import Task


def task_of_model(model: Any) -> Task | None:
    """What a model predicts; None: it does not say, as a function.

    Raises:
        InputError: If it predicts several things of each row, or knows one class alone.
    """
    stated = stated_task(model)
    return None if stated is None else Task(stated)


@asked
def stated_task(model: Any) -> str | None:
    """The value of the task that a model states; see `task_of_model`."""
    refuse_several_outputs(model)
    classes = classes_of(model)
    if len(classes) == 1:
        raise InputError(
            f"The {type(model).__name__} knows one class alone.",
            remedy="fit it on rows of two classes or more",
        )
    if classes:
        return (Task.BINARY if len(classes) == 2 else Task.CLASSES).value
    objective = _objective(model)
    if objective is not None:
        found = _task_of_objective(objective)
        return None if found is None else found.value
    return Task.NUMBER.value if _is_regressor(model) else None


def refuse_several_outputs(model: Any) -> None:
    """Refuses a model that predicts several things of each row.

    Raises:
        InputError: With the model's type.
    """
    made_of_many = {"_MultiOutputEstimator", "_BaseChain"}
    known, outputs = getattr(model, "classes_", None), getattr(model, "n_outputs_", 1)
    several = isinstance(known, list) and any(isinstance(own, np.ndarray) for own in known)
    several = several or (isinstance(outputs, int) and outputs > 1)
    if several or made_of_many & {base.__name__ for base in type(model).__mro__}:
        raise InputError(
            f"The {type(model).__name__} predicts several outputs of each row; an audit is of one.",
            remedy="audit each output on its own: give a function from a table to one of them",
        )


def _objective(model: Any) -> str | None:
    """The objective of a bare booster; None: the model is none."""
    library = type(model).__module__.partition(".")[0]
    if library == "xgboost" and hasattr(model, "inplace_predict"):
        return str(json.loads(model.save_config())["learner"]["objective"]["name"])
    if library == "lightgbm" and hasattr(model, "model_to_string"):
        return str(model.dump_model(num_iteration=1).get("objective", "custom"))
    return None


def _task_of_objective(objective: str) -> Task | None:
    name = objective.partition(" ")[0]
    if name.startswith("multi"):
        return Task.CLASSES
    if name.startswith(("binary", "cross_entropy", "reg:logistic")):
        return Task.BINARY
    return None if name.startswith(("rank", "lambdarank", "custom")) else Task.NUMBER


def _is_regressor(model: Any) -> bool:
    if getattr(model, "_estimator_type", None) == "regressor":
        return True
    from sklearn.base import is_regressor

    try:
        return bool(is_regressor(model))
    except Exception:  # noqa: BLE001, what is no estimator has no tags
        return False
