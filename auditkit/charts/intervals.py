"""Forest plots: points with intervals, one row each, such as rates by group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auditkit.charts.style import (
    ACCENT,
    HAIRLINE,
    INK,
    RATIO_TICKS,
    SECONDARY,
    Chart,
    drawing,
    finish,
    fitted,
    name_axis,
    named_ticks,
    place,
    round_ticks,
    steps_across,
    ticks,
)
from auditkit.wording import exact, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    with drawing(width, height) as figure:
        axes = place(figure, label_width, 30, width - label_width - 34, blocks * _ROW + 2)
        axes.set_ylim(blocks - 0.4, -0.6)
        if log:
            axes.set_xscale("log")
        axes.set_xlim(low, high)
        if log:
            inside = [t for t in RATIO_TICKS if low <= t <= high]
            inside = _spread(inside, math.log(high / low) * _TICK / float(axes.bbox.width))
            labels = _ratio_ticks(axes, inside)
        else:
            positions, digits = round_ticks(low, high, count=steps_across(axes))
            labels = ticks(axes.xaxis, positions, digits=digits)
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
        name_axis(axes, axis_label)
        for line in lines:
            solid = line == 1
            axes.axvline(line, color=SECONDARY, lw=0.7, ls="-" if solid else (0, (3, 2)), zorder=1)
        _rows(axes, rows, low, high, label_width)
        return finish(figure, alt=_describe(rows, measure, lines, level), axes=(labels,))


def _rows(
    axes: Axes, rows: Sequence[ForestRow], low: float, high: float, label_width: float
) -> None:
    beside = axes.get_yaxis_transform()
    _at_the_side(axes, -0.9, "n", right=True)
    labels = fitted((row.label for row in rows), label_width - _GAP)
    y = 0
    for label, row in zip(labels, rows, strict=True):
        if row.heading:
            axes.text(
                -0.02 - 110 / (axes.bbox.width),
                y,
                row.heading,
                transform=beside,
                ha="left",
                va="center",
                color=SECONDARY,
            )
            y += 1
        axes.axhline(y + 0.5, color=HAIRLINE, lw=0.35, zorder=0)
        _at_the_side(axes, y, label)
        _at_the_side(axes, y, row.n, right=True)
        if row.value is None:
            axes.text(
                0.5,
                y,
                "not estimable",
                transform=beside,
                ha="center",
                va="center",
                color=SECONDARY,
                fontstyle="italic",
            )
        else:
            _point(axes, row, y, low, high)
        y += 1


def _at_the_side(axes: Axes, y: float, text: str, *, right: bool = False) -> None:
    """A label before a row, or its number of cases after it."""
    axes.annotate(
        text, (1 if right else 0, y), xycoords=axes.get_yaxis_transform(), ha="right",
        xytext=(_BESIDE if right else -_GAP, 0), textcoords="offset points", va="center",
        color=SECONDARY if right else INK,
    )  # fmt: skip


def _point(axes: Axes, row: ForestRow, y: int, low: float, high: float) -> None:
    assert row.value is not None
    if row.lower is not None and row.upper is not None:
        left, right = max(row.lower, low), min(row.upper, high)
        axes.plot([left, right], [y, y], color=ACCENT, lw=1.1, solid_capstyle="butt", zorder=2)
        for end, cut, arrow in ((left, row.lower < low, "<"), (right, row.upper > high, ">")):
            marker = arrow if cut else "|"
            axes.plot([end], [y], marker=marker, ms=4, mew=0.9, color=ACCENT, zorder=2)
    point = min(max(row.value, low), high)
    axes.plot(
        [point],
        [y],
        marker="o",
        ms=4.6,
        mew=1.0,
        mec=ACCENT,
        zorder=3,
        mfc="white" if row.hollow else ACCENT,
    )
    if row.remark:
        axes.annotate(
            row.remark,
            (point, y),
            xytext=(-6, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=INK,
            fontsize=7,
            # White, so that a marked line does not strike out the text.
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )


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


def _ratio_ticks(axes: Axes, positions: list[float]) -> tuple[str, ...]:
    return named_ticks(axes.xaxis, positions, (exact(p) for p in positions))


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
