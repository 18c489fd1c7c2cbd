"""Predicted numbers beside true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.charts.canvas import Chart, Drawing
from auditkit.charts.plot import Plot
from auditkit.charts.style import (
    ACCENT,
    HALF,
    MARKERS,
    SECONDARY,
    round_ticks,
    tick_labels,
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
    margin = 0.04 * ((max(known) - min(known)) or max(1.0, abs(max(known))))
    ends = (min(known) - margin, max(known) + margin)
    drawing = Drawing(width, _SIDE + _BOTTOM + 8)
    plot = Plot(
        drawing, left=_LEFT, bottom=_BOTTOM, width=_SIDE, height=_SIDE, across=ends, upward=ends
    )
    positions, digits = round_ticks(*ends, count=3)
    labels = tick_labels(positions, digits)
    plot.ticks_upward(positions, labels)
    scale = plot.ticks_across(positions, labels)
    drawing.line(plot.at([(end, end) for end in ends]), colour=SECONDARY, width=0.6, dashed=True)
    for x, _, low, high in bins:
        if low is not None and high is not None:
            drawing.line(plot.at([(x, low), (x, high)]), colour=ACCENT, width=0.9)
    points = plot.at([(x, y) for x, y, _, _ in bins])
    drawing.line(points, colour=ACCENT, width=0.7)
    drawing.marks(points, marker=MARKERS[0], size=4.2, edge=ACCENT)
    plot.name_across("Mean prediction")
    plot.name_upward("Mean of the truth", beside=scale)
    listed = "; ".join(f"{with_minus(x)}: {interval(y, a, b)}" for x, y, a, b in bins)
    alt = f"Mean of the true numbers by mean prediction. {listed}."
    return drawing.finish(alt=alt, axes=(scale, scale))
