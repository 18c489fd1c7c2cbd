"""Drawings: lines, marks and texts, written as SVG.

A drawing has a few layers. Within a layer, what looks alike becomes one path: a page with many dots
stays small, and is quick to draw. Lengths are in points, from the upper left corner.

Why not a plotting library: a chart here is some lines, marks and labels in one fixed style, and
matplotlib took longer to load and to draw them than the whole report takes to lay out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

from auditkit.charts.style import (
    ACCENT,
    FONT,
    INK,
    TEXT_SIZE,
    shorten,
    text_width,
)

Anchor = Literal["start", "middle", "end"]
Points = Iterable[tuple[float, float]]

# Layers, from the back to the front; texts are in front of all.
GRID: Final = 0
RULE: Final = 1
LINE: Final = 2
AXIS: Final = 3
MARK: Final = 4
_GROUND: Final = 5

_SVG: Final = "http://www.w3.org/2000/svg"
_DASHED: Final = "stroke-dasharray: 2.1 1.4"
# From the middle of a digit down to the line it stands on, as a share of the font's size.
_HALF_DIGIT: Final = 0.33
_KEY_ROW: Final = 11.0
_PLUS: Final = (
    (-1, -3), (1, -3), (1, -1), (3, -1), (3, 1), (1, 1),
    (1, 3), (-1, 3), (-1, 1), (-3, 1), (-3, -1), (-1, -1),
)  # fmt: skip
# Corners of a mark whose size is 2, about its middle.
_CORNERS: Final[dict[str, Sequence[tuple[float, float]]]] = {
    "s": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
    "^": [(0, -1), (1, 1), (-1, 1)],
    "v": [(0, 1), (-1, -1), (1, -1)],
    "<": [(-1, 0), (1, -1), (1, 1)],
    ">": [(1, 0), (-1, 1), (-1, -1)],
    "D": [(0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)],
    "P": [(x / 3, y / 3) for x, y in _PLUS],
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


class Drawing:
    """A drawing in the making.

    Args:
        width: In points.
        height: In points.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._layers: list[dict[str, list[str]]] = [{} for _ in range(_GROUND + 1)]
        self._texts: list[str] = []

    def line(
        self,
        points: Points,
        *,
        colour: str = ACCENT,
        width: float = 1.0,
        dashed: bool = False,
        layer: int = LINE,
    ) -> None:
        """A line through points."""
        style = _stroke(colour, width) + (f"; {_DASHED}" if dashed else "")
        self._add(layer, style, "M" + "L".join(_at(x, y) for x, y in points))

    def dots(self, points: Points, *, size: float, colour: str = ACCENT, layer: int = MARK) -> None:
        """Round dots: lines of no length with round ends."""
        drawn = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
        if drawn:
            self._add(layer, f"{_stroke(colour, size)}; stroke-linecap: round", drawn)

    def box(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        *,
        fill: str,
        edge: str = "",
        layer: int = RULE,
    ) -> None:
        """A rectangle."""
        style = f"fill: {fill}" + (f"; stroke: {edge}; stroke-width: 0.8" if edge else "")
        path = f"M{_at(left, top)}h{_in(width)}v{_in(height)}h{_in(-width)}z"
        self._add(layer, style, path)

    def marks(
        self,
        points: Points,
        *,
        marker: str = "o",
        size: float = 4.6,
        edge: str = ACCENT,
        fill: str = "",
        width: float = 1.0,
        layer: int = MARK,
    ) -> None:
        """Marks at points.

        Args:
            points: Their middles.
            marker: "o", one of the polygons "s", "^", "v", "<", ">", "D", "P", or "|".
            size: In points, without the edge.
            edge: The edge's colour.
            fill: The colour within. Default: the edge's.
            width: Of the edge.
            layer: Where they lie.
        """
        if marker == "o" and fill in ("", edge):
            self.dots(points, size=size + width, colour=edge, layer=layer)
            return
        half = size / 2
        for x, y in points:
            if marker == "|":
                path, fill = f"M{_at(x, y - half)}v{_in(size)}", "none"
            elif marker == "o":
                arc = f"a{_in(half)} {_in(half)} 0 1 0"
                path = f"M{_at(x - half, y)}{arc} {_in(size)} 0{arc} {_in(-size)} 0z"
            else:
                corners = (_at(x + half * a, y + half * b) for a, b in _CORNERS[marker])
                path = "M" + "L".join(corners) + "z"
            style = f"fill: {fill or edge}; stroke: {edge}; stroke-width: {_in(width)}"
            self._add(layer, style, path)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: Anchor = "middle",
        colour: str = INK,
        size: float = TEXT_SIZE,
        italic: bool = False,
        upward: bool = False,
        grounded: bool = False,
    ) -> None:
        """A text, with the middle of its digits at a height.

        Args:
            x: Where its anchor lies.
            y: Where its middle lies.
            text: Any text; it is shown as it is.
            anchor: Which part of it lies at x.
            colour: Its colour.
            size: Of the font, in points.
            italic: Whether it leans.
            upward: Whether it reads from below to above; then the anchor is along that way.
            grounded: Whether a white ground keeps lines from striking it out.
        """
        if grounded:
            wide = text_width(text, size=size, spare=1.0)
            left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
            high = size * 1.1
            self.box(left - 0.5, y - high / 2, wide + 1, high, fill="white", layer=_GROUND)
        down = _HALF_DIGIT * size
        x, y = (x + down, y) if upward else (x, y + down)
        turned = f' transform="rotate(-90 {_at(x, y)})"' if upward else ""
        other = "" if colour == INK else f' fill="{colour}"'
        other += "" if size == TEXT_SIZE else f' font-size="{_in(size)}"'
        other += ' font-style="italic"' if italic else ""
        other += "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._texts.append(
            f'<text x="{_in(x)}" y="{_in(y)}"{other}{turned}>{escape(text, quote=False)}</text>'
        )

    def key(self, entries: Sequence[tuple[str, str, str, str]], *, left: float) -> None:
        """A key: names with their marks, in rows at the top.

        Args:
            entries: Name, marker, colour of the edge, and what fills the mark. The drawing has
                `key_height` of room for them.
            left: Where the rows begin.
        """
        places = _key_places([name for name, *_ in entries], self.width - left)
        for (name, marker, edge, fill), (row, across) in zip(entries, places, strict=True):
            x, y = left + across + 4, _KEY_ROW * (row + 0.5)
            self.marks([(x, y)], marker=marker, size=4.2, edge=edge, fill=fill, width=0.9)
            self.text(x + 7, y, shorten(name, self.width - left - across - 12), anchor="start")

    def finish(self, *, alt: str, axes: tuple[tuple[str, ...], ...] = ()) -> Chart:
        """The drawing as SVG; the same drawing gives the same bytes."""
        width, height = _in(self.width), _in(self.height)
        box = f"0 0 {width} {height}"
        paths = (
            f'<path d="{"".join(drawn)}" style="{style}"/>'
            for layer in self._layers
            for style, drawn in layer.items()
        )
        svg = "\n".join(
            [
                f'<svg xmlns="{_SVG}" width="{width}pt" height="{height}pt" viewBox="{box}">',
                *paths,
                f'<g font-family="\'{FONT}\'" font-size="{_in(TEXT_SIZE)}" fill="{INK}">',
                *self._texts,
                "</g>",
                "</svg>\n",
            ]
        )
        return Chart(svg=svg, alt=alt, width=self.width, height=self.height, axes=axes)

    def _add(self, layer: int, style: str, path: str) -> None:
        self._layers[layer].setdefault(style, []).append(path)


def key_height(names: Sequence[str], width: float) -> float:
    """Height of a key above a plot, in points."""
    return _KEY_ROW * (1 + max((row for row, _ in _key_places(names, width)), default=-1))


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


def _stroke(colour: str, width: float) -> str:
    return f"fill: none; stroke: {colour}; stroke-width: {_in(width)}"


def _in(length: float) -> str:
    """A length, to a hundredth of a point."""
    text = f"{length:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _at(x: float, y: float) -> str:
    return f"{_in(x)} {_in(y)}"
