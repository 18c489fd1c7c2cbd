"""Charts over scores: calibration, and rates by cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.charts.canvas import Chart, Drawing, key_height
from auditkit.charts.plot import Plot
from auditkit.charts.style import (
    ACCENT,
    GROUP_COLOURS,
    HALF,
    MARKERS,
    SECONDARY,
    tick_labels,
)
from auditkit.wording import interval, number

Line = Sequence[tuple[float, float]]
Curve = Sequence[tuple[float, float, float | None, float | None]]

_STEPS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_SIDE: Final = 134.0
_LEFT: Final = 42.0
_BOTTOM: Final = 32.0


def calibration(
    curves: Sequence[tuple[str, Curve]],
    *,
    width: float = HALF,
) -> Chart:
    """Reliability diagram: observed shares by mean score; calibrated scores are on the diagonal.

    Args:
        curves: For each group its name (empty: everyone) and its bins from left to right: mean
            score, observed share, and the ends of the share's interval, in [0, 1]. At most six.
        width: Of the whole chart, in points; the plot itself is square.
    """
    names = [name for name, _ in curves if name]
    drawing = Drawing(width, _SIDE + _BOTTOM + 8 + key_height(names, width - _LEFT))
    plot, scale = _frame(drawing, _SIDE, across=(-0.02, 1.02))
    drawing.line(plot.at([(0, 0), (1, 1)]), colour=SECONDARY, width=0.6, dashed=True)
    for position, (_, bins) in enumerate(curves):
        colour = ACCENT if len(curves) == 1 else GROUP_COLOURS[position]
        for x, _, low, high in bins:
            if low is not None and high is not None:
                drawing.line(plot.at([(x, low), (x, high)]), colour=colour, width=0.9)
        _curve(plot, [(x, y) for x, y, _, _ in bins], position, colour, size=4.2, width=0.7)
    _key(drawing, names)
    plot.name_across("Mean score")
    plot.name_upward("Observed share of favourable outcomes", beside=scale)
    listed = "; ".join(
        (f"{name}: " if name else "")
        + ", ".join(
            f"{number(float(x))} observed {interval(float(y), a, b)}" for x, y, a, b in bins
        )
        for name, bins in curves
    )
    alt = f"Observed share of favourable outcomes against mean score. {listed}."
    return drawing.finish(alt=alt, axes=(scale, scale))


def sweep(
    lines: Sequence[tuple[str, Line]],
    *,
    in_use: float | None,
    width: float = HALF,
) -> Chart:
    """Each group's rate by cut-off, with the cut-off in use marked.

    Args:
        lines: For each group its name and its points from left to right: cut-off and rate, both
            in [0, 1]. At most six.
        in_use: The cut-off in use, marked by a vertical line; None: not marked.
        width: Of the whole chart, in points.
    """
    names = [name for name, _ in lines]
    drawing = Drawing(width, _SIDE + _BOTTOM + 8 + key_height(names, width - _LEFT))
    plot, scale = _frame(drawing, width - _LEFT - 8, across=(0, 1))
    if in_use is not None:
        plot.mark_value(in_use, dashed=True)
    for position, (_, points) in enumerate(lines):
        _curve(plot, points, position, GROUP_COLOURS[position], size=3.2, width=0.9)
    _key(drawing, names)
    plot.name_across("Cut-off on the score")
    plot.name_upward("Selection rate", beside=scale)
    listed = "; ".join(
        f"{name}: " + ", ".join(f"{number(float(y))} at {number(float(x))}" for x, y in points)
        for name, points in lines
    )
    mark = "" if in_use is None else f" In use: {number(float(in_use))}."
    alt = f"Selection rate by cut-off on the score. {listed}.{mark}"
    return drawing.finish(alt=alt, axes=(scale, scale))


def _curve(
    plot: Plot, points: Line, position: int, colour: str, *, size: float, width: float
) -> None:
    """A line with the marks of its group."""
    places = plot.at(points)
    plot.drawing.line(places, colour=colour, width=width)
    plot.drawing.marks(places, marker=MARKERS[position], size=size, edge=colour)


def _key(drawing: Drawing, names: Sequence[str]) -> None:
    looks = zip(names, MARKERS, GROUP_COLOURS, GROUP_COLOURS, strict=False)
    drawing.key(list(looks), left=_LEFT)


def _frame(
    drawing: Drawing, width: float, *, across: tuple[float, float]
) -> tuple[Plot, tuple[str, ...]]:
    """A plot of shares, and the labels of both of its scales."""
    plot = Plot(
        drawing,
        left=_LEFT,
        bottom=_BOTTOM,
        width=width,
        height=_SIDE,
        across=across,
        upward=(-0.02, 1.02),
    )
    labels = tick_labels(_STEPS, 1)
    plot.ticks_upward(_STEPS, labels)
    return plot, plot.ticks_across(_STEPS, labels)
