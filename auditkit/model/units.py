"""The closed list of scales that attributions add up on, and how one is told for a model.

Law: a scale is not concluded from an objective's name. What the model adds up and what it predicts
are laid side by side, and the scale is the one that leads from the first to the second. An
objective that nobody has heard of has a margin, which is all that is known about it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

# By how much a prediction may differ from the one that a scale leads to, relative and absolute:
# boosted trees are added and turned into predictions in single precision.
_RELATIVE: Final = 1e-3
_ABSOLUTE: Final = 1e-7


class Unit(StrEnum):
    """What an explained output is counted in; the only such names."""

    PROBABILITY = "probability"
    """Of the class that is explained, as `predict_proba` gives it."""
    LOG_ODDS = "log-odds"
    """The natural logarithm of p / (1 - p), where p is what the model predicts."""
    OUTPUT = "output"
    """What `predict` gives, in the model's own unit."""
    LOG_OUTPUT = "log of output"
    """The natural logarithm of what `predict` gives."""
    MARGIN = "margin"
    """A score that orders what the model predicts, or one class of several, and no more."""

    def predicted(self, outputs: Doubles) -> Doubles:
        """What the model predicts where it adds up these outputs; of a margin nothing is known.

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
    """The scale of what a model adds up, told by what it predicts for the same rows.

    Args:
        added: What adds up, shape `(n,)`.
        predicted: What the model predicts, shape `(n,)`.
        among: The scales that may be, the plainest first.

    Returns:
        The first that leads from one to the other; a margin, if none does.
    """
    for unit in among:
        reached = unit.predicted(added)
        # Of chances near 1 the distance from 1 counts.
        size = np.abs(predicted)
        if unit in {Unit.PROBABILITY, Unit.LOG_ODDS}:
            if not ((predicted >= 0) & (predicted <= 1)).all():
                continue
            size = np.minimum(predicted, 1 - predicted)
        if (np.abs(reached - predicted) <= _RELATIVE * size + _ABSOLUTE).all():
            return unit
    return Unit.MARGIN
