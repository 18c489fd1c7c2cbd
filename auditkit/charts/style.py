"""The look that all charts share, and the one place that talks to matplotlib's backends."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from auditkit.wording import number, typeset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#1a1a1a"
SECONDARY: Final = "#5c6470"
HAIRLINE: Final = "#c9ced6"
ACCENT: Final = "#1f4e79"
MUTED: Final = "#a8682a"
# Okabe and Ito's palette without its yellow, which vanishes on white; each has its own marker.
GROUP_COLOURS: Final = ("#1f4e79", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#5c6470")
MARKERS: Final = ("o", "s", "^", "D", "v", "P")
FONT: Final = "Source Sans 3"
TEXT_SIZE: Final = 8.0

_BESIDE: Final = re.compile(r"<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
# A line to where it began, which draws its two round ends: a dot.
_DOT: Final = re.compile(r"M ([\d.]+) ([\d.]+) ?\nL \1 \2 ?\n")
# Where a logarithmic axis of ratios may have ticks.
RATIO_TICKS: Final = (
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    1.0,
    1.25,
    1.5,
    2.0,
    3.0,
    5.0,
    10.0,
)

_RC: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "auditkit",
    "text.parse_math": False,
    "path.simplify": False,
    "axes.unicode_minus": True,
    "font.family": FONT,
    "font.size": TEXT_SIZE,
    "text.color": INK,
    "axes.edgecolor": SECONDARY,
    "axes.labelcolor": SECONDARY,
    "axes.labelsize": TEXT_SIZE,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SECONDARY,
    "ytick.color": SECONDARY,
    "xtick.labelsize": TEXT_SIZE,
    "ytick.labelsize": TEXT_SIZE,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A drawing.

    Attributes:
        svg: The drawing, a complete SVG document.
        alt: What it shows, in words and numbers.
        width: In points.
        height: In points.
        axes: The tick labels of each axis that has a scale, in the order of the scale.
    """

    svg: str
    alt: str
    width: float
    height: float
    axes: tuple[tuple[str, ...], ...] = ()

    def _repr_svg_(self) -> str:
        """The drawing itself, for notebooks."""
        return self.svg


# Points a letter of a wide sans serif takes on average.
_LETTER: Final = 4.6


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """An empty figure in the common style.

    Args:
        width: In points.
        height: In points.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    _know_the_font()
    with mpl.rc_context(dict(_RC)):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        yield figure


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place in points from the lower left corner."""
    w, h = (float(side) * 72 for side in figure.get_size_inches())
    return figure.add_axes((left / w, bottom / h, width / w, height / h))


def finish(figure: Figure, *, alt: str, axes: tuple[tuple[str, ...], ...] = ()) -> Chart:
    """Writes a figure as SVG; the same figure gives the same bytes."""
    written = io.BytesIO()
    figure.savefig(
        written,
        format="svg",
        transparent=True,
        metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
    )
    width, height = (float(side) * 72 for side in figure.get_size_inches())
    svg = written.getvalue().decode("utf-8")
    # Only the drawing is kept: no prolog, no comments, no metadata block.
    svg = _BESIDE.sub("", svg[svg.index("<svg") :])
    svg = _DOT.sub(lambda dot: f"M{float(dot[1]):.1f} {float(dot[2]):.1f}h0", svg)
    return Chart(svg=svg, alt=alt, width=width, height=height, axes=axes)


def ticks(axis: Any, positions: list[float], *, digits: int) -> tuple[str, ...]:
    """Puts ticks at positions on an axis and gives their labels."""
    from matplotlib.ticker import FixedLocator, NullLocator

    labels = tuple(number(float(p), digits=digits).replace("-", "\u2212") for p in positions)
    if digits == 0:
        labels = tuple(f"{p:,.0f}".replace("-", "\u2212") for p in positions)
    axis.set_major_locator(FixedLocator(positions))
    axis.set_minor_locator(NullLocator())
    axis.set_ticklabels(labels)
    return labels


def round_ticks(low: float, high: float, *, count: int = 5) -> tuple[list[float], int]:
    """Round positions that cover a range, and how many decimals their labels need.

    Args:
        low: Lower end; less than `high`.
        high: Upper end.
        count: About how many steps.
    """
    import math

    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= raw * 0.999)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if abs(step * 10**digits - round(step * 10**digits)) > 1e-9:
        digits += 1
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, last + 1)], digits


def with_minus(value: float) -> str:
    """A number as text, with a minus sign instead of a hyphen."""
    return typeset(number(float(value)))


def shorten(label: str, *, limit: int = 34) -> str:
    """A label that fits beside a chart; of "name = value" the name is shortened."""
    if len(label) <= limit:
        return label
    name, given, value = label.rpartition(" = ")
    if given and len(value) < limit // 2:
        return f"{name[: limit - len(value) - 4]}… = {value}"
    return label[: limit - 1] + "…"


def letters(width: float) -> int:
    """How many letters fit a column of a width in points, also in a viewer's wider font."""
    return int(width / _LETTER)


def fitted(labels: Iterable[str], width: float) -> list[str]:
    """Labels that fit a column of a width in points."""
    return [shorten(label, limit=letters(width)) for label in labels]


@cache
def _know_the_font() -> None:
    from fontpkg_source_sans_3 import ROOT
    from matplotlib.font_manager import FontEntry, fontManager

    # Named by hand: matplotlib takes a variable font for its thinnest weight.
    files = {"normal": "SourceSans3[wght].ttf", "italic": "SourceSans3-Italic[wght].ttf"}
    for style, name in files.items():
        fontManager.ttflist.append(
            FontEntry(
                fname=str(ROOT / "files" / name),
                name=FONT,
                style=style,
                variant="normal",
                weight=400,
                stretch="normal",
                size="scalable",
            )
        )
