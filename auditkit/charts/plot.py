"""Plots: a rectangle of a drawing with scales and axes."""

from __future__ import annotations

import math
from collections.abc import Iterable

from auditkit.charts.canvas import AXIS, GRID, RULE, Drawing, Points
from auditkit.charts.style import HAIRLINE, SECONDARY, text_width

# A spike of an axis, and the space between it and its label, which is so high.
_SPIKE, _PAD, _LABEL = 2.5, 3.5, 5.0


class Plot:
    """A rectangle of a drawing with two scales and, below and at its left, their axes.

    Args:
        drawing: The drawing.
        left: Of the rectangle, in points.
        bottom: From the lower edge of the drawing, in points.
        width: In points.
        height: In points.
        across: The values at the left and right ends.
        upward: The values at the lower and upper ends.
        log: Whether the scale across is logarithmic; its ends are > 0 then.
        beside: Whether a line stands at the left.
    """

    def __init__(
        self,
        drawing: Drawing,
        *,
        left: float,
        bottom: float,
        width: float,
        height: float,
        across: tuple[float, float],
        upward: tuple[float, float],
        log: bool = False,
        beside: bool = True,
    ) -> None:
        self.drawing = drawing
        self.left, self.right, self.width = left, left + width, width
        self.bottom = drawing.height - bottom
        self.top = self.bottom - height
        self.across, self.upward = across, upward
        self._as = math.log if log else float
        drawing.line(
            [(left, self.bottom), (self.right, self.bottom)],
            colour=SECONDARY, width=0.5, layer=AXIS,
        )  # fmt: skip
        if beside:
            drawing.line(
                [(left, self.top), (left, self.bottom)], colour=SECONDARY, width=0.5, layer=AXIS
            )

    def x(self, value: float) -> float:
        """Where a value lies across."""
        low, high = map(self._as, self.across)
        return self.left + self.width * (self._as(value) - low) / (high - low)

    def y(self, value: float) -> float:
        """Where a value lies from top to bottom."""
        low, high = self.upward
        return self.bottom - (self.bottom - self.top) * (float(value) - low) / (high - low)

    def at(self, points: Points) -> list[tuple[float, float]]:
        """Where points of the scales lie."""
        return [(self.x(x), self.y(y)) for x, y in points]

    def row(self, y: float) -> None:
        """A hairline across."""
        self.level(y, width=0.35, colour=HAIRLINE, layer=GRID)

    def level(
        self,
        y: float,
        *,
        colour: str = SECONDARY,
        width: float = 0.6,
        dashed: bool = False,
        layer: int = RULE,
    ) -> None:
        """A line across at a value."""
        ends = [(self.left, self.y(y)), (self.right, self.y(y))]
        self.drawing.line(ends, colour=colour, width=width, dashed=dashed, layer=layer)

    def mark_value(self, x: float, *, width: float = 0.7, dashed: bool = False) -> None:
        """An upright line at a value; none if it lies outside."""
        if self.across[0] <= x <= self.across[1]:
            ends = [(self.x(x), self.top), (self.x(x), self.bottom)]
            self.drawing.line(ends, colour=SECONDARY, width=width, dashed=dashed, layer=RULE)

    def ticks_across(self, positions: Iterable[float], labels: Iterable[str]) -> tuple[str, ...]:
        """Spikes and labels below; returns the labels."""
        texts = tuple(labels)
        for position, text in zip(positions, texts, strict=True):
            x = self.x(position)
            self._spike([(x, self.bottom), (x, self.bottom + _SPIKE)])
            y = self.bottom + _SPIKE + _PAD + _LABEL / 2
            self.drawing.text(x, y + 0.5, text, colour=SECONDARY)
        return texts

    def ticks_upward(self, positions: Iterable[float], labels: Iterable[str]) -> tuple[str, ...]:
        """Spikes and labels at the left; returns the labels."""
        texts = tuple(labels)
        for position, text in zip(positions, texts, strict=True):
            y = self.y(position)
            self._spike([(self.left - _SPIKE, y), (self.left, y)])
            x = self.left - _SPIKE - _PAD
            self.drawing.text(x, y, text, anchor="end", colour=SECONDARY)
        return texts

    def name_rows(self, labels: Iterable[str]) -> None:
        """The names of the rows 0, 1, ..., at the left."""
        for row, label in enumerate(labels):
            self.drawing.text(self.left - 4, self.y(row), label, anchor="end")

    def name_across(self, label: str) -> None:
        """The name of the scale across, below it; where it is wider, it ends at the right."""
        y = self.drawing.height - 8.5
        if text_width(label) > self.width:
            self.drawing.text(self.right, y, label, anchor="end", colour=SECONDARY)
        else:
            self.drawing.text((self.left + self.right) / 2, y, label, colour=SECONDARY)

    def name_upward(self, label: str, *, beside: Iterable[str]) -> None:
        """The name of the upright scale, at the left of its labels."""
        wide = max(text_width(text, spare=1.0) for text in ("", *beside))
        x = self.left - _SPIKE - _PAD - wide - 7
        middle = (self.top + self.bottom) / 2
        self.drawing.text(x, middle, label, colour=SECONDARY, upward=True)

    def _spike(self, ends: Points) -> None:
        self.drawing.line(ends, colour=SECONDARY, width=0.5, layer=AXIS)
