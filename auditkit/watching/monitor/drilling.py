"""A drill: would an alert open, be sent, and take the model out? Nothing that serves is moved."""

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
from auditkit.watching.monitor.record.facts import end_of, name_of, text_of
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
        steps: list[plan.Step] = []
        while (step := plan.next_step(copy, settings, now)) is not None and len(steps) < 100:
            add(copy, _Imagined(step))
            steps.append(step)
        opened = any(s.kind == facts.OPENED and s.payload["check"] == check for s in steps)
        found.append(_result(f"an alert of {check} would open", "done" if opened else "no"))
        if settings.fallback is not None:
            serving = copy.fallback.serving
            found.append(
                _result(f"{serving or 'the model'} would serve", "done" if serving else "no")
            )
    return found


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
            outcome = "done"
        except (UndeliveredError, AuditkitError) as error:
            outcome = f"no: {error}"
        found.append(_result(f"{receiver.title} takes a message", outcome))
    return found


def _result(what: str, outcome: str) -> dict[str, Any]:
    return {"what": what, "outcome": outcome}
