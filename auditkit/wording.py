"""Writes numbers for people, the same way in sentences, tables and charts.

Laws:
    - One value has one rounded form per unit, so that a page can be compared with the statement.
    - Rounding never crosses a threshold: a number below 0.8 is never written 0.80.
    - Rounding keeps order, with and without a threshold: of two numbers written with the same
      `digits`, the larger is never written smaller. So a printed value is within its printed
      interval, if it was as computed.

Example:
    >>> number_against(0.79962, 0.8), number_against(0.7812, 0.8), exact(0.8)
    ('0.7996', '0.78', '0.8')
    >>> interval(0.79962, 0.751, 0.8, threshold=0.8), percentage(0.999)
    ('0.7996 (0.75 to 0.80)', '99.9%')
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_MAX_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionWords:
    """The words for decisions in a sentence, as in "cases approved".

    Attributes:
        favourable: For cases decided in favour of the person.
        unfavourable: For all others.
    """

    favourable: str = "decided favourably"
    unfavourable: str = "decided unfavourably"

    def put_into(self, text: str) -> str:
        """A term of the glossary with these words filled in."""
        return text.replace("{favourable}", self.favourable).replace(
            "{unfavourable}", self.unfavourable
        )


NEUTRAL: Final = DecisionWords()


def number(value: float, *, digits: int = 2, more: int = 0) -> str:
    """A number with a fixed count of decimals; whole numbers of type int with thousands commas.

    Args:
        value: Finite.
        digits: Decimals of a float; one that would read as zero is written with a power of ten.
        more: Further digits, in either form.
    """
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0:
        return f"{0:.{digits}f}"  # never -0.00
    reads_as_zero = float(f"{value:.{digits}f}") == 0
    return f"{value:.{1 + more}e}" if reads_as_zero else f"{value:,.{digits + more}f}"


def number_against(value: float, threshold: float, *, digits: int = 2) -> str:
    """A number with enough decimals to stay on its side of a threshold.

    Args:
        value: Finite.
        threshold: The bound that it is compared with.
        digits: The least number of decimals.
    """
    if isinstance(value, int):
        return f"{value:,}"
    for more in range(_MAX_DIGITS - digits + 1):
        text = number(value, digits=digits, more=more)
        if _side(float(text.replace(",", "")), threshold) == _side(value, threshold):
            return text
    return repr(value)


def interval(
    value: float,
    lower: float | None,
    upper: float | None,
    *,
    digits: int = 2,
    threshold: float | None = None,
) -> str:
    """A value with its interval: `0.86 (0.82 to 0.89)`.

    Args:
        value: The value.
        lower: Lower end; None if there is no interval.
        upper: Upper end.
        digits: The least number of decimals of all three.
        threshold: The bound that they are compared with; None: none.
    """

    def written(part: float) -> str:
        if threshold is None:
            return number(part, digits=digits)
        return number_against(part, threshold, digits=digits)

    if lower is None or upper is None:
        return written(value)
    return f"{written(value)} ({written(lower)} to {written(upper)})"


def percentage(share: float) -> str:
    """A share as a percentage with all its decimals: `95%`, `99.9%`."""
    return f"{100 * share:.10g}%"


def exact(value: float) -> str:
    """A threshold as its author wrote it, without trailing zeros."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.12g}"


def typeset(text: str) -> str:
    """A number's text with a true minus sign instead of a hyphen."""
    return text.replace("-", "\u2212")


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 condition`, `3 conditions`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _side(value: float, threshold: float) -> int:
    return (value > threshold) - (value < threshold) if not math.isnan(value) else 2


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table for a notebook, every text escaped.

    Args:
        caption: What the table shows.
        head: The titles of the columns.
        rows: The cells; the first one of each row is its title.
    """
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
    )
