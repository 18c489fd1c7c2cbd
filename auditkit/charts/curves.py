"""Curves over scores: how observed outcomes follow predicted ones."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.charts.style import (
    ACCENT,
    GROUP_COLOURS,
    MARKERS,
    SECONDARY,
    Chart,
    drawing,
    finish,
    place,
    shorten,
    ticks,
)
from auditkit.wording import interval, number

Line = Sequence[tuple[float, float]]
Curve = Sequence[tuple[float, float, float | None, float | None]]


def calibration(
    curves: Sequence[tuple[str, Curve]],
    *,
    axis_label: str = "Mean score",
    value_label: str = "Observed share of favourable outcomes",
    width: float = 354.0,
) -> Chart:
    """Observed shares against mean scores; on the diagonal a score is what it says.

    Args:
        curves: For each group its name (empty: everyone) and its bins from left to right: mean
            score, observed share, and the ends of the share's interval, in [0, 1]. At most six.
        axis_label: Of the scores.
        value_label: Of the observed shares.
        width: Of the whole chart, in points; the plot itself is square.
    """
    side, left, bottom = 140.0, 60.0, 34.0
    steps = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    with drawing(width, side + bottom + 10) as figure:
        axes = place(figure, left, bottom, side, side)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.plot([0, 1], [0, 1], color=SECONDARY, lw=0.6, ls=(0, (3, 2)))
        for place_in_list, (name, bins) in enumerate(curves):
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
            if name:
                top = side + bottom - 8 - 13 * place_in_list
                beside = left + side + 16
                height = side + bottom + 10
                axes.plot(
                    [beside / width],
                    [top / height],
                    marker=MARKERS[place_in_list],
                    ms=4.2,
                    color=colour,
                    transform=figure.transFigure,
                    clip_on=False,
                )
                figure.text((beside + 8) / width, top / height, shorten(name), va="center")
        scale = ticks(axes.xaxis, steps, digits=1)
        ticks(axes.yaxis, steps, digits=1)
        axes.set_xlabel(axis_label)
        axes.set_ylabel(value_label)
        told = "; ".join(
            (f"{name}: " if name else "")
            + ", ".join(
                f"{number(float(x))} observed {interval(float(y), a, b)}" for x, y, a, b in bins
            )
            for name, bins in curves
        )
        alt = f"{value_label} against {axis_label.lower()}. {told}."
        return finish(figure, alt=alt, axes=(scale, scale))


def sweep(
    lines: Sequence[tuple[str, Line]],
    *,
    in_use: float | None,
    axis_label: str = "Cut-off on the score",
    value_label: str = "Selection rate",
    width: float = 354.0,
) -> Chart:
    """A rate of each group over cut-offs, with the cut-off in use.

    Args:
        lines: For each group its name and its points from left to right: cut-off and rate, both
            in [0, 1]. At most six.
        in_use: The cut-off in use, marked by a vertical line; None: not marked.
        axis_label: Of the cut-offs.
        value_label: Of the rates.
        width: Of the whole chart, in points.
    """
    high, left, bottom = 150.0, 60.0, 34.0
    across = width - left - 130
    steps = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    with drawing(width, high + bottom + 10) as figure:
        axes = place(figure, left, bottom, across, high)
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.02, 1.02)
        if in_use is not None:
            axes.axvline(in_use, color=SECONDARY, lw=0.7, ls=(0, (3, 2)))
        for place_in_list, (name, points) in enumerate(lines):
            colour, marker = GROUP_COLOURS[place_in_list], MARKERS[place_in_list]
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                color=colour,
                marker=marker,
                ms=3.2,
                lw=0.9,
            )
            top = (high + bottom - 8 - 13 * place_in_list) / (high + bottom + 10)
            beside = left + across + 12
            axes.plot(
                [beside / width],
                [top],
                marker=marker,
                ms=4.2,
                color=colour,
                transform=figure.transFigure,
                clip_on=False,
            )
            figure.text((beside + 8) / width, top, shorten(name, limit=26), va="center")
        scale = ticks(axes.xaxis, steps, digits=1)
        ticks(axes.yaxis, steps, digits=1)
        axes.set_xlabel(axis_label)
        axes.set_ylabel(value_label)
        told = "; ".join(
            f"{name}: " + ", ".join(f"{number(float(y))} at {number(float(x))}" for x, y in points)
            for name, points in lines
        )
        mark = "" if in_use is None else f" In use: {number(float(in_use))}."
        alt = f"{value_label} by {axis_label.lower()}. {told}.{mark}"
        return finish(figure, alt=alt, axes=(scale, scale))
