"""The state of a monitor after entries of a log.

Laws:
    - The state follows from the entries alone, in their order. A restart, or a replay by somebody
      else, gives the same one.
    - An entry that says what is known already changes nothing.
    - An entry whose payload was destroyed is counted, and otherwise left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.facts import HEARTBEATS, end_of
from auditkit.watching.monitor.record.state import (
    Alert,
    Breaker,
    Challenger,
    Request,
    Result,
    Silence,
    State,
)


class LoggedEntry(Protocol):
    """An entry of the log."""

    @property
    def index(self) -> int:
        """Its index in the log."""

    @property
    def kind(self) -> str:
        """What it records."""

    @property
    def payload(self) -> dict[str, Any] | None:
        """What was logged; None once it is destroyed."""


def fold(name: str, entries: Iterable[LoggedEntry]) -> State:
    """The state after entries of a log.

    Args:
        name: The monitor's name.
        entries: All of the log, in order; those of others are passed over.
    """
    state = State(name)
    for entry in entries:
        add(state, entry)
    return state


def add(state: State, entry: LoggedEntry) -> None:
    """Takes one more entry, in the order of the log."""
    apply = _APPLY.get(entry.kind)
    if apply is None:
        return
    payload = entry.payload
    if payload is None:
        state.unreadable += 1
    elif payload.get("monitor") == state.name:
        state.last_at = max(state.last_at, payload["at"])
        apply(state, payload)


def _baseline(state: State, payload: Mapping[str, Any]) -> None:
    if state.baseline == payload["baseline"] and state.seconds == payload["seconds"]:
        return
    if state.baseline and state.model != payload["model"]:
        for alert in state.standing:
            alert.of_former_model = True
    state.model, state.baseline = payload["model"], payload["baseline"]
    state.policy, state.seconds = payload["policy"], payload["seconds"]
    state.next_slot = payload["first"]
    state.windows, state.covered = {}, {}
    state.rows = state.labels = 0


def _observed(state: State, payload: Mapping[str, Any]) -> None:
    window = state.window_of(*payload["window"])
    if payload["evidence"] not in window.parts:
        window.parts.append(payload["evidence"])
        window.rows += payload["rows"]
        state.rows += payload["rows"]
        for version, reasons in payload.get("served", {}).items():
            counts = window.served.setdefault(version, {})
            for reason, rows in reasons.items():
                counts[reason] = counts.get(reason, 0) + rows
                if reason and state.fallback.entered_at:
                    decisions = state.fallback.decisions
                    decisions[version] = decisions.get(version, 0) + rows


def _labels(state: State, payload: Mapping[str, Any]) -> None:
    window = state.window_of(*payload["window"])
    if payload["evidence"] not in window.labels:
        window.labels.append(payload["evidence"])
        window.labelled += payload["rows"]
        state.labels += payload["rows"]


def _judged(state: State, payload: Mapping[str, Any]) -> None:
    window = state.window_of(*payload["window"])
    window.judged, window.outcome = payload["revision"], payload["outcome"]
    window.evidence, state.policy = payload["evidence"], payload["policy"]
    window.results = {check: Result(**found) for check, found in payload["checks"].items()}
    window.results[HEARTBEATS] = Result("pass")
    while (at := state.windows.get(state.next_slot)) is not None and at.judged:
        state.next_slot = end_of(state.next_slot, state.seconds)
    for check, result in window.results.items():
        alert = state.alert_of(check)
        if alert is not None and alert.firing and result.breach and window.start > alert.last:
            _worse(alert, window.start, result)


def _worse(alert: Alert, start: str, result: Result) -> None:
    alert.last, alert.breaches = start, alert.breaches + 1
    alert.of_former_model = False
    alert.numbers = sorted({*alert.numbers, *(b["number"] for b in result.broken)})
    if result.broken and result.broken[0]["rank"] > alert.rank:
        alert.worst, alert.rank = result.broken[0], result.broken[0]["rank"]


def _missed(state: State, payload: Mapping[str, Any]) -> None:
    start, end = payload["window"]
    if end <= state.next_slot:
        return
    state.next_slot = end
    state.missed += payload["windows"]
    last = state.window_of(payload["last"], end)
    number = {"number": "windows without rows", "rank": 1.0, "value": payload["windows"]}
    last.results[HEARTBEATS] = Result("fail", [number])
    alert = state.alert_of(HEARTBEATS)
    if alert is not None and alert.firing and last.start > alert.last:
        _worse(alert, last.start, last.results[HEARTBEATS])
        alert.worst = {**number, "from": start, "to": end}


def _opened(state: State, payload: Mapping[str, Any]) -> None:
    if payload["alert"] not in state.alerts:
        state.alerts[payload["alert"]] = Alert(
            id=payload["alert"],
            check=payload["check"],
            severity=payload["severity"],
            rank=payload["rank"],
            numbers=payload["numbers"],
            worst=payload["worst"],
            first=payload["window"][0],
            last=payload["window"][0],
            opened_at=payload["at"],
            silenced=payload["silenced"],
        )


def _reopened(state: State, payload: Mapping[str, Any]) -> None:
    alert = state.alerts[payload["alert"]]
    if alert.cleared_at:
        alert.cleared_at, alert.reopened = "", alert.reopened + 1
        alert.of_former_model = False
        alert.last, alert.breaches = payload["window"][0], alert.breaches + 1
        alert.numbers, alert.worst = payload["numbers"], payload["worst"]
        alert.rank, alert.silenced = payload["rank"], payload["silenced"]


def _cleared(state: State, payload: Mapping[str, Any]) -> None:
    alert = state.alerts[payload["alert"]]
    alert.cleared_at = payload["at"]
    state.covered[alert.check] = payload["window"][0]


def _reminded(state: State, payload: Mapping[str, Any]) -> None:
    state.alerts[payload["alert"]].silenced = False


def _acknowledged(state: State, payload: Mapping[str, Any]) -> None:
    alert = state.alerts[payload["alert"]]
    alert.acknowledged_at, alert.acknowledged_by = payload["at"], payload["actor"]
    alert.notes += [payload["note"]] if payload["note"] else []


def _triaged(state: State, payload: Mapping[str, Any]) -> None:
    alert = state.alerts[payload["alert"]]
    alert.triaged_at, alert.triaged_by = payload["at"], payload["actor"]
    alert.cause, alert.decision = payload["cause"], payload["decision"]
    alert.notes += [payload["note"]] if payload["note"] else []


def _closed(state: State, payload: Mapping[str, Any]) -> None:
    alert = state.alerts[payload["alert"]]
    alert.closed_at, alert.closed_by = payload["at"], payload["actor"]
    alert.notes += [payload["note"]] if payload["note"] else []
    state.covered[alert.check] = payload["window"][0]


def _silenced(state: State, payload: Mapping[str, Any]) -> None:
    state.silences[payload["silence"]] = Silence(
        id=payload["silence"],
        check=payload["check"],
        reason=payload["reason"],
        by=payload["actor"],
        until=payload["until"],
    )


def _silence_ended(state: State, payload: Mapping[str, Any]) -> None:
    state.silences[payload["silence"]].ended_at = payload["at"]


def _requested(state: State, payload: Mapping[str, Any]) -> None:
    if all(r.id != payload["request"] for r in state.requests):
        state.requests.append(
            Request(payload["request"], payload["trigger"], payload["at"], state.rows)
        )
        state.refused.pop(payload["trigger"], None)


def _refused(state: State, payload: Mapping[str, Any]) -> None:
    state.refused[payload["trigger"]] = payload["reason"]


def _progressed(state: State, payload: Mapping[str, Any]) -> None:
    for request in state.requests:
        if request.id == payload["request"] and "outcome" in payload:
            request.finished_at, request.outcome = payload["at"], payload["outcome"]
        elif request.id == payload["request"]:
            request.started_at = payload["at"]


def _challenged(state: State, payload: Mapping[str, Any]) -> None:
    found = state.request_of(payload["request"])
    if found is not None and found.challenger is None:
        found.challenger = Challenger(
            outcome=payload["outcome"],
            digest=payload["challenger"],
            version=payload["version"],
            judged_at=payload["at"],
        )


def _asked(state: State, payload: Mapping[str, Any]) -> None:
    found = state.request_of(payload["request"])
    if found is not None and found.challenger is not None:
        found.challenger.promotion = payload["promotion"]


def _promoted(state: State, payload: Mapping[str, Any]) -> None:
    found = state.request_of(payload["request"])
    if found is not None and found.challenger is not None:
        found.challenger.promoted_at = payload["at"]
        found.challenger.promoted_by = payload["actor"]


def _moved(position: str) -> Any:
    def apply(state: State, payload: Mapping[str, Any]) -> None:
        before = state.fallback
        state.fallback = Breaker(
            position, payload["serving"], payload["reason"], payload["window"][0], payload["at"]
        )
        if position != "closed":
            state.fallback.entered_at = before.entered_at or payload["at"]
            state.fallback.decisions = before.decisions

    return apply


def _rows_refused(state: State, payload: Mapping[str, Any]) -> None:
    state.refused_rows += payload["rows"]


def _nothing(state: State, payload: Mapping[str, Any]) -> None:
    del state, payload


_APPLY: Final = {
    facts.BASELINE: _baseline,
    facts.OBSERVED: _observed,
    facts.LABELS: _labels,
    facts.WINDOW: _judged,
    facts.MISSED: _missed,
    facts.HEARTBEAT: _nothing,
    facts.DRILL: _nothing,
    facts.NOT_TOLD: _nothing,
    facts.ROWS_REFUSED: _rows_refused,
    facts.OPENED: _opened,
    facts.REOPENED: _reopened,
    facts.CLEARED: _cleared,
    facts.REMINDED: _reminded,
    facts.ACKNOWLEDGED: _acknowledged,
    facts.TRIAGED: _triaged,
    facts.CLOSED: _closed,
    facts.SILENCED: _silenced,
    facts.SILENCE_ENDED: _silence_ended,
    facts.REQUESTED: _requested,
    facts.REFUSED: _refused,
    facts.STARTED: _progressed,
    facts.FINISHED: _progressed,
    facts.CHALLENGED: _challenged,
    facts.ASKED: _asked,
    facts.PROMOTED: _promoted,
    facts.ENTERED: _moved("open"),
    facts.ON_TRIAL: _moved("half-open"),
    facts.LEFT: _moved("closed"),
}
