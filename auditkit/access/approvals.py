"""Four eyes: who asked for a promotion, who approved it, and whether it may be used.

All of it is a fold over the log. `Book` reads entries in order and keeps what they amount to;
nothing else holds state, so two workers that read the same log agree, and a restart loses nothing.

Laws:
    - An approval is bound to model, version, alias, artifact digest and policy digest. When the
      files or the policy change, it is void.
    - Approvers are distinct, and none is the requester, the version's creator, the run's owner or
      the one who promotes. An entry that says otherwise is not counted, whoever wrote it.
    - A request is used once: of several claims the first in the log wins.
    - What is rejected or expired stays so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from auditkit.access.log import LoggedEntry
from auditkit.access.settings import Promotion
from auditkit.access.verdicts import VERDICT, LoggedVerdict, verdict_from
from auditkit.access.vocabulary import folded

REQUESTED: Final = "promotion.requested"
APPROVED: Final = "promotion.approved"
REJECTED: Final = "promotion.rejected"
CLAIMED: Final = "promotion.claimed"
DONE: Final = "promotion.done"
FAILED: Final = "promotion.failed"
DEMOTED: Final = "promotion.demoted"
BROKEN: Final = "breakglass.invoked"
REVIEWED: Final = "breakglass.reviewed"
VERSION_MADE: Final = "version.created"
RUN_MADE: Final = "run.created"
POLICY: Final = "policy.activated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What is to be moved where.

    Attributes:
        model: The model's name as the registry has it.
        version: The version, as text.
        kind: "alias" or "stage".
        name: The alias or stage, folded.
    """

    model: str
    version: str
    kind: str
    name: str

    @property
    def place(self) -> tuple[str, str, str]:
        """The alias or stage, whatever version it points to."""
        return (self.model, self.kind, self.name)


@dataclass(kw_only=True, slots=True)
class PromotionRequest:
    """A request, and what became of it.

    Attributes:
        id: Its id.
        target: What is to be moved where.
        artifact_digest: Of the files when it was asked for, `sha256:...`.
        policy_digest: The access policy then in force.
        source: Where the files lie, relative to the artifact root; empty if not on the server.
        requester: Who asked.
        made_by: Who created the version or owns its run; they cannot approve.
        asked: When.
        approvals: Who approved, and when.
        rejected_by: Who rejected it; empty if nobody did.
        claimed_by: Who used it; empty if nobody did.
        claim: Token of the claim that won.
        outcome: What came of it: "done", "failed", or empty while that is not known.
    """

    id: str
    target: Target
    artifact_digest: str
    policy_digest: str
    source: str
    requester: str
    made_by: frozenset[str]
    asked: datetime
    approvals: dict[str, datetime] = field(default_factory=dict)
    rejected_by: str = ""
    claimed_by: str = ""
    claim: str = ""
    outcome: str = ""

    def may_approve(self, user: str) -> bool:
        """Whether somebody is another pair of eyes."""
        return user != self.requester and user not in self.made_by

    def obstacle(
        self,
        promotion: Promotion,
        *,
        promoter: str,
        artifact_digest: str,
        policy_digest: str,
        now: datetime,
    ) -> str | None:
        """Why it may not be used now; None if it may.

        Args:
            promotion: What the policy asks for.
            promoter: Who wants to use it.
            artifact_digest: Of the files as they are now.
            policy_digest: The access policy now in force.
            now: The time.
        """
        if self.rejected_by:
            return f"it was rejected by {self.rejected_by}"
        if self.claimed_by:
            return "it was used before"
        if self.artifact_digest != artifact_digest:
            return "the version's files have changed since it was asked for"
        if self.policy_digest != policy_digest:
            return "the access policy has changed since it was asked for"
        if now - self.asked > timedelta(hours=promotion.valid_hours):
            return "it has expired"
        others = [user for user in self.approvals if user != promoter and self.may_approve(user)]
        if len(others) < promotion.approvals:
            return f"it has {len(others)} of {promotion.approvals} approvals by others"
        return None

    def state(self) -> str:
        """Its state in a word: open, approved, rejected, begun, done or failed."""
        if self.rejected_by:
            return "rejected"
        if self.claimed_by:
            return self.outcome or "begun"
        return "approved" if self.approvals else "open"


