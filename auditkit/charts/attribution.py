"""Attribution charts: importance overall, case by case, and for one case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from auditkit.charts.canvas import LINE, MARK, Chart, Drawing
from auditkit.charts.plot import Plot
from auditkit.charts.style import (
    ACCENT,
    MUTED,
    SECONDARY,
    fitted,
    round_ticks,
    steps_across,
    text_width,
    tick_labels,
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
_UNORDERED: Final = "#8a8f98"
_INTERVAL: Final = "#e08a1e"
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
    drawing = Drawing(width, rows * _ROW + 38)
    plot = _rows(drawing, rows, left=label_width, across=(0, top))
    for y, value in enumerate(values):
        _bar(plot, y, 0, value, fill=ACCENT)
    for y, ends in enumerate(zip(low, high, strict=True)):
        known = [(plot.x(end), plot.y(y)) for end in ends if end is not None]
        if len(known) == 2:
            drawing.line(known, colour=_INTERVAL, width=1.2)
            drawing.marks(known, marker="|", size=4, width=0.9, edge=_INTERVAL)
    plot.name_rows(fitted(names, label_width - 4))
    labels = _scale(plot, axis_label)
    listed = "; ".join(
        f"{name} {interval(float(value), a, b)}"
        for name, value, a, b in zip(names, values, low, high, strict=True)
    )
    return drawing.finish(alt=f"{axis_label}, largest first: {listed}.", axes=(labels,))


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
    drawing = Drawing(width, rows * _SWARM_ROW + 52)
    plot = Plot(
        drawing,
        left=label_width,
        bottom=32,
        width=width - label_width - 8,
        height=rows * _SWARM_ROW,
        across=(min(low - margin, -margin), max(high + margin, margin)),
        upward=(rows - 0.5, -0.5),
        beside=False,
    )
    plot.mark_value(0, width=0.6)
    for j in range(rows):
        plot.row(j)
        x = contributions[chosen, j]
        y = j + _offsets(x, high - low or 1.0)
        shades = _shades(feature_values[chosen, j])
        for k, colour in enumerate((*_SCALE, _UNORDERED)):
            these = shades == k
            points = zip(x[these].tolist(), y[these].tolist(), strict=True)
            drawing.dots(plot.at(points), size=1.9, colour=colour, layer=MARK)
    plot.name_rows(fitted(names, label_width - 4))
    labels = _scale(plot, axis_label)
    _key(drawing)
    ranges = "; ".join(
        f"{name} from {with_minus(contributions[:, j].min())} "
        f"to {with_minus(contributions[:, j].max())}"
        f"{_direction(contributions[:, j], feature_values[:, j])}"
        for j, name in enumerate(names)
    )
    return drawing.finish(
        alt=f"{axis_label}, one dot for each of {len(chosen):,} cases: {ranges}.", axes=(labels,)
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
    drawing = Drawing(width, (rows + 2) * _ROW + 38)
    plot = _rows(
        drawing, rows + 2, left=label_width, across=(low - margin, high + margin), beside=False
    )
    for y, value in enumerate(contributions, start=1):
        start, end = stops[y - 1], stops[y]
        down = value < 0
        _bar(plot, y, start, end, fill=MUTED if down else "white", edge=MUTED if down else ACCENT)
        step = [(plot.x(end), plot.y(y - 0.28)), (plot.x(end), plot.y(y + 0.72))]
        drawing.line(step, colour=SECONDARY, width=0.5)
        beside = plot.x(min(start, end)) - 3 if down else plot.x(max(start, end)) + 3
        drawing.text(beside, plot.y(y), texts[y - 1], anchor="end" if down else "start")
    begin, last = (plot.x(base), plot.y(0)), (plot.x(stops[-1]), plot.y(rows + 1))
    drawing.line([begin, (plot.x(base), plot.y(1.28))], colour=SECONDARY, width=0.5)
    drawing.marks([begin], fill="white")
    drawing.marks([last])
    plot.name_rows([base_label, *fitted(names, label_width - 4), output_label])
    scale = _scale(plot, axis_label)
    steps = "; ".join(f"{name} {text}" for name, text in listed)
    return drawing.finish(
        alt=f"{axis_label}: from {base_label}, {steps}, to {output_label}.", axes=(scale,)
    )


def _rows(
    drawing: Drawing, rows: int, *, left: float, across: tuple[float, float], beside: bool = True
) -> Plot:
    """A plot with a row for each feature, from top to bottom."""
    return Plot(
        drawing,
        left=left,
        bottom=32,
        width=drawing.width - left - 8,
        height=rows * _ROW,
        across=across,
        upward=(rows - 0.5, -0.5),
        beside=beside,
    )


def _bar(plot: Plot, y: float, start: float, end: float, *, fill: str, edge: str = "") -> None:
    left, right = sorted((plot.x(start), plot.x(end)))
    top, bottom = plot.y(y - 0.28), plot.y(y + 0.28)
    plot.drawing.box(left, top, right - left, bottom - top, fill=fill, edge=edge, layer=LINE)


def _scale(plot: Plot, axis_label: str) -> tuple[str, ...]:
    positions, digits = round_ticks(*plot.across, count=steps_across(plot.width))
    plot.name_across(axis_label)
    return plot.ticks_across(positions, tick_labels(positions, digits))


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


def _key(drawing: Drawing) -> None:
    right, step = drawing.width - 34, 9.0
    left = right - step * len(_SCALE)
    for k, colour in enumerate(_SCALE):
        drawing.box(left + k * step, 5, step, 5, fill=colour)
    drawing.text(left - 4, 7.6, "feature value low", anchor="end", colour=SECONDARY)
    drawing.text(right + 4, 7.6, "high", anchor="start", colour=SECONDARY)


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
