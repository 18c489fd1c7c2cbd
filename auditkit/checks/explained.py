"""The attribution that the explanation checks share: of the score that was decided on.

Law: a budget bounds what is asked of a model that can only be sampled. It makes permutations fewer
and then the rows that are explained; every denial has its reasons all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

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


Part = Literal["rows", "blocks", "denials"]

# The parts of a budget.
_SHARES: Final[Mapping[Part, float]] = {"rows": 0.5, "blocks": 0.25, "denials": 0.25}
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


def budget_of(case: Case, part: Part) -> int | None:
    """How many rows the model may be asked to score for a part of its explanations; None: any."""
    return None if case.evaluations is None else max(1, int(case.evaluations * _SHARES[part]))


def explained_rows(case: Case) -> NDArray[np.int64]:
    """Positions of the rows that are explained, ascending, drawn with the case's seed.

    All of them, unless the budget of a model that can only be sampled is too small for that.

    Raises:
        NotAssessed: If there is no model or no reference.
    """
    explainer, budget = explainer_of(case), budget_of(case, "rows")

    def drawn() -> NDArray[np.int64]:
        rows = case.rows
        count = rows if budget is None else explainer.affords(case.features, budget)
        if count == rows:
            return np.arange(rows)
        return np.sort(np.random.default_rng(case.seed).permutation(rows)[:count])

    return case.once("explained rows", drawn)


def explained_features(case: Case) -> pd.DataFrame:
    """The rows that are explained; see `explained_rows`."""
    return case.features.iloc[explained_rows(case)].reset_index(drop=True)


def own_attribution_of(case: Case) -> Attribution:
    """Of the class that is scored, the explained rows against the whole reference; computed once.

    Raises:
        NotAssessed: If there is no model or no reference.
    """
    explainer = explainer_of(case)
    return case.once(
        "own attribution",
        lambda: explainer.explain(
            explained_features(case), evaluations=budget_of(case, "rows"), tell=case.tell
        ),
    )


def attribution_of(case: Case) -> Attribution:
    """Of the favourable outcome, the explained rows against the whole reference; computed once.

    Raises:
        NotAssessed: If there is no model or no reference.
        InputError: If the model cannot be explained, or what it gives is not what was decided on.
    """
    own = own_attribution_of(case)
    return case.once("attribution", lambda: _favourable(case, own, explained_features(case)))


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
    case: Case, rows: pd.DataFrame, explainer: Explainer, blocks: NDArray[np.int64], part: Part
) -> tuple[Attribution, NDArray[np.float64]]:
    """As `favourable_attribution`, and relative to each block of the explainer's reference.

    Args:
        case: With a model.
        rows: Some of its features.
        explainer: From `explainer_against`.
        blocks: From `random_blocks`.
        part: Whose budget it is.

    Returns:
        The attribution, and values of shape `(blocks, rows, features)`.
    """
    own, values = explainer.in_blocks(
        rows, blocks, evaluations=budget_of(case, part), tell=case.tell
    )
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
    """Positions of at most so many explained rows, ascending, drawn with the case's seed."""
    rows = len(explained_rows(case))
    if rows <= count:
        return np.arange(rows)
    drawn = np.random.default_rng(case.seed).choice(rows, count, replace=False)
    return np.sort(drawn)
