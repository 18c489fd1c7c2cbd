"""How long payloads are kept and why, and how they are destroyed.

A destroyed payload leaves its entry behind: when, of which kind, and a salted digest that without
its salt answers no guess. What was destroyed, by whom, when and why is an entry itself, whose own
payload is permanent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditkit.errors import VerificationError
from auditkit.ledger.entry import Entry

PERMANENT: Final = "permanent"
DESTROYED: Final = "ledger.payload-destroyed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Destruction:
    """The record of payloads that were destroyed.

    Attributes:
        index: The entry that records it.
        time: When, UTC.
        by: Who destroyed them.
        reason: Why: the class whose period was over, or the request.
        ranges: Which entries' payloads, as ranges `[begin, end)` of indexes.
    """

    index: int
    time: datetime
    by: str
    reason: str
    ranges: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """How many payloads."""
        return sum(end - begin for begin, end in self.ranges)

    @classmethod
    def of_entry(cls, entry: Entry) -> Destruction:
        """Reads the entry that records a destruction.

        Raises:
            VerificationError: If its own payload is missing or is no such record.
        """
        payload: Any = entry.payload
        try:
            ranges = tuple((int(begin), int(end)) for begin, end in payload["ranges"])
            by, reason = str(payload["by"]), str(payload["reason"])
        except (TypeError, KeyError, ValueError):
            raise VerificationError(
                f"Entry {entry.index} says that payloads were destroyed, and not which."
            ) from None
        if any(not 0 <= begin < end <= entry.index for begin, end in ranges):
            raise VerificationError(
                f"Entry {entry.index} says that payloads were destroyed that were not there."
            )
        return cls(index=entry.index, time=entry.time, by=by, reason=reason, ranges=ranges)
