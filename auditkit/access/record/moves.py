"""Targets, promotion requests, moves begun and done, and emergencies.

`auditkit.access.record.approvals.PromotionState` makes these values from the log.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from auditkit.access.policy.control import AccessControl
from auditkit.access.policy.settings import Promotion
from auditkit.access.policy.vocabulary import (
    DEFAULT_DOMAIN,
    alias_object,
    folded,
    person,
    stage_object,
)
from auditkit.access.record.rulings import Ruling


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A version and the alias or stage that it should move to.

    Attributes:
        model: The model's name in the registry.
        version: The version, as text.
        kind: "alias" or "stage".
        name: The alias or stage, folded.
        domain: The workspace that the model is in.
    """

    model: str
    version: str
    kind: str
    name: str
    domain: str = DEFAULT_DOMAIN

    @property
    def place(self) -> tuple[str, str, str, str]:
        """The alias or stage, whatever version it points to."""
        return (self.domain, self.model, self.kind, self.name)

    @property
    def object(self) -> str:
        """Its object in rules."""
        if self.kind == "alias":
            return alias_object(self.model, self.name)
        return stage_object(self.model, self.name)

    @property
    def to_ask(self) -> str:
        """How to request it, as a remedy."""
        model, name = shlex.quote(self.model), shlex.quote(self.name)
        return f"To ask: auditkit registry request {model} {self.version} --{self.kind} {name}"


APPROVE: Final = "auditkit registry approve"


@dataclass(kw_only=True, slots=True)
class PromotionRequest:
    """A promotion request and its state.

    Attributes:
        id: Its id.
        target: The requested move.
        artifact_digest: Digest of the files when it was made, `sha256:...`.
        policy_digest: Digest of the access policy then in force.
        source: Location of the files, relative to the artifact root; empty if not on the server.
        requester: Who made the request.
        made_by: Who created the version or owns its run; they cannot approve.
        asked: When it was made.
        approvals: Who approved, and when.
        comments: What those who approved wrote, by their names.
        rejected_by: Who rejected it; empty if nobody did.
        reason: Why it was rejected.
        claimed_by: Who used it; empty if nobody did.
        claim: Token of the claim that won.
        made_from: Names of the runs and logged models that the files come from.
        outcome: "done", "failed", or empty while the outcome is unknown.
        rulings: What the policy said of the requester and of each who approved, by their names;
            None: an entry from before there were rulings, bound to the whole policy.
        expired: Index of the entry that says that it expired unused; None: none does.
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
    comments: dict[str, str] = field(default_factory=dict)
    rejected_by: str = ""
    reason: str = ""
    claimed_by: str = ""
    claim: str = ""
    made_from: frozenset[str] = frozenset()
    outcome: str = ""
    rulings: dict[str, Ruling | None] = field(default_factory=dict)
    expired: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was rejected or used, or is in the log as expired."""
        return bool(self.rejected_by or self.claimed_by) or self.expired is not None

    def may_approve(self, user: str) -> bool:
        """Whether a user is not involved in the request, however the name is spelt."""
        return person(user) not in {person(name) for name in (self.requester, *self.made_by)}

    def obstacle(
        self,
        promotion: Promotion,
        *,
        promoter: str,
        artifact_digest: str,
        policy_digest: str,
        now: datetime,
        made_by: Collection[str] = (),
        access: AccessControl | None = None,
    ) -> str | None:
        """Why it may not be used now; None if it may.

        Args:
            promotion: The policy's requirements.
            promoter: Who wants to use it.
            artifact_digest: Digest of the files now.
            policy_digest: Digest of the access policy now in force.
            now: The time.
            made_by: Who is now known to have made the version; their approvals do not count.
            access: The policy now in force, to tell whether a change of it touches the request;
                None: any change does.
        """
        if self.rejected_by:
            return f"it was rejected by {self.rejected_by}"
        if self.claimed_by:
            return "it was already used"
        if self.expired is not None:
            return "it has expired"
        if self.artifact_digest != artifact_digest:
            return "the version's files have changed since it was asked for"
        if self._touched(policy_digest, access):
            return "the access policy has changed since it was asked for"
        if now - self.asked > timedelta(hours=promotion.valid_hours):
            return "it has expired"
        hands = {person(name) for name in (promoter, *made_by)}
        others = {person(user) for user in self.approvals if self.may_approve(user)} - hands
        if len(others) < promotion.approvals:
            return (
                f"it has {len(others)} of {promotion.approvals} approvals by others; for "
                f"another to give one: {APPROVE} {self.id}"
            )
        return None

    def _touched(self, policy_digest: str, access: AccessControl | None) -> bool:
        """Whether another policy is in force that says something else of the move or a party."""
        rulings = self.rulings.values()
        is_whole = access is None or not rulings or None in rulings
        if is_whole and self.policy_digest != policy_digest:
            return True
        return access is not None and any(
            ruling is not None and not ruling.stands(access, self.target) for ruling in rulings
        )

    def state(self) -> str:
        """Its state as a word: open, approved, rejected, expired, begun, done or failed."""
        if self.rejected_by:
            return "rejected"
        if self.claimed_by:
            return self.outcome or "begun"
        if self.expired is not None:
            return "expired"
        return "approved" if self.approvals else "open"


