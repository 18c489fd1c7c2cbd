"""De-identification charts: equivalence class sizes, and identifiers before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.charts.canvas import LINE, RULE, Chart, Drawing
from auditkit.charts.plot import Plot
from auditkit.charts.style import (
    ACCENT,
    HALF,
    SECONDARY,
    round_ticks,
    shorten,
    steps_across,
    tick_labels,
)

_ROW: Final = 12.5


def class_sizes(
    sizes: Sequence[tuple[str, int, int]], *, width: float = HALF, label_width: float = 54.0
) -> Chart:
    """Number of rows by the size of their equivalence class.

    Args:
        sizes: From small to large: the range of sizes, as "3 to 4", the number of sets of rows of
            such a size, and the number of rows in them. At least one.
        width: Of the whole chart, in points.
        label_width: Of the ranges' column, in points.
    """
    drawing = Drawing(width, len(sizes) * _ROW + 46)
    most = max(rows for _, _, rows in sizes)
    plot = _frame(drawing, len(sizes), label_width, most, room=52, beside=True)
    top = _scale(plot, most)
    for y, (size, sets, rows) in enumerate(sizes):
        left, upper = plot.x(0), plot.y(y - 0.28)
        drawing.box(
            left, upper, plot.x(rows) - left, plot.y(y + 0.28) - upper, fill=ACCENT, layer=LINE
        )
        _label(plot, y, size)
        _beside(plot, y, f"{sets:,}")
    _beside(plot, -0.75, "classes")
    plot.name_across("Rows in classes of this size")
    listed = "; ".join(f"{size}: {rows:,} rows in {sets:,} sets" for size, sets, rows in sizes)
    alt = f"Rows by how many share their quasi-identifiers: {listed}."
    return drawing.finish(alt=alt, axes=(top,))


def before_after(
    classes: Sequence[tuple[str, int, int]], *, width: float = 354.0, label_width: float = 150.0
) -> Chart:
    """Identifiers found and left, by class: a ring before, a dot after.

    Args:
        classes: Top to bottom: what it is, how many before, how many after. At least one.
        width: Of the whole chart, in points.
        label_width: Of the labels' column, in points.
    """
    drawing = Drawing(width, len(classes) * _ROW + 46)
    most = max(max(before, after) for _, before, after in classes)
    plot = _frame(drawing, len(classes), label_width, most, room=78, beside=False)
    top = _scale(plot, most)
    for y, (name, before, after) in enumerate(classes):
        plot.row(y + 0.5)
        drawing.line(plot.at([(after, y), (before, y)]), colour=SECONDARY, width=0.8, layer=RULE)
        drawing.marks(plot.at([(before, y)]), fill="white", layer=LINE)
        drawing.marks(plot.at([(after, y)]))
        _label(plot, y, shorten(name, label_width - 6))
        _beside(plot, y, f"{before:,}", at=40)
        _beside(plot, y, f"{after:,}", at=72)
    _beside(plot, -0.75, "before", at=40)
    _beside(plot, -0.75, "after", at=72)
    plot.name_across("Identifiers")
    listed = "; ".join(f"{name} {b:,} before, {a:,} after" for name, b, a in classes)
    return drawing.finish(alt=f"Identifiers before and after: {listed}.", axes=(top,))


def _frame(
    drawing: Drawing, rows: int, label_width: float, most: int, *, room: float, beside: bool
) -> Plot:
    most = max(most, 1)
    return Plot(
        drawing,
        left=label_width,
        bottom=32,
        width=drawing.width - label_width - room,
        height=rows * _ROW,
        across=(-0.015 * most, most * 1.04),
        upward=(rows - 0.5, -0.5),
        beside=beside,
    )


def _scale(plot: Plot, most: int) -> tuple[str, ...]:
    """A scale of whole numbers from zero; returns its labels."""
    positions, _ = round_ticks(0, max(most, 1), count=steps_across(plot.width))
    whole = [p for p in positions if p == int(p)]
    return plot.ticks_across(whole, tick_labels(whole, 0))


def _label(plot: Plot, y: float, text: str) -> None:
    plot.drawing.text(plot.left - 6, plot.y(y), text, anchor="end")


def _beside(plot: Plot, y: float, text: str, *, at: float = 40) -> None:
    plot.drawing.text(plot.right + at, plot.y(y), text, anchor="end", colour=SECONDARY)
