"""Changes with all that led to them: request, approvals, gate, move, emergency, review, rollback.

What the registry's own state (`auditkit.access.record.approvals`) passes over because it does not
count, such as an approval that came too late, is what an examiner looks for. So this reads the
entries for themselves.

Law: the same entries give the same changes; an entry that cannot be read changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from auditkit.ledger.records.entry import Entry
from auditkit.period.kinds import BY_NAME

CONTEXT: Final = (
    "version.created", "gate.verdict", "promotion.requested", "promotion.approved",
    "promotion.rejected", "promotion.expired", "promotion.claimed", "promotion.failed",
    "promotion.done", "promotion.demoted", "breakglass.invoked", "breakglass.reviewed",
    "breakglass.overdue",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One entry that a change rests on.

    Attributes:
        index: Its index in the log.
        kind: Its kind.
        time: When it was logged, UTC.
        who: Who acted; empty: nobody is named.
        payload: What was logged.
    """

    index: int
    kind: str
    time: datetime
    who: str
    payload: dict[str, Any]


@dataclass(kw_only=True, slots=True)
class Change:
    """One move of a protected alias or stage, and what it rests on.

    Attributes:
        item: Its id in the population `changes`.
        done: The entry that says that it was done.
        how: "promoted", "rolled back", "break-glass" or "demoted".
        begun: Its claim; None: there is none.
        request: The request that it used; None: none.
        approvals: Approvals of that request, late ones too.
        made: Who made the version, by the log and by the request.
        verdicts: Verdicts of gates on its files, in the order of the log, later ones too.
        invoked: The break-glass that it used; None: none.
        reviews: Reviews of that.
        former: The moves of the same alias or stage before it, the latest last.
        later: Those after it.
    """

    item: str
    done: Event
    how: str
    begun: Event | None = None
    request: Event | None = None
    approvals: list[Event] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    verdicts: list[Event] = field(default_factory=list)
    invoked: Event | None = None
    reviews: list[Event] = field(default_factory=list)
    former: list[Event] = field(default_factory=list)
    later: list[Event] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """The digest of the files that were moved."""
        return str(self.done.payload.get("artifact_digest") or "")

    @property
    def moved(self) -> Event:
        """When it was decided that it may be done: its claim, or else the move itself."""
        return self.begun or self.done

    def events(self) -> list[Event]:
        """All that it rests on, in the order of the log."""
        one = [e for e in (self.begun, self.request, self.invoked, self.done) if e is not None]
        found = {e.index: e for e in (*one, *self.approvals, *self.verdicts, *self.reviews)}
        return [found[index] for index in sorted(found)]


