"""Runs the user's program for a retraining that was asked for: once, and within its time."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.facts import time_of
from auditkit.watching.monitor.record.plan import Step, step
from auditkit.watching.monitor.record.settings import RetrainingSettings
from auditkit.watching.monitor.record.state import Request, State


def due(state: State, settings: RetrainingSettings, now: datetime) -> list[str]:
    """The requests whose program is to be run, or was lost while it ran."""
    if not settings.command:
        return []
    return [r.id for r in state.requests if not r.started_at or _lost(r, settings, now)]


def _lost(request: Request, settings: RetrainingSettings, now: datetime) -> bool:
    if request.finished_at:
        return False
    return time_of(request.started_at) + timedelta(minutes=settings.minutes + 1) < now


def started(state: State, request: str, now: datetime) -> Step | None:
    """The entry before the program is run; None: it was run already.

    Of a program that was lost while it ran, the entry that says so.
    """
    found = next(r for r in state.requests if r.id == request)
    if found.finished_at:
        return None
    if found.started_at:
        return step(
            state, facts.FINISHED, at=now, request=request, outcome="lost: it never ended"
        )  # fmt: skip
    return step(state, facts.STARTED, at=now, request=request)


def finished(state: State, request: str, outcome: str, now: datetime) -> Step | None:
    """The entry after the program has ended; None: there is one."""
    found = next(r for r in state.requests if r.id == request)
    if found.finished_at:
        return None
    return step(state, facts.FINISHED, at=now, request=request, outcome=outcome)


def run(settings: RetrainingSettings, folder: Path, request: str) -> str:
    """Runs the program, with the request's name as its last argument; how it ended."""
    try:
        done = subprocess.run(  # noqa: S603 (named in monitor.yaml)
            [*settings.command, request],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=settings.minutes * 60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "stopped: its time was over"
    except OSError as error:
        return f"not run: {type(error).__name__}"
    return "done" if done.returncode == 0 else f"failed: exit code {done.returncode}"
