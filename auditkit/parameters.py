"""What a number or word that somebody sets may be: its type and its range, written once.

Checks declare their parameters with these, and functions check their arguments by them, so that a
wrong one is refused before anything is computed. A boolean is no number, NaN and infinity are in
no range, and a whole number is wanted where things are counted.

Example:
    >>> LEVEL.read(0.9, name="level")
    0.9
    >>> LEVEL.wanted
    'a number above 0 and below 1'
    >>> LEVEL.read(5, name="level")
    Traceback (most recent call last):
    auditkit.errors.InputError: level must be a number above 0 and below 1, not the whole number 5.
    To fix: give one of these; the default is 0.95
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Final

from auditkit.errors import AuditkitError, InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One number or word that may be set.

    Attributes:
        default: What it is unless it is set. Its type is the wanted one: a float is any finite
            number, an int a whole number, a str a text that is not empty, a bool a boolean.
            Any other default, as None, leaves the type open.
        at_least: The least number, included; None: there is none.
        above: The lower end, not included; None: there is none.
        at_most: The greatest number, included; None: there is none.
        below: The upper end, not included; None: there is none.
        one_of: The only texts that are allowed; empty: any.
    """

    default: Any
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    one_of: tuple[str, ...] = ()

    def of(self, default: Any) -> Parameter:
        """The same type and range with another default."""
        return dataclasses.replace(self, default=default)

    def field(self, default: Any = None) -> Any:
        """A field of a dataclass that declares this parameter.

        Args:
            default: Instead of the parameter's own; None: its own.
        """
        own = self if default is None else self.of(default)
        return dataclasses.field(default=own.default, metadata={"parameter": own})

    @property
    def wanted(self) -> str:
        """The type and the range in words, as "a whole number of at least 1"."""
        if self.one_of:
            return "one of " + ", ".join(map(repr, self.one_of))
        kind = {bool: "true or false", int: "a whole number", float: "a number"}
        ends = [
            words.format(f"{end:,g}" if abs(end) < 1e6 else f"{end:,}")
            for words, end in (
                ("of at least {}", self.at_least),
                ("above {}", self.above),
                ("at most {}", self.at_most),
                ("below {}", self.below),
            )
            if end is not None
        ]
        what = kind.get(type(self.default), "a text that is not empty")
        return f"{what} {' and '.join(ends)}".rstrip()

    def read(self, value: Any, *, name: str, error: type[AuditkitError] = InputError) -> Any:
        """A value of the wanted type, or an error that names what was given by its type.

        Args:
            value: What was given; numbers of NumPy count as numbers.
            name: What it is called in the error.
            error: The kind of error.

        Raises:
            AuditkitError: Of the kind, if type or range are wrong.
        """
        found = self._of_type(value)
        if found is None or not self._in_range(found):
            given = "another text" if self.one_of and isinstance(value, str) else _described(value)
            raise error(
                f"{name} must be {self.wanted}, not {given}.",
                remedy=f"give one of these; the default is {self.default!r}",
            )
        return found

    def _of_type(self, value: Any) -> Any:
        """The value as the type of the default; None if it is of another."""
        wanted = type(self.default)
        if wanted is bool:
            return value if isinstance(value, bool) else None
        if wanted is str:
            return value if isinstance(value, str) and value.strip() else None
        if isinstance(value, bool) or wanted not in (int, float):
            return None if wanted in (int, float) else value
        if isinstance(value, Integral):
            whole = int(value)
            if wanted is int:
                return whole
            return float(whole) if abs(whole) < 2**1023 else None
        if wanted is float and isinstance(value, Real) and math.isfinite(value):
            return float(value)
        return None

    def _in_range(self, value: Any) -> bool:
        if self.one_of:
            return value in self.one_of
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )


def declared(kind: Any) -> dict[str, Parameter]:
    """The parameters that a dataclass declares, by name; a plain default has no range.

    Args:
        kind: A dataclass, each of whose fields has a default.
    """
    plain = kind()
    return {
        f.name: f.metadata.get("parameter", Parameter(default=getattr(plain, f.name)))
        for f in dataclasses.fields(kind)
    }


def _described(value: Any) -> str:
    """What was given, by its type; a number also by its value, which is nobody's."""
    if value is None:
        return "empty"
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "a boolean"
    if isinstance(value, Integral):
        return f"the whole number {int(value)}" if abs(int(value)) < 1e18 else "so large a number"
    if isinstance(value, Real):
        return f"the number {float(value):g}"
    kinds = ((str, "a text"), (Mapping, "a mapping"), (list | tuple, "a list"))
    return next((words for kind, words in kinds if isinstance(value, kind)), type(value).__name__)


# What many checks and functions take.
NUMBER: Final = Parameter(default=0.0)
LEVEL: Final = Parameter(default=0.95, above=0, below=1)
SHARE: Final = Parameter(default=0.01, at_least=0, at_most=1)
PART: Final = Parameter(default=1.0, above=0, at_most=1)
COUNT: Final = Parameter(default=1, at_least=1)
BLOCKS: Final = Parameter(default=10, at_least=2, at_most=1000)
DEPTH: Final = Parameter(default=2, at_least=1)
MIN_GROUP: Final = Parameter(default=30, at_least=0)
REPLICATES: Final = Parameter(default=1000, at_least=20, at_most=1_000_000)
BINS: Final = Parameter(default=10, at_least=2, at_most=1000)
THRESHOLD: Final = Parameter(default=0.5, at_least=0, at_most=1)
SEED: Final = Parameter(default=0, at_least=0, at_most=2**32 - 1)  # scikit-learn's
TEXT: Final = Parameter(default="text")