@dataclass(kw_only=True, slots=True)
class Emergency:
    """One invocation of break-glass.

    Attributes:
        id: Its id.
        user: Who invoked it.
        object: The object that it applies to.
        reason: Why.
        ticket: The incident's ticket.
        invoked: When it was invoked.
        expires: When it ends.
        review_by: When somebody else must have reviewed it.
        domain: The workspace of the object.
        reviewed_by: Who else reviewed it; empty if nobody did.
        findings: Their findings.
        overdue: Index of the entry that says that nobody reviewed it in time; None: none does.
        outcome: "accepted" or "rejected" by them; empty: not reviewed.
    """

    id: str
    user: str
    object: str
    reason: str
    ticket: str
    invoked: datetime
    expires: datetime
    review_by: datetime
    domain: str = DEFAULT_DOMAIN
    reviewed_by: str = ""
    findings: str = ""
    overdue: int | None = None
    outcome: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A move that a server has begun and whose outcome is not in the log yet.

    Attributes:
        target: The move.
        time: When it began.
        move: The entry that will record it as done, without its claim.
    """

    target: Target
    time: datetime
    move: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A completed move of a protected alias or stage.

    Attributes:
        target: The move.
        artifact_digest: Digest of the files.
        source: Their location, relative to the artifact root.
        user: Who moved it.
        time: When it was moved.
        how: "promoted", "rolled back", "break-glass" or "demoted".
        request: Id of the approved request that it used; empty: none.
        begun: When it was found to meet the requirements; before `time`.
        breakglass: Id of the break-glass that it used; empty: none.
        made_from: Names of the runs and logged models that the files come from.
    """

    target: Target
    artifact_digest: str
    source: str
    user: str
    time: datetime
    how: str
    request: str = ""
    begun: datetime
    breakglass: str = ""
    made_from: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """A change of a description.

    Attributes:
        model: The model's name.
        version: The version; empty: the model itself was described.
        user: Who changed it.
        time: When.
        domain: The workspace.
    """

    model: str
    version: str
    user: str
    time: datetime
    domain: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """An allowed write to files whose outcome is not in the log yet.

    Attributes:
        user: Who writes.
        paths: The paths being written, relative to the artifact root.
        ends: When it has certainly ended, even if the server crashed.
    """

    user: str
    paths: tuple[str, ...]
    ends: datetime


def overlap(path: str, source: str) -> bool:
    """Whether one of two normalised paths is the other or contains it, case-insensitively.

    Some artifact stores are on case-insensitive file systems. An empty source overlaps with
    nothing; an empty path is everything.
    """
    if not source:
        return False
    one, other = f"{path.casefold().strip('/')}/", f"{source.casefold().strip('/')}/"
    return path in ("", ".") or one.startswith(other) or other.startswith(one)


def target_from(payload: dict[str, Any]) -> Target:
    """The target of an entry."""
    return Target(
        model=str(payload.get("model")),
        version=str(payload.get("version")),
        kind=str(payload.get("kind")),
        name=folded(str(payload.get("name"))),
        domain=str(payload.get("domain", DEFAULT_DOMAIN)),
    )
