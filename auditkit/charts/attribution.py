"""Attribution charts: importance overall, case by case, and for one case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from auditkit.charts.style import (
    ACCENT,
    HAIRLINE,
    INK,
    MUTED,
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
    text_width,
    ticks,
    with_minus,
)
from auditkit.wording import interval

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_ROW: Final = 12.5
_SWARM_ROW: Final = 14.0
# From low to high: light to dark, so that grey print keeps the order.
_SCALE: Final = ("#d9a441", "#c08a4a", "#9d7a63", "#74698a", "#4a5690", "#2b437d", "#12305c")
_MAX_POINTS: Final = 1500


def importance(
    names: Sequence[str],
    values: Sequence[float],
    *,
    lower: Sequence[float | None] | None = None,
    upper: Sequence[float | None] | None = None,
    axis_label: str,
    width: float = 354.0,
    label_width: float = 118.0,
) -> Chart:
    """Bars of mean absolute contributions with their intervals, in the order given.

    Args:
        names: Features, the most important first; at least one.
        values: Mean absolute contributions, shape `(features,)`, >= 0.
        lower: Lower ends of their intervals; None: no intervals.
        upper: Upper ends of their intervals.
        axis_label: With its unit.
        width: Of the whole chart, in points.
        label_width: Of the labels' column, in points.
    """
    low = list(lower) if lower is not None else [None] * len(names)
    high = list(upper) if upper is not None else [None] * len(names)
    top = max([*values, *(h for h in high if h is not None), 1e-12]) * 1.04
    rows = len(names)
    with drawing(width, rows * _ROW + 38) as figure:
        axes = place(figure, label_width, 32, width - label_width - 8, rows * _ROW)
        axes.set_xlim(0, top)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.barh(range(rows), values, height=0.56, color=ACCENT, alpha=1.0, lw=0)
        for y, (a, b) in enumerate(zip(low, high, strict=True)):
            if a is not None and b is not None:
                axes.plot([a, b], [y, y], color="#e08a1e", lw=1.2, solid_capstyle="butt")
                axes.plot([a, b], [y, y], ls="", marker="|", ms=4, mew=0.9, color="#e08a1e")
        axes.tick_params(axis="y", length=0)
        named_ticks(axes.yaxis, range(rows), fitted(names, label_width - 4), color=INK)
        positions, digits = round_ticks(0, top, count=steps_across(axes))
        labels = ticks(axes.xaxis, positions, digits=digits)
        name_axis(axes, axis_label)
        listed = "; ".join(
            f"{name} {interval(float(value), a, b)}"
            for name, value, a, b in zip(names, values, low, high, strict=True)
        )
        return finish(figure, alt=f"{axis_label}, largest first: {listed}.", axes=(labels,))


def beeswarm(
    names: Sequence[str],
    contributions: Floats,
    feature_values: Floats,
    *,
    axis_label: str,
    width: float = 354.0,
    label_width: float = 118.0,
) -> Chart:
    """Beeswarm: one dot per case and feature, at its contribution, coloured by its value.

    Args:
        names: Features, the most important first; at most 15 make a legible chart.
        contributions: Shape `(cases, features)`, in the unit of the axis.
        feature_values: Shape `(cases, features)`; NaN where a value has no order: drawn grey.
        axis_label: With its unit.
        width: Of the whole chart, in points.
        label_width: Of the labels' column, in points.
    """
    import numpy as np

    cases, rows = contributions.shape
    # Every k-th case, so that the same cases are drawn each time.
    chosen = np.arange(0, cases, max(1, -(-cases // _MAX_POINTS)))
    reach = float(np.abs(contributions).max()) or 1.0
    low, high = float(contributions.min()), float(contributions.max())
    margin = 0.04 * ((high - low) or reach)
    height = rows * _SWARM_ROW + 52
    with drawing(width, height) as figure:
        axes = place(figure, label_width, 32, width - label_width - 8, rows * _SWARM_ROW)
        axes.set_xlim(min(low - margin, -margin), max(high + margin, margin))
        axes.set_ylim(rows - 0.5, -0.5)
        axes.axvline(0, color=SECONDARY, lw=0.6, zorder=1)
        by_shade: list[list[Floats]] = [[] for _ in range(len(_SCALE) + 1)]
        for j in range(rows):
            axes.axhline(j, color=HAIRLINE, lw=0.35, zorder=0)
            x = contributions[chosen, j]
            points = np.column_stack([x, j + _offsets(x, high - low or 1.0)])
            shade = _shades(feature_values[chosen, j])
            for k in range(len(by_shade)):
                by_shade[k].append(points[shade == k])
        for k, groups in enumerate(by_shade):
            colour = _SCALE[k] if k < len(_SCALE) else "#8a8f98"
            _dots(axes, np.concatenate(groups), colour)
        axes.tick_params(axis="y", length=0)
        named_ticks(axes.yaxis, range(rows), fitted(names, label_width - 4), color=INK)
        axes.spines["left"].set_visible(False)
        positions, digits = round_ticks(*axes.get_xlim(), count=steps_across(axes))
        labels = ticks(axes.xaxis, positions, digits=digits)
        name_axis(axes, axis_label)
        _key(figure, width, height)
        ranges = "; ".join(
            f"{name} from {with_minus(contributions[:, j].min())} "
            f"to {with_minus(contributions[:, j].max())}"
            f"{_direction(contributions[:, j], feature_values[:, j])}"
            for j, name in enumerate(names)
        )
        return finish(
            figure,
            alt=f"{axis_label}, one dot for each of {len(chosen):,} cases: {ranges}.",
            axes=(labels,),
        )


def waterfall(
    names: Sequence[str],
    contributions: Sequence[float],
    texts: Sequence[str],
    *,
    base: float,
    base_label: str,
    output_label: str,
    rest: tuple[str, float] | None = None,
    axis_label: str,
    width: float = 354.0,
    label_width: float = 150.0,
) -> Chart:
    """Waterfall of one case: from the base value to the score, feature by feature.

    Args:
        names: Features in plain words with their values, the largest contribution first.
        contributions: What each adds, in the unit of the axis.
        texts: What is written beside each bar: its contribution.
        base: Where it starts: the mean over the reference.
        base_label: Names the start, with its number.
        output_label: Names the end, with its number.
        rest: A name for the features that are not listed, and what they add together.
        axis_label: With its unit.
        width: Of the whole chart, in points.
        label_width: Of the labels' column, in points.
    """
    listed = list(zip(names, texts, strict=True))
    names, contributions, texts = list(names), list(contributions), list(texts)
    if rest is not None:
        names, contributions = [*names, rest[0]], [*contributions, rest[1]]
        texts = [*texts, ""]
    rows = len(names)
    stops = [base]
    for value in contributions:
        stops.append(stops[-1] + value)
    low, high = min(stops), max(stops)
    across = width - label_width - 8
    # Room for the numbers beside the bars, at both ends.
    taken = max(map(text_width, texts), default=0.0) + 6
    margin = ((high - low) or 1.0) * taken / max(across - 2 * taken, taken)
    with drawing(width, (rows + 2) * _ROW + 38) as figure:
        axes = place(figure, label_width, 32, across, (rows + 2) * _ROW)
        axes.set_xlim(low - margin, high + margin)
        axes.set_ylim(rows + 1.5, -0.5)
        for y, value in enumerate(contributions, start=1):
            start, end = stops[y - 1], stops[y]
            down = value < 0
            axes.barh(
                [y],
                [end - start],
                left=start,
                height=0.56,
                lw=0.8,
                color=MUTED if down else "white",
                edgecolor=MUTED if down else ACCENT,
            )
            axes.plot([end, end], [y - 0.28, y + 0.72], color=SECONDARY, lw=0.5)
            axes.annotate(
                texts[y - 1],
                (min(start, end) if down else max(start, end), y),
                xytext=(-3 if down else 3, 0),
                textcoords="offset points",
                ha="right" if down else "left",
                va="center",
            )
        axes.plot([base], [0], "o", ms=4.6, mfc="white", mec=ACCENT)
        axes.plot([base, base], [0, 1.28], color=SECONDARY, lw=0.5)
        axes.plot([stops[-1]], [rows + 1], "o", ms=4.6, color=ACCENT)
        axes.tick_params(axis="y", length=0)
        labels = [
            base_label,
            *fitted(names, label_width - 4),
            output_label,
        ]
        named_ticks(axes.yaxis, range(rows + 2), labels, color=INK)
        axes.spines["left"].set_visible(False)
        positions, digits = round_ticks(*axes.get_xlim(), count=steps_across(axes))
        scale = ticks(axes.xaxis, positions, digits=digits)
        name_axis(axes, axis_label)
        steps = "; ".join(f"{name} {text}" for name, text in listed)
        return finish(
            figure,
            alt=f"{axis_label}: from {base_label}, {steps}, to {output_label}.",
            axes=(scale,),
        )


def _offsets(x: Floats, spread: float) -> Floats:
    """Spreads dots vertically to show their density."""
    import numpy as np

    bins = np.round(x / spread * 110).astype(int)
    order = np.lexsort((np.arange(len(x)), bins))
    offsets = np.zeros(len(x))
    _, starts, counts = np.unique(bins[order], return_index=True, return_counts=True)
    most = max(1, int(counts.max()))
    step = min(0.11, 0.78 / most)
    for start, count in zip(starts, counts, strict=True):
        rank = np.arange(count)
        side = np.where(rank % 2 == 0, 1, -1) * ((rank + 1) // 2)
        offsets[order[start : start + count]] = side * step
    return offsets


def _shades(values: Floats) -> npt.NDArray[np.intp]:
    """The colour of each value, by its rank among the distinct values; the last: no order."""
    import numpy as np

    shades = np.full(len(values), len(_SCALE), dtype=np.intp)
    known = np.isfinite(values)
    if known.any():
        low, high = np.quantile(values[known], [0.05, 0.95])
        if high <= low:
            low, high = values[known].min(), values[known].max()
        share = (values[known] - low) / ((high - low) or 1.0)
        shades[known] = np.clip((share * len(_SCALE)).astype(int), 0, len(_SCALE) - 1)
    return shades


def _dots(axes: object, points: Floats, colour: str) -> None:
    """All dots of one colour as one path: zero-length lines with round ends."""
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    assert isinstance(axes, Axes)
    if not len(points):
        return
    vertices = np.repeat(points, 2, axis=0)
    codes = np.tile([Path.MOVETO, Path.LINETO], len(points))
    axes.add_artist(
        PathPatch(
            Path(vertices, codes), fill=False, edgecolor=colour, lw=1.9, capstyle="round", zorder=3
        )
    )


def _key(figure: object, width: float, height: float) -> None:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    assert isinstance(figure, Figure)
    right, step = width - 34, 9.0
    left = right - step * len(_SCALE)
    for k, colour in enumerate(_SCALE):
        figure.add_artist(
            Rectangle(
                ((left + k * step) / width, (height - 10) / height),
                step / width,
                5 / height,
                color=colour,
                lw=0,
            )
        )
    for x, text, side in ((left - 4, "feature value low", "right"), (right + 4, "high", "left")):
        figure.text(x / width, (height - 7.6) / height, text, ha=side, va="center", color=SECONDARY)


def _direction(contributions: Floats, values: Floats) -> str:
    """Whether high values raise or lower the score, if that is clear."""
    import numpy as np

    known = np.isfinite(values)
    if known.sum() < 3 or np.ptp(values[known]) == 0 or np.ptp(contributions[known]) == 0:
        return ""
    r = float(np.corrcoef(values[known], contributions[known])[0, 1])
    if abs(r) < 0.5:
        return ""
    return f", high values {'raise' if r > 0 else 'lower'} it"
