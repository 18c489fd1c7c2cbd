"""De-identification charts: equivalence class sizes, and identifiers before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from auditkit.charts.style import (
    ACCENT,
    HAIRLINE,
    HALF,
    INK,
    SECONDARY,
    Chart,
    drawing,
    finish,
    place,
    round_ticks,
    shorten,
    steps_across,
    ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    with drawing(width, len(sizes) * _ROW + 46) as figure:
        axes = _frame(figure, len(sizes), width - label_width - 52, label_width)
        top = _scale(axes, max(rows for _, _, rows in sizes))
        for y, (size, sets, rows) in enumerate(sizes):
            axes.barh(y, rows, height=0.56, color=ACCENT, lw=0)
            _label(axes, y, size)
            _beside(axes, y, f"{sets:,}")
        _beside(axes, -0.75, "classes")
        axes.set_xlabel("Rows in classes of this size")
        listed = "; ".join(f"{size}: {rows:,} rows in {sets:,} sets" for size, sets, rows in sizes)
        alt = f"Rows by how many share their quasi-identifiers: {listed}."
        return finish(figure, alt=alt, axes=(top,))


def before_after(
    classes: Sequence[tuple[str, int, int]], *, width: float = 354.0, label_width: float = 150.0
) -> Chart:
    """Identifiers found and left, by class: a ring before, a dot after.

    Args:
        classes: Top to bottom: what it is, how many before, how many after. At least one.
        width: Of the whole chart, in points.
        label_width: Of the labels' column, in points.
    """
    with drawing(width, len(classes) * _ROW + 46) as figure:
        axes = _frame(figure, len(classes), width - label_width - 78, label_width)
        axes.spines["left"].set_visible(False)
        top = _scale(axes, max(max(before, after) for _, before, after in classes))
        for y, (name, before, after) in enumerate(classes):
            axes.axhline(y + 0.5, color=HAIRLINE, lw=0.35, zorder=0)
            axes.plot([after, before], [y, y], color=SECONDARY, lw=0.8, zorder=1)
            axes.plot([before], [y], marker="o", ms=4.6, mew=1.0, mec=ACCENT, mfc="white", ls="")
            axes.plot([after], [y], marker="o", ms=4.6, mew=1.0, mec=ACCENT, mfc=ACCENT, ls="")
            _label(axes, y, shorten(name, label_width - 6))
            _beside(axes, y, f"{before:,}", at=40)
            _beside(axes, y, f"{after:,}", at=72)
        _beside(axes, -0.75, "before", at=40)
        _beside(axes, -0.75, "after", at=72)
        axes.set_xlabel("Identifiers")
        listed = "; ".join(f"{name} {b:,} before, {a:,} after" for name, b, a in classes)
        return finish(figure, alt=f"Identifiers before and after: {listed}.", axes=(top,))


def _frame(figure: Figure, rows: int, width: float, label_width: float) -> Axes:
    axes = place(figure, label_width, 32, width, rows * _ROW)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([])
    return axes


def _scale(axes: Axes, most: int) -> tuple[str, ...]:
    """A scale of whole numbers from zero; returns its labels."""
    most = max(most, 1)
    axes.set_xlim(-0.015 * most, most * 1.04)
    positions, _ = round_ticks(0, most, count=steps_across(axes))
    return ticks(axes.xaxis, [p for p in positions if p == int(p)], digits=0)


def _label(axes: Axes, y: float, text: str) -> None:
    axes.annotate(
        text, (0, y), xycoords=axes.get_yaxis_transform(), xytext=(-6, 0),
        textcoords="offset points", ha="right", va="center", color=INK,
    )  # fmt: skip


def _beside(axes: Axes, y: float, text: str, *, at: float = 40) -> None:
    axes.annotate(
        text, (1, y), xycoords=axes.get_yaxis_transform(), xytext=(at, 0),
        textcoords="offset points", ha="right", va="center", color=SECONDARY,
    )  # fmt: skip
