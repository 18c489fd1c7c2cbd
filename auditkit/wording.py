"""How numbers are written for people: in sentences, tables and charts alike.

Laws:
    - One value has one rounded form per unit, so that a page can be compared with the statement.
    - Rounding never crosses a threshold: what is below 0.8 is never written 0.80.

Example:
    >>> number_against(0.79962, 0.8), number_against(0.7812, 0.8), exact(0.8)
    ('0.7996', '0.78', '0.8')
"""

from __future__ import annotations

import math

_MAX_DIGITS = 12


def number(value: float, *, digits: int = 2) -> str:
    """A number with a fixed count of decimals; whole numbers of type int with thousands commas.

    Args:
        value: Finite.
        digits: Decimals for a float. More are used for what would otherwise read as zero.
    """
    if isinstance(value, int):
        return f"{value:,}"
    if value != 0 and abs(value) < 0.5 * 10.0**-digits:
        return f"{value:.1e}"
    return f"{value:,.{digits}f}"


def number_against(value: float, threshold: float, *, digits: int = 2) -> str:
    """A number with as many decimals as it takes to stand on its own side of a threshold."""
    if isinstance(value, int):
        return f"{value:,}"
    for places in range(digits, _MAX_DIGITS + 1):
        text = f"{value:.{places}f}"
        if _side(float(text), threshold) == _side(value, threshold):
            return number(value, digits=places)
    return repr(value)


def interval(value: float, lower: float | None, upper: float | None, *, digits: int = 2) -> str:
    """A value with its interval: `0.86 (0.82 to 0.89)`."""
    if lower is None or upper is None:
        return number(value, digits=digits)
    low, high = number(lower, digits=digits), number(upper, digits=digits)
    return f"{number(value, digits=digits)} ({low} to {high})"


def exact(value: float) -> str:
    """A threshold as its author wrote it, without trailing zeros."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.12g}"


def typeset(text: str) -> str:
    """A number's text with a minus sign where a keyboard has a hyphen."""
    return text.replace("-", "\u2212")


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 condition`, `3 conditions`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _side(value: float, threshold: float) -> int:
    return (value > threshold) - (value < threshold) if not math.isnan(value) else 2
