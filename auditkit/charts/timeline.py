"""Charts over time: a number in each window against its tolerance, and what happened when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.charts.canvas import Chart, Drawing
from auditkit.charts.plot import Plot
from auditkit.charts.style import ACCENT, INK, WHOLE, round_ticks, steps_across, tick_labels
from auditkit.wording import interval, number

# When, value, lower and upper end, whether it broke the rule.
Point = tuple[float, float, float | None, float | None, bool]

_LEFT: Final = 42.0
_HIGH: Final = 84.0
_ROW: Final = 12.5
_LABELS: Final = 92.0
_BOTTOM: Final = 32.0
_SHADE: Final = "#eceef1"


def timeline(
    points: Sequence[Point], *, tolerance: float, at_most: bool, measure: str, width: float = WHOLE
) -> Chart:
    """A number in each window, with its interval, against its tolerance.

    Args:
        points: At least one, in order; a window without a number is a gap.
        tolerance: The bound, drawn as a dashed line; beyond it the ground is shaded.
        at_most: Whether it is an upper bound.
        measure: The numbers' name.
        width: Of the whole chart, in points.
    """
    drawing = Drawing(width, _HIGH + _BOTTOM + 10)
    ends = [v for _, value, low, high, _ in points for v in (value, low, high) if v is not None]
    bottom, top = min(*ends, tolerance), max(*ends, tolerance)
    spare = 0.08 * ((top - bottom) or abs(top) or 1.0)
    last = max(1.0, points[-1][0])
    plot = Plot(
        drawing, left=_LEFT, bottom=_BOTTOM, width=width - _LEFT - 8, height=_HIGH,
        across=(-0.5, last + 0.5), upward=(bottom - spare, top + spare),
    )  # fmt: skip
    beyond = (plot.top, plot.y(tolerance)) if at_most else (plot.y(tolerance), plot.bottom)
    drawing.box(plot.left, beyond[0], plot.width, beyond[1] - beyond[0], fill=_SHADE)
    plot.level(tolerance, dashed=True)
    for x, _, low, high, _ in points:
        if low is not None and high is not None:
            drawing.line(plot.at([(x, low), (x, high)]), width=0.9)
    for broke in (False, True):
        drawn = plot.at([(x, y) for x, y, _, _, b in points if b is broke])
        drawing.marks(
            drawn, marker="^" if broke else "o", size=4.6 if broke else 3.2,
            edge=INK if broke else ACCENT,
        )  # fmt: skip
    positions, digits = round_ticks(bottom - spare, top + spare, count=4)
    upward = plot.ticks_upward(positions, tick_labels(positions, digits))
    across = _days(plot, last)
    plot.name_upward("Worst value", beside=upward)
    listed = "; ".join(
        f"day {number(x, digits=0)} {interval(y, low, high)}{', broke the rule' if b else ''}"
        for x, y, low, high, b in points
    )
    bound = "at most" if at_most else "at least"
    alt = f"{measure}, worst value by window; tolerance {bound} {number(tolerance)}. {listed}."
    return drawing.finish(alt=alt, axes=(upward, across))


def calendar(rows: Sequence[tuple[str, Sequence[float]]], *, width: float = WHOLE) -> Chart:
    """When things happened: a row for each kind, a mark for each time.

    Args:
        rows: Names with their days, top to bottom; at least one day in all.
        width: Of the whole chart, in points.
    """
    drawing = Drawing(width, len(rows) * _ROW + _BOTTOM + 6)
    last = max(1.0, *(day for _, days in rows for day in days))
    plot = Plot(
        drawing, left=_LABELS, bottom=_BOTTOM, width=width - _LABELS - 8, height=len(rows) * _ROW,
        across=(-0.5, last + 0.5), upward=(len(rows) - 0.5, -0.5), beside=False,
    )  # fmt: skip
    plot.name_rows(name for name, _ in rows)
    for row, (_, days) in enumerate(rows):
        plot.row(row)
        marker = "s" if row == 0 else "^"
        edge = ACCENT if row == 0 else INK
        drawing.marks(plot.at([(day, row) for day in days]), marker=marker, size=3.4, edge=edge)
    across = _days(plot, last)
    listed = "; ".join(
        f"{name}: {', '.join(number(day, digits=0) for day in days) or 'never'}"
        for name, days in rows
    )
    return drawing.finish(alt=f"What happened, by day. {listed}.", axes=(across,))


def _days(plot: Plot, last: float) -> tuple[str, ...]:
    positions, digits = round_ticks(0.0, last, count=steps_across(plot.width))
    plot.name_across("Days since the first window")
    return plot.ticks_across(positions, tick_labels(positions, digits))
