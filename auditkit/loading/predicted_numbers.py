"""Predicted numbers, which a threshold makes decisions of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from auditkit.errors import InputError, argument
from auditkit.loading.outcomes import Decided, finite, refuse_missing
from auditkit.model.scoring import number_predictor
from auditkit.parameters import NUMBER
from auditkit.subject import Numbers
from auditkit.tables.columns import one_column, refuse
from auditkit.tables.convert import to_pandas
from auditkit.tables.fitted_columns import refuse_other_columns

if TYPE_CHECKING:
    import numpy.typing as npt

    from auditkit.subject import Inputs


def numbers(inputs: Inputs, features: pd.DataFrame, reference: pd.DataFrame | None) -> Decided:
    """Predicted numbers; a threshold makes decisions of them.

    Raises:
        InputError: If labels, predictions, intervals or the model are of another kind.
    """
    rows, score = len(features), None
    _refuse(inputs.scores, "scores", "predicted numbers go into", "predictions")
    _refuse(inputs.favourable, "favourable", "for numbers a threshold says what is favourable", "")
    if inputs.model is not None:
        refuse_other_columns(inputs.model, list(features.columns), what="data")
        score = number_predictor(inputs.model, reference=reference)
    if inputs.predictions is not None:
        predicted = finite(inputs.predictions, what="predictions", rows=rows)
    else:
        assert score is not None
        predicted = score(features)
    truth = None
    if inputs.labels is not None:
        refuse_missing(one_column(inputs.labels, what="labels", rows=rows, against="data"))
        truth = finite(inputs.labels, what="labels", rows=rows)
    decisions, threshold = None, float("nan")
    if inputs.threshold is not None:
        threshold = NUMBER.read(inputs.threshold, name="threshold")
        decisions = np.asarray(predicted >= threshold, dtype=bool)
    lower, upper = _ends(inputs.intervals, rows)
    return Decided(
        decisions=decisions,
        score=score,
        threshold=threshold,
        numbers=Numbers(predicted=predicted, truth=truth, lower=lower, upper=upper),
    )


def _refuse(given: Any, what: str, why: str, instead: str) -> None:
    if given is not None:
        remedy = f"{why} {argument(instead)}" if instead else why
        raise InputError(f"Numbers are predicted, and {what} are given.", remedy=remedy)


def _ends(
    intervals: Any, rows: int
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.float64] | None]:
    """The lower and upper ends of the model's own intervals."""
    if intervals is None:
        return None, None
    table = to_pandas(intervals, what="intervals")
    if table.shape[1] != 2:
        raise InputError(
            f"intervals has {table.shape[1]:,} columns.",
            remedy="give two: the lower and the upper ends",
        )
    lower, upper = (finite(table.iloc[:, i], what="intervals", rows=rows) for i in (0, 1))
    refuse(lower > upper, "intervals has lower ends above the upper", remedy="give lower, upper")
    return lower, upper
