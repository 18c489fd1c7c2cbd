"""What others are told of: which entries of the log are events, and what an event says.

An event says who did what to which version, when, and which entry records it: no reasons, findings
or comments, which people write freely, and nothing of files or data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from auditkit.access.record.approvals import (
    APPROVED,
    BROKEN,
    COPY_CHANGED,
    DECISION,
    DEMOTED,
    DONE,
    EXPIRED,
    FAILED,
    OVERDUE,
    POLICY,
    REJECTED,
    REQUESTED,
    REVIEWED,
    PromotionState,
)
from auditkit.access.record.moves import Target, target_from
from auditkit.canonical import Json
from auditkit.ledger import Entry
from auditkit.notify.event import Event

PREFIX: Final = "auditkit.registry."
ROLLED_BACK: Final = "rolled-back"

Facts = dict[str, Json]
# Payload, the state that follows from the log, and the entry's index; None: nothing to tell.
Tell = Callable[[dict[str, Any], PromotionState, int], Facts | None]


def _target(target: Target) -> Facts:
    return {
        "model": target.model,
        "version": target.version,
        target.kind: target.name,
        "workspace": target.domain,
    }


def _picked(payload: dict[str, Any], *names: str) -> Facts:
    return {name: payload[name] for name in names if name in payload}


def _requested(payload: dict[str, Any], _: PromotionState, __: int) -> Facts:
    facts = _picked(payload, "user", "artifact_digest")
    return {"request": payload.get("id"), **_target(target_from(payload)), **facts}


def _answered(payload: dict[str, Any], book: PromotionState, _: int) -> Facts | None:
    """An approval or rejection that counts."""
    request, user = book.requests.get(str(payload.get("request"))), payload.get("user")
    if request is None or (user not in request.approvals and user != request.rejected_by):
        return None
    return {"request": request.id, **_target(request.target), "user": str(user)}


def _expired(payload: dict[str, Any], book: PromotionState, index: int) -> Facts | None:
    request = book.requests.get(str(payload.get("request")))
    if request is None or request.expired != index:
        return None
    return {"request": request.id, **_target(request.target), "user": request.requester}


def _moved(payload: dict[str, Any], _: PromotionState, __: int) -> Facts:
    facts = _picked(payload, "user", "how", "request", "breakglass", "artifact_digest")
    return {**_target(target_from(payload)), **facts}


def _ended(kind: str) -> Tell:
    def tell(payload: dict[str, Any], book: PromotionState, index: int) -> Facts | None:
        claim = str(payload.get("claim", ""))
        first, move = book.ended.get((kind, claim), (index, payload))
        if first != index or "model" not in move:
            return None
        return _moved(move, book, index)

    return tell


def _broken(payload: dict[str, Any], _: PromotionState, __: int) -> Facts:
    facts = _picked(payload, "user", "object", "ticket", "valid_minutes")
    return {"breakglass": payload.get("id"), **facts, "workspace": payload.get("domain")}


def _reviewed(payload: dict[str, Any], book: PromotionState, _: int) -> Facts | None:
    emergency = book.emergencies.get(str(payload.get("id")))
    if emergency is None or emergency.reviewed_by != payload.get("user"):
        return None
    facts = _picked(payload, "user", "outcome")
    return {"breakglass": emergency.id, "object": emergency.object, **facts}


def _overdue(payload: dict[str, Any], book: PromotionState, index: int) -> Facts | None:
    emergency = book.emergencies.get(str(payload.get("id")))
    if emergency is None or emergency.overdue != index:
        return None
    facts: Facts = {"object": emergency.object, "user": emergency.user, "ticket": emergency.ticket}
    return {"breakglass": emergency.id, **facts}


def _denied(payload: dict[str, Any], _: PromotionState, __: int) -> Facts | None:
    if payload.get("allowed") is not False:
        return None
    parts = payload.get("decisions") or ()
    refused = [part for part in parts if not part["allowed"]] or parts
    asked: list[Json] = [{"verb": part["verb"], "object": part["object"]} for part in refused]
    facts = _picked(payload, "user", "endpoint")
    return {**facts, "asked": asked, "workspace": payload.get("domain")}


def _policy(payload: dict[str, Any], _: PromotionState, __: int) -> Facts:
    return _picked(payload, "policy_digest", "author", "approver")


def _changed(payload: dict[str, Any], _: PromotionState, __: int) -> Facts:
    return _picked(payload, "model", "version", "user", "artifact_digest", "digest")


# Each kind of entry, the event that it is, and what that says.
EVENTS: Final[dict[str, tuple[str, Tell]]] = {
    REQUESTED: ("requested", _requested),
    APPROVED: ("approved", _answered),
    REJECTED: ("rejected", _answered),
    EXPIRED: ("expired", _expired),
    DONE: ("promoted", _ended(DONE)),
    FAILED: ("failed", _ended(FAILED)),
    DEMOTED: ("demoted", _moved),
    BROKEN: ("breakglass", _broken),
    REVIEWED: ("breakglass-reviewed", _reviewed),
    OVERDUE: ("breakglass-overdue", _overdue),
    COPY_CHANGED: ("files-changed", _changed),
    POLICY: ("policy", _policy),
    DECISION: ("denied", _denied),
}
NAMES: Final = frozenset({name for name, _ in EVENTS.values()} | {ROLLED_BACK})


def event_of(
    entry: Entry, origin: str, wanted: frozenset[str], book: Callable[[], PromotionState]
) -> Event | None:
    """The event that an entry is to a receiver; None if it is none.

    Args:
        entry: The entry.
        origin: The log's name.
        wanted: The names of the events that the receiver is told of.
        book: Returns the state that follows from the log, at least up to the entry.
    """
    if entry.kind not in EVENTS:
        return None
    name, tell = EVENTS[entry.kind]
    may_be = {name, ROLLED_BACK} if entry.kind == DONE else {name}
    payload = entry.payload if may_be & wanted else None
    if payload is None:
        return None
    if entry.kind == DONE and payload.get("how") == "rolled back":
        name = ROLLED_BACK
    facts = tell(payload, book(), entry.index) if name in wanted else None
    if facts is None:
        return None
    return Event(
        id=f"{entry.index}-{entry.commitment.hex()[:16]}",
        source=origin,
        type=f"{PREFIX}{name}",
        time=entry.time,
        data={"log": origin, "index": entry.index, **facts},
    )
