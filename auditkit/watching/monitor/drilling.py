"""A drill: would an alert open, be sent, take the model out, and let it back? Nothing is moved."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

from auditkit.errors import AuditkitError
from auditkit.notify.event import Event
from auditkit.notify.receivers import UndeliveredError
from auditkit.notify.settings import MailSettings, ReceiverSettings
from auditkit.watching.monitor.record import facts, plan
from auditkit.watching.monitor.record.facts import end_of, name_of, text_of, time_of
from auditkit.watching.monitor.record.fold import add
from auditkit.watching.monitor.record.settings import MonitorSettings
from auditkit.watching.monitor.record.state import Result, State, WindowState
from auditkit.watching.monitor.telling import sender


class _Imagined:
    """An entry that would be written."""

    index = -1

    def __init__(self, step: plan.Step) -> None:
        self.kind, self.payload = step.kind, step.payload


def rehearsed(state: State, settings: MonitorSettings, now: datetime) -> list[dict[str, Any]]:
    """What the plan does if each check that matters to the fallback breaks in the next windows.

    Args:
        state: The monitor's state; it is copied.
        settings: Its settings.
        now: The time.
    """
    checks = settings.fallback.checks if settings.fallback is not None else ("drift.features",)
    found = []
    for check in checks:
        copy = deepcopy(state)
        copy.alerts = {name: a for name, a in copy.alerts.items() if a.check != check}
        start = max([copy.next_slot, *(end_of(s, state.seconds) for s in copy.windows)])
        broken = {"number": "drill", "rank": 1.0, "severity": "high", "value": None}
        for _ in range(settings.alerts.for_windows + int(settings.alerts.min_hours)):
            window = WindowState(start, end_of(start, state.seconds), parts=["drill"], judged=1)
            window.results[check] = Result("fail", [broken])
            copy.windows[start] = window
            start = window.end
        steps = _played(copy, settings, now)
        opened = any(s.kind == facts.OPENED and s.payload["check"] == check for s in steps)
        found.append(_result(f"an alert of {check} would open", done=opened))
        if settings.fallback is not None:
            serving = copy.fallback.serving
            found.append(_result(f"{serving or 'the model'} would serve", done=bool(serving)))
            found += _recovery(copy, settings, start, check)
    return found


def _recovery(
    copy: State, settings: MonitorSettings, start: str, check: str
) -> list[dict[str, Any]]:
    """What the plan does if the check then is quiet for as long as the settings ask for."""
    assert settings.fallback is not None
    moves: list[str] = []
    for _ in range(settings.alerts.clear_windows + settings.fallback.trial_windows + 1):
        end = end_of(start, copy.seconds)
        copy.windows[start] = WindowState(
            start, end, parts=["drill"], judged=1, results={check: Result("pass")}
        )
        copy.next_slot = end
        moves += [s.kind for s in _played(copy, settings, time_of(end))]
        start = end
    on_trial, back = (kind in moves for kind in (facts.ON_TRIAL, facts.LEFT))
    return [
        _result("the model would serve again, on trial", done=on_trial),
        _result("the model would be back", done=back and not copy.fallback.serving),
    ]


def _played(copy: State, settings: MonitorSettings, now: datetime) -> list[plan.Step]:
    """The steps that are due, applied to the copy."""
    steps: list[plan.Step] = []
    while (step := plan.next_step(copy, settings, now)) is not None and len(steps) < 100:
        add(copy, _Imagined(step))
        steps.append(step)
    return steps


def sent(
    settings: MonitorSettings, folder: Path, clock: Callable[[], datetime], by: str
) -> list[dict[str, Any]]:
    """Sends a message that says it is a drill to every receiver, and says whether it was taken."""
    found = []
    now = clock()
    receivers: tuple[ReceiverSettings | MailSettings, ...] = (*settings.notify, *settings.mail)
    for receiver in receivers:
        event = Event(
            id=name_of("drill", settings.name, receiver.title, text_of(now)),
            source=f"/watch/{settings.name}",
            type="auditkit.watch.monitor.drill",
            time=now,
            data={"monitor": settings.name, "actor": by, "drill": True},
        )
        try:
            sender(receiver, folder, clock)(event)
            problem = ""
        except (UndeliveredError, AuditkitError) as error:
            problem = f": {error}"
        taken = f"{receiver.title} takes a message"
        found.append(_result(taken, done=not problem, why=problem))
    return found


def _result(what: str, *, done: bool, why: str = "") -> dict[str, Any]:
    return {"what": what, "outcome": "done" if done else f"no{why}"}
