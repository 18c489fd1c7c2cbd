"""Exact SHAP values of linear models: a column's coefficient times its distance from the mean."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.model.elsewhere import asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditkit.model.output import ExplainedOutput

METHOD: Final = "interventional SHAP, exact, linear"


def linear_attribution(
    model: Any,
    output: ExplainedOutput,
    rows: NDArray[np.float64],
    reference: NDArray[np.float64],
    players: Sequence[int],
    *,
    count: int,
) -> NDArray[np.float64]:
    """Shapley values, shape `(rows, players)`.

    They are additive, so those of columns that switch together are summed.

    Args:
        model: With `coef_`, shape `(columns,)` or `(outputs, columns)`; or XGBoost's gblinear.
        output: The output that is explained.
        rows: Shape `(rows, columns)`.
        reference: Every row counts alike, shape `(reference rows, columns)`.
        players: For each column the number of its player.
        count: How many players there are; a feature selection may leave some without a column.
    """
    weights, ignores_missing = coefficients(model)
    if ignores_missing:
        rows, reference = np.nan_to_num(rows), np.nan_to_num(reference)
    shares = output.sign * weights[output.column] * (rows - reference.mean(axis=0))
    if tuple(players) == tuple(range(count)):
        return np.asarray(shares, dtype=np.float64)
    values = np.zeros((len(rows), count))
    for column, player in enumerate(players):
        values[:, player] += shares[:, column]
    return values


@asked
def coefficients(model: Any) -> tuple[NDArray[np.float64], bool]:
    """Its coefficients, shape `(outputs, columns)`, and whether what is missing adds nothing."""
    if not type(model).__module__.startswith("xgboost"):
        return np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)), False
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    saved = json.loads(bytes(booster.save_raw("json")))
    weights = np.array(saved["learner"]["gradient_booster"]["model"]["weights"], dtype=np.float64)
    # Column by column, the biases last.
    return weights.reshape(booster.num_features() + 1, -1)[:-1].T, True
