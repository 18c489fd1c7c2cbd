"""Parameters: the type and range of a number or word that somebody sets, written once.

Checks declare their parameters with these, and functions check their arguments by them, so that a
wrong one is refused before anything is computed. A boolean is not a number, NaN and infinity are
outside every range, and counts have to be whole numbers.

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

# The default name of a log; part of every checkpoint.
LOG_NAME: Final = "auditkit.local/log"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One number or word that somebody may set.

    Attributes:
        default: The default. Its type is the expected one: float for any finite number, int for a
            whole number, str for a text that is not empty, bool for a boolean. Any other default,
            such as None, leaves the type open.
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
            default: Another default; None: the parameter's.
        """
        own = self if default is None else self.of(default)
        return dataclasses.field(default=own.default, metadata={"parameter": own})

    @property
    def wanted(self) -> str:
        """The type and range in words, for example "a whole number of at least 1"."""
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
        """A value of the expected type, or an error that names the type that was given.

        Args:
            value: What was given; numbers of NumPy count as numbers.
            name: Its name in the error.
            error: The class of the error.

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
        """The value as the type of the default; None if it has another type."""
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
    """The type that was given; for a number also its value, which is not personal data."""
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


# Parameters of many checks and functions.
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
