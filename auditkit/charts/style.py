"""The look of all charts: colours, widths of texts in the report's font, and round scales."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Final

from auditkit.wording import number, typeset

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

# A viewer without our font takes another, which is wider.
_SPARE: Final = 1.1
# Points from one label of an axis to the next.
_TICK: Final = 34.0


def round_ticks(low: float, high: float, *, count: int = 5) -> tuple[list[float], int]:
    """Round positions that cover a range, and the number of decimals of their labels.

    Args:
        low: Lower end; less than `high`.
        high: Upper end.
        count: The most steps, but at least one is made.
    """
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


def tick_labels(positions: Iterable[float], digits: int) -> list[str]:
    """The labels of positions on a scale, with so many decimals."""
    if digits == 0:
        return [typeset(f"{p:,.0f}") for p in positions]
    return [typeset(number(float(p), digits=digits)) for p in positions]


def steps_across(width: float) -> int:
    """Number of steps on a horizontal axis of a width in points whose labels do not overlap."""
    return max(1, min(5, int(width / _TICK)))


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


def text_width(text: str, *, size: float = TEXT_SIZE, spare: float = _SPARE) -> float:
    """Width of a label in points, with a small margin.

    Args:
        text: The label.
        size: Of the font, in points.
        spare: What the width is multiplied by.
    """
    advances, other = _advances()
    return sum(advances.get(ord(c), other) for c in text) * size * spare


@cache
def _advances() -> tuple[dict[int, float], float]:
    """Width of each letter of the font, and of any other letter, in units of the font size."""
    from fontpkg_source_sans_3 import ROOT
    from fontTools.ttLib import TTFont

    with TTFont(ROOT / "files" / "SourceSans3[wght].ttf", lazy=True) as font:
        widths, em = font["hmtx"], font["head"].unitsPerEm
        known = {code: widths[name][0] / em for code, name in font.getBestCmap().items()}
    return known, max(known.values())
