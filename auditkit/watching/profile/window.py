"""A span of time, half open and in UTC, as a profile states it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TypeAlias

from auditkit.errors import InputError

Window: TypeAlias = "tuple[str, str] | None"


def window_of(given: tuple[date | str, date | str] | None) -> Window:
    """Both ends of a window as `2026-11-29T00:00:00Z`.

    Args:
        given: Start, included, and end, not included: days, times, or texts of ISO 8601. A time
            without a zone is UTC. None: not stated.

    Raises:
        InputError: If an end is not a time, or the end is not after the start.
    """
    if given is None:
        return None
    try:
        start, end = given
        times = _time(start), _time(end)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "The window is not two times.",
            remedy='give its start and end, as window=("2026-11-29", "2026-11-30")',
        ) from error
    if times[0] >= times[1]:
        raise InputError(
            "The window ends before it starts, or holds no time.",
            remedy="give the start, included, then the end, not included",
        )
    return _text(times[0]), _text(times[1])


def hull(one: Window, other: Window) -> Window:
    """The shortest window that holds both; None stands for no rows, or no statement."""
    if one is None or other is None:
        return one or other
    starts, ends = zip(*(map(datetime.fromisoformat, w) for w in (one, other)), strict=True)
    return _text(min(starts)), _text(max(ends))


def _time(given: date | str) -> datetime:
    if isinstance(given, str):
        given = datetime.fromisoformat(given)
    if not isinstance(given, datetime):
        given = datetime(given.year, given.month, given.day)  # noqa: DTZ001 - UTC, below
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


def _text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
