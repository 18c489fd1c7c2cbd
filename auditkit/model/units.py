"""The scales on which attributions sum, and how a model's scale is found.

Law: the scale is not inferred from an objective's name. The model's raw outputs are compared with
its predictions, and the scale is the one that maps the first to the second. The output of an
unknown objective is a margin: nothing more is known about it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

# Tolerance between a prediction and the one a scale gives, relative and absolute: boosted trees
# compute in single precision.
_RELATIVE: Final = 1e-3
_ABSOLUTE: Final = 1e-7


class Unit(StrEnum):
    """Units of explained outputs."""

    PROBABILITY = "probability"
    """The explained class's, from `predict_proba`."""
    LOG_ODDS = "log-odds"
    """The natural logarithm of p / (1 - p), where p is the prediction."""
    OUTPUT = "output"
    """The result of `predict`, in the model's unit."""
    LOG_OUTPUT = "log of output"
    """The natural logarithm of the result of `predict`."""
    MARGIN = "margin"
    """A score that only orders the predictions, or one class of several."""

    def predicted(self, outputs: Doubles) -> Doubles:
        """The predictions for these outputs; a margin is returned unchanged.

        Args:
            outputs: In this unit, shape `(n,)`.
        """
        from scipy.special import expit

        if self is Unit.LOG_ODDS:
            return np.asarray(expit(outputs), dtype=np.float64)
        if self is Unit.LOG_OUTPUT:
            return np.exp(outputs)
        return outputs


def unit_of(added: Doubles, predicted: Doubles, *, among: tuple[Unit, ...]) -> Unit:
    """The scale of a model's raw outputs, found from its predictions for the same rows.

    Args:
        added: Raw outputs, shape `(n,)`.
        predicted: Predictions, shape `(n,)`.
        among: Possible scales, the simplest first.

    Returns:
        The first that maps raw outputs to predictions; `MARGIN` if none does.
    """
    for unit in among:
        reached = unit.predicted(added)
        # For probabilities near 1, the tolerance is relative to the distance from 1.
        size = np.abs(predicted)
        if unit in {Unit.PROBABILITY, Unit.LOG_ODDS}:
            if not ((predicted >= 0) & (predicted <= 1)).all():
                continue
            size = np.minimum(predicted, 1 - predicted)
        if (np.abs(reached - predicted) <= _RELATIVE * size + _ABSOLUTE).all():
            return unit
    return Unit.MARGIN
