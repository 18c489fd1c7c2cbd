"""What a model predicts, where nobody says so; and labels in the model's own values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.errors import InputError, argument
from auditkit.model.output import classes_of
from auditkit.model.tasks import task_of_model
from auditkit.subject import Inputs, Task
from auditkit.tables.columns import one_column


def task_of(inputs: Inputs) -> Task:
    """What is predicted: what the caller says, else the model, else what labels look like.

    Raises:
        InputError: If there is no such task, or the model predicts something else.
    """
    own = None if inputs.model is None else task_of_model(inputs.model)
    if inputs.task is not None:
        return _wanted(inputs.task, own)
    values = inputs.labels if inputs.labels is not None else inputs.predictions
    found = [] if values is None else _distinct(one_column(values, what="labels"))
    bare = own is Task.NUMBER and not hasattr(inputs.model, "fit")
    if bare and 0 < len(found) <= 2:
        return Task.BINARY  # of a booster with an objective of its own, which its file hides
    if own is not None:
        return own
    if len(found) <= 2 or (inputs.scores is not None and np.ndim(inputs.scores) == 1):
        return Task.BINARY
    if all(isinstance(value, str) for value in found):
        return Task.CLASSES
    numbers = [v for v in found if isinstance(v, float | np.floating)]
    fractions = [v for v in numbers if np.isfinite(v) and v != int(v)]
    return Task.NUMBER if fractions and len(numbers) == len(found) else Task.BINARY


def _wanted(task: str, own: Task | None) -> Task:
    try:
        wanted = Task(task)
    except ValueError:
        known = ", ".join(Task)
        raise InputError(f"There is no task {task!r}.", remedy=f"give one of: {known}") from None
    if own is None or own is wanted or (own, wanted) == (Task.BINARY, Task.CLASSES):
        return wanted
    if own is Task.NUMBER and wanted is Task.BINARY:
        return wanted  # of a booster that gives probabilities by an objective of its own
    raise InputError(
        f"The task is {wanted.value!r}, and the model {own.words}.",
        remedy=f"leave out {argument('task')}, or give {own.value!r}",
    )


def translated(inputs: Inputs, rows: int) -> Inputs:
    """Inputs whose labels, predictions and favourable value are values that the model knows.

    Raises:
        InputError: If labels are words that the model does not know and nobody says which is
            which, or `label_values` leaves out a word.
    """
    named = inputs.label_values
    if named is None:
        _refuse_unknown_words(inputs, rows)
        return inputs
    if not isinstance(named, Mapping) or len(named) < 2:
        raise InputError(
            "label_values does not name the values of the labels.",
            remedy='give the model\'s value for each, as {"good": 1, "bad": 0}',
        )
    favourable = _of(named, inputs.favourable)
    return replace(
        inputs,
        labels=_named(inputs.labels, named, "labels", rows),
        predictions=_named(inputs.predictions, named, "predictions", rows),
        favourable=inputs.favourable if favourable is None else favourable,
        label_values=None,
    )


def _named(values: Any, named: Mapping[Any, Any], what: str, rows: int) -> Any:
    if values is None:
        return None
    column = one_column(values, what=what, rows=rows, against="data")
    found = [None if pd.isna(value) else _of(named, value) for value in column]
    left = [v for v, new in zip(column, found, strict=True) if new is None and not pd.isna(v)]
    if left:
        raise InputError(
            f"{what} has {len(set(left)):,} values, in {len(left):,} rows, that "
            f"{argument('label_values')} does not name.",
            remedy="name the model's value for every value of the labels",
        )
    return pd.Series(found).to_numpy()


def _of(named: Mapping[Any, Any], value: Any) -> Any:
    """The model's value for a value of the labels, by the value or by its text."""
    if value is None:
        return None
    found = named.get(value)
    return found if found is not None else named.get(str(value))


def _refuse_unknown_words(inputs: Inputs, rows: int) -> None:
    """Refuses labels none of which is a class of the model, and offers what to say."""
    known = [] if inputs.model is None else classes_of(inputs.model)
    if inputs.labels is None or len(known) < 2 or isinstance(known[0], np.ndarray):
        return
    column = one_column(inputs.labels, what="labels", rows=rows, against="data")
    found = _distinct(column)
    classes = {str(value) for value in known}
    if not found or len(found) > len(known) or any(_as_class(v) in classes for v in found):
        return
    first = [v for v in found if v == inputs.favourable]
    ordered = [*first, *(v for v in found if v not in first)]
    offer = dict(zip(map(str, ordered), reversed(known), strict=False))
    words = ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {_yaml(v)}" for k, v in offer.items())
    raise InputError(
        f"The model's classes are {_listed(known)}; the labels are {_listed(ordered)}.",
        remedy=f"say which is which, as {argument('label_values')} {{{words}}}",
    )


def _distinct(column: npt.NDArray[Any]) -> list[Any]:
    return list(pd.unique(column[~pd.isna(column)]))


def _as_class(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    return str(value).removesuffix(".0")


def _yaml(value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    return json.dumps(plain, ensure_ascii=False, default=str)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(_yaml, values[:6])) + (" and others" if len(values) > 6 else "")
