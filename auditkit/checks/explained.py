"""The attribution that the explanation checks share: of the score that was decided on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.checks.check import NotAssessed
from auditkit.errors import InputError
from auditkit.measures.attribution.explainer import Explainer
from auditkit.measures.attribution.result import Attribution
from auditkit.model.units import Unit
from auditkit.subject import Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from auditkit.subject import Case


# What an attribution is by rounding alone, as a share of the output.
_NOTHING: Final = 1e-12


def missing_input(case: Case) -> str:
    """Why nothing can be explained; empty if something can."""
    if case.model is None or case.score is None:
        return "there is no model to explain"
    if case.reference is None:
        return "there is no reference to explain the model against"
    return ""


def reference_of(case: Case) -> pd.DataFrame:
    """The rows that a case's model is explained against.

    Raises:
        NotAssessed: If there are none, or no model.
    """
    missing = missing_input(case)
    if missing:
        raise NotAssessed(missing)
    assert case.reference is not None
    return case.reference


def explainer_of(case: Case) -> Explainer:
    """Explains a case's model, as its class is scored, against its whole reference; made once.

    Raises:
        NotAssessed: If there is no model or no reference.
    """
    reference = reference_of(case)
    return case.once("explainer", lambda: explainer_against(case, reference))


def explainer_against(
    case: Case, reference: pd.DataFrame, *, like: Explainer | None = None
) -> Explainer:
    """Explains a case's model, as its class is scored, against some reference.

    Args:
        case: With a model.
        reference: At least one row.
        like: As of `Explainer`.
    """
    model, explained = case.model, case.scored_class
    if case.task is Task.CLASSES and not hasattr(model, "predict"):
        # A function gives the chances of all classes; one number a row can be explained.
        model, explained = case.score, None
    return Explainer(model, reference, target_class=explained, seed=case.seed, like=like)


def own_attribution_of(case: Case) -> Attribution:
    """Of the class that is scored, every row against the case's whole reference; computed once."""
    explainer = explainer_of(case)
    return case.once("own attribution", lambda: explainer.explain(case.features))


def attribution_of(case: Case) -> Attribution:
    """Of the favourable outcome, every row against the case's whole reference; computed once.

    Raises:
        NotAssessed: If there is no model or no reference.
        InputError: If the model cannot be explained, or what it gives is not what was decided on.
    """
    own = own_attribution_of(case)
    return case.once("attribution", lambda: _favourable(case, own, case.features))


def favourable_attribution(case: Case, rows: pd.DataFrame, explainer: Explainer) -> Attribution:
    """Of the favourable outcome, for some rows.

    Args:
        case: With a model.
        rows: Some of its features.
        explainer: From `explainer_against`.

    Raises:
        InputError: If what is explained is not the score that `case.score` gives.
    """
    return _favourable(case, explainer.explain(rows), rows)


def favourable_in_blocks(
    case: Case, rows: pd.DataFrame, explainer: Explainer, blocks: NDArray[np.int64]
) -> tuple[Attribution, NDArray[np.float64]]:
    """As `favourable_attribution`, and relative to each block of the explainer's reference.

    Args:
        case: With a model.
        rows: Some of its features.
        explainer: From `explainer_against`.
        blocks: From `random_blocks`.

    Returns:
        The attribution, and values of shape `(blocks, rows, features)`.
    """
    own, values = explainer.in_blocks(rows, blocks)
    return _favourable(case, own, rows), -values if case.is_mirrored else values


def _favourable(case: Case, own: Attribution, rows: pd.DataFrame) -> Attribution:
    assert case.score is not None
    attribution = own.of_other_class() if case.is_mirrored else own
    # A margin of one of several classes does not order its chances: those of others move them.
    several = case.task is Task.CLASSES and attribution.unit is Unit.MARGIN
    if several or _gives(attribution, case.score(rows)):
        return attribution
    raise InputError(
        "The output that can be explained is not the score that was decided on.",
        remedy="give the model whose scores were used",
    )


def ordered_attribution_of(case: Case) -> Attribution:
    """`attribution_of` a case, whose features have an order by importance.

    Raises:
        NotAssessed: If none moves the output of any row.
    """
    attribution = attribution_of(case)
    scale = max(1.0, abs(attribution.base))
    if float(np.abs(attribution.values).max(initial=0.0)) <= _NOTHING * scale:
        raise NotAssessed("no feature moves the output: the model gives every row the same")
    return attribution


def _gives(attribution: Attribution, scores: NDArray[np.float64]) -> bool:
    """Whether the outputs that are explained are these scores, on the attribution's scale."""
    if attribution.unit is Unit.MARGIN:  # Its score is some increasing function of it.
        order = np.argsort(attribution.outputs, kind="stable")
        return bool((np.diff(scores[order]) >= -1e-6).all())
    predicted = attribution.unit.predicted(attribution.outputs)
    scale = max(1.0, float(np.abs(scores).max(initial=0.0)))
    return bool(np.abs(predicted - scores).max(initial=0.0) <= 1e-4 * scale)


def what_is_explained(case: Case) -> str:
    """The output that is explained, in words."""
    if case.task is Task.NUMBER:
        return "predicted number"
    if case.task is Task.CLASSES and case.decisions is None:
        return f"chance of the class {case.scored_class}, which is decided most often"
    if case.task is Task.CLASSES:
        return f"chance of the class {case.scored_class}"
    return "score of the favourable outcome"


def sample_rows(case: Case, count: int) -> NDArray[np.int64]:
    """Positions of at most so many evaluated rows, ascending, drawn with the case's seed."""
    rows = len(case.features)
    if rows <= count:
        return np.arange(rows)
    drawn = np.random.default_rng(case.seed).choice(rows, count, replace=False)
    return np.sort(drawn)
