"""Charts of contribution by feature value, and of rank intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from auditkit.charts.style import (
    ACCENT,
    HAIRLINE,
    INK,
    SECONDARY,
    Chart,
    drawing,
    finish,
    fitted,
    name_axis,
    named_ticks,
    place,
    round_ticks,
    shorten,
    ticks,
    with_minus,
)
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
    with drawing(width, height) as figure:
        axes = place(figure, 44, 34, width - 54, height - 42)
        axes.axhline(0, color=SECONDARY, lw=0.6, zorder=1)
        axes.plot(x[::step], y[::step], ls="", marker="o", ms=2.2, mew=0, color=ACCENT, zorder=3)
        _room(axes, x if numeric else np.array([-0.5, len(categories) - 0.5]), y)
        labels = [_scale(axes.yaxis, *axes.get_ylim())]
        if numeric:
            labels.insert(0, _scale(axes.xaxis, *axes.get_xlim()))
        else:
            named_ticks(axes.xaxis, range(len(categories)), [shorten(c, 60) for c in categories])
        axes.set_xlabel(name)
        axes.set_ylabel(axis_label)
        return finish(
            figure,
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
    with drawing(width, rows * _ROW + 36) as figure:
        axes = place(figure, label_width, 30, width - label_width - 8, rows * _ROW)
        axes.set_xlim(0.5, last + 0.5)
        axes.set_ylim(rows - 0.5, -0.5)
        for y, (low, high) in enumerate(zip(lower, upper, strict=True)):
            axes.axhline(y, color=HAIRLINE, lw=0.35, zorder=0)
            axes.plot([low, high], [y, y], color=ACCENT, lw=1.4, solid_capstyle="butt")
            axes.plot([low, high], [y, y], ls="", marker="|", ms=5, mew=1.0, color=ACCENT)
        axes.plot(ranks, range(rows), ls="", marker="o", ms=4.2, color=ACCENT)
        axes.tick_params(axis="y", length=0)
        named_ticks(axes.yaxis, range(rows), fitted(names, label_width - 4), color=INK)
        axes.spines["left"].set_visible(False)
        step = max(1, -(-last // 10))
        positions = [float(p) for p in range(1, last + 1, step)]
        labels = ticks(axes.xaxis, positions, digits=0)
        name_axis(axes, axis_label)
        listed = "; ".join(
            f"{name} {rank} ({low} to {high})"
            for name, rank, low, high in zip(names, ranks, lower, upper, strict=True)
        )
        return finish(figure, alt=f"{axis_label}: {listed}.", axes=(labels,))


def _room(axes: object, x: Floats, y: Floats) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    for values, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
        low, high = float(values.min()), float(values.max())
        if limit == axes.set_ylim:
            low, high = min(low, 0.0), max(high, 0.0)
        margin = 0.04 * ((high - low) or 1.0)
        limit(low - margin, high + margin)


def _scale(axis: object, low: float, high: float) -> tuple[str, ...]:
    positions, digits = round_ticks(low, high)
    return ticks(axis, positions, digits=digits)


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
