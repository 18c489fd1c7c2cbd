"""What served in a period: the model, or what stood in for it; how often, how long, and why.

A move of the fallback is an entry in the log. Between two moves the same served.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from auditkit.evidence import Evidence, Measurement, Table
from auditkit.period.monitoring import VERSION, Monitored, named, not_watched, version_of
from auditkit.period.terms import terms_of
from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.period import hours_between

USE: Final = "fallback.use"
_TITLE: Final = "What served, and the use of the fallback"

_Move = Mapping[str, Any]


def use_of(monitors: Sequence[Monitored], *, only: str = "") -> Evidence:
    """The use of the fallback in a period, as evidence; see `monitoring.operation_of`."""
    if not monitors:
        return not_watched(USE, _TITLE, only)
    return Evidence(
        check=USE,
        version=VERSION,
        title=_TITLE,
        area="monitoring",
        n=sum(one.due for one in monitors),
        population="windows",
        parameters={"known_until": max(one.until for one in monitors), **named(only)},
        measurements=tuple(m for one in monitors for m in _numbers(one)),
        tables=(
            Table(
                name="fallback_spans",
                title="What served, from when and until when",
                columns=(
                    "from", "monitor", "served_by", "hours", "reason", "check", "cause", "until",
                    "rows", "entry",
                ),
                rows=tuple(_row(one, *span) for one in monitors for span in _spans(one)),
            ),
        ),
        notes=(
            "Rows are those of the judged windows that begin while it served.",
            "Rows decided are counted by what each row names; none are if the rows do not.",
        ),
        terms=terms_of(USE),
    )  # fmt: skip


def _numbers(one: Monitored) -> Iterator[Measurement]:
    group = (("monitor", one.name),)
    moves = [move for move in one.found.served if move["at"] < one.until]
    counts = {
        "fallback_moves": sum(m["move"] == facts.ENTERED for m in moves),
        "trials": sum(m["move"] == facts.ON_TRIAL for m in moves),
        "recoveries": sum(m["move"] == facts.LEFT for m in moves),
        "unexplained_moves": sum(m["reason"] not in one.found.state.alerts for m in moves),
    }
    for name, value in counts.items():
        yield Measurement(name=name, value=value, n=one.due, unit="count", group=group)
    yield Measurement(
        name="longest_fallback", value=round(_longest(one), 2), n=one.due, unit="hours",
        group=group,
    )  # fmt: skip
    spans = _spans(one)
    every = sum(hours_between(start, end) for start, end, _ in spans)
    served: dict[str, list[tuple[str, str]]] = {}
    for start, end, move in spans:
        served.setdefault(_served_by(move), []).append((start, end))
    for name, times in served.items():
        hours = sum(hours_between(start, end) for start, end in times)
        by = (*group, ("served_by", name))
        rows = sum(_rows(one, start, end) for start, end in times)
        yield Measurement(
            name="hours_served", value=round(hours, 2), n=one.due, unit="hours", group=by
        )
        yield Measurement(name="share_served", value=hours / every, n=one.due, group=by)
        yield Measurement(name="rows_served", value=rows, n=one.due, unit="count", group=by)
    decided = sum(n for reasons in one.found.decisions.values() for n in reasons.values())
    for version, reasons in sorted(one.found.decisions.items()):
        for reason, n in sorted(reasons.items()):
            yield Measurement(
                name="rows_decided", value=n, n=decided, unit="count",
                group=(*group, ("decided_by", version), ("reason", reason or "none")),
            )  # fmt: skip


def _longest(one: Monitored) -> float:
    """The most hours, at any time of the period, since the model was taken out; 0: it never was."""
    longest, since = 0.0, ""
    moves = [move for move in one.found.moves if move["at"] < one.until]
    times = [*(move["at"] for move in moves), one.until]
    for move, end in zip(moves, times[1:], strict=True):
        since = (since or move["at"]) if move["serving"] else ""
        if since and end > one.found.start:
            longest = max(longest, hours_between(since, end))
    return longest


def _served_by(move: _Move) -> str:
    """What served after a move: a fallback's name, or the model's version."""
    if move.get("serving"):
        return str(move["serving"])
    version = version_of(move)
    trial = ", on trial" if move.get("move") == facts.ON_TRIAL else ""
    return f"the model{f', version {version}' if version else ''}{trial}"


def _rows(one: Monitored, start: str, end: str) -> int:
    return sum(s.logged.get("rows", 0) for s in one.slots if start <= s.start < end)


def _row(one: Monitored, start: str, end: str, move: _Move) -> tuple[Any, ...]:
    reason = str(move.get("reason", ""))
    alert = one.found.state.alerts.get(reason)
    return (
        start, one.name, _served_by(move), round(hours_between(start, end), 2), reason,
        alert.check if alert else "", alert.cause if alert else "", end, _rows(one, start, end),
        move.get("entry"),
    )  # fmt: skip


def _spans(one: Monitored) -> list[tuple[str, str, _Move]]:
    """What served in a period: from, to, and the move or the baseline of a version before it.

    They follow each other without a gap, from the period's start, or the first baseline if that is
    later, to `until`.
    """
    found = one.found
    changes = [move for move in _changes(one) if move["at"] < one.until]
    begun = found.baselines[0][0] if found.baselines else one.until
    times = [begun, *(move["at"] for move in changes[1:]), one.until]
    clipped = [min(max(at, found.start), one.until) for at in times]
    return [
        (start, end, move)
        for (start, end), move in zip(pairwise(clipped), changes, strict=False)
        if start < end
    ]


def _changes(one: Monitored) -> Iterator[_Move]:
    """The first baseline, each move, and each baseline of another version that served at once."""
    serving, version = "", None
    for event in sorted((*one.found.models, *one.found.moves), key=lambda e: str(e["at"])):
        if "move" in event:
            serving = event["serving"]
        if "move" in event or (not serving and version_of(event) != version):
            yield event
        version = version_of(event)
