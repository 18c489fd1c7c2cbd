"""Exact SHAP values of linear models: a column's coefficient times its distance from the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from auditkit.measures.explained_output import ExplainedOutput

METHOD: Final = "interventional SHAP, exact, linear"


def linear_attribution(
    model: Any,
    output: ExplainedOutput,
    rows: NDArray[np.float64],
    reference: NDArray[np.float64],
    players: Sequence[int],
) -> NDArray[np.float64]:
    """Shapley values, shape `(rows, players)`.

    They are additive, so those of columns that switch together are summed.

    Args:
        model: With `coef_`, shape `(columns,)` or `(outputs, columns)`.
        output: The output that is explained.
        rows: Shape `(rows, columns)`.
        reference: Every row counts alike, shape `(reference rows, columns)`.
        players: For each column the number of its player.
    """
    coefficients = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))[output.column]
    shares = output.sign * coefficients * (rows - reference.mean(axis=0))
    values = np.zeros((len(rows), max(players) + 1))
    for column, player in enumerate(players):
        values[:, player] += shares[:, column]
    return values
