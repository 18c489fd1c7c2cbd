"""Predicted numbers beside true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.charts.style import (
    ACCENT,
    HALF,
    SECONDARY,
    Chart,
    drawing,
    finish,
    name_axis,
    place,
    round_ticks,
    ticks,
    with_minus,
)
from auditkit.wording import interval

_SIDE: Final = 134.0
_LEFT: Final = 62.0
_BOTTOM: Final = 32.0

# Mean prediction, mean of the truth, and the ends of its interval.
Bin = tuple[float, float, float | None, float | None]


def predicted_against_observed(bins: Sequence[Bin], *, width: float = HALF) -> Chart:
    """Mean of the true numbers by predicted number; right predictions are on the diagonal.

    Args:
        bins: From left to right, at least two: mean prediction, mean of the truth, and the ends of
            its interval.
        width: Of the whole chart, in points; the plot itself is square.
    """
    known = [v for b in bins for v in b if v is not None]
    low, high = min(known), max(known)
    margin = 0.04 * ((high - low) or max(1.0, abs(high)))
    with drawing(width, _SIDE + _BOTTOM + 8) as figure:
        axes = place(figure, _LEFT, _BOTTOM, _SIDE, _SIDE)
        for limit in (axes.set_xlim, axes.set_ylim):
            limit(low - margin, high + margin)
        axes.plot([low, high], [low, high], color=SECONDARY, lw=0.6, ls=(0, (3, 2)))
        for x, _, lower, upper in bins:
            if lower is not None and upper is not None:
                axes.plot([x, x], [lower, upper], color=ACCENT, lw=0.9, solid_capstyle="butt")
        across_bins, upward_bins = [b[0] for b in bins], [b[1] for b in bins]
        axes.plot(across_bins, upward_bins, marker="o", ms=4.2, lw=0.7, color=ACCENT)
        positions, digits = round_ticks(low - margin, high + margin, count=3)
        across = ticks(axes.xaxis, positions, digits=digits)
        upward = ticks(axes.yaxis, positions, digits=digits)
        name_axis(axes, "Mean prediction")
        axes.set_ylabel("Mean of the truth")
        listed = "; ".join(f"{with_minus(x)}: {interval(y, a, b)}" for x, y, a, b in bins)
        alt = f"Mean of the true numbers by mean prediction. {listed}."
        return finish(figure, alt=alt, axes=(across, upward))
