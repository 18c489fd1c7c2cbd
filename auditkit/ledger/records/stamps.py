"""The times of entries, by a clock that may be wrong.

Laws:
    - Times never decrease while the clock is at most a day behind: a clock that was set back a
      little does not make an entry older than the one before it.
    - One wrong time does not spoil the following ones: if the newest entry is more than a day ahead
      of the clock, times follow the clock again, after an entry that records both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from auditkit.ledger.records.entry import CLOCK_SET_BACK, Item, item, milliseconds
from auditkit.ledger.records.retention import PERMANENT

_SLACK_MS: Final = 60_000
_BELIEVED_MS: Final = 24 * 3_600_000


class Stamps:
    """Stamps the entries that one instance of a log adds.

    Args:
        clock: Returns the time, with its zone.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._noted = False

    def next(self, last_ms: int) -> tuple[int, list[Item]]:
        """The time of the next entries, and the entry about the clock to log first, if any.

        Args:
            last_ms: The newest entry's time, in milliseconds since 1970 UTC.
        """
        now_ms = milliseconds(self._clock())
        behind_ms = last_ms - now_ms
        is_behind, is_believed = behind_ms > _SLACK_MS, behind_ms <= _BELIEVED_MS
        notes = []
        if is_behind and not (is_believed and self._noted):
            times = {"clock_ms": now_ms, "last_entry_ms": last_ms}
            notes.append(item(CLOCK_SET_BACK, times, PERMANENT))
        self._noted = is_behind and is_believed
        return max(now_ms, last_ms) if is_believed else now_ms, notes
