"""What the pages show, read from the log and from MLflow: values without any markup.

Laws:
    - A caller is shown what the policy lets them read, and is told what it does not.
    - What stands in the way of an approval is what the API would answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN, person, segment
from auditkit.access.record.moves import Emergency, Moved, PromotionRequest, Target
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.guard.promotions import target_object

T = TypeVar("T")

PAGE_ROWS: Final = 25
RECENT: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestRow:
    """A request in a list.

    Attributes:
        request: The request.
        needed: How many approvals it needs.
        expires: When it can no longer be used; None: its alias is not protected any more.
        state: Its state in words.
        yours: Whether the caller may approve it, as far as the rules and its parties go.
    """

    request: PromotionRequest
    needed: int
    expires: datetime | None
    state: str
    yours: bool

    @property
    def is_open(self) -> bool:
        """Whether it may still be approved or used."""
        return self.state in (_WAITS, _APPROVED)


_WAITS, _APPROVED = "waits for approval", "approved, not moved yet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part(Generic[T]):
    """One page of a long list.

    Attributes:
        rows: Its rows.
        number: Which page it is, from 1.
        pages: How many there are.
        total: How many rows the whole list has.
    """

    rows: Sequence[T]
    number: int
    pages: int
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """The start page.

    Attributes:
        open: Open requests, those that the caller may approve first.
        yours: How many of them the caller may approve.
        moves: The last moves, the latest first.
        emergencies: Uses of break-glass that nobody has reviewed.
        workspaces: Other workspaces with requests whose models the caller may read.
    """

    open: Part[RequestRow]
    yours: int
    moves: Sequence[Moved]
    emergencies: Sequence[Emergency]
    workspaces: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The requests and moves of one model or of all, the latest first."""

    model: str
    requests: Part[RequestRow]
    moves: Part[Moved]


class Reader:
    """Reads for one admitted request.

    Args:
        gate: The gate.
        admission: The admitted request.
    """

    def __init__(self, gate: Gate, admission: Admission) -> None:
        self.gate, self.admission = gate, admission
        self.user = segment(admission.caller.user)
        self._seen: dict[str, bool] = {}

    def may(self, verb: str, obj: str) -> bool:
        """Whether the caller may do something."""
        return self.gate.decide(self.admission, verb, obj).allowed

    def overview(self, number: int) -> Overview:
        """The start page.

        Args:
            number: Which page of the open requests.

        Raises:
            LedgerError: If the log cannot be read.
        """
        promotions = self.gate.promotions
        with promotions.lock:
            book = promotions.book()
            rows = [self.row(r) for r in reversed(book.requests.values()) if self._shows(r.target)]
            moves = [m for m in reversed(book.moves) if self._shows(m.target)][:RECENT]
            emergencies = [
                deepcopy(e)
                for e in book.emergencies.values()
                if not e.reviewed_by and self.shows_emergency(e)
            ]
            domains = sorted({r.target.domain for r in book.requests.values()} | {DEFAULT_DOMAIN})
        rows = sorted((row for row in rows if row.is_open), key=lambda row: not row.yours)
        return Overview(
            open=part(rows, number),
            yours=sum(row.yours for row in rows),
            moves=moves,
            emergencies=emergencies,
            workspaces=[
                domain
                for domain in domains
                if domain != self.admission.domain
                and self.gate.decide(self.admission, "model:read", "models", domain=domain).allowed
            ],
        )

    def history(self, model: str, number: int) -> History:
        """The history of a model; of every one that the caller may see, if it is not named.

        Args:
            model: Its name; empty: all.
            number: Which page.

        Raises:
            LedgerError: If the log cannot be read.
        """
        promotions = self.gate.promotions
        with promotions.lock:
            book = promotions.book()
            requests = [
                self.row(r)
                for r in reversed(book.requests.values())
                if model in ("", r.target.model) and self._shows(r.target)
            ]
            moves = [
                m
                for m in reversed(book.moves)
                if model in ("", m.target.model) and self._shows(m.target)
            ]
        return History(model=model, requests=part(requests, number), moves=part(moves, number))

    def row(self, request: PromotionRequest) -> RequestRow:
        """A request for a list. Hold the promotions' lock."""
        target = request.target
        promotion = self.gate.promotions.required(self.admission.access, target)
        expires = None
        if promotion is not None:
            expires = request.asked + timedelta(hours=promotion.valid_hours)
        needed = promotion.approvals if promotion is not None else 0
        state = _state(request, needed, expires, self.gate.clock())
        yours = (
            state == _WAITS
            and self.user not in request.approvals
            and request.may_approve(self.user)
            and self.may("model:approve", target_object(target))
        )
        return RequestRow(
            request=deepcopy(request), needed=needed, expires=expires, state=state, yours=yours
        )

    def emergency(self, number: str) -> Emergency | None:
        """A use of break-glass; None if there is none that the caller may see."""
        promotions = self.gate.promotions
        with promotions.lock:
            found = promotions.book().emergencies.get(number)
            return deepcopy(found) if found is not None and self.shows_emergency(found) else None

    def review_refusal(self, emergency: Emergency) -> str:
        """Why the caller may not review it; empty if they may."""
        if emergency.reviewed_by:
            return f"{emergency.reviewed_by} has reviewed it."
        if person(emergency.user) == person(self.user):
            return "It has to be reviewed by somebody else."
        decision = self.gate.decide(self.admission, "breakglass:review", "breakglass")
        return "" if decision.allowed else f"You may not review it: {decision.reason}."

    def shows_emergency(self, emergency: Emergency) -> bool:
        """Whether the caller may see a use of break-glass: whoever may read its model."""
        here = emergency.domain == self.admission.domain
        return here and self.may("model:read", model_of(emergency))

    def _shows(self, target: Target) -> bool:
        if target.domain != self.admission.domain:
            return False
        if target.model not in self._seen:
            self._seen[target.model] = self.gate.visible(self.admission, target.model)
        return self._seen[target.model]


def model_of(emergency: Emergency) -> str:
    """The object of the model that a use of break-glass is for."""
    return "/".join(emergency.object.split("/")[:2])


def part(rows: Sequence[T], number: int) -> Part[T]:
    """A page of a list; the nearest one that there is."""
    pages = max(1, -(-len(rows) // PAGE_ROWS))
    number = min(max(number, 1), pages)
    start = (number - 1) * PAGE_ROWS
    return Part(rows=rows[start : start + PAGE_ROWS], number=number, pages=pages, total=len(rows))


def _state(request: PromotionRequest, needed: int, expires: datetime | None, now: datetime) -> str:
    if request.rejected_by:
        return "rejected"
    if request.claimed_by:
        return {"done": "moved", "failed": "move failed"}.get(request.outcome, "move begun")
    if expires is None:
        return "not protected any more"
    if now > expires:
        return "expired"
    return _APPROVED if len(request.approvals) >= needed else _WAITS
