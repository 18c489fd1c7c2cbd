"""Validates inputs and makes a case. Errors name the column, the count and the remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from auditkit.canonical import Digest, check_name
from auditkit.errors import InputError, NothingToAuditError
from auditkit.loading.explaining import within_budget
from auditkit.loading.predicted_numbers import numbers
from auditkit.loading.several_classes import classes
from auditkit.loading.task import task_of, translated
from auditkit.loading.two_outcomes import two_outcomes
from auditkit.measures.groups.membership import UNKNOWN, refuse_many_levels
from auditkit.model.scoring import model_digest
from auditkit.model_files.confined import ConfinedModel
from auditkit.model_files.served import ServedModel
from auditkit.parameters import SEED
from auditkit.subject import Case, Inputs, Loading, Subject, Task
from auditkit.tables.columns import group_columns
from auditkit.tables.convert import array_digest, describe, to_pandas
from auditkit.tables.fitted_columns import fitted_columns
from auditkit.tables.pairing import refuse_other_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from auditkit.loading.outcomes import Decided
    from auditkit.subject import Dataset


def prepare(inputs: Inputs) -> Case:
    """Validates inputs and lays them out for the checks.

    Raises:
        NothingToAuditError: If there are no rows, or no model, scores or predictions.
        InputError: If anything else cannot be used as given; the message says what and where.
    """
    seed = SEED.read(inputs.seed, name="seed")
    refuse_other_rows(
        {
            "data": inputs.data,
            "labels": inputs.labels,
            "groups": inputs.groups,
            "scores": inputs.scores,
            "predictions": inputs.predictions,
            "intervals": inputs.intervals,
        }
    )
    features = to_pandas(inputs.data, what="data")
    rows = len(features)
    if rows == 0:
        raise NothingToAuditError("data has no rows.", remedy="give the rows to evaluate")
    if inputs.champion is not None:
        _refuse_no_models(inputs, inputs.champion)
    if inputs.model is None and inputs.scores is None and inputs.predictions is None:
        raise NothingToAuditError(
            "There is no model, no scores and no predictions.", remedy="give one of them"
        )
    inputs = translated(inputs, rows)
    task = task_of(inputs)
    groups = _groups(inputs.groups, rows)
    reference = None if inputs.reference is None else _reference(inputs.reference, features)
    datasets = [describe(features, name="data", role="evaluation")]
    if reference is not None:
        datasets.append(describe(reference, name="reference", role="reference"))

    def case_of(own: Inputs, task: Task) -> Case:
        return _case(own, features, reference, tuple(datasets), groups=groups, seed=seed, task=task)

    if inputs.champion is None:
        return within_budget(case_of(inputs, task), inputs.explain)
    in_use = _with_model_of(inputs, inputs.champion)
    own = within_budget(case_of(inputs, task), inputs.explain)
    champion = case_of(in_use, task_of(replace(in_use, task=task.value)))
    champion = replace(champion, evaluations=own.evaluations)
    if own.classes and champion.classes and own.classes.names != champion.classes.names:
        raise InputError(
            "The two models know other classes, or in another order.",
            remedy="compare models of the same classes",
        )
    subject = replace(own.subject, champion=champion.subject)
    return replace(own, subject=subject, champion=champion)


def _case(
    inputs: Inputs,
    features: pd.DataFrame,
    reference: pd.DataFrame | None,
    datasets: tuple[Dataset, ...],
    *,
    groups: Mapping[str, npt.NDArray[np.str_]],
    seed: int,
    task: Task,
) -> Case:
    if inputs.champion is not None:  # of two models each reads the columns that it was fitted on
        columns = fitted_columns(inputs.model, list(map(str, features.columns)))
        if columns is not None and set(columns) <= set(features.columns):
            features = features[columns]
            reference = None if reference is None else reference[columns]
    outcomes = {Task.BINARY: two_outcomes, Task.CLASSES: classes, Task.NUMBER: numbers}[task]
    decided = outcomes(inputs, features, reference)
    return Case(
        subject=_subject(inputs, decided),
        datasets=datasets,
        features=features,
        labels=decided.labels,
        decisions=decided.decisions,
        scores=decided.scores,
        groups=groups,
        reference=reference,
        model=inputs.model,
        score=decided.score,
        scored_class=decided.scored_class,
        is_mirrored=decided.is_mirrored,
        threshold=decided.threshold,
        evidence=tuple(inputs.evidence),
        seed=seed,
        task=task,
        numbers=decided.numbers,
        classes=decided.classes,
    )


def _refuse_no_models(inputs: Inputs, champion: Inputs) -> None:
    """Refuses a comparison of anything but two models."""
    if inputs.model is None or champion.model is None:
        raise InputError(
            "Two models are compared, and one of them is missing.",
            remedy="give a model as champion, and a model as challenger",
        )
    if inputs.scores is not None or inputs.predictions is not None:
        raise InputError(
            "Two models are compared, and scores or predictions are given beside them.",
            remedy="leave out scores and predictions: both models decide for themselves",
        )


def _with_model_of(inputs: Inputs, champion: Inputs) -> Inputs:
    """The same rows, with the model in use."""
    return replace(
        inputs,
        model=champion.model,
        name=champion.name,
        version=champion.version,
        digest=champion.digest,
        registered=champion.registered,
        purpose="",
        owner="",
        intervals=None,
        evidence=(),
    )


def _groups(groups: Any, rows: int) -> Mapping[str, npt.NDArray[np.str_]]:
    if groups is None:
        return {}
    named: dict[str, npt.NDArray[np.str_]] = {}
    for name, values in group_columns(groups, rows=rows, against="data").items():
        column = pd.Series(values)
        if isinstance(column.dtype, pd.CategoricalDtype):
            empty = [str(c) for c in column.cat.categories if not (column == c).any()]
            if empty:
                raise InputError(
                    f"The group {empty[0]!r} of {name!r} has no members.",
                    remedy="give rows of that group, or remove it: .cat.remove_unused_categories()",
                )
        missing = column.isna().to_numpy()
        if missing.all():
            raise InputError(
                f"Every value of the group column {name!r} is missing.",
                remedy="leave the column out, or give its values",
            )
        stripped = column.astype(str).str.strip().to_numpy(dtype=object)
        texts = np.where(missing | (stripped == ""), UNKNOWN, stripped)
        refuse_many_levels(name, pd.unique(texts), rows=rows)
        named[name] = texts.astype(str)
    return named


def _reference(table: Any, features: pd.DataFrame) -> pd.DataFrame:
    reference = to_pandas(table, what="reference")
    if len(reference) == 0:
        raise InputError(
            "reference has no rows.", remedy="give the training data, or a sample of it"
        )
    lacking = [c for c in features.columns if c not in reference.columns]
    if lacking:
        raise InputError(
            f"reference lacks the column {lacking[0]!r} of data.",
            remedy="give reference with the same columns as data",
        )
    return reference[list(features.columns)]


def _subject(inputs: Inputs, decided: Decided) -> Subject:
    if inputs.digest is not None:
        digest = Digest.parse(inputs.digest)
    elif inputs.model is not None:
        digest = model_digest(inputs.model)
    else:
        digest = array_digest(decided.what_was_decided)
    default_name = type(inputs.model).__name__ if inputs.model is not None else "decisions"
    return Subject(
        name=check_name(inputs.name or default_name, what="The model's name"),
        version=check_name(inputs.version, what="The model's version"),
        digest=digest,
        purpose=check_name(inputs.purpose, what="The model's purpose"),
        owner=check_name(inputs.owner, what="The model's owner"),
        registered=inputs.registered,
        loading=None if inputs.model is None else _loading(inputs.model),
    )


def _loading(model: Any) -> Loading:
    if not isinstance(model, ConfinedModel | ServedModel):
        return Loading(sandbox=("none (caller's object)",))
    how = model.confinement
    return Loading(
        sandbox=how.layers,
        format=how.format,
        kind=how.kind,
        isolation=how.isolation,
        names=how.listed,
    )
