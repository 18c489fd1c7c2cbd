"""What a monitor does next, from its state, its settings and the time. Pure.

Each step is one entry. After it is logged the next is planned from the new state, so a process that
dies in between, or two that run at once, leave nothing out and do nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from auditkit.canonical import Json
from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.facts import (
    HEARTBEATS,
    MACHINE,
    end_of,
    name_of,
    text_of,
    time_of,
)
from auditkit.watching.monitor.record.settings import (
    FallbackSettings,
    MonitorSettings,
    RetrainingSettings,
)
from auditkit.watching.monitor.record.state import Alert, Result, State

_SEVERITIES = ("high", "medium", "low")


class Step(NamedTuple):
    """An entry to write."""

    kind: str
    payload: dict[str, Json]


def step(
    state: State,
    kind: str,
    *,
    at: datetime,
    actor: str = MACHINE,
    window: tuple[str, str] | None = None,
    rows: int = 0,
    evidence: str = "",
    **more: Any,
) -> Step:
    """An entry with what all entries of a monitor have.

    Args:
        state: The monitor's state.
        kind: What it records.
        at: When it happened.
        actor: Who did it.
        window: The window that it is about. Default: the last one that is known.
        rows: The rows that it is about.
        evidence: The digest of a profile or judgement; empty: that of the window's judgement.
        more: Its own facts.
    """
    span = window or _last(state)
    known = state.windows.get(span[0])
    payload: dict[str, Json] = {
        "monitor": state.name,
        "model": state.model,
        "policy": state.policy,
        "baseline": state.baseline,
        "evidence": evidence or (known.evidence if known else ""),
        "window": list(span),
        "rows": rows,
        "actor": actor,
        "at": text_of(at),
        **more,
    }
    return Step(kind, payload)


def to_judge(state: State, now: datetime) -> list[str]:
    """The starts of windows that have ended and are not judged as they are now."""
    return [
        start
        for start, window in state.windows.items()
        if window.parts and window.judged != window.revision and window.end <= text_of(now)
    ]


def next_step(state: State, settings: MonitorSettings, now: datetime) -> Step | None:
    """The next entry to write; None: there is nothing to do."""
    if not state.baseline:
        return None
    parts = (_silences, _missed, _cleared, _opened, _reminded, _retraining, _fallback, _heartbeat)
    return next((found for part in parts for found in part(state, settings, now)), None)


def _last(state: State) -> tuple[str, str]:
    if not state.windows:
        first = state.next_slot
        return first, end_of(first, state.seconds)
    window = next(reversed(state.windows.values()))
    return window.start, window.end


def _silences(state: State, settings: MonitorSettings, now: datetime) -> Iterator[Step]:
    del settings
    for silence in state.silences.values():
        if not silence.ended_at and silence.until <= text_of(now):
            yield step(
                state, facts.SILENCE_ENDED, at=now, silence=silence.id, check=silence.check,
                reason="its time was over",
            )  # fmt: skip


def _missed(state: State, settings: MonitorSettings, now: datetime) -> Iterator[Step]:
    """The next windows in a row that are over and had no rows."""
    until = text_of(now - timedelta(hours=settings.schedule.grace_hours))
    first = state.next_slot
    while _has_rows(state, first):
        first = end_of(first, state.seconds)
    count, end = 0, first
    while not _has_rows(state, end) and end_of(end, state.seconds) <= until:
        count, last, end = count + 1, end, end_of(end, state.seconds)
    if count:
        yield step(state, facts.MISSED, at=now, window=(first, end), windows=count, last=last)


def _has_rows(state: State, start: str) -> bool:
    return start in state.windows and bool(state.windows[start].parts)


def _checks(state: State) -> list[str]:
    return sorted({check for w in state.windows.values() for check in w.results})


def _cleared(state: State, settings: MonitorSettings, now: datetime) -> Iterator[Step]:
    for alert in state.standing:
        wanted = 1 if alert.check == HEARTBEATS else settings.alerts.clear_windows
        later = [r for start, r in state.history(alert.check) if start > alert.last]
        if alert.firing and len(later) >= wanted and all(map(_quiet, later[-wanted:])):
            last = state.history(alert.check)[-1][0]
            yield step(
                state, facts.CLEARED, at=now, window=(last, end_of(last, state.seconds)),
                alert=alert.id, check=alert.check,
            )  # fmt: skip


def _quiet(result: Result) -> bool:
    return not result.breach and not result.loud


def _opened(state: State, settings: MonitorSettings, now: datetime) -> Iterator[Step]:
    for check in _checks(state):
        alert = state.alert_of(check)
        if (alert is not None and alert.firing) or _cooling(state, settings, check, now):
            continue
        run = _run(state, settings, check)
        if not run:
            continue
        last, result = run[-1]
        window = (last, end_of(last, state.seconds))
        broken = result.broken
        kind = facts.OPENED if alert is None else facts.REOPENED
        yield step(
            state,
            kind,
            at=now,
            window=window,
            alert=alert.id if alert else name_of("A", state.name, state.baseline, check, last),
            check=check,
            severity=min((b.get("severity", "high") for b in broken), key=_SEVERITIES.index),
            rank=max(b["rank"] for b in broken),
            numbers=sorted({b["number"] for _, r in run for b in r.broken}),
            worst=broken[0],
            silenced=state.silence_of(check, text_of(now)) is not None,
        )


def _run(state: State, settings: MonitorSettings, check: str) -> list[tuple[str, Result]]:
    """The last windows in a row that break a rule, if they are enough to open an alert."""
    after = state.covered.get(check, "")
    # A window without rows is none to wait for.
    windows, least = settings.alerts.for_windows, settings.alerts.min_hours
    windows, least = (1, 0) if check == HEARTBEATS else (windows, least)
    run: list[tuple[str, Result]] = []
    enough: list[tuple[str, Result]] = []
    for start, result in state.history(check):
        if start <= after:
            continue
        run = [*run, (start, result)] if result.breach else []
        if len(run) >= windows and len(run) * state.seconds >= least * 3600:
            enough = run
    return enough


def _cooling(state: State, settings: MonitorSettings, check: str, now: datetime) -> bool:
    ended = [a.closed_at or a.cleared_at for a in state.alerts.values() if a.check == check]
    return any(at and time_of(at) + settings.alerts.cooldown > now for at in ended)


def _reminded(state: State, settings: MonitorSettings, now: datetime) -> Iterator[Step]:
    """Alerts whose silence is over are sent now."""
    del settings
    for alert in state.standing:
        held = state.silence_of(alert.check, text_of(now)) is not None
        if alert.firing and alert.silenced and not held:
            window = (alert.last, end_of(alert.last, state.seconds))
            yield step(state, facts.REMINDED, at=now, window=window, **described(alert))


def described(alert: Alert) -> dict[str, Any]:
    """What a message about an alert says of it."""
    return {
        "alert": alert.id, "check": alert.check, "severity": alert.severity, "rank": alert.rank,
        "worst": alert.worst,
    }  # fmt: skip


def _retraining(state: State, settings: MonitorSettings, now: datetime) -> Iterator[Step]:
    wanted = settings.retraining
    if wanted is None:
        return
    asked = {r.trigger for r in state.requests}
    for trigger, why in _triggers(state, wanted, now).items():
        if trigger in asked:
            continue
        against = "; ".join(_guards(state, wanted, now))
        if not against:
            name = name_of("R", state.name, state.baseline, trigger)
            yield step(
                state, facts.REQUESTED, at=now, request=name, trigger=trigger, reason=why,
            )  # fmt: skip
        elif state.refused.get(trigger) != against:
            yield step(state, facts.REFUSED, at=now, trigger=trigger, reason=against)


def _triggers(state: State, wanted: RetrainingSettings, now: datetime) -> Mapping[str, str]:
    found = {
        f"alert {a.id}": f"an alert of {a.check}"
        for a in state.standing
        if a.firing and a.check in wanted.checks
    }
    last = state.requests[-1] if state.requests else None
    if wanted.every_days and state.windows:
        begun = last.at if last else next(iter(state.windows))
        if time_of(begun) + timedelta(days=wanted.every_days) <= now:
            found[f"schedule since {begun}"] = f"{wanted.every_days:g} days have passed"
    before = last.rows if last and last.rows <= state.rows else 0
    if wanted.rows and state.rows - before >= wanted.rows:
        found[f"rows since {before}"] = f"{state.rows - before:,} rows have come"
    return found


def _guards(state: State, wanted: RetrainingSettings, now: datetime) -> Iterator[str]:
    """Why a retraining is not asked for now."""
    times = [time_of(r.at) for r in state.requests]
    if times and times[-1] + timedelta(days=wanted.cooldown_days) > now:
        yield f"the last request is less than {wanted.cooldown_days:g} days old"
    recent = [t for t in times if t + timedelta(days=wanted.budget_days) > now]
    if len(recent) >= wanted.budget:
        yield f"the budget of {wanted.budget} in {wanted.budget_days:g} days is spent"
    if state.labels < wanted.min_labels:
        yield f"fewer than {wanted.min_labels:,} labels are known"
    for alert in state.standing:
        if alert.firing and alert.check in wanted.refuse_while:
            yield f"an alert of {alert.check} is open: the data are not fit for it"


def _fallback(state: State, settings: MonitorSettings, now: datetime) -> Iterator[Step]:
    wanted = settings.fallback
    if wanted is None:
        return
    breaker = state.fallback
    open_ones = [a for a in state.standing if a.firing and a.check in wanted.checks]
    # What broke under a model that people have replaced says nothing of the one that they chose.
    firing = [a for a in open_ones if not a.of_former_model]
    if breaker.position == "open":
        yield from _while_open(state, wanted, firing, now)
    elif firing:
        yield _move(state, facts.ENTERED, now, wanted.order[0], firing[0].id)
    elif breaker.position == "half-open" and not open_ones and _tried(state, wanted):
        yield step(
            state, facts.LEFT, at=now, serving="", reason=breaker.reason,
            entered_at=breaker.entered_at, decisions=breaker.decisions,
        )  # fmt: skip


def _while_open(
    state: State, wanted: FallbackSettings, firing: list[Alert], now: datetime
) -> Iterator[Step]:
    if not firing:
        yield _move(state, facts.ON_TRIAL, now, "", state.fallback.reason)
        return
    worse = [a for a in firing if a.last > state.fallback.since]
    at = wanted.order.index(state.fallback.serving) if state.fallback.serving in wanted.order else 0
    if worse and at + 1 < len(wanted.order):
        yield _move(state, facts.ENTERED, now, wanted.order[at + 1], worse[0].id)


def _move(state: State, kind: str, now: datetime, serving: str, reason: str) -> Step:
    return step(state, kind, at=now, serving=serving, reason=reason)


def _tried(state: State, wanted: FallbackSettings) -> bool:
    judged = [w for w in state.windows.values() if w.judged and w.end > state.fallback.moved_at]
    return len(judged) >= wanted.trial_windows


def _heartbeat(state: State, settings: MonitorSettings, now: datetime) -> Iterator[Step]:
    pause = timedelta(minutes=settings.schedule.heartbeat_minutes)
    if not state.last_at or time_of(state.last_at) + pause <= now:
        yield step(state, facts.HEARTBEAT, at=now)
