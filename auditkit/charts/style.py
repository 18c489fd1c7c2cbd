"""The style of all charts, and the only module that uses matplotlib's backends."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
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
TEXT_SIZE: Final = 7.5
# Widths in points: half of a page, so that two charts stand side by side, and the whole of one.
HALF: Final = 228.0
WHOLE: Final = 480.0

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

# What every text has, unless it is given otherwise.
_TEXT: Final[dict[str, Any]] = {"fontsize": TEXT_SIZE, "color": INK}
# What every line has.
_LINE: Final[dict[str, Any]] = {
    "lw": 1.0,
    "mew": 1.0,
    "color": ACCENT,
    "solid_capstyle": "projecting",
    "dash_capstyle": "butt",
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


# A viewer without our font takes another, which is wider.
_SPARE: Final = 1.1
_KEY_ROW: Final = 11.0
# Points from one label of an axis to the next.
_TICK: Final = 34.0


def get_ready() -> None:
    """Loads what drawing needs; else the first chart does, which takes a second and a half."""
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """An empty figure in the common style.

    Args:
        width: In points.
        height: In points.
    """
    yield _kinds().figure(figsize=(width / 72, height / 72), dpi=72)


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place in points from the lower left corner."""
    w, h = (float(side) * 72 for side in figure.get_size_inches())
    place = (left / w, bottom / h, width / w, height / h)
    return figure.add_axes(place, axes_class=_kinds().axes)


