"""Alternatives by accuracy and by disparity."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.charts.style import (
    ACCENT,
    GROUP_COLOURS,
    HALF,
    MUTED,
    SECONDARY,
    Chart,
    drawing,
    finish,
    key,
    key_height,
    name_axis,
    place,
    round_ticks,
    steps_across,
    ticks,
)
from auditkit.wording import number


def frontier(
    points: Sequence[tuple[str, float, float, bool, bool]],
    *,
    width: float = HALF,
) -> Chart:
    """Smallest ratio against balanced accuracy; up and right is better.

    Args:
        points: What is in use, then all others: name, balanced accuracy, smallest ratio, whether
            nothing is better in both, and whether it decides by group. At least one.
        width: Of the whole chart, in points.
    """
    high, left, bottom = 140.0, 42.0, 32.0
    names = ("in use", "alternative", "decides by group")
    (_, now_x, now_y, _, _), *others = points
    best = sorted((x, y) for _, x, y, on, _ in points if on)
    with drawing(width, high + bottom + 8 + key_height(names, width - left)) as figure:
        axes = place(figure, left, bottom, width - left - 8, high)
        xs, ys = [x for _, x, _, _, _ in points], [y for _, _, y, _, _ in points]
        room = max(max(xs) - min(xs), 0.02) * 0.06
        axes.set_xlim(min(xs) - room, max(xs) + room)
        axes.set_ylim(min(*ys, 0.78) - 0.03, 1.03)
        axes.axhline(0.8, color=SECONDARY, lw=0.6, ls=(0, (3, 2)))
        axes.plot([x for x, _ in best], [y for _, y in best], color=MUTED, lw=0.8, zorder=1)
        kinds = (
            ("s", ACCENT, ACCENT, [(now_x, now_y)]),
            ("o", ACCENT, "white", [(x, y) for _, x, y, _, by in others if not by]),
            ("^", GROUP_COLOURS[1], "white", [(x, y) for _, x, y, _, by in others if by]),
        )
        for row, (marker, edge, fill, places) in enumerate(kinds):
            axes.plot(
                [x for x, _ in places], [y for _, y in places], marker=marker, ms=4.6, mec=edge,
                mfc=fill, mew=0.9, ls="", zorder=3 - row,
            )  # fmt: skip
        key(figure, [(n, m, e, f) for n, (m, e, f, _) in zip(names, kinds, strict=True)], left=left)
        positions, digits = round_ticks(*axes.get_xlim(), count=steps_across(axes))
        below = ticks(axes.xaxis, positions, digits=digits)
        positions, digits = round_ticks(*axes.get_ylim())
        beside_labels = ticks(axes.yaxis, positions, digits=digits)
        name_axis(axes, "Balanced accuracy")
        axes.set_ylabel("Smallest ratio of selection rates")
        listed = "; ".join(
            f"{name} {number(float(y))} at {number(float(x))}{' (decides by group)' if by else ''}"
            for name, x, y, _, by in points
        )
        alt = f"Smallest ratio of selection rates at balanced accuracy. {listed}."
        return finish(figure, alt=alt, axes=(below, beside_labels))
