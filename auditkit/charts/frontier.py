"""Alternatives by accuracy and by disparity."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.charts.canvas import RULE, Chart, Drawing, key_height
from auditkit.charts.plot import Plot
from auditkit.charts.style import (
    ACCENT,
    GROUP_COLOURS,
    HALF,
    MUTED,
    round_ticks,
    steps_across,
    tick_labels,
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
    xs, ys = [x for _, x, _, _, _ in points], [y for _, _, y, _, _ in points]
    room = max(max(xs) - min(xs), 0.02) * 0.06
    drawing = Drawing(width, high + bottom + 8 + key_height(names, width - left))
    plot = Plot(
        drawing,
        left=left,
        bottom=bottom,
        width=width - left - 8,
        height=high,
        across=(min(xs) - room, max(xs) + room),
        upward=(min(*ys, 0.78) - 0.03, 1.03),
    )
    plot.level(0.8, dashed=True)
    drawing.line(plot.at(best), colour=MUTED, width=0.8, layer=RULE)
    kinds = (
        ("s", ACCENT, ACCENT, [(now_x, now_y)]),
        ("o", ACCENT, "white", [(x, y) for _, x, y, _, by in others if not by]),
        ("^", GROUP_COLOURS[1], "white", [(x, y) for _, x, y, _, by in others if by]),
    )
    for marker, edge, fill, places in reversed(kinds):  # what is in use, in front
        drawing.marks(plot.at(places), marker=marker, edge=edge, fill=fill, width=0.9)
    drawing.key([(n, m, e, f) for n, (m, e, f, _) in zip(names, kinds, strict=True)], left=left)
    positions, digits = round_ticks(*plot.across, count=steps_across(plot.width))
    below = plot.ticks_across(positions, tick_labels(positions, digits))
    positions, digits = round_ticks(*plot.upward)
    beside = plot.ticks_upward(positions, tick_labels(positions, digits))
    plot.name_across("Balanced accuracy")
    plot.name_upward("Smallest ratio of selection rates", beside=beside)
    listed = "; ".join(
        f"{name} {number(float(y))} at {number(float(x))}{' (decides by group)' if by else ''}"
        for name, x, y, _, by in points
    )
    alt = f"Smallest ratio of selection rates at balanced accuracy. {listed}."
    return drawing.finish(alt=alt, axes=(below, beside))
