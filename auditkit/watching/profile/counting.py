"""Counts one column over its cells, and sums numbers exactly.

A sum of doubles depends on their order; the sum of the same doubles as integers, in units of
2**-1074, does not. So partial sums of any split of the rows merge to the same number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.errors import InputError
from auditkit.watching.profile.layout import TOO_LARGE, Column, salted

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

# The smallest positive double is 2**-1074: every finite double is a whole number of these.
UNIT: Final = 1074
_CHUNK: Final = 1 << 15  # rows; temporary arrays stay in the processor's cache
_BITS: Final = 15


def as_numbers(column: Any, *, what: str) -> Array:
    """A column as doubles: NaN where missing, infinite where there is no number.

    Args:
        column: Numbers, booleans or objects.
        what: Its name in errors.

    Raises:
        InputError: If it holds times.
    """
    series = column if isinstance(column, pd.Series) else pd.Series(column)
    if series.dtype.kind in "mM":
        raise InputError(
            f"{what} holds times.", remedy="leave it out, or give it as a number, such as an age"
        )
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return series.to_numpy(dtype=np.float64)
    missing = series.isna().to_numpy()
    found = pd.to_numeric(series.astype(object), errors="coerce").to_numpy(dtype=np.float64)
    return np.where(np.isnan(found) & ~missing, np.inf, found)


def as_texts(column: Any) -> tuple[Codes, list[str]]:
    """A column as codes of its distinct texts; -1 where missing. A whole number has no `.0`."""
    series = column if isinstance(column, pd.Series) else pd.Series(column)
    codes, values = pd.factorize(series)
    texts: dict[str, int] = {}
    renumber = np.array([texts.setdefault(text_of(v), len(texts)) for v in values] + [-1])
    return np.asarray(renumber[codes], dtype=np.intp), list(texts)


def text_of(value: Any) -> str:
    """A level as text: 1, 1.0 and NumPy's 1 are one."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def number_cells(edges: Array, values: Array) -> Codes:
    """The cell of each number; `edges` as in `Layout.edges`."""
    codes = np.searchsorted(edges, values, side="right")
    size = np.abs(values)
    strange = ~(size < TOO_LARGE)  # NaN, too
    if strange.any():
        codes[strange] = len(edges) + 1 + ~np.isnan(values[strange])
    return codes


def level_cells(column: Column, values: Any, salt: bytes | None) -> Codes:
    """The cell of each level.

    Raises:
        InputError: If the column is personal, or has digests of rare levels, and there is no salt.
    """
    codes, texts = as_texts(values)
    place = levels_by_text(column, salt)
    cells = [place(text) for text in texts] + [column.place_of("missing")]
    return np.asarray(np.array(cells, dtype=np.intp)[codes])


def levels_by_text(column: Column, salt: bytes | None) -> Any:
    """A function from a level's text to its cell."""
    known: Mapping[str, int] = {level: i for i, level in enumerate(column.levels)}
    rare, other, unseen = frozenset(column.rare), *map(column.place_of, ("other", "unseen"))
    rest = unseen if column.closed else other
    if not column.personal and not rare:
        return lambda text: known.get(text, rest)
    if salt is None:
        raise InputError(
            f"The levels of {column.name!r} are salted digests, and the salt is not there.",
            remedy="give salt= of the baseline: Profile.from_bytes(data, salt=...)",
        )

    def place(text: str) -> int:
        digest = salted(salt, column.name, text)
        at = known.get(digest if column.personal else text)
        if at is not None:
            return at
        return (other if digest in rare else unseen) if column.closed else other

    return place


def exact_sum(values: Array) -> int:
    """The exact sum of finite doubles, in units of 2**-1074.

    Each pass splits off the leading bits of all values, on one grid on which a double holds their
    sum without rounding, until nothing is left: two or three passes.

    Args:
        values: Below `TOO_LARGE` in size, shape `(n,)`.

    Source: Rump, Ogita and Oishi, SIAM J. Sci. Comput. 31 (2008) 189-224, ExtractVector.
    """
    total = 0
    for start in range(0, len(values), _CHUNK):
        rest = values[start : start + _CHUNK]
        while largest := float(np.abs(rest).max(initial=0.0)):
            grid = 2.0 ** (int(np.frexp(largest)[1]) + _BITS + 1)
            leading = (rest + grid) - grid
            total += in_units(float(leading.sum()))
            rest = rest - leading
    return total


def in_units(value: float) -> int:
    """A finite double as a whole number of 2**-1074."""
    top, bottom = value.as_integer_ratio()
    return top << (UNIT + 1 - bottom.bit_length())


def from_units(total: int, divisor: int = 1) -> float:
    """The double nearest to a sum, or to its quotient by a positive whole number."""
    return total / (divisor << UNIT)


def units_text(total: int) -> str:
    """A sum in canonical text: an odd hexadecimal number and a power of two, `-3p2`."""
    if total == 0:
        return "0"
    zeros = (total & -total).bit_length() - 1
    return f"{total >> zeros:x}p{zeros - UNIT}"


def parse_units(text: str) -> int:
    """Reads what `units_text` wrote.

    Raises:
        ValueError: If the text is anything else.
    """
    top, _, power = text.partition("p")
    if text == "0":
        return 0
    total = int(top, 16) << (int(power) + UNIT)
    if units_text(total) != text:
        raise ValueError(text[:0])
    return total
