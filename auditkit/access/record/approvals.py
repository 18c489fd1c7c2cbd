"""Four-eyes approval: who requested a promotion, who approved it, and whether it may be used.

Everything follows from the log. `PromotionState` applies its entries in order; nothing else holds
state. So two workers that read the same log agree, and a restart loses nothing.

Laws:
    - An approval is bound to model, version, alias, artifact digest, and what the policy says of
      them and of the parties (`Ruling`). When the files or that change, it is void.
    - Approvers are distinct, and none is the requester, the version's creator, the run's owner or
      the one who promotes. An entry that says otherwise does not count, whoever wrote it.
    - A request is used once: of several claims the first in the log wins.
    - A rejected or expired request stays so; a used request can no longer be rejected.
    - An entry that cannot be read counts for nothing, and keeps nothing else from counting.
    - Nothing is approved or moved while somebody writes to its files. Both are in the log, so if
      an approval and a write overlap, the later one in the log does not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from auditkit.access.policy.settings import Promotion
from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN, folded, person
from auditkit.access.record.log import READS, LoggedEntry
from auditkit.access.record.moves import (
    Begun,
    Described,
    Emergency,
    Moved,
    PromotionRequest,
    Target,
    Writing,
    overlap,
    target_from,
)
from auditkit.access.record.order import PromotionOrder
from auditkit.access.record.owners import MODEL_MADE, RENAMED, RUN_MADE, VERSION_MADE, Owners
from auditkit.access.record.rulings import Ruling
from auditkit.access.record.verdicts import VERDICT, LoggedVerdict, RecordedVerdicts

REQUESTED: Final = "promotion.requested"
APPROVED: Final = "promotion.approved"
REJECTED: Final = "promotion.rejected"
CLAIMED: Final = "promotion.claimed"
DONE: Final = "promotion.done"
FAILED: Final = "promotion.failed"
DEMOTED: Final = "promotion.demoted"
BROKEN: Final = "breakglass.invoked"
REVIEWED: Final = "breakglass.reviewed"
EXPIRED: Final = "promotion.expired"
OVERDUE: Final = "breakglass.overdue"
# How a review of a break-glass may end.
ACCEPTED: Final = "accepted"
REFUSED: Final = "rejected"
DECISION: Final = "access.decision"
POLICY: Final = "policy.activated"
COPY_CHANGED: Final = "approved.changed"
DESCRIBED: Final = "description.changed"
# What reading an entry of another form than the product's may raise.
_UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_APPROVING: Final = (APPROVED, REJECTED, CLAIMED, DONE, FAILED, DEMOTED, RENAMED)
# A write is cut off after an hour; after two hours it has certainly ended.
WRITE_LASTS: Final = timedelta(hours=1)
WRITE_ENDS: Final = timedelta(hours=2)


class PromotionState:
    """The state of promotions: a projection of the log."""

    def __init__(self) -> None:
        self.requests: dict[str, PromotionRequest] = {}
        self.emergencies: dict[str, Emergency] = {}
        self.moves: list[Moved] = []
        self.begun: dict[str, Begun] = {}
        self._gate = RecordedVerdicts()
        self.owners = Owners()
        self.descriptions: list[Described] = []
        self._writing: dict[str, Writing] = {}
        self._orders: dict[tuple[str, str, str, str], PromotionOrder] = {}
        self.policy = ""
        self.policy_approved: datetime | None = None
        self.next_index = 0
        # Grows with every entry that may change what is approved or promoted.
        self.revision = 0
        self._renames: dict[tuple[str, str], set[str]] = {}
        # Of each move that ended, by outcome and claim: the first entry that says so, and the move.
        self.ended: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}

    def read(self, entries: Iterable[LoggedEntry]) -> None:
        """Applies entries in the order of the log; those already applied are skipped."""
        for entry in entries:
            if entry.index < self.next_index:
                continue
            self.next_index = entry.index + 1
            if entry.payload is not None:
                with suppress(*_UNREADABLE):
                    self._apply(entry.kind, entry.payload, entry.time)

    def open_requests(self, target: Target) -> list[PromotionRequest]:
        """Requests for a move, the latest first."""
        return [r for r in reversed(self.requests.values()) if r.target == target]

    def usable(self, target: Target, promotion: Promotion, **now: Any) -> PromotionRequest | str:
        """A request that may be used for a move, or why there is none.

        Args:
            target: The move.
            promotion: The policy's requirements.
            now: The keyword arguments of `PromotionRequest.obstacle`.
        """
        obstacles = []
        for request in self.open_requests(target):
            obstacle = request.obstacle(promotion, **now)
            if obstacle is None:
                return request
            obstacles.append(f"request {request.id}: {obstacle}")
        return obstacles[0] if obstacles else "nobody has asked for it"

    @property
    def verdicts(self) -> list[LoggedVerdict]:
        """The verdicts of gates that count, see `RecordedVerdicts`."""
        return self._gate.counted

    def verdicts_on(self, target: Target) -> list[LoggedVerdict]:
        """Those on the versions of a move's model."""
        return self._gate.on(target.model, target.domain)

    def creators(self, target: Target) -> frozenset[str]:
        """Who created a version; more than one if the model was deleted and created again."""
        return self.owners.makers(target.domain, target.model, target.version)

    def names_of(self, target: Target) -> set[Target]:
        """A version under its name and under every name that its model was given later."""
        found, new = set[Target](), {target}
        while new:
            found |= new
            names = {n: self._renames.get((n.domain, n.model), set[str]()) for n in new}
            new = {replace(n, model=model) for n, models in names.items() for model in models}
            new -= found
        return found

    def writing(self, source: str, now: datetime) -> Writing | None:
        """An allowed write to files that has not ended yet."""
        return next(
            (
                writing
                for writing in self._writing.values()
                if now <= writing.ends and any(overlap(path, source) for path in writing.paths)
            ),
            None,
        )

    def emergency(
        self, user: str, obj: str, now: datetime, *, domain: str = DEFAULT_DOMAIN
    ) -> Emergency | None:
        """Somebody's break-glass for an object, if it is valid and not reviewed yet."""
        for emergency in self.emergencies.values():
            if (
                emergency.user == user
                and emergency.object == obj
                and emergency.domain == domain
                and now <= emergency.expires
                and not emergency.reviewed_by
            ):
                return emergency
        return None

    def before(
        self, model: str, kind: str, name: str, *, domain: str = DEFAULT_DOMAIN
    ) -> Moved | None:
        """The promotion that a rollback returns to; see `PromotionOrder.before`."""
        return self.order((domain, model, kind, folded(name))).before

    def order(self, place: tuple[str, str, str, str]) -> PromotionOrder:
        """The order of promotions at an alias or stage, see `Target.place`."""
        return self._orders.get(place, PromotionOrder())

    def pinned_sources(self) -> set[str]:
        """Locations of the files of all versions that were moved, are moving, or are approved."""
        moved = {move.source for move in self.moves}
        moved |= {str(begun.move.get("source", "")) for begun in self.begun.values()}
        approved = {r.source for r in self.requests.values() if r.approvals and not r.rejected_by}
        return (moved | approved) - {""}

    def _apply(self, kind: str, payload: dict[str, Any], time: datetime) -> None:
        self.revision += kind in _APPROVING
        if kind == DECISION:
            self._decided(payload, time)
        elif kind == READS:
            for outcome in payload.get("decisions", ()):
                self._writing.pop(str(outcome.get("outcome_of")), None)
                self._gate.ended(str(outcome.get("outcome_of")))
        elif kind == REQUESTED:
            self._requested(payload, time)
        elif kind == VERDICT:
            self._gate.recorded(payload, time)
        elif kind in (VERSION_MADE, MODEL_MADE, RUN_MADE, RENAMED):
            self.owners.apply(kind, payload)
            if kind == RENAMED:
                place = (str(payload.get("domain", DEFAULT_DOMAIN)), str(payload.get("model")))
                self._gate.renamed(*place, str(payload.get("new_name")))
                self._renames.setdefault(place, set()).add(str(payload.get("new_name")))
        elif kind == POLICY:
            self.policy = str(payload.get("policy_digest"))
            self.policy_approved = _time(payload.get("approved"))
        elif kind in (APPROVED, REJECTED):
            self._answered(kind, payload, time)
        elif kind == CLAIMED:
            self._claimed(payload, time)
        elif kind in (DONE, FAILED):
            self._ended(kind, payload, time)
        elif kind == EXPIRED:
            self._expired(payload)
        elif kind == OVERDUE:
            emergency = self.emergencies.get(str(payload.get("id")))
            if emergency is not None and emergency.overdue is None and not emergency.reviewed_by:
                emergency.overdue = self.next_index - 1
        elif kind == DEMOTED:
            self._moved(payload, time, time)
        elif kind == BROKEN:
            self._broken(payload, time)
        elif kind == REVIEWED:
            self._reviewed(payload)
        elif kind == DESCRIBED:
            names = ("model", "version", "user", "domain")
            told = {name: str(payload.get(name, "")) for name in names}
            self.descriptions.append(Described(**told, time=time))

    def _decided(self, payload: dict[str, Any], time: datetime) -> None:
        """Applies a write, or a verdict, that was allowed, or withdrawn before it began."""
        self._gate.decided(payload)
        self._writing.pop(str(payload.get("request")), None)
        if payload.get("allowed") and payload.get("writes"):
            self._writing[str(payload.get("request"))] = Writing(
                user=str(payload.get("user")),
                paths=tuple(str(path) for path in payload["writes"]),
                ends=time + WRITE_ENDS,
            )

    def _answered(self, kind: str, payload: dict[str, Any], time: datetime) -> None:
        request = self.requests.get(str(payload.get("request")))
        user = str(payload.get("user"))
        if request is None or request.is_over:
            return
        if kind == REJECTED:
            request.rejected_by, request.reason = user, str(payload.get("reason", ""))
        elif request.may_approve(user) and not self.writing(request.source, time):
            if user not in request.approvals and payload.get("comment"):
                request.comments[user] = str(payload["comment"])
            if user not in request.approvals:
                request.rulings[user] = Ruling.read(payload)
            request.approvals.setdefault(user, time)
            self._keep(request.target)

    def _expired(self, payload: dict[str, Any]) -> None:
        """Applies the first entry that says that nobody used a request in time."""
        request = self.requests.get(str(payload.get("request")))
        if request is not None and not request.is_over:
            request.expired = self.next_index - 1

    def _broken(self, payload: dict[str, Any], time: datetime) -> None:
        number = str(payload.get("id"))
        self.emergencies.setdefault(
            number,
            Emergency(
                id=number,
                user=str(payload.get("user")),
                object=str(payload.get("object")),
                reason=str(payload.get("reason")),
                ticket=str(payload.get("ticket")),
                invoked=time,
                expires=time + timedelta(minutes=float(payload.get("valid_minutes", 0))),
                review_by=time + timedelta(hours=float(payload.get("review_hours", 72))),
                domain=str(payload.get("domain", DEFAULT_DOMAIN)),
            ),
        )

    def _reviewed(self, payload: dict[str, Any]) -> None:
        """Applies the first review of a break-glass by somebody else."""
        emergency = self.emergencies.get(str(payload.get("id")))
        user = str(payload.get("user"))
        if emergency is None or emergency.reviewed_by or person(user) == person(emergency.user):
            return
        emergency.reviewed_by = user
        emergency.findings = str(payload.get("findings", ""))
        # What is not said to be accepted in so many words is rejected.
        emergency.outcome = ACCEPTED if payload.get("outcome", ACCEPTED) == ACCEPTED else REFUSED
        if emergency.outcome == REFUSED:
            for order in self._orders.values():
                order.reject(emergency.id)

    def _claimed(self, payload: dict[str, Any], time: datetime) -> None:
        claim = str(payload.get("claim"))
        if self.writing(str(payload.get("source", "")), time):
            return
        number = payload.get("request")
        if number is not None:
            request = self.requests.get(str(number))
            if request is None or request.is_over:
                return
            request.claimed_by, request.claim = str(payload.get("user")), claim
        move = {name: value for name, value in payload.items() if name != "claim"}
        self.begun[claim] = Begun(target=target_from(payload), time=time, move=move)

    def _ended(self, kind: str, payload: dict[str, Any], time: datetime) -> None:
        """Applies the outcome of a move, which two entries may record."""
        claim = str(payload.get("claim", ""))
        begun = self.begun.pop(claim, None)
        request = self.requests.get(str((begun.move if begun else payload).get("request")))
        if request is not None and request.claim == claim:
            request.outcome = kind.rpartition(".")[2]
        first = (kind, claim) not in self.ended
        if claim and first:
            move = {**begun.move, **payload} if begun else payload
            self.ended[kind, claim] = (self.next_index - 1, move)
        if kind == DONE and first:
            self._moved(payload, time, begun.time if begun else time)

    def _moved(self, payload: dict[str, Any], time: datetime, begun: datetime) -> None:
        move = Moved(
            target=target_from(payload),
            artifact_digest=str(payload.get("artifact_digest", "")),
            source=str(payload.get("source", "")),
            user=str(payload.get("user")),
            time=time,
            how=str(payload.get("how", "demoted")),
            request=str(payload.get("request", "")),
            begun=begun,
            breakglass=str(payload.get("breakglass", "")),
            made_from=_made_from(payload),
        )
        self.moves.append(move)
        self._keep(move.target)
        emergency = self.emergencies.get(move.breakglass)
        order = self._orders.setdefault(move.target.place, PromotionOrder())
        order.add(move, rejected=emergency is not None and emergency.outcome == REFUSED)

    def _keep(self, target: Target) -> None:
        self.owners.keep(target.domain, target.model, target.version)

    def _requested(self, payload: dict[str, Any], time: datetime) -> None:
        number = str(payload.get("id"))
        self.requests.setdefault(
            number,
            PromotionRequest(
                id=number,
                target=target_from(payload),
                artifact_digest=str(payload.get("artifact_digest")),
                policy_digest=str(payload.get("policy_digest")),
                source=str(payload.get("source", "")),
                requester=str(payload.get("user")),
                made_by=frozenset(str(name) for name in payload.get("made_by", ())),
                asked=time,
                made_from=_made_from(payload),
                rulings={str(payload.get("user")): Ruling.read(payload)},
            ),
        )


def _made_from(payload: dict[str, Any]) -> frozenset[str]:
    return frozenset(str(name) for name in payload.get("made_from", ()))


def _time(text: Any) -> datetime | None:
    """A time with its zone; None for anything else."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
