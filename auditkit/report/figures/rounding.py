r"""Checks that a printed number is a value, rounded, however numbers are formatted today.

A report may be verified years after it was made, by another version. So the value is not formatted
again: the printed text is parsed, and has to be within half a unit of its last place.

Laws:
    - What `auditkit.wording` writes for a value is that value here, in every version.
    - A number with fewer decimals than its record says, or on the other side of its threshold, is
      not the value, however near it is.

Example:
    >>> prints("0.77", 0.7691, digits=2), prints("0.78", 0.7691, digits=2)
    (True, False)
    >>> prints("0.80", 0.79962, digits=2, threshold=0.8)
    False
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

_WRITTEN: Final = re.compile(
    r"(?P<sign>\u2212?)(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?P<rest>\.\d+)?"
    r"(?:e(?P<power>[+\u2212]?\d{1,3}))?\Z",
    re.ASCII,
)
# Half a unit in the last place, and the error of binary fractions.
_HALF: Final = Decimal("0.500001")
# "exact" texts have twelve significant digits.
_EXACT: Final = Decimal("6e-12")


def prints(
    text: str, value: Any, *, digits: int | str | None, threshold: float | None = None
) -> bool:
    """Whether a text is a value, as a report prints it.

    Args:
        text: The text on the page, with a true minus sign.
        value: A finite number of the statement.
        digits: The least number of decimals; None: a whole number; "exact": as its author wrote
            it.
        threshold: The text has to be on the same side of it as the value; None: there is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    found = _WRITTEN.match(text)
    if not found:
        return False
    true, (read, unit) = Decimal(value), _read(found)
    if digits is None:
        return read == true and found["rest"] is None and found["power"] is None
    if digits == "exact":
        return abs(read - true) <= _EXACT * abs(true)
    # All digits of a float identify it, and may still be off by more than half a unit of the last.
    near = abs(read - true) <= _HALF * unit or float(read) == value
    if not near or unit > Decimal(1).scaleb(-int(digits)):
        return False
    return threshold is None or _side(float(read), threshold) == _side(value, threshold)


def prints_percent(text: str, value: Any, *, digits: int) -> bool:
    """Whether a text is a proportion as a percentage: `95%` is 0.95."""
    if not text.endswith("%") or isinstance(value, bool) or not isinstance(value, int | float):
        return False
    found = _WRITTEN.match(text[:-1])
    if not found or not math.isfinite(value):
        return False
    read, unit = _read(found)
    near = abs(read - 100 * Decimal(value)) <= _HALF * unit
    return near and unit <= Decimal(1).scaleb(-int(digits))


def _read(found: re.Match[str]) -> tuple[Decimal, Decimal]:
    """A number, and the unit in its last place."""
    power = int((found["power"] or "0").replace("\u2212", "-"))
    rest = found["rest"] or ""
    whole = Decimal(found["whole"].replace(",", "") + rest).scaleb(power)
    return (-whole if found["sign"] else whole), Decimal(1).scaleb(power - max(0, len(rest) - 1))


def _side(value: float, threshold: float) -> int:
    return (value > threshold) - (value < threshold)
