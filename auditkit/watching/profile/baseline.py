"""Makes the layout of a baseline from its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.canonical import check_name
from auditkit.errors import InputError
from auditkit.model.refusals import outputs_of
from auditkit.model.scoring import model_digest, scorer
from auditkit.parameters import Parameter
from auditkit.tables.columns import one_column
from auditkit.tables.convert import to_pandas
from auditkit.tables.pairing import refuse_other_rows
from auditkit.watching.profile.counting import Array, as_texts
from auditkit.watching.profile.fitting import fit_column, with_edge
from auditkit.watching.profile.layout import (
    DECIDED,
    OTHER_GROUP,
    OUTCOMES,
    UNKNOWN_GROUP,
    Column,
    Layout,
    Role,
    salt_digest,
)
from auditkit.watching.profile.rows import Rows, Task

_SMALL_CELL: Final = Parameter(default=11, at_least=0)
_THRESHOLD: Final = Parameter(default=0.5)


def fit_layout(
    reference: Any,
    *,
    model: Any,
    scores: Any,
    decided: Any,
    labels: Any,
    groups: Any,
    attributions: Any,
    favourable: Any,
    threshold: float,
    version: str,
    digest: str | None,
    personal: Sequence[str],
    salt: bytes | None,
    small_cell: int,
) -> tuple[Layout, Rows]:
    """The layout of a baseline, and its rows; see `Profile.fit`."""
    small_cell = _SMALL_CELL.read(small_cell, name="small_cell")
    threshold = _THRESHOLD.read(threshold, name="threshold")
    refuse_other_rows(
        {"reference": reference, "scores": scores, "decided": decided, "labels": labels,
         "groups": groups, "attributions": attributions}
    )  # fmt: skip
    frame = to_pandas(reference, what="reference")
    if not len(frame):
        raise InputError("reference has no rows.", remedy="give the rows of the audit")
    if unknown := sorted(set(personal) - set(frame.columns)):
        raise InputError(
            f"reference has no column {unknown[0]!r}, which is called personal.",
            remedy="name a column of reference",
        )
    task = _task(labels, favourable)
    text = "" if favourable in (None, 1, True) else _as_text(favourable)
    rows = Rows(rows=len(frame), size=len(frame))
    for name in frame.columns:
        rows.columns["feature", name] = frame[name]
    if scores is None and model is not None:
        scores = _scored(model, frame, task, favourable)
    rows.take_outputs(task, text, threshold, scores, decided)
    rows.take_labels(task, text, labels)
    rows.take_attributions(attributions)
    rows.take_groups(groups, None)
    columns = []
    score = None
    for (role, name), values in rows.columns.items():
        column = _column(
            role, name, values, score, small_cell=small_cell,
            personal=role == "feature" and name in personal, salt=salt,
            among=rows.among.get((role, name)),
            threshold=threshold if task == "classification" else None,
        )  # fmt: skip
        score = column if role == "score" else score
        columns.append(column)
    before = set(rows.columns)
    rows.take_errors_by_score(score)
    columns += [
        Column(name=name, role=role, kind="number")  # type: ignore[arg-type]
        for role, name in rows.columns
        if (role, name) not in before
    ]
    layout = Layout(
        columns=tuple(columns),
        task=task,
        favourable=text,
        threshold=threshold,
        groups={name: _common(column, small_cell) for name, column in sorted(rows.groups.items())},
        small_cell=small_cell,
        model=digest or (str(model_digest(model)) if model is not None else ""),
        version=check_name(version, what="The version"),
        salt=salt_digest(salt) if salt is not None else "",
    )
    for name, column in rows.groups.items():
        named = np.isin(column.astype(str), [*layout.groups[name], UNKNOWN_GROUP])
        rows.groups[name] = np.where(named, column, OTHER_GROUP)
    return layout, rows


def _column(
    role: Any,
    name: str,
    values: Any,
    score: Column | None,
    *,
    small_cell: int,
    personal: bool,
    salt: bytes | None,
    among: npt.NDArray[np.bool_] | None,
    threshold: float | None,
) -> Column:
    """The cells of one column; those of outcomes are fixed, and each class has the score's."""
    fixed: Mapping[Role, tuple[str, ...]] = {"decision": DECIDED, "outcome": OUTCOMES}
    is_class = role == "label" and values.dtype == object
    if role in fixed or is_class:
        levels = fixed.get(role, DECIDED)
        return Column(name=name, role=role, kind="level", levels=levels)
    if role.startswith("score of ") and score is not None:
        return Column(name=name, role=role, kind="number", edges=score.edges, atoms=score.atoms)
    held = values if among is None else values[among]
    found = fit_column(
        held, name=name, role=role, small_cell=small_cell, personal=personal, salt=salt
    )
    return with_edge(found, threshold) if role == "score" and threshold is not None else found


def _task(labels: Any, favourable: Any) -> Task:
    if labels is None:
        return ""
    array = one_column(labels, what="labels")
    values = pd.unique(array[~pd.isna(array)])
    if favourable is not None or len(values) <= 2:
        return "classification"
    if not all(isinstance(value, int | float | np.number) for value in values):
        raise InputError(
            f"labels have {len(values)} values that are not numbers; two are watched.",
            remedy="name the value that is good for the person with favourable=",
        )
    return "regression"


def _as_text(value: Any) -> str:
    return as_texts(pd.Series([value], dtype=object))[1][0]


def _scored(model: Any, frame: pd.DataFrame, task: Task, favourable: Any) -> Array:
    """The model's scores, or its predictions if it has none or the labels are numbers."""
    if task == "regression" or not (hasattr(model, "predict_proba") or callable(model)):
        predict = getattr(model, "predict", model)
        return outputs_of(model, predict, frame, reference=None, what="predict")
    return scorer(model, favourable=1 if favourable is None else favourable).score(frame)


def _common(column: Any, small_cell: int) -> tuple[str, ...]:
    names, counts = np.unique(column.astype(str), return_counts=True)
    common = names[counts >= max(1, small_cell)].tolist()
    return tuple(n for n in common if n not in (OTHER_GROUP, UNKNOWN_GROUP))
