"""What happened to a model in a period, from the log's entries alone. Pure.

A period is half open and in UTC. Times are those at which something happened, as the entries say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from auditkit.canonical import Json
from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.facts import end_of, time_of
from auditkit.watching.monitor.record.fold import LoggedEntry, add
from auditkit.watching.monitor.record.state import Alert, State


@dataclass(frozen=True, kw_only=True)
class Period:
    """A period of a monitor.

    Attributes:
        start: Its start, included.
        end: Its end, not included.
        state: The monitor's state at its end.
        windows: For each window that begins in it, the last judgement of it, or that it was missed.
        alerts: The alerts that opened in it, or were open at its start.
        counts: How many entries of each kind were written in it.
        policies: The digests of policies that windows were judged by, in order: more than one is a
            change of rules.
        moves: Each move of the fallback before its end, also of earlier periods.
        decisions: By what decided, and by why it did, the rows of windows that begin in it; empty:
            it is not recorded.
        retraining: The retrainings that were asked for in it, and what became of what they made.
        silences: Silences that were set in it.
        baselines: For each baseline that was set before its end, the start of its first window, the
            length of its windows in seconds, and when it was set.
        models: For each of these its model, when it was set, and the entry.
        written: When each of the monitor's entries happened, also before the period and after it.
    """

    start: str
    end: str
    state: State
    windows: tuple[dict[str, Any], ...]
    alerts: tuple[Alert, ...]
    counts: dict[str, int]
    policies: tuple[str, ...]
    moves: tuple[dict[str, Any], ...]
    decisions: dict[str, dict[str, int]]
    retraining: tuple[dict[str, Any], ...]
    silences: tuple[dict[str, Any], ...]
    baselines: tuple[tuple[str, int, str], ...]
    models: tuple[dict[str, Any], ...]
    written: tuple[str, ...]

    @property
    def served(self) -> tuple[dict[str, Any], ...]:
        """The moves of the fallback in it."""
        return tuple(move for move in self.moves if move["at"] >= self.start)

    @property
    def hours(self) -> dict[str, dict[str, float | int | None]]:
        """Hours to detect, acknowledge, act and close, with n, median and 90 % quantile.

        To detect: from the start of the window that opened the alert to the alert. The others
        count from the alert's opening. Each counts in the period in which it was done.
        """
        ends = {
            "detect": [(a.first, a.opened_at) for a in self.alerts],
            "acknowledge": [(a.opened_at, a.acknowledged_at) for a in self.alerts],
            "act": [(a.opened_at, a.triaged_at) for a in self.alerts],
            "close": [(a.opened_at, a.closed_at) for a in self.alerts],
        }
        return {
            name: _quantiles([hours_between(a, b) for a, b in spans if b >= self.start])
            for name, spans in ends.items()
        }

    def to_json(self) -> dict[str, Json]:
        """Everything a reader needs; no small counts, for the log has none."""
        return {
            "monitor": self.state.name,
            "model": self.state.model,
            "baseline": self.state.baseline,
            "period": [self.start, self.end],
            "windows": list(self.windows),
            "missed": sum(w["missed"] for w in self.windows),
            "alerts": [_alert(a) for a in self.alerts],
            "hours": {name: dict(found) for name, found in self.hours.items()},
            "entries": dict(self.counts),
            "policies": list(self.policies),
            "fallback": list(self.served),
            "decisions": {version: dict(why) for version, why in self.decisions.items()},
            "retraining": list(self.retraining),
            "silences": list(self.silences),
        }


def period(name: str, entries: Iterable[LoggedEntry], start: str, end: str) -> Period:
    """What happened from `start` to before `end`.

    Args:
        name: The monitor's name.
        entries: All of the log, in order.
        start: A time as `2026-11-01T00:00:00Z`.
        end: Another.
    """
    state = State(name)
    counts: dict[str, int] = {}
    windows: dict[str, dict[str, Any]] = {}
    policies: dict[str, None] = {}
    decisions: dict[str, dict[str, int]] = {}
    moves, silences, baselines, models, written = [], [], [], [], []
    for entry in entries:
        payload = entry.payload
        if entry.kind not in facts.KINDS or payload is None or payload.get("monitor") != name:
            continue
        # A window belongs to the period that it begins in, whenever it was judged or missed.
        if entry.kind == facts.WINDOW and start <= payload["window"][0] < end:
            windows[payload["window"][0]] = _judged(entry.index, payload)
        if entry.kind == facts.MISSED:
            for slot in _missed(entry.index, payload):
                if start <= slot["from"] < end:
                    windows.setdefault(slot["from"], slot)
        if entry.kind == facts.OBSERVED and start <= payload["window"][0] < end:
            for version, reasons in payload.get("served", {}).items():
                rows = decisions.setdefault(version, {})
                for reason, n in reasons.items():
                    rows[reason] = rows.get(reason, 0) + n
        written.append(payload["at"])
        if payload["at"] >= end:
            continue
        add(state, entry)
        if entry.kind in (facts.ENTERED, facts.ON_TRIAL, facts.LEFT):
            said = {k: payload[k] for k in ("at", "serving", "reason", "model")}
            moves.append(said | {"move": entry.kind, "entry": entry.index})
        if entry.kind == facts.BASELINE:
            baselines.append((payload["first"], payload["seconds"], payload["at"]))
            models.append({k: payload[k] for k in ("at", "model")} | {"entry": entry.index})
        if payload["at"] < start:
            continue
        counts[entry.kind] = counts.get(entry.kind, 0) + 1
        if entry.kind == facts.WINDOW:
            policies[payload["policy"]] = None
        if entry.kind == facts.SILENCED:
            silences.append({k: payload[k] for k in ("at", "check", "reason", "actor", "until")})
    alerts = [a for a in state.alerts.values() if not a.closed_at or a.closed_at >= start]
    return Period(
        start=start,
        end=end,
        state=state,
        windows=tuple(windows[at] for at in sorted(windows)),
        alerts=tuple(alerts),
        counts=dict(sorted(counts.items())),
        policies=tuple(policies),
        moves=tuple(moves),
        decisions=decisions,
        retraining=tuple(asdict(r) for r in state.requests if r.at >= start),
        silences=tuple(silences),
        baselines=tuple(baselines),
        models=tuple(models),
        written=tuple(written),
    )


def _judged(index: int, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "from": payload["window"][0],
        "to": payload["window"][1],
        "rows": payload["rows"],
        "missed": 0,
        "outcome": payload["outcome"],
        "broken": [c for c, r in payload["checks"].items() if r["outcome"] == "fail"],
        "evidence": payload["evidence"],
        "policy": payload["policy"],
        "model": payload["model"],
        "entry": index,
    }


def _missed(index: int, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each of the windows that an entry says were missed."""
    first, last = payload["window"]
    seconds = int((time_of(last) - time_of(first)).total_seconds()) // payload["windows"]
    for _ in range(payload["windows"]):
        begin, first = first, end_of(first, seconds)
        yield {
            "from": begin,
            "to": first,
            "rows": 0,
            "missed": 1,
            "outcome": "missed",
            "broken": [],
            "evidence": payload["evidence"],
            "policy": payload["policy"],
            "model": payload["model"],
            "entry": index,
        }


def _alert(alert: Alert) -> dict[str, Json]:
    return {
        "alert": alert.id, "check": alert.check, "status": alert.status, "severity": alert.severity,
        "rank": alert.rank, "worst": alert.worst, "first": alert.first, "last": alert.last,
        "breaches": alert.breaches, "opened_at": alert.opened_at,
        "acknowledged_at": alert.acknowledged_at, "acknowledged_by": alert.acknowledged_by,
        "triaged_at": alert.triaged_at, "triaged_by": alert.triaged_by, "cause": alert.cause,
        "decision": alert.decision, "cleared_at": alert.cleared_at, "closed_at": alert.closed_at,
        "closed_by": alert.closed_by,
    }  # fmt: skip


def hours_between(start: str, end: str) -> float:
    """Hours from one time to another."""
    return (time_of(end) - time_of(start)).total_seconds() / 3600


def _quantiles(values: Sequence[float]) -> dict[str, float | int | None]:
    if not values:
        return {"n": 0, "median": None, "q90": None}
    median, high = np.quantile(values, [0.5, 0.9])
    return {"n": len(values), "median": round(float(median), 2), "q90": round(float(high), 2)}