@dataclass(kw_only=True, slots=True)
class Emergency:
    """One invocation of break-glass.

    Attributes:
        id: Its id.
        user: Who invoked it.
        object: The object it is for.
        reason: Why.
        ticket: The incident's ticket.
        invoked: When.
        expires: Until when it holds.
        reviewed_by: Who else has reviewed it; empty if nobody has.
    """

    id: str
    user: str
    object: str
    reason: str
    ticket: str
    invoked: datetime
    expires: datetime
    reviewed_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A move that a server has begun; what came of it is not in the log yet.

    Attributes:
        target: What is moved where.
        time: When it began.
        move: The entry that says it is done, but for its claim.
    """

    target: Target
    time: datetime
    move: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A move of a protected alias or stage that was carried out.

    Attributes:
        target: What was moved where.
        artifact_digest: Of the files.
        source: Where they lie, relative to the artifact root.
        user: Who moved it.
        time: When.
        how: "promoted", "rolled back", "break-glass" or "demoted".
    """

    target: Target
    artifact_digest: str
    source: str
    user: str
    time: datetime
    how: str


class Book:
    """What the log amounts to."""

    def __init__(self) -> None:
        self.requests: dict[str, PromotionRequest] = {}
        self.emergencies: dict[str, Emergency] = {}
        self.moves: list[Moved] = []
        self.begun: dict[str, Begun] = {}
        self.verdicts: list[LoggedVerdict] = []
        self.creators: dict[tuple[str, str], str] = {}
        self.run_owners: dict[str, str] = {}
        self.policy = ""
        self.policy_approved: datetime | None = None
        self.next_index = 0
        self._done: set[str] = set()

    def read(self, entries: Iterable[LoggedEntry]) -> None:
        """Takes up entries, in the order of the log; those read before are passed over."""
        for entry in entries:
            if entry.index < self.next_index:
                continue
            self.next_index = entry.index + 1
            if entry.payload is not None:
                self._apply(entry.kind, entry.payload, entry.time)

    def open_requests(self, target: Target) -> list[PromotionRequest]:
        """Requests for a move, the latest first."""
        return [r for r in reversed(self.requests.values()) if r.target == target]

    def usable(self, target: Target, promotion: Promotion, **now: Any) -> PromotionRequest | str:
        """A request that may be used for a move, or why there is none.

        Args:
            target: The move.
            promotion: What the policy asks for.
            now: The keyword arguments of `PromotionRequest.obstacle`.
        """
        obstacles = []
        for request in self.open_requests(target):
            obstacle = request.obstacle(promotion, **now)
            if obstacle is None:
                return request
            obstacles.append(f"request {request.id}: {obstacle}")
        return obstacles[0] if obstacles else "nobody has asked for it"

    def emergency(self, user: str, obj: str, now: datetime) -> Emergency | None:
        """Somebody's break-glass for an object, while it holds and nobody has closed it."""
        for emergency in self.emergencies.values():
            if (
                emergency.user == user
                and emergency.object == obj
                and now <= emergency.expires
                and not emergency.reviewed_by
            ):
                return emergency
        return None

    def before(self, model: str, kind: str, name: str) -> Moved | None:
        """The move that a rollback returns to: the last one to another version than now's."""
        place = (model, kind, folded(name))
        moves = [m for m in self.moves if m.target.place == place and m.how != "demoted"]
        if not moves:
            return None
        now = moves[-1].target.version
        return next((m for m in reversed(moves) if m.target.version != now), None)

    def pinned_sources(self) -> set[str]:
        """Where the files of everything lie that was ever moved, or is approved to be."""
        moved = {move.source for move in self.moves}
        approved = {r.source for r in self.requests.values() if r.approvals and not r.rejected_by}
        return (moved | approved) - {""}

    def _apply(self, kind: str, payload: dict[str, Any], time: datetime) -> None:
        if kind == REQUESTED:
            self._requested(payload, time)
        elif kind == VERDICT:
            self.verdicts.append(verdict_from(payload, time))
        elif kind == VERSION_MADE:
            version = (str(payload.get("model")), str(payload.get("version")))
            self.creators.setdefault(version, str(payload.get("user")))
        elif kind == RUN_MADE:
            self.run_owners.setdefault(str(payload.get("run")), str(payload.get("user")))
        elif kind == POLICY:
            self.policy = str(payload.get("policy_digest"))
            self.policy_approved = _time(payload.get("approved"))
        elif kind in (APPROVED, REJECTED):
            request = self.requests.get(str(payload.get("request")))
            user = str(payload.get("user"))
            if request is None:
                return
            if kind == REJECTED:
                request.rejected_by = request.rejected_by or user
            elif request.may_approve(user) and not request.rejected_by:
                request.approvals.setdefault(user, time)
        elif kind == CLAIMED:
            self._claimed(payload, time)
        elif kind in (DONE, FAILED):
            self._ended(kind, payload, time)
        elif kind == DEMOTED:
            self._moved(payload, time)
        elif kind == BROKEN:
            number = str(payload.get("id"))
            minutes = timedelta(minutes=float(payload.get("valid_minutes", 0)))
            self.emergencies.setdefault(
                number,
                Emergency(
                    id=number,
                    user=str(payload.get("user")),
                    object=str(payload.get("object")),
                    reason=str(payload.get("reason")),
                    ticket=str(payload.get("ticket")),
                    invoked=time,
                    expires=time + minutes,
                ),
            )
        elif kind == REVIEWED:
            emergency = self.emergencies.get(str(payload.get("id")))
            user = str(payload.get("user"))
            if emergency is not None and user != emergency.user:
                emergency.reviewed_by = emergency.reviewed_by or user

    def _claimed(self, payload: dict[str, Any], time: datetime) -> None:
        claim = str(payload.get("claim"))
        number = payload.get("request")
        if number is not None:
            request = self.requests.get(str(number))
            if request is None or request.claimed_by:
                return
            request.claimed_by, request.claim = str(payload.get("user")), claim
        move = {name: value for name, value in payload.items() if name != "claim"}
        self.begun[claim] = Begun(target=target_from(payload), time=time, move=move)

    def _ended(self, kind: str, payload: dict[str, Any], time: datetime) -> None:
        """Takes up what came of a move; a worker and the one that settles may both say it."""
        claim = str(payload.get("claim", ""))
        begun = self.begun.pop(claim, None)
        request = self.requests.get(str((begun.move if begun else payload).get("request")))
        if request is not None and request.claim == claim:
            request.outcome = kind.rpartition(".")[2]
        if kind == DONE and claim not in self._done:
            self._done |= {claim} - {""}
            self._moved(payload, time)

    def _moved(self, payload: dict[str, Any], time: datetime) -> None:
        self.moves.append(
            Moved(
                target=target_from(payload),
                artifact_digest=str(payload.get("artifact_digest", "")),
                source=str(payload.get("source", "")),
                user=str(payload.get("user")),
                time=time,
                how=str(payload.get("how", "demoted")),
            )
        )

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
            ),
        )


def target_from(payload: dict[str, Any]) -> Target:
    """The target that an entry is about."""
    return Target(
        model=str(payload.get("model")),
        version=str(payload.get("version")),
        kind=str(payload.get("kind")),
        name=folded(str(payload.get("name"))),
    )


def _time(text: Any) -> datetime | None:
    """A time with its zone; None for anything else."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
