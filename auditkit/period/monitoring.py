"""Whether monitors operated in a period: windows, runs, alerts, and how soon people acted.

Laws:
    - Everything follows from the entries of the log. A window belongs to the period that it begins
      in; what was done, to the period in which it was done.
    - A window is due once it is logged as missed, or once the log goes on for as long as it lasts
      after its end. One that is due and was not judged is missed, whether an entry says so or none.
    - What is not known at the period's end does not count, even if the log has it: only windows may
      be judged later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditkit.evidence import Evidence, Measurement, Outcome, Table
from auditkit.ledger.reader import LogReader
from auditkit.ledger.records.entry import Entry
from auditkit.period.terms import terms_of
from auditkit.period.window import Period
from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.facts import end_of, slot_of, text_of, time_of
from auditkit.watching.monitor.record.period import Period as Watched
from auditkit.watching.monitor.record.period import hours_between
from auditkit.watching.monitor.record.period import period as watched_in
from auditkit.watching.monitor.record.state import Alert

VERSION: Final = "1"
OPERATION: Final = "monitoring.operation"
_TITLE: Final = "Operation of the monitors"
JUDGED: Final = "judged"
MISSED: Final = "missed"
# Neither judged nor logged as missed.
UNLOGGED: Final = "no entry"
NOT_DUE: Final = "not due"
_ALERT_COLUMNS: Final = (
    "alert", "monitor", "check", "opened", "hours_to_acknowledge", "hours_to_act", "cause",
    "status", "severity", "hours_to_detect", "acknowledged_by", "triaged_by", "decision",
    "cleared", "closed", "closed_by",
)  # fmt: skip
_WINDOW_COLUMNS: Final = (
    "window_from", "monitor", "state", "monitor_ran", "rows", "outcome", "broken", "window_to",
    "model_version", "policy_digest", "evidence_digest", "entry",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A window of a monitor's schedule.

    Attributes:
        start: Its start, included.
        end: Its end, not included.
        state: JUDGED, MISSED, UNLOGGED or NOT_DUE.
        ran: Whether the monitor wrote anything between its start and its end, or had not begun.
        logged: What the entry that judged or missed it says; empty: there is none.
    """

    start: str
    end: str
    state: str
    ran: bool
    logged: Mapping[str, Any]

    @property
    def due(self) -> bool:
        """Whether it should have been judged."""
        return self.state != NOT_DUE


@dataclass(frozen=True, kw_only=True, slots=True)
class Monitored:
    """A monitor in a period.

    Attributes:
        name: Its name.
        until: The period's end, or the log's if that is earlier.
        found: What its entries say.
        slots: The windows of its schedule that begin in the period, in order.
    """

    name: str
    until: str
    found: Watched
    slots: tuple[Slot, ...]

    @property
    def due(self) -> int:
        """How many windows should have been judged."""
        return sum(slot.due for slot in self.slots)


def monitored(
    log: LogReader, period: Period, *, ends: datetime, size: int, only: str = ""
) -> tuple[Monitored, ...]:
    """The monitors that had an entry before a period's end, by name.

    Args:
        log: The log.
        period: The period.
        ends: When the log's last entry was written.
        size: How many of its entries to read.
        only: The name of one monitor; empty: all.
    """
    begin, end = text_of(period.begin), text_of(period.end)
    entries: dict[str, list[Entry]] = {}
    for entry in log.entries(kind=facts.KINDS, end=size):
        if entry.payload is not None and only in ("", entry.payload.get("monitor")):
            entries.setdefault(str(entry.payload.get("monitor")), []).append(entry)
    return tuple(
        _monitored(name, own, begin, end, text_of(ends))
        for name, own in sorted(entries.items())
        if any(e.payload is not None and e.payload["at"] < end for e in own)
    )


def _monitored(name: str, entries: Sequence[Entry], begin: str, end: str, ends: str) -> Monitored:
    found = watched_in(name, entries, begin, end)
    return Monitored(
        name=name, until=min(end, ends), found=found, slots=tuple(_slots(found, ends))
    )  # fmt: skip


def _slots(found: Watched, ends: str) -> Iterator[Slot]:
    logged = {window["from"]: window for window in found.windows}
    nexts = [first for first, _, _ in found.baselines[1:]] + [found.end]
    for (first, seconds, begun), stop in zip(found.baselines, nexts, strict=True):
        start = max(first, text_of(slot_of(time_of(found.start), seconds)))
        start = start if start >= found.start else end_of(start, seconds)
        ran = {text_of(slot_of(time_of(at), seconds)) for at in found.written}
        while start < min(stop, found.end, ends):
            end = end_of(start, seconds)
            window = logged.get(start, {})
            due = end_of(end, seconds) <= ends
            state = UNLOGGED if due else NOT_DUE
            if window:
                state = MISSED if window["missed"] else JUDGED
            yield Slot(
                start=start, end=end, state=state, ran=end <= begun or start in ran, logged=window
            )  # fmt: skip
            start = end