class ChangeBook:
    """The changes of a log: read all its entries, then ask.

    Attributes:
        ends: The time of the last entry that was read; None: none was.
    """

    def __init__(self) -> None:
        self.ends: datetime | None = None
        self._events: dict[str, list[Event]] = {kind: [] for kind in CONTEXT}

    def read(self, entries: Iterable[Entry]) -> None:
        """Reads entries in the order of the log."""
        for entry in entries:
            self.ends = entry.time
            if entry.kind not in self._events or entry.body is None:
                continue
            entry.check_payload()
            payload = json.loads(entry.body)
            if isinstance(payload, dict):
                who = str(payload.get(BY_NAME[entry.kind].who) or "")
                self._events[entry.kind].append(
                    Event(
                        index=entry.index,
                        kind=entry.kind,
                        time=entry.time,
                        who=who,
                        payload=payload,
                    )
                )

    def changes(self) -> Iterator[Change]:
        """Every change, in the order of the log."""
        of = self._events
        claims = _first(of["promotion.claimed"], "claim")
        requests = _first(of["promotion.requested"], "id")
        emergencies = _first(of["breakglass.invoked"], "id")
        approvals = _grouped(of["promotion.approved"], "request")
        reviews = _grouped(of["breakglass.reviewed"], "id")
        verdicts = _grouped(of["gate.verdict"], "artifact_digest")
        makers: dict[tuple[str, ...], set[str]] = {}
        for event in of["version.created"]:
            makers.setdefault(_version(event), set()).add(event.who)
        moves = list(_once([*of["promotion.done"], *of["promotion.demoted"]], claims))
        places: dict[tuple[str, ...], list[Event]] = {}
        for event in moves:
            places.setdefault(_place(event), []).append(event)
        position: dict[tuple[str, ...], int] = {}
        for event in moves:
            place = _place(event)
            at = position[place] = position.get(place, -1) + 1
            payload = event.payload
            request = requests.get(str(payload.get("request") or ""))
            number = str(payload.get("breakglass") or "")
            made = set(makers.get(_version(event), ()))
            if request is not None:
                given = request.payload.get("made_by")
                made |= {str(name) for name in given} if isinstance(given, list) else set()
            digest = str(payload.get("artifact_digest") or "")
            yield Change(
                item=f"L{event.index}",
                done=event,
                how=str(payload.get("how") or "demoted"),
                begun=claims.get(str(payload.get("claim") or "")),
                request=request,
                approvals=approvals.get(str(payload.get("request")), []) if request else [],
                made=made,
                verdicts=verdicts.get(digest, []) if digest else [],
                invoked=emergencies.get(number),
                reviews=reviews.get(number, []),
                # Of a long history what lies next: a change is judged by its neighbours.
                former=places[place][max(0, at - _NEAR) : at],
                later=places[place][at + 1 : at + 1 + _NEAR],
            )

    def about(self, model: str, version: str) -> list[Event]:
        """Every entry about a version, in the order of the log."""
        events = [e for found in self._events.values() for e in found]
        mine = [e for e in events if _named(e) == (model, version)]
        requests = {str(e.payload.get("id")) for e in mine if e.kind == "promotion.requested"}
        requests |= {str(e.payload["request"]) for e in mine if e.payload.get("request")}
        claims = {str(e.payload["claim"]) for e in mine if e.payload.get("claim")}
        uses = {str(e.payload["breakglass"]) for e in mine if e.payload.get("breakglass")}
        digests = {str(e.payload["artifact_digest"]) for e in mine
                   if e.payload.get("artifact_digest")}  # fmt: skip
        found = {e.index: e for e in mine}
        for event in events:
            payload = event.payload
            if (
                (event.kind.startswith("promotion.") and str(payload.get("request")) in requests)
                or str(payload.get("claim")) in claims
                or (event.kind.startswith("breakglass.") and str(payload.get("id")) in uses)
                or (event.kind == "gate.verdict" and payload.get("artifact_digest") in digests)
            ):
                found[event.index] = event
        return [found[index] for index in sorted(found)]


_NEAR: Final = 50


def due(invoked: Event) -> datetime | None:
    """When somebody else must have reviewed a break-glass; None: its entry does not say."""
    hours = invoked.payload.get("review_hours")
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 <= hours < 1e6:
        return None
    return invoked.time + timedelta(hours=hours)


def _first(events: Iterable[Event], member: str) -> dict[str, Event]:
    found: dict[str, Event] = {}
    for event in events:
        found.setdefault(str(event.payload.get(member) or ""), event)
    found.pop("", None)
    return found


def _grouped(events: Iterable[Event], member: str) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(str(event.payload.get(member) or ""), []).append(event)
    return found


def _once(events: Iterable[Event], claims: dict[str, Event]) -> Iterator[Event]:
    """Moves in the order of the log, each once, with what their claims say of them."""
    told = set()
    for event in sorted(events, key=lambda e: e.index):
        claim = str(event.payload.get("claim") or "")
        if claim and claim in told:
            continue
        told.add(claim)
        begun = claims.get(claim)
        payload = {**begun.payload, **event.payload} if begun is not None else event.payload
        yield Event(index=event.index, kind=event.kind, time=event.time,
                    who=str(payload.get("user") or ""), payload=payload)  # fmt: skip


def _named(event: Event) -> tuple[str, str]:
    return str(event.payload.get("model")), str(event.payload.get("version"))


def _version(event: Event) -> tuple[str, ...]:
    return (str(event.payload.get("domain") or "default"), *_named(event))


def _place(event: Event) -> tuple[str, ...]:
    payload = event.payload
    names = (payload.get("domain") or "default", payload.get("model"), payload.get("kind"))
    return (*map(str, names), str(payload.get("name")).casefold())
