"""Forest plots: points with intervals, one row each, such as rates by group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditkit.charts.canvas import Chart, Drawing
from auditkit.charts.plot import Plot
from auditkit.charts.style import (
    ACCENT,
    INK,
    RATIO_TICKS,
    SECONDARY,
    fitted,
    round_ticks,
    steps_across,
    tick_labels,
)
from auditkit.wording import exact, interval

_ROW: Final = 12.5
# Points between a label and its row, and from a row to the end of its number of cases.
_GAP: Final = 6.0
_BESIDE: Final = 33.0
# From one label of an axis to the next.
_TICK: Final = 22.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ForestRow:
    """One row of a forest plot.

    Attributes:
        label: Its label, such as a group.
        value: The point; None: not estimable, the row says so.
        lower: Lower end of its interval; None: no interval is drawn.
        upper: Upper end of its interval.
        n: Sample size, as printed at the right.
        remark: Printed instead of an interval, such as "reference".
        heading: Starts a new block of rows under this heading; empty: no new block.
        hollow: Draws the point as a ring: a reference, or too few cases.
    """

    label: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    n: str = ""
    remark: str = ""
    heading: str = ""
    hollow: bool = False


def forest(
    rows: Sequence[ForestRow],
    *,
    measure: str,
    axis_label: str,
    lines: Sequence[float] = (),
    log: bool = False,
    limits: tuple[float, float] | None = None,
    width: float = 354.0,
    label_width: float = 118.0,
    level: float = 0.95,
) -> Chart:
    """A forest plot.

    Args:
        rows: Top to bottom; at least one.
        measure: Name of the numbers, such as "Selection rate"; begins the description.
        axis_label: With its unit.
        lines: Values to mark by a vertical line, such as 0.8 and 1.
        log: Draws a logarithmic axis, on which 0.5 and 2 are equally far from 1.
        limits: Ends of the axis. Default: from the data and the lines.
        width: Of the whole chart, in points.
        label_width: Of the labels' column, in points.
        level: Nominal coverage of the intervals, for the description.
    """
    headings = sum(bool(r.heading) for r in rows)
    blocks = len(rows) + headings
    height = blocks * _ROW + 42
    low, high = limits or _limits(rows, lines, log=log)
    drawing = Drawing(width, height)
    plot = Plot(
        drawing,
        left=label_width,
        bottom=30,
        width=width - label_width - 34,
        height=blocks * _ROW + 2,
        across=(low, high),
        upward=(blocks - 0.4, -0.6),
        log=log,
        beside=False,
    )
    if log:
        inside = [t for t in RATIO_TICKS if low <= t <= high]
        positions = _spread(inside, math.log(high / low) * _TICK / plot.width)
        texts = [exact(p) for p in positions]
    else:
        positions, digits = round_ticks(low, high, count=steps_across(plot.width))
        texts = tick_labels(positions, digits)
    labels = plot.ticks_across(positions, texts)
    plot.name_across(axis_label)
    for line in lines:
        plot.mark_value(line, dashed=line != 1)
    _rows(plot, rows)
    return drawing.finish(alt=_describe(rows, measure, lines, level), axes=(labels,))


def _rows(plot: Plot, rows: Sequence[ForestRow]) -> None:
    draw = plot.drawing
    draw.text(plot.right + _BESIDE, plot.y(-0.9), "n", anchor="end", colour=SECONDARY)
    labels = fitted((row.label for row in rows), plot.left - _GAP)
    y = 0
    for label, row in zip(labels, rows, strict=True):
        if row.heading:
            left = plot.left - 0.02 * plot.width - 110
            draw.text(left, plot.y(y), row.heading, anchor="start", colour=SECONDARY)
            y += 1
        plot.row(y + 0.5)
        draw.text(plot.left - _GAP, plot.y(y), label, anchor="end")
        draw.text(plot.right + _BESIDE, plot.y(y), row.n, anchor="end", colour=SECONDARY)
        if row.value is None:
            middle = (plot.left + plot.right) / 2
            draw.text(
                middle, plot.y(y), "not estimable", colour=SECONDARY, italic=True, grounded=True
            )
        else:
            _point(plot, row, row.value, plot.y(y))
        y += 1


def _point(plot: Plot, row: ForestRow, value: float, y: float) -> None:
    draw, (low, high) = plot.drawing, plot.across
    if row.lower is not None and row.upper is not None:
        ends = [plot.x(min(max(end, low), high)) for end in (row.lower, row.upper)]
        draw.line([(x, y) for x in ends], width=1.1)
        for x, cut, arrow in zip(
            ends, (row.lower < low, row.upper > high), ("<", ">"), strict=True
        ):
            marker = arrow if cut else "|"
            draw.marks([(x, y)], marker=marker, size=4, width=0.9)
    x = plot.x(min(max(value, low), high))
    draw.marks([(x, y)], fill="white" if row.hollow else ACCENT)
    if row.remark:
        draw.text(x - 6, y, row.remark, anchor="end", colour=INK, size=7, grounded=True)


def _limits(rows: Sequence[ForestRow], lines: Sequence[float], *, log: bool) -> tuple[float, float]:
    ends = [v for r in rows for v in (r.value, r.lower, r.upper) if v is not None]
    ends += list(lines)
    if not ends:
        return (0.5, 1.5) if log else (0.0, 1.0)
    low, high = min(ends), max(ends)
    if log:
        floor, ceiling = min(0.7, max(0.1, low / 1.06)), min(10.0, max(1.1, high * 1.06))
        return floor, ceiling
    margin = 0.06 * (high - low) or 0.05
    low, high = low - margin, high + margin
    return (0.0 if 0 <= min(ends) < margin else low), high


def _spread(positions: list[float], room: float) -> list[float]:
    """Drops ticks that are too close to others on a log axis; keeps 0.8 and 1."""
    kept: list[float] = []
    for position in sorted(positions, key=lambda p: (p not in (0.8, 1.0), p)):
        if all(abs(math.log(position / other)) >= room for other in kept):
            kept.append(position)
    return sorted(kept)


def _describe(rows: Sequence[ForestRow], measure: str, lines: Sequence[float], level: float) -> str:
    parts = []
    for row in rows:
        about = f"{row.heading}, {row.label}" if row.heading else row.label
        if row.value is None:
            number = "not estimable"
        else:
            number = interval(float(row.value), row.lower, row.upper).replace("-", "\u2212")
        remark = f", {row.remark}" if row.remark else ""
        parts.append(f"{about} {number}, n = {row.n}{remark}")
    marked = f" Lines mark {' and '.join(exact(line) for line in lines)}." if lines else ""
    return f"{measure} with {level:.0%} intervals: {'; '.join(parts)}.{marked}"
