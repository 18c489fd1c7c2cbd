"""Charts of contribution by feature value, and of rank intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from auditkit.charts.canvas import Chart, Drawing
from auditkit.charts.plot import Plot
from auditkit.charts.style import fitted, round_ticks, shorten, tick_labels, with_minus
from auditkit.wording import plural

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_ROW: Final = 12.5
_MAX_POINTS: Final = 1500
_MAX_CATEGORIES: Final = 12


def dependence(
    name: str,
    values: Sequence[bool | int | float | str | None],
    contributions: Floats,
    *,
    axis_label: str,
    width: float = 354.0,
    height: float = 190.0,
) -> Chart:
    """Dependence plot: one dot per case, the feature's value across, its contribution up.

    Numbers lie on a scale; anything else on a place for each category, the commonest first. Cases
    without a value are left out of the scale and counted in the description.

    Args:
        name: The feature.
        values: Its values, shape `(cases,)`; at least one is not missing.
        contributions: Shape `(cases,)`, in the unit of the axis.
        axis_label: Of the contributions, with the unit.
        width: In points.
        height: In points.
    """
    import numpy as np

    known = [i for i, v in enumerate(values) if v is not None]
    numeric = all(isinstance(values[i], int | float) for i in known)
    numeric = numeric and not all(isinstance(values[i], bool) for i in known)
    y = contributions[known]
    if numeric:
        x = np.array([float(values[i] or 0) for i in known])
        categories: list[str] = []
    else:
        texts = [str(values[i]) for i in known]
        categories = sorted(set(texts), key=lambda t: (-texts.count(t), t))[:_MAX_CATEGORIES]
        shown = [i for i, t in enumerate(texts) if t in categories]
        places = np.array([categories.index(texts[i]) for i in shown], dtype=np.float64)
        # Dots of one category stand side by side, in an order that follows from the values.
        x, y = places + 0.5 * (np.arange(len(shown)) % 21 - 10) / 21, y[shown]
    step = max(1, -(-len(x) // _MAX_POINTS))
    drawing = Drawing(width, height)
    plot = Plot(
        drawing,
        left=44,
        bottom=34,
        width=width - 54,
        height=height - 42,
        across=_room(x) if numeric else _room(np.array([-0.5, len(categories) - 0.5])),
        upward=_room(np.append(y, 0.0)),
    )
    plot.level(0)
    points = zip(x[::step].tolist(), y[::step].tolist(), strict=True)
    drawing.dots(plot.at(points), size=2.2)
    positions, digits = round_ticks(*plot.upward)
    beside = plot.ticks_upward(positions, tick_labels(positions, digits))
    labels = [beside]
    if numeric:
        positions, digits = round_ticks(*plot.across)
        labels.insert(0, plot.ticks_across(positions, tick_labels(positions, digits)))
    else:
        plot.ticks_across(range(len(categories)), [shorten(c, 60) for c in categories])
    plot.name_across(name)
    plot.name_upward(axis_label, beside=beside)
    return drawing.finish(
        alt=_in_words(name, axis_label, x, y, categories, missing=len(values) - len(known)),
        axes=tuple(labels),
    )


def rank_intervals(
    names: Sequence[str],
    ranks: Sequence[int],
    lower: Sequence[int],
    upper: Sequence[int],
    *,
    axis_label: str,
    width: float = 354.0,
    label_width: float = 118.0,
) -> Chart:
    """Each feature's rank with its interval over resamples, in the order given.

    Args:
        names: Features; at least one.
        ranks: 1 for the most important.
        lower: The best rank within the interval.
        upper: The worst.
        axis_label: What was resampled.
        width: Of the whole chart, in points.
        label_width: Of the labels' column, in points.
    """
    rows = len(names)
    last = max(upper)
    drawing = Drawing(width, rows * _ROW + 36)
    plot = Plot(
        drawing,
        left=label_width,
        bottom=30,
        width=width - label_width - 8,
        height=rows * _ROW,
        across=(0.5, last + 0.5),
        upward=(rows - 0.5, -0.5),
        beside=False,
    )
    for y, ends in enumerate(zip(lower, upper, strict=True)):
        plot.row(y)
        both = plot.at((end, y) for end in ends)
        drawing.line(both, width=1.4)
        drawing.marks(both, marker="|", size=5)
    drawing.marks(plot.at(zip(ranks, range(rows), strict=True)), size=4.2)
    plot.name_rows(fitted(names, label_width - 4))
    step = max(1, -(-last // 10))
    positions = range(1, last + 1, step)
    labels = plot.ticks_across(positions, tick_labels(positions, 0))
    plot.name_across(axis_label)
    listed = "; ".join(
        f"{name} {rank} ({low} to {high})"
        for name, rank, low, high in zip(names, ranks, lower, upper, strict=True)
    )
    return drawing.finish(alt=f"{axis_label}: {listed}.", axes=(labels,))


def _room(values: Floats) -> tuple[float, float]:
    """The ends of a scale that holds values, with a margin."""
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * ((high - low) or 1.0)
    return low - margin, high + margin


def _in_words(
    name: str, axis_label: str, x: Floats, y: Floats, categories: Sequence[str], *, missing: int
) -> str:
    import numpy as np

    if categories:
        middles = [y[np.round(x) == i] for i in range(len(categories))]
        parts = [
            f"{c}: {with_minus(np.median(m))} (median of {len(m):,})"
            for c, m in zip(categories, middles, strict=True)
        ]
        listed = "; ".join(parts)
    else:
        order = np.argsort(x, kind="stable")
        thirds = [t for t in np.array_split(order, 3) if len(t)]
        listed = "; ".join(
            f"{with_minus(x[t].min())} to {with_minus(x[t].max())}: "
            f"{with_minus(np.median(y[t]))} (median)"
            for t in thirds
        )
    without = f"; {plural(missing, 'case')} without a value" if missing else ""
    return f"{axis_label} by {name}, {plural(len(y), 'case')}: {listed}{without}."