def finish(figure: Figure, *, alt: str, axes: tuple[tuple[str, ...], ...] = ()) -> Chart:
    """Writes a figure as SVG; the same figure gives the same bytes."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_fontfamily(FONT)
        # A file that is named is looked for nowhere, and nobody else's matplotlib learns of it.
        text.get_fontproperties().set_file(_font_file())
    for patch in (figure.patch, *(a.patch for a in figure.axes)):
        patch.set(facecolor="none", edgecolor="none")
    width, height = (float(side) * 72 for side in figure.get_size_inches())
    written = io.StringIO()
    renderer = _kinds().renderer(width, height, written, metadata=_NO_METADATA)
    figure.draw(renderer)
    renderer.finalize()
    svg = written.getvalue()
    # Only the drawing is kept: no prolog, no comments, no metadata block.
    svg = _BESIDE.sub("", svg[svg.index("<svg") :])
    svg = _DOT.sub(lambda dot: f"M{float(dot[1]):.1f} {float(dot[2]):.1f}h0", svg)
    return Chart(svg=svg, alt=alt, width=width, height=height, axes=axes)


_NO_METADATA: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}


def name_axis(axes: Axes, label: str) -> None:
    """Writes the name of a horizontal axis below it, within the drawing."""
    wide = text_width(label) > float(axes.bbox.width)
    axes.set_xlabel(label, loc="right" if wide else "center")


def key_height(names: Sequence[str], width: float) -> float:
    """Height of a key above a plot, in points."""
    return _KEY_ROW * (1 + max((row for row, _ in _key_places(names, width)), default=-1))


def key(figure: Figure, entries: Sequence[tuple[str, str, str, str]], *, left: float) -> None:
    """A key: names with their markers, in rows at the top of a figure.

    Args:
        figure: Has `key_height` of room above its plot.
        entries: Name, marker, colour and what fills the marker.
        left: Where the rows begin, in points.
    """
    width, height = (float(side) * 72 for side in figure.get_size_inches())
    places = _key_places([name for name, *_ in entries], width - left)
    for (name, marker, colour, fill), (row, x) in zip(entries, places, strict=True):
        across, up = (left + x + 4) / width, 1 - _KEY_ROW * (row + 0.5) / height
        figure.add_artist(
            _line(
                [across],
                [up],
                marker=marker,
                ms=4.2,
                mew=0.9,
                color=colour,
                ls="",
                mec=colour,
                mfc=fill,
            )
        )
        label = shorten(name, width - left - x - 12)
        figure.text(across + 7 / width, up, label, va="center")


def _key_places(names: Sequence[str], width: float) -> list[tuple[int, float]]:
    """The row of each name, and its start in the row."""
    places: list[tuple[int, float]] = []
    row, x = 0, 0.0
    for name in names:
        taken = text_width(name) + 24
        if x and x + taken > width:
            row, x = row + 1, 0.0
        places.append((row, x))
        x += taken
    return places


def _line(x: list[float], y: list[float], **style: Any) -> Any:
    from matplotlib.lines import Line2D

    return Line2D(x, y, **style)


def ticks(axis: Any, positions: list[float], *, digits: int) -> tuple[str, ...]:
    """Sets ticks at positions on an axis; returns their labels."""
    labels = tuple(number(float(p), digits=digits).replace("-", "\u2212") for p in positions)
    if digits == 0:
        labels = tuple(f"{p:,.0f}".replace("-", "\u2212") for p in positions)
    return named_ticks(axis, positions, labels)


def named_ticks(
    axis: Any, positions: Iterable[float], labels: Iterable[str], *, color: str = SECONDARY
) -> tuple[str, ...]:
    """Sets ticks at positions on an axis with given labels; returns the labels.

    Not by `set_ticklabels`, which changes the filters of warnings, those of the whole process.
    """
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    texts = tuple(labels)
    axis.set_major_locator(FixedLocator(list(positions)))
    axis.set_major_formatter(FixedFormatter(texts))
    axis.set_minor_locator(NullLocator())
    axis.set_tick_params(labelcolor=color)
    return texts


def round_ticks(low: float, high: float, *, count: int = 5) -> tuple[list[float], int]:
    """Round positions that cover a range, and the number of decimals of their labels.

    Args:
        low: Lower end; less than `high`.
        high: Upper end.
        count: The most steps, but at least one is made.
    """
    import math

    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= raw * 0.999)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if abs(step * 10**digits - round(step * 10**digits)) > 1e-9:
        digits += 1
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last <= first:  # one tick is no scale
        return round_ticks(low, high, count=count + 1)
    return [round(i * step, 12) + 0.0 for i in range(first, last + 1)], digits


def steps_across(axes: Axes) -> int:
    """Number of steps on a horizontal axis whose labels do not overlap."""
    return max(1, min(5, int(float(axes.bbox.width) / _TICK)))


def with_minus(value: float) -> str:
    """A number as text, with a minus sign instead of a hyphen."""
    return typeset(number(float(value)))


def shorten(label: str, width: float) -> str:
    """A label that fits a width in points; of "name = value" the name is shortened."""
    if text_width(label) <= width:
        return label
    name, given, value = label.rpartition(" = ")
    if given and text_width(value) < width / 2:
        kept = name[: letters(name, width - text_width(f"… = {value}"), end="")]
        return f"{kept}… = {value}"
    return label[: letters(label, width) - 1] + "…"


def letters(text: str, width: float, *, end: str = "…") -> int:
    """Number of letters of a text that fit a width in points.

    Args:
        text: The text.
        width: In points, >= 0.
        end: Stands for what is cut off, and counts; at least one letter is kept beside it.
    """
    if text_width(text) <= width:
        return len(text)
    most = len(text) - 1
    while most > 1 and text_width(text[:most] + end) > width:
        most -= 1
    return most + len(end)


def fitted(labels: Iterable[str], width: float) -> list[str]:
    """Labels that fit a column of a width in points."""
    return [shorten(label, width) for label in labels]


def text_width(text: str) -> float:
    """Width of a label in points, with a small margin."""
    advances, other = _advances()
    return sum(advances.get(ord(c), other) for c in text) * TEXT_SIZE * _SPARE


@cache
def _advances() -> tuple[dict[int, float], float]:
    """Width of each letter of the font, and of any other letter, in units of the font size."""
    from fontpkg_source_sans_3 import ROOT
    from fontTools.ttLib import TTFont

    with TTFont(ROOT / "files" / "SourceSans3[wght].ttf", lazy=True) as font:
        widths, em = font["hmtx"], font["head"].unitsPerEm
        known = {code: widths[name][0] / em for code, name in font.getBestCmap().items()}
    return known, max(known.values())


@cache
def _font_file() -> str:
    from fontpkg_source_sans_3 import ROOT

    return str(ROOT / "files" / "SourceSans3[wght].ttf")


@dataclass(frozen=True, slots=True)
class _Kinds:
    figure: type[Figure]
    axes: type[Axes]
    renderer: Any


@cache
def _kinds() -> _Kinds:
    """Matplotlib's figure, axes and SVG writer with the common style.

    Why not its settings: they are the whole process's, and a chart that is drawn on one thread
    would change those of another, and of whoever else draws.
    """
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_svg import RendererSVG
    from matplotlib.figure import Figure
    from matplotlib.path import Path

    class StyledFigure(Figure):
        def text(self, x: float, y: float, s: str, *args: Any, **kwargs: Any) -> Any:
            return super().text(x, y, s, *args, **_TEXT | kwargs)

    class StyledAxes(Axes):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.grid(visible=False)
            self.set_axisbelow("line")
            for side, spine in self.spines.items():
                spine.set(linewidth=0.5, edgecolor=SECONDARY, visible=side in {"left", "bottom"})
            self.tick_params(
                color=SECONDARY, labelcolor=SECONDARY, labelsize=TEXT_SIZE, width=0.5, length=2.5,
                pad=3.5, direction="out", top=False, right=False, labeltop=False, labelright=False,
                bottom=True, left=True, labelbottom=True, labelleft=True,
            )  # fmt: skip
            for axis in (self.xaxis, self.yaxis):
                axis.labelpad = 4.0
                axis.label.set(color=SECONDARY, fontsize=TEXT_SIZE, fontweight="normal")

        def text(self, x: float, y: float, s: str, *args: Any, **kwargs: Any) -> Any:
            return super().text(x, y, s, *args, **_TEXT | kwargs)

        def annotate(self, text: str, xy: Any, *args: Any, **kwargs: Any) -> Any:
            return super().annotate(text, xy, *args, **_TEXT | kwargs)

        def plot(self, *args: Any, **kwargs: Any) -> Any:
            return super().plot(*args, **_LINE | kwargs)

        def axhline(self, *args: Any, **kwargs: Any) -> Any:
            return super().axhline(*args, **_LINE | kwargs)

        def axvline(self, *args: Any, **kwargs: Any) -> Any:
            return super().axvline(*args, **_LINE | kwargs)

    base: Any = RendererSVG

    class Renderer(base):  # type: ignore[misc]  # it is not typed for a checker
        """Writes text as text, every point of a path, and ids derived from the content."""

        def _make_id(self, kind: str, content: Any) -> str:
            return f"{kind}{hashlib.sha256(f'auditkit{content}'.encode()).hexdigest()[:10]}"

        def draw_text(self, gc: Any, *given: Any, ismath: Any = False, mtext: Any = None) -> None:
            x, y, s, prop, angle, *rest = given
            clipped = self._get_clip_attrs(gc)
            if clipped:
                self.writer.start("g", **clipped)
            ismath = rest[0] if rest else ismath
            self._draw_text_as_text(gc, x, y, s, prop, angle, ismath, mtext)
            if clipped:
                self.writer.end("g")

        def draw_path(self, gc: Any, path: Path, *given: Any) -> None:
            if path.should_simplify:
                path = Path(path.vertices, path.codes)
                path.should_simplify = False
            super().draw_path(gc, path, *given)

    return _Kinds(StyledFigure, StyledAxes, Renderer)
