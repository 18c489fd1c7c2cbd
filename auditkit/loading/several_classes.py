"""Decisions between several classes; a favourable one is also laid against the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from auditkit.errors import InputError, argument
from auditkit.loading.outcomes import Decided, finite, refuse_missing
from auditkit.model.scoring import SUMS_TO_ONE, chances_of_classes
from auditkit.parameters import THRESHOLD
from auditkit.subject import Classes
from auditkit.tables.columns import one_column, refuse
from auditkit.tables.convert import to_pandas
from auditkit.tables.fitted_columns import refuse_other_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from auditkit.subject import Inputs


def classes(inputs: Inputs, features: pd.DataFrame, reference: pd.DataFrame | None) -> Decided:
    """Decisions between several classes; a favourable one is also laid against the rest.

    Raises:
        InputError: If labels, scores, predictions or the model are of another kind.
    """
    rows, known, chances, decided, ask = len(features), None, None, None, None
    given = None
    if inputs.labels is not None:
        given = one_column(inputs.labels, what="labels", rows=rows, against="data")
        refuse_missing(given)
    if inputs.model is not None:
        refuse_other_columns(inputs.model, list(features.columns), what="data")
        of_labels = () if given is None else _in_order(given)
        model = chances_of_classes(inputs.model, of_labels, reference=reference)
        known, ask = model.classes, None if model.decides else model.ask
        found = model.ask(features)
        decided = found if model.decides else np.array(known, dtype=object)[found.argmax(axis=1)]
        chances = None if model.decides else found
    elif inputs.scores is not None:
        known, chances = _given_chances(inputs.scores, rows)
        decided = np.array(known, dtype=object)[chances.argmax(axis=1)]
    if inputs.predictions is not None:
        decided = one_column(inputs.predictions, what="predictions", rows=rows, against="data")
        if pd.isna(decided).any():
            raise InputError(
                f"{int(pd.isna(decided).sum()):,} predictions are missing.",
                remedy="give a class for every row",
            )
    assert decided is not None
    known = known or _in_order(decided, *(() if given is None else (given,)))
    if len(known) < 2:
        raise InputError(
            "All classes are one and the same, so nothing is decided between.",
            remedy="give rows of two classes or more",
        )
    truth = None if given is None else _positions(given, known, "labels")
    positions = _positions(decided, known, "predictions")
    named = Classes(names=tuple(map(str, known)), decided=positions, truth=truth, chances=chances)
    if len(set(named.names)) < len(known):
        raise InputError("Two classes have the same name.", remedy="give each class its own name")
    return _against_the_rest(inputs, named, known, ask)


def _against_the_rest(inputs: Inputs, named: Classes, known: Sequence[Any], ask: Any) -> Decided:
    """Classes, with the favourable one against the rest if there is one."""
    rows = len(named.decided)
    explained = int(np.bincount(named.decided, minlength=len(known)).argmax())
    if inputs.favourable is not None:
        explained = int(_positions(np.array([inputs.favourable], dtype=object), known, "")[0])

    def score(table: pd.DataFrame) -> npt.NDArray[np.float64]:
        return np.asarray(ask(table)[:, explained], dtype=np.float64)

    own = Decided(
        classes=named,
        score=None if ask is None else score,
        scored_class=None if ask is None else known[explained],
    )
    if inputs.favourable is None:
        if inputs.threshold is not None:
            raise InputError(
                "There is a threshold, and no class that it is about.",
                remedy=f"name the class that is good for the person with {argument('favourable')}",
            )
        return own
    scores = None if named.chances is None else named.chances[:, explained]
    threshold, decisions = float("nan"), named.decided == explained
    if inputs.threshold is not None and scores is not None and inputs.predictions is None:
        threshold = THRESHOLD.read(inputs.threshold, name="threshold")
        decisions = scores >= threshold
    assert len(decisions) == rows
    return Decided(
        classes=named,
        labels=None if named.truth is None else named.truth == explained,
        decisions=np.asarray(decisions, dtype=bool),
        scores=scores,
        score=own.score,
        scored_class=own.scored_class,
        threshold=threshold,
    )


def _given_chances(scores: Any, rows: int) -> tuple[tuple[Any, ...], npt.NDArray[np.float64]]:
    """The classes and chances of a table with one column of chances for each class."""
    table = to_pandas(scores, what="scores")
    if table.shape[1] < 2 or len(table) != rows:
        raise InputError(
            f"scores has {len(table):,} rows and {table.shape[1]:,} columns.",
            remedy="give one column of chances for each class, named as the class is",
        )
    names = list(table.columns)
    chances = np.column_stack([finite(table[name], what="scores", rows=rows) for name in names])
    wrong = (chances < 0).any(axis=1) | (np.abs(chances.sum(axis=1) - 1) > SUMS_TO_ONE)
    refuse(wrong, "scores has chances that are negative or do not sum to 1")
    return tuple(names), chances


def _in_order(*columns: npt.NDArray[Any]) -> tuple[Any, ...]:
    """The distinct values of some columns, numbers by size and texts by letter."""
    distinct = {value for column in columns for value in pd.unique(column)}
    return tuple(sorted(distinct, key=lambda value: (str(type(value)), value)))


def _positions(values: npt.NDArray[Any], known: Sequence[Any], what: str) -> npt.NDArray[np.intp]:
    """Each value's position among the classes, by its value or by its text."""
    at = {value: i for i, value in enumerate(known)}
    by_text = {str(value): i for i, value in enumerate(known)}
    distinct, codes = np.unique(np.asarray(values, dtype=str), return_inverse=True)
    own = {str(value): value for value in pd.unique(pd.Series(values, dtype=object))}
    found = np.array([at.get(own[text], by_text.get(_whole(text), -1)) for text in distinct])
    strange = found < 0
    if strange.any():
        count = int(strange[codes].sum())
        if not what:
            raise InputError(
                "The favourable class is none of the classes.",
                remedy=f"give {argument('favourable')} one of: {', '.join(map(str, known[:12]))}",
            )
        raise InputError(
            f"{what} has {int(strange.sum()):,} values, in {count:,} rows, that are none of the "
            f"{len(known):,} classes.",
            remedy=f"the classes are {', '.join(map(str, known[:12]))}; if labels have other "
            f"words for them, say which with {argument('label_values')}",
        )
    return found[codes].astype(np.intp)


def _whole(text: str) -> str:
    """A whole number that was written with decimals, as a class is: 1.0 as 1."""
    return text.removesuffix(".0")
