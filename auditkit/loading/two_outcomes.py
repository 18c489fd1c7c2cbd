"""Decisions between two outcomes, one of which is good for the person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from auditkit.errors import InputError, argument
from auditkit.loading.outcomes import Decided, refuse_missing
from auditkit.model.scoring import scorer
from auditkit.parameters import THRESHOLD
from auditkit.tables.columns import one_column, refuse
from auditkit.tables.fitted_columns import refuse_other_columns

if TYPE_CHECKING:
    import numpy.typing as npt

    from auditkit.model.scoring import Score
    from auditkit.subject import Inputs

_PROBABILITIES: Final = "give probabilities of the favourable outcome"


def two_outcomes(inputs: Inputs, features: pd.DataFrame, reference: pd.DataFrame | None) -> Decided:
    """Decisions between two outcomes.

    Raises:
        InputError: If labels, scores, predictions or the model are of another kind.
    """
    rows = len(features)
    threshold = THRESHOLD.read(
        THRESHOLD.default if inputs.threshold is None else inputs.threshold, name="threshold"
    )
    labels, favourable = _labels(inputs, rows)
    scored = None
    if inputs.model is not None:
        scored = scorer(inputs.model, favourable=favourable, reference=reference)
        refuse_other_columns(inputs.model, list(features.columns), what="data")
    scores = _scores(inputs, features, None if scored is None else scored.score)
    return Decided(
        labels=labels,
        decisions=_decisions(inputs, scores, threshold, favourable, rows),
        scores=scores,
        score=None if scored is None else scored.score,
        scored_class=None if scored is None else scored.scored_class,
        is_mirrored=scored is not None and scored.is_mirrored,
        threshold=threshold,
    )


def _labels(inputs: Inputs, rows: int) -> tuple[npt.NDArray[np.bool_] | None, Any]:
    """The labels as booleans, if there are any, and the label value that is favourable."""
    if inputs.labels is None:
        return None, 1 if inputs.favourable is None else inputs.favourable
    column = one_column(inputs.labels, what="labels", rows=rows, against="data")
    refuse_missing(column)
    values = list(pd.unique(column))
    if len(values) > 2:
        raise InputError(
            f"labels has {len(values):,} distinct values; it needs two.",
            remedy="a label says whether the outcome was favourable: use 0 and 1; if it is one of "
            f"several classes, or a number, say so with {argument('task')}",
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
