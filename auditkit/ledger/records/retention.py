"""How long payloads are kept and why, and how they are destroyed.

When a payload is destroyed, its entry stays: its time, its kind, and a salted digest against which
nobody can test guesses without the salt. The destruction is an entry itself (what, by whom, when
and why), and its payload is permanent.

Laws:
    - A payload under a legal hold is never destroyed.
    - A payload is destroyed before its retention period is over only on explicit request
      (`before_due`), and the entry says that it was early.
    - Payloads of an unknown class are kept: a missing period is not a period of zero.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from auditkit.errors import InputError, VerificationError
from auditkit.ledger.records.entry import Entry, is_name

PERMANENT: Final = "permanent"
DESTROYED: Final = "ledger.payload-destroyed"
HOLD_PLACED: Final = "ledger.hold-placed"
HOLD_RELEASED: Final = "ledger.hold-released"


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionClass:
    """How long payloads of a class are kept.

    Attributes:
        name: Its name, in lower case.
        months: How many calendar months a payload is kept; None: for ever.
        law: The rule that requires it, or why the period was chosen.
    """

    name: str
    months: int | None
    law: str

    def __post_init__(self) -> None:
        if not is_name(self.name) or (self.months is not None and not 1 <= self.months <= 1200):
            raise InputError(
                "The retention class has an invalid name or number of months.",
                remedy="name it in lower case, and keep payloads for 1 to 1,200 months",
            )

    def cutoff(self, now: datetime) -> datetime | None:
        """Payloads logged at or before this time are due; None if payloads are kept for ever."""
        if self.months is None:
            return None
        now = now.astimezone(UTC)
        years, month = divmod(now.year * 12 + now.month - 1 - self.months, 12)
        day = min(now.day, calendar.monthrange(years, month + 1)[1])
        return now.replace(year=years, month=month + 1, day=day)


CLASSES: Final = (
    RetentionClass(name="standard", months=84, law="no law: longer than any class that has one"),
    RetentionClass(name="hipaa-6y", months=72, law="45 CFR 164.316(b)(2)(i)"),
    RetentionClass(name="disclosures-6y", months=72, law="45 CFR 164.528"),
    RetentionClass(name="ecoa-25m", months=25, law="12 CFR 1002.12(b)"),
    RetentionClass(name="ecoa-business-12m", months=12, law="12 CFR 1002.12(b)"),
    RetentionClass(name="colorado-3y", months=36, law="Colorado SB 26-189"),
    RetentionClass(name=PERMANENT, months=None, law="records of the log about itself"),
)
"""The default retention classes. Periods run from the entry's time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Destruction:
    """The record of payloads that were destroyed.

    Attributes:
        index: The entry that records it.
        time: When, UTC.
        by: Who destroyed them.
        reason: Why: the class whose period was over, or the request.
        before_due: Whether a retention period was not over yet.
        ranges: The entries concerned, as ranges `[begin, end)` of indexes.
    """

    index: int
    time: datetime
    by: str
    reason: str
    before_due: bool
    ranges: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """How many payloads."""
        return sum(end - begin for begin, end in self.ranges)

    @classmethod
    def of_entry(cls, entry: Entry) -> Destruction:
        """Reads the entry that records a destruction.

        Raises:
            VerificationError: If its own payload is missing or is not such a record.
        """
        payload: Any = entry.payload
        try:
            ranges = tuple((int(begin), int(end)) for begin, end in payload["ranges"])
            by, reason, early = str(payload["by"]), str(payload["reason"]), payload["before_due"]
        except (TypeError, KeyError, ValueError):
            raise VerificationError(
                f"Entry {entry.index} says that payloads were destroyed, but not which."
            ) from None
        if any(not 0 <= begin < end <= entry.index for begin, end in ranges):
            raise VerificationError(
                f"Entry {entry.index} says that payloads were destroyed that did not exist."
            )
        return cls(
            index=entry.index,
            time=entry.time,
            by=by,
            reason=reason,
            before_due=early is True,
            ranges=ranges,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A legal hold: the payloads it covers are not destroyed until it is released.

    Attributes:
        name: Its name, for example that of the legal matter.
        by: Who placed it.
        reason: Why.
        kinds: The kinds of entries that it covers; every kind if empty.
        begin: The first index that it covers.
        end: The index after the last; None: it covers future entries too.
    """

    name: str
    by: str
    reason: str
    kinds: tuple[str, ...] = ()
    begin: int = 0
    end: int | None = None

    def covers(self, index: int, kind: str) -> bool:
        """Whether an entry is under the hold."""
        inside = self.begin <= index and (self.end is None or index < self.end)
        return inside and (not self.kinds or kind in self.kinds)


def holds_in_force(entries: Iterable[Entry]) -> tuple[Hold, ...]:
    """The holds placed and not released, from the entries that record this, in log order."""
    found: dict[str, Hold] = {}
    for entry in entries:
        payload: Any = entry.payload
        if entry.kind == HOLD_PLACED:
            found[payload["name"]] = Hold(
                name=payload["name"],
                by=payload["by"],
                reason=payload["reason"],
                kinds=tuple(payload["kinds"]),
                begin=payload["begin"],
                end=payload["end"],
            )
        elif entry.kind == HOLD_RELEASED:
            found.pop(payload["name"], None)
    return tuple(found.values())


def as_ranges(indexes: Iterable[int]) -> list[tuple[int, int]]:
    """Indexes as the fewest ranges `[begin, end)`, ascending."""
    ranges: list[tuple[int, int]] = []
    for index in sorted(set(indexes)):
        if ranges and ranges[-1][1] == index:
            ranges[-1] = (ranges[-1][0], index + 1)
        else:
            ranges.append((index, index + 1))
    return ranges
