"""Charts over scores: calibration, and rates by cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from auditkit.charts.style import (
    ACCENT,
    GROUP_COLOURS,
    HALF,
    MARKERS,
    SECONDARY,
    Chart,
    drawing,
    finish,
    key,
    key_height,
    name_axis,
    place,
    ticks,
)
from auditkit.wording import interval, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    with drawing(width, _SIDE + _BOTTOM + 8 + key_height(names, width - _LEFT)) as figure:
        axes = place(figure, _LEFT, _BOTTOM, _SIDE, _SIDE)
        axes.set_xlim(-0.02, 1.02)
        axes.plot([0, 1], [0, 1], color=SECONDARY, lw=0.6, ls=(0, (3, 2)))
        for place_in_list, (_, bins) in enumerate(curves):
            colour = ACCENT if len(curves) == 1 else GROUP_COLOURS[place_in_list]
            for x, _, low, high in bins:
                if low is not None and high is not None:
                    axes.plot([x, x], [low, high], color=colour, lw=0.9, solid_capstyle="butt")
            axes.plot(
                [b[0] for b in bins],
                [b[1] for b in bins],
                marker=MARKERS[place_in_list],
                ms=4.2,
                lw=0.7,
                color=colour,
            )
        _key(figure, names)
        scale = _frame(axes, "Mean score", "Observed share of favourable outcomes")
        listed = "; ".join(
            (f"{name}: " if name else "")
            + ", ".join(
                f"{number(float(x))} observed {interval(float(y), a, b)}" for x, y, a, b in bins
            )
            for name, bins in curves
        )
        alt = f"Observed share of favourable outcomes against mean score. {listed}."
        return finish(figure, alt=alt, axes=(scale, scale))


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
    with drawing(width, _SIDE + _BOTTOM + 8 + key_height(names, width - _LEFT)) as figure:
        axes = place(figure, _LEFT, _BOTTOM, width - _LEFT - 8, _SIDE)
        axes.set_xlim(0, 1)
        if in_use is not None:
            axes.axvline(in_use, color=SECONDARY, lw=0.7, ls=(0, (3, 2)))
        for place_in_list, (_, points) in enumerate(lines):
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                color=GROUP_COLOURS[place_in_list],
                marker=MARKERS[place_in_list],
                ms=3.2,
                lw=0.9,
            )
        _key(figure, names)
        scale = _frame(axes, "Cut-off on the score", "Selection rate")
        listed = "; ".join(
            f"{name}: " + ", ".join(f"{number(float(y))} at {number(float(x))}" for x, y in points)
            for name, points in lines
        )
        mark = "" if in_use is None else f" In use: {number(float(in_use))}."
        alt = f"Selection rate by cut-off on the score. {listed}.{mark}"
        return finish(figure, alt=alt, axes=(scale, scale))


def _key(figure: Figure, names: Sequence[str]) -> None:
    looks = zip(names, MARKERS, GROUP_COLOURS, GROUP_COLOURS, strict=False)
    key(figure, list(looks), left=_LEFT)


def _frame(axes: Axes, across: str, upward: str) -> tuple[str, ...]:
    """Axes from 0 to 1; returns the labels of their ticks."""
    axes.set_ylim(-0.02, 1.02)
    scale = ticks(axes.xaxis, list(_STEPS), digits=1)
    ticks(axes.yaxis, list(_STEPS), digits=1)
    name_axis(axes, across)
    axes.set_ylabel(upward)
    return scale
