"""The kinds of entries that a monitor writes, and times and windows in them.

Every payload has: monitor, model, policy, baseline, evidence (digests), window, rows, actor, and
`at`, when it happened. When it was logged is the entry's own time.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from auditkit.errors import InputError

BASELINE: Final = "monitor.baseline"
OBSERVED: Final = "monitor.observed"
WINDOW: Final = "monitor.window"
LABELS: Final = "monitor.labels"
HEARTBEAT: Final = "monitor.heartbeat"
MISSED: Final = "monitor.missed"
DRILL: Final = "monitor.drill"
OPENED: Final = "alert.opened"
CLEARED: Final = "alert.cleared"
REOPENED: Final = "alert.reopened"
REMINDED: Final = "alert.reminded"
ACKNOWLEDGED: Final = "alert.acknowledged"
TRIAGED: Final = "alert.triaged"
CLOSED: Final = "alert.closed"
SILENCED: Final = "silence.set"
SILENCE_ENDED: Final = "silence.ended"
REQUESTED: Final = "retraining.requested"
REFUSED: Final = "retraining.refused"
STARTED: Final = "retraining.started"
FINISHED: Final = "retraining.finished"
CHALLENGED: Final = "challenger.judged"
ASKED: Final = "challenger.requested"
PROMOTED: Final = "challenger.promoted"
ENTERED: Final = "fallback.entered"
ON_TRIAL: Final = "fallback.on-trial"
LEFT: Final = "fallback.left"
NOT_TOLD: Final = "monitor.not-told"
ROWS_REFUSED: Final = "monitor.refused"

# What receivers can be told of.
EVENTS: Final = frozenset(
    {OPENED, CLEARED, REOPENED, REMINDED, ACKNOWLEDGED, TRIAGED, CLOSED, SILENCED, SILENCE_ENDED,
     MISSED, ROWS_REFUSED, REQUESTED, REFUSED, FINISHED, CHALLENGED, ASKED, PROMOTED, ENTERED,
     ON_TRIAL, LEFT, DRILL}
)  # fmt: skip
KINDS: Final = EVENTS | {BASELINE, OBSERVED, WINDOW, LABELS, HEARTBEAT, STARTED, NOT_TOLD}

# The check of a period's judgements, whose numbers are in the monitor's store.
NUMBERS: Final = "monitoring.numbers"
HEARTBEATS: Final = "monitoring.heartbeat"
# The check of a monitor's actor, who is nobody.
MACHINE: Final = "monitor"
CAUSES: Final = ("data", "upstream", "seasonality", "concept", "model", "false alarm")

# A Monday, from which weeks are counted; days and hours, too, begin with it.
_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC)


def text_of(moment: datetime) -> str:
    """A moment as `2026-11-29T00:00:00Z`, like those of a profile's window."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def time_of(text: str) -> datetime:
    """The moment that `text_of` wrote."""
    return datetime.fromisoformat(text)


def slot_of(moment: datetime, seconds: int) -> datetime:
    """The start of the window that a moment lies in."""
    return _MONDAY + (moment - _MONDAY) // timedelta(seconds=seconds) * timedelta(seconds=seconds)


def end_of(start: str, seconds: int) -> str:
    """The end of a window."""
    return text_of(time_of(start) + timedelta(seconds=seconds))


def refuse_other_slot(window: tuple[str, str], seconds: int) -> None:
    """Refuses a window that is none of the schedule's, which would overlap others.

    Raises:
        InputError: If it is not.
    """
    start = time_of(window[0])
    slot = slot_of(start, seconds)
    if start != slot or window[1] != end_of(window[0], seconds):
        end = slot + timedelta(seconds=seconds)
        raise InputError(
            f"The window {window[0]} to {window[1]} is none of the schedule's: it would overlap "
            "others.",
            remedy=f"give whole windows, as {text_of(slot)} to {text_of(end)}, or name the column "
            "of times in monitor.yaml, which divides the rows",
        )


def name_of(kind: str, *parts: str) -> str:
    """A short name that follows from what it names, so that it is the same after a restart."""
    digest = hashlib.sha256("\0".join((kind, *parts)).encode()).hexdigest()
    return f"{kind}-{digest[:8]}"