def operation_of(monitors: Sequence[Monitored], *, only: str = "") -> Evidence:
    """Windows, runs and alerts of monitors in a period, as evidence.

    Args:
        monitors: From `monitored`.
        only: The monitor that it is about; empty: all.
    """
    if not monitors:
        return not_watched(OPERATION, _TITLE, only)
    return Evidence(
        check=OPERATION,
        version=VERSION,
        title=_TITLE,
        area="monitoring",
        n=sum(one.due for one in monitors),
        population="windows",
        parameters={"known_until": max(one.until for one in monitors), **named(only)},
        measurements=tuple(m for one in monitors for m in _numbers(one)),
        tables=(
            Table(
                name="monitoring_windows",
                title="Every window that begins in the period",
                columns=_WINDOW_COLUMNS,
                rows=tuple(_window_row(one, slot) for one in monitors for slot in one.slots),
            ),
            Table(
                name="monitoring_alerts",
                title="Every alert that stood in the period",
                columns=_ALERT_COLUMNS,
                rows=tuple(_alert_row(one, a) for one in monitors for a in one.found.alerts),
            ),
            Table(
                name="monitoring_silences",
                title="Every silence that was set in the period",
                columns=("monitor", "check", "set", "until", "by", "reason"),
                rows=tuple(
                    (one.name, s["check"], s["at"], s["until"], s["actor"], s["reason"])
                    for one in monitors
                    for s in one.found.silences
                ),
            ),
        ),
        notes=(
            "A window is missed if it is due and was not judged, with or without an entry on it.",
            "Hours to detect run from the window that opened the alert; the others from the alert.",
            "If a rule has to be broken in several windows, the first of them began earlier.",
            "That the monitor's own clock and schedule were right, a log cannot show.",
        ),
        terms=terms_of(OPERATION),
    )


def named(only: str) -> dict[str, str]:
    """The parameter that says which monitor evidence is about; empty: all."""
    return {"monitor": only} if only else {}


def not_watched(check: str, title: str, only: str) -> Evidence:
    """The evidence if no monitor had an entry before the period's end."""
    return Evidence(
        check=check,
        version=VERSION,
        title=title,
        area="monitoring",
        outcome=Outcome.NOT_ASSESSED,
        parameters=named(only),
        reason="no monitor had an entry in the log before the period's end",
        terms=terms_of(check),
    )


def _numbers(one: Monitored) -> Iterator[Measurement]:
    found, due = one.found, one.due
    due_slots = [slot for slot in one.slots if slot.due]
    judged = sum(slot.state == JUDGED for slot in due_slots)
    opened = [a for a in found.alerts if a.opened_at >= found.start]
    counts = {
        "judged_windows": (judged, due),
        "missed_windows": (due - judged, due),
        "unlogged_windows": (sum(slot.state == UNLOGGED for slot in due_slots), due),
        "windows_without_run": (sum(not slot.ran for slot in due_slots), due),
        "breached_windows": (sum(bool(s.logged.get("broken")) for s in due_slots), judged),
        "heartbeats": (found.counts.get(facts.HEARTBEAT, 0), sum(found.counts.values())),
        "alerts_opened": (len(opened), due),
        "alerts_not_closed": (sum(not a.closed_at for a in found.alerts), len(found.alerts)),
        "silences": (len(found.silences), due),
        "policies_used": (len(found.policies), due),
    }
    group = (("monitor", one.name),)
    for name, (value, n) in counts.items():
        yield Measurement(name=name, value=value, n=n, unit="count", group=group)
    for to, hours in found.hours.items():
        n = int(hours["n"] or 0)
        for name in ("median", "q90"):
            yield Measurement(
                name=f"{name}_hours", value=hours[name], n=n, unit="hours",
                group=(*group, ("to", to)),
                reason="" if n else "it was done for no alert in the period",
            )  # fmt: skip
    for name, done in (("acknowledged_at", "unacknowledged"), ("triaged_at", "undecided")):
        waits = [
            hours_between(a.opened_at, min(at or one.until, one.until))
            for a in found.alerts
            if not (at := getattr(a, name) or a.closed_at) or at >= found.start
        ]
        yield Measurement(
            name=f"longest_{done}", value=round(max(waits, default=0.0), 2), n=due, unit="hours",
            group=group,
        )  # fmt: skip


def _window_row(one: Monitored, slot: Slot) -> tuple[Any, ...]:
    logged = slot.logged
    return (
        slot.start, one.name, slot.state, slot.ran, int(logged.get("rows", 0)),
        str(logged.get("outcome", "")), " ".join(logged.get("broken", ())), slot.end,
        version_of(logged), str(logged.get("policy", "")), str(logged.get("evidence", "")),
        logged.get("entry"),
    )  # fmt: skip


def version_of(logged: Mapping[str, Any]) -> str:
    """The version of the model that an entry is about; empty: it names none."""
    model = logged.get("model")
    return str(model.get("version", "")) if isinstance(model, Mapping) else ""


def _alert_row(one: Monitored, alert: Alert) -> tuple[Any, ...]:
    def hours(start: str, end: str) -> float | None:
        return round(hours_between(start, end), 2) if end else None

    return (
        alert.id, one.name, alert.check, alert.opened_at,
        hours(alert.opened_at, alert.acknowledged_at), hours(alert.opened_at, alert.triaged_at),
        alert.cause, alert.status, alert.severity, hours(alert.first, alert.opened_at),
        alert.acknowledged_by, alert.triaged_by, alert.decision, alert.cleared_at,
        alert.closed_at, alert.closed_by,
    )  # fmt: skip
