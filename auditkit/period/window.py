"""A period: from one moment to another, UTC, half open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from auditkit.canonical import Json
from auditkit.errors import InputError, argument


@dataclass(frozen=True, slots=True)
class Period:
    """A period of time, `[begin, end)`.

    Attributes:
        begin: The first moment in it, UTC.
        end: The first moment after it, UTC.
    """

    begin: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.begin.tzinfo is None or self.end.tzinfo is None:
            raise InputError("The period's ends have no time zone.", remedy="use datetime.now(UTC)")
        if self.begin >= self.end:
            raise InputError(
                "The period is empty: it ends when it begins, or before.",
                remedy="give a later end; a period holds its first moment, and not its end",
            )

    @classmethod
    def parse(cls, begin: str, end: str) -> Self:
        """Reads a period's two ends.

        Args:
            begin: A day or a time, such as 2026-07-01 or 2026-07-01T08:00:00; UTC unless it names
                its zone.
            end: The same; a day stands for its first moment.

        Raises:
            InputError: If one is no time, or the period is empty.
        """
        return cls(_moment(begin, "begin"), _moment(end, "end"))

    @property
    def begin_ms(self) -> int:
        """The beginning, in milliseconds since 1970 UTC."""
        return round(self.begin.timestamp() * 1000)

    @property
    def end_ms(self) -> int:
        """The end, in milliseconds since 1970 UTC."""
        return round(self.end.timestamp() * 1000)

    def holds(self, moment: datetime) -> bool:
        """Whether a moment is in it."""
        return self.begin <= moment < self.end

    def to_json(self) -> dict[str, Json]:
        """As files print it."""
        return {"from": stamp(self.begin), "to": stamp(self.end), "zone": "UTC", "half_open": True}

    def __str__(self) -> str:
        """In words."""
        return f"{stamp(self.begin)} to {stamp(self.end)}, UTC, the end not included"


def stamp(moment: datetime) -> str:
    """A moment as text: ISO 8601, UTC, to the millisecond where it has one."""
    text = moment.astimezone(UTC).isoformat()
    whole, _, fraction = text[:-6].partition(".")
    return f"{whole}.{fraction[:3]}Z" if fraction else f"{whole}Z"


def _moment(text: str, which: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.year < 1970:
        raise InputError(
            f"The period's {which} is no time after 1970: {argument(which)}.",
            remedy="write it as 2026-07-01, or 2026-07-01T08:00:00",
        )
    return found
