"""The alerts of a monitor, and what people do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import overload

from auditkit.watching.monitor.journal import Journal
from auditkit.watching.monitor.record import people
from auditkit.watching.monitor.record.plan import Step
from auditkit.watching.monitor.record.settings import MonitorSettings
from auditkit.watching.monitor.record.state import Alert, State
from auditkit.watching.profile.window import window_of


class Alerts(Sequence[Alert]):
    """The alerts that nobody has closed, when they were asked for: those not over first, by rank.

    What people do is logged before a method returns; the same again changes nothing. Without an
    access policy in monitor.yaml people are taken at their word.

    Args:
        settings: What is watched.
        folder: The folder that the settings are in.
        journal: The monitor's entries.
        now: The time.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        folder: Path,
        journal: Journal,
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._folder = settings, folder
        self._journal, self._now = journal, now
        self._alerts = tuple(journal.state.standing)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._alerts)

    @overload
    def __getitem__(self, index: int) -> Alert: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Alert]: ...

    def __getitem__(self, index: int | slice) -> Alert | Sequence[Alert]:
        """One, or some, in their order."""
        return self._alerts[index]

    def __repr__(self) -> str:
        """Each with its check and status."""
        return f"<Alerts: {', '.join(f'{a.id} {a.check} {a.status}' for a in self) or 'none'}>"

    def acknowledge(self, alert: str, *, by: str, note: str = "") -> None:
        """Says who looks after an alert."""
        self._by(by, lambda state, now: people.acknowledged(state, alert, by, now, note=note))

    def triage(self, alert: str, *, by: str, cause: str, decision: str, note: str = "") -> None:
        """Says what an alert came from, and what is to be done.

        Args:
            alert: The alert.
            by: Who found it.
            cause: data, upstream, seasonality, concept, model or false alarm.
            decision: What is to be done, in a few words.
            note: Anything else; no personal data.
        """
        self._by(
            by,
            lambda s, now: people.triaged(
                s, alert, by, now, cause=cause, decision=decision, note=note
            ),
        )

    def close(self, alert: str, *, by: str, note: str = "") -> None:
        """Closes an alert that was triaged."""
        self._by(by, lambda state, now: people.closed(state, alert, by, now, note=note))

    def silence(self, check: str, *, by: str, reason: str, until: datetime | date | str) -> None:
        """Keeps messages about a check back until a time; `*`: about all checks."""
        end = (window_of(("1970-01-01", until)) or ("", ""))[1]
        self._by(by, lambda s, now: people.silenced(s, check, by, now, reason=reason, until=end))

    def end_silence(self, silence: str, *, by: str, reason: str) -> None:
        """Ends a silence before its time."""
        self._by(
            by, lambda state, now: people.silence_ended(state, silence, by, now, reason=reason)
        )

    def _by(self, by: str, decide: Callable[[State, datetime], Step | None]) -> None:
        people.require(self._settings, self._folder, by)
        now = self._now()
        self._journal.write(lambda state: decide(state, now))
