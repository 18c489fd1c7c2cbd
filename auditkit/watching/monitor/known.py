"""What a monitor knows: read from its log and its stored profiles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from auditkit.errors import InputError
from auditkit.evidence import Evidence
from auditkit.ledger import Ledger
from auditkit.signing import KeyStore
from auditkit.watching.monitor import opening
from auditkit.watching.monitor.alerts import Alerts
from auditkit.watching.monitor.challengers import Challengers, Registry
from auditkit.watching.monitor.journal import Journal
from auditkit.watching.monitor.judgements import numbers_of
from auditkit.watching.monitor.opening import Clock
from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.period import Period, period
from auditkit.watching.monitor.record.settings import MonitorSettings
from auditkit.watching.monitor.record.state import State
from auditkit.watching.monitor.store import Store
from auditkit.watching.policy import WatchPolicy, load_watch_policy
from auditkit.watching.profile.profile import Profile
from auditkit.watching.watched import Watched, watch


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """What decides now: `version` and `reason` are to be written into every decision.

    Attributes:
        version: What decides: the model's version, or what serves in its place.
        served_by: Empty: the model. Else what serves in its place.
        fallback_reason: The alert for which it does.
        on_trial: Whether the model serves on trial after an alert.
    """

    version: str
    served_by: str
    fallback_reason: str
    on_trial: bool

    @property
    def reason(self) -> str:
        """Why: `fallback, alert A-...` or `trial after alert A-...`; empty: as always."""
        if not self.fallback_reason:
            return ""
        what = "trial after" if self.on_trial else "fallback,"
        return f"{what} alert {self.fallback_reason}"


class Known:
    """What a monitor knows.

    Args:
        settings: What is watched.
        folder: The folder that paths in the settings begin at.
        log: The log, open for writing.
        keys: The key store, which holds the salt.
        clock: Returns the time, UTC.
        url: The log's URL, for those who follow it; empty: nobody is told.
        registry: Whom a challenger's promotion is requested of; None: nobody.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        *,
        folder: Path,
        log: Ledger,
        keys: KeyStore,
        clock: Clock,
        url: str = "",
        registry: Registry | None = None,
    ) -> None:
        self.settings = settings
        self._folder = folder
        self._keys = keys
        self._clock = clock
        self._url = url
        self._registry = registry
        self._store = Store(folder / settings.store)
        self._journal = Journal(log, settings.name)
        self._base: tuple[str, Profile] | None = None

    def close(self) -> None:
        """Closes the log."""
        self._journal.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        """The name, the windows and the open alerts."""
        state = self.state
        return f"<Monitor {state.name}: {len(state.windows)} windows, {len(self.alerts)} alerts>"

    # What it knows.

    @property
    def log(self) -> Ledger:
        """The log, open for writing."""
        return self._journal.log

    @property
    def state(self) -> State:
        """The state, from the log as it is now; not to be changed."""
        return self._journal.state

    @property
    def alerts(self) -> Alerts:
        """The alerts that nobody has closed, and what people do with them."""
        return Alerts(self.settings, self._folder, self._journal, lambda: self.now)

    @property
    def serving(self) -> Serving:
        """What decides now."""
        found = self.state.fallback
        return Serving(
            version=found.serving or self.settings.model.version,
            served_by=found.serving,
            fallback_reason=found.reason if found.position != "closed" else "",
            on_trial=found.position == "half-open",
        )

    @property
    def challengers(self) -> Challengers:
        """What retrainings have made and nobody has judged, and what is done with it."""
        return Challengers(
            self.settings, self._folder, self._journal, lambda: self.now, self._registry
        )

    @cached_property
    def policy(self) -> WatchPolicy:
        """The policy."""
        named = self.settings.policy
        beside = self._folder / named
        return load_watch_policy(beside if beside.is_file() else named)

    @property
    def now(self) -> datetime:
        """The time; never before what was logged last, if the clock was set back."""
        time, last = self._clock().astimezone(UTC), self.state.last_at
        return max(time, facts.time_of(last)) if last else time

    @property
    def exit_code(self) -> int:
        """0 quiet, 10 a broken rule or an open alert, 11 uncertain or too few rows, 3 nothing yet.

        A check that waits for labels is none that is uncertain.
        """
        state = self.state
        last = next((w for w in reversed(state.windows.values()) if w.judged), None)
        if any(a.firing for a in state.standing):
            return 10
        if last is None:
            return 3
        found = {r.outcome for c, r in last.results.items() if r.tested or not self.waits(c)}
        return 10 if "fail" in found else 0 if found <= {"pass", "not_applicable"} else 11

    def waits(self, check: str) -> bool:
        """Whether a check has nothing to say until labels come."""
        return check in ("performance.tracked", "drift.labels")

    def period(self, start: datetime, end: datetime) -> Period:
        """What happened from `start` to before `end`, from the log alone."""
        state = self.state  # which checks every entry
        entries = self._journal.log.entries()
        return period(state.name, entries, facts.text_of(start), facts.text_of(end))

    def judgements(self, watched: Period) -> Evidence:
        """What the windows of a period were judged by, from the store, as evidence.

        Raises:
            InputError: If a judgement is not in the store.
            VerificationError: If one is not what was logged.
        """
        return numbers_of(watched.windows, self._store)

    @property
    def log_url(self) -> str:
        """The log's URL."""
        return self._url

    def watched(self, start: str) -> Watched:
        """A window against its baseline, computed again from the stored profiles.

        Args:
            start: The window's start, for example "2026-11-29T00:00:00Z".

        Raises:
            InputError: If nothing is known of it.
        """
        window = self.state.windows.get(start)
        if window is None or not window.parts:
            raise InputError(f"No rows of a window from {start} are known.")
        base = self._baseline()
        digests = [*window.parts, *window.labels]
        profiles = [self._store.profile(digest, base=base) for digest in digests]
        return watch(base, sum(profiles[1:], profiles[0]), policy=self.policy)

    def _baseline(self) -> Profile:
        digest = self.state.baseline
        if not digest:
            raise InputError(
                "The monitor has no baseline.", remedy="set it with: auditkit watch baseline"
            )
        if self._base is None or self._base[0] != digest:
            salt = opening.salt_of(self._keys, self.settings.name, make=False)
            found = self._store.profile(digest)
            if found.layout.salt:
                found = self._store.profile(digest, salt=salt)
            self._base = digest, found
        return self._base[1]
