"""What people do with alerts: who may, and the entry that records it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from auditkit.access.policy.control import AccessControl
from auditkit.canonical import check_name
from auditkit.documents import names_somebody
from auditkit.errors import InputError
from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.facts import CAUSES, end_of, name_of, text_of
from auditkit.watching.monitor.record.plan import Step, step
from auditkit.watching.monitor.record.settings import MonitorSettings
from auditkit.watching.monitor.record.state import Alert, State

_LONGEST = 500


def require(settings: MonitorSettings, folder: Path, by: str) -> None:
    """Refuses somebody who may not handle the model's alerts.

    Without an access policy in monitor.yaml people are taken at their word.

    Raises:
        InputError: If nobody is named.
        AccessDeniedError: If the policy does not allow it.
    """
    check_name(by, what="The name")
    if not names_somebody(by):
        raise InputError("Nobody is named.", remedy="give your name with by=")
    if settings.access:
        access = AccessControl.load(folder / settings.access)
        access.require(by, "model:approve", f"models/{settings.model.name}")


def acknowledged(state: State, alert: str, by: str, now: datetime, *, note: str) -> Step | None:
    """Somebody looks after an alert; None: this person does so already."""
    found = _alert(state, alert)
    if found.acknowledged_by == by:
        return None
    return _of(state, facts.ACKNOWLEDGED, found, by, now, note=_text(note, "note"))


def triaged(
    state: State, alert: str, by: str, now: datetime, *, cause: str, decision: str, note: str
) -> Step | None:
    """Somebody found the cause; None: this person said the same already."""
    found = _alert(state, alert)
    if cause not in CAUSES:
        raise InputError(
            f"There is no cause {cause[:40]!r}.", remedy=f"give one of: {', '.join(CAUSES)}"
        )
    if not decision.strip():
        raise InputError("No decision is given.", remedy="say in a few words what is to be done")
    if (found.triaged_by, found.cause, found.decision) == (by, cause, decision):
        return None
    return _of(
        state, facts.TRIAGED, found, by, now, cause=cause, decision=_text(decision, "decision"),
        note=_text(note, "note"),
    )  # fmt: skip


def closed(state: State, alert: str, by: str, now: datetime, *, note: str) -> Step | None:
    """Somebody closes an alert; None: it is closed already."""
    found = state.alerts.get(alert)
    if found is not None and found.closed_at:
        return None
    found = _alert(state, alert)
    if not found.triaged_at:
        raise InputError(
            f"Nobody has said what the alert {alert} came from.",
            remedy="triage it first, with its cause and what is to be done",
        )
    return _of(state, facts.CLOSED, found, by, now, note=_text(note, "note"))


def silenced(
    state: State, check: str, by: str, now: datetime, *, reason: str, until: str
) -> Step | None:
    """Somebody wants no messages about a check; None: this silence is set already."""
    if not reason.strip():
        raise InputError("No reason is given.", remedy="say why, for the record")
    if until <= text_of(now):
        raise InputError(
            f"The silence would end at {until}, and it is {text_of(now)}.",
            remedy="give a later time",
        )
    name = name_of("S", state.name, check, by, until, reason)
    if name in state.silences and not state.silences[name].ended_at:
        return None
    return step(
        state, facts.SILENCED, at=now, actor=by, silence=name, check=_text(check, "check"),
        reason=_text(reason, "reason"), until=until,
    )  # fmt: skip


def silence_ended(
    state: State, silence: str, by: str, now: datetime, *, reason: str
) -> Step | None:
    """Somebody ends a silence; None: it is over."""
    found = state.silences.get(silence)
    if found is None:
        raise InputError(
            f"There is no silence {silence[:40]}.", remedy="see: auditkit watch status"
        )
    if found.ended_at:
        return None
    return step(
        state, facts.SILENCE_ENDED, at=now, actor=by, silence=silence, check=found.check,
        reason=_text(reason, "reason"),
    )  # fmt: skip


def _alert(state: State, alert: str) -> Alert:
    found = state.alerts.get(alert)
    if found is None or found.closed_at:
        standing = ", ".join(a.id for a in state.standing) or "none"
        what = "is closed" if found is not None else "is not known"
        raise InputError(f"The alert {alert[:40]} {what}.", remedy=f"open alerts: {standing}")
    return found


def _of(state: State, kind: str, alert: Alert, by: str, now: datetime, **more: Any) -> Step:
    last = max([alert.last, *(start for start, _ in state.history(alert.check))])
    return step(
        state, kind, at=now, actor=by, window=(last, end_of(last, state.seconds)), alert=alert.id,
        check=alert.check, **more,
    )  # fmt: skip


def _text(text: str, what: str) -> str:
    if len(text) > _LONGEST:
        raise InputError(f"The {what} has more than {_LONGEST} characters.", remedy="shorten it")
    return text
