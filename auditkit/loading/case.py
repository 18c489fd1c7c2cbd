"""Validates inputs and makes a case. Errors name the column, the count and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from auditkit.canonical import Digest, check_name
from auditkit.errors import InputError, NothingToAuditError, argument
from auditkit.measures.groups.membership import UNKNOWN, refuse_many_levels
from auditkit.model.scoring import model_digest, scorer
from auditkit.parameters import SEED, THRESHOLD
from auditkit.subject import Case, Inputs, Subject
from auditkit.tables.columns import group_columns, one_column, refuse
from auditkit.tables.convert import array_digest, describe, to_pandas
from auditkit.tables.fitted_columns import refuse_other_columns
from auditkit.tables.pairing import refuse_other_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from auditkit.model.scoring import Score

_PROBABILITIES: Final = "give probabilities of the favourable outcome"


def prepare(inputs: Inputs) -> Case:
    """Validates inputs and lays them out for the checks.

    Raises:
        NothingToAuditError: If there are no rows, or no model, scores or predictions.
        InputError: If anything else cannot be used as given; the message says what and where.
    """
    threshold = THRESHOLD.read(
        THRESHOLD.default if inputs.threshold is None else inputs.threshold, name="threshold"
    )
    seed = SEED.read(inputs.seed, name="seed")
    refuse_other_rows(
        {
            "data": inputs.data,
            "labels": inputs.labels,
            "groups": inputs.groups,
            "scores": inputs.scores,
            "predictions": inputs.predictions,
        }
    )
    features = to_pandas(inputs.data, what="data")
    rows = len(features)
    if rows == 0:
        raise NothingToAuditError("data has no rows.", remedy="give the rows to evaluate")
    if inputs.model is None and inputs.scores is None and inputs.predictions is None:
        raise NothingToAuditError(
            "There is no model, no scores and no predictions.", remedy="give one of them"
        )
    labels, favourable = _labels(inputs, rows)
    groups = _groups(inputs.groups, rows)
    reference = None if inputs.reference is None else _reference(inputs.reference, features)
    scored = None
    if inputs.model is not None:
        scored = scorer(inputs.model, favourable=favourable, reference=reference)
        refuse_other_columns(inputs.model, list(features.columns), what="data")
    scores = _scores(inputs, features, None if scored is None else scored.score)
    decisions = _decisions(inputs, scores, threshold, favourable, rows)
    datasets = [describe(features, name="data", role="evaluation")]
    if reference is not None:
        datasets.append(describe(reference, name="reference", role="reference"))
    return Case(
        subject=_subject(inputs, scores, decisions),
        datasets=tuple(datasets),
        features=features,
        labels=labels,
        decisions=decisions,
        scores=scores,
        groups=groups,
        reference=reference,
        model=inputs.model,
        score=None if scored is None else scored.score,
        scored_class=None if scored is None else scored.scored_class,
        is_mirrored=scored is not None and scored.is_mirrored,
        threshold=threshold,
        evidence=tuple(inputs.evidence),
        seed=seed,
    )


def _labels(inputs: Inputs, rows: int) -> tuple[npt.NDArray[np.bool_] | None, Any]:
    """The labels as booleans, if there are any, and the label value that is favourable."""
    if inputs.labels is None:
        return None, 1 if inputs.favourable is None else inputs.favourable
    column = one_column(inputs.labels, what="labels", rows=rows, against="data")
    missing = int(pd.isna(column).sum())
    if missing:
        first = int(np.flatnonzero(pd.isna(column))[0])
        raise InputError(
            f"{missing:,} of {rows:,} labels are missing, the first in row {first}.",
            remedy="leave out the rows without a label, and say so in the scope",
        )
    values = list(pd.unique(column))
    if len(values) > 2:
        raise InputError(
            f"labels has {len(values):,} distinct values; it needs two.",
            remedy="a label says whether the outcome was favourable: use 0 and 1",
        )
    if len(values) == 1:
        raise InputError(
            f"All {rows:,} labels are equal, so error rates cannot be estimated.",
            remedy="give rows of both outcomes",
        )
    favourable = inputs.favourable
    if favourable is None:
        if not all(v in (0, 1) for v in values):
            raise InputError(
                "The labels are neither 0/1 nor booleans, so the favourable one is unknown.",
                remedy=f"give {argument('favourable')}, the value that is good for the person",
            )
        favourable = 1
    if not any(v == favourable for v in values):
        raise InputError(
            f"No label has the favourable value {favourable!r}.",
            remedy=f"give {argument('favourable')} one of the two values in labels",
        )
    return np.asarray(column == favourable, dtype=bool), favourable


def _scores(
    inputs: Inputs, features: pd.DataFrame, score: Score | None
) -> npt.NDArray[np.float64] | None:
    if inputs.scores is None:
        return score(features) if score is not None else None
    column = one_column(inputs.scores, what="scores", rows=len(features), against="data")
    try:
        scores = column.astype(np.float64)
    except (TypeError, ValueError):
        wrong = np.array([not _is_number(value) for value in column])
        refuse(wrong, "scores holds values that are not numbers", remedy=_PROBABILITIES)
        raise
    outside = int((~((scores >= 0) & (scores <= 1))).sum())
    if outside:
        raise InputError(
            f"{outside:,} of {len(scores):,} scores are missing or outside [0, 1].",
            remedy=_PROBABILITIES,
        )
    return scores


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _decisions(
    inputs: Inputs,
    scores: npt.NDArray[np.float64] | None,
    threshold: float,
    favourable: Any,
    rows: int,
) -> npt.NDArray[np.bool_]:
    if inputs.predictions is None:
        assert scores is not None
        return np.asarray(scores >= threshold, dtype=bool)
    column = one_column(inputs.predictions, what="predictions", rows=rows, against="data")
    if pd.isna(column).any():
        raise InputError(
            f"{int(pd.isna(column).sum()):,} predictions are missing.",
            remedy="give a decision for every row",
        )
    given = pd.unique(column)
    if inputs.labels is None:
        _refuse_no_decisions(list(given), favourable, told=inputs.favourable is not None)
        return np.asarray(column == favourable, dtype=bool)
    known = set(pd.unique(one_column(inputs.labels, what="labels")))
    strange = [v for v in given if v not in known]
    if strange:
        raise InputError(
            f"predictions has {len(strange):,} values that labels does not have.",
            remedy="give decisions in the same two values as labels; scores go into "
            f"{argument('scores')}",
        )
    return np.asarray(column == favourable, dtype=bool)


def _refuse_no_decisions(values: list[Any], favourable: Any, *, told: bool) -> None:
    """Refuses decisions, given without labels, that are not of one or both of two values."""
    if len(values) > 2:
        raise InputError(
            f"predictions has {len(values):,} distinct values; decisions have two.",
            remedy=f"give decisions as 0 and 1; scores go into {argument('scores')}",
        )
    if not told and not all(v in (0, 1) for v in values):
        raise InputError(
            "The decisions are neither 0/1 nor booleans, so the favourable one is unknown.",
            remedy=f"give {argument('favourable')}, the value that is good for the person",
        )
    if len(values) == 2 and favourable not in values:
        raise InputError(
            f"No decision has the favourable value {favourable!r}.",
            remedy=f"give {argument('favourable')} one of the two values in predictions",
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


def _subject(
    inputs: Inputs,
    scores: npt.NDArray[np.float64] | None,
    decisions: npt.NDArray[np.bool_],
) -> Subject:
    if inputs.digest is not None:
        digest = Digest.parse(inputs.digest)
    elif inputs.model is not None:
        digest = model_digest(inputs.model)
    else:
        digest = array_digest(scores if scores is not None else decisions.astype(float))
    default_name = type(inputs.model).__name__ if inputs.model is not None else "decisions"
    return Subject(
        name=check_name(inputs.name or default_name, what="The model's name"),
        version=check_name(inputs.version, what="The model's version"),
        digest=digest,
        purpose=check_name(inputs.purpose, what="The model's purpose"),
        owner=check_name(inputs.owner, what="The model's owner"),
        registered=inputs.registered,
    )
