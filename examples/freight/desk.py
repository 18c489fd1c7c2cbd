"""The guarded registry's rules without its server: who asked, approved and promoted, by the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import auditkit as ak
from auditkit.access import AccessControl
from auditkit.access.policy.control import read_texts
from auditkit.access.policy.vocabulary import model_object
from auditkit.access.record.approvals import (
    APPROVED,
    CLAIMED,
    DECISION,
    DONE,
    REQUESTED,
    PromotionState,
)
from auditkit.access.record.moves import Target
from auditkit.access.record.verdicts import VERDICT, verdict_payload
from auditkit.errors import AccessDeniedError
from auditkit.ledger import Ledger

# The monitor's account may ask, and the pipeline's account may record verdicts.
ROLES = {"watch": "trainer", "ci": "gate", "rita": "reviewer", "mia": "release-manager"}


class Desk:
    """A registry of one model.

    Args:
        log: Where requests, approvals and moves are logged.
        files: The digest of each version's files.
        clock: The time.
    """

    def __init__(
        self, log: Ledger, files: Mapping[str, str], clock: Callable[[], datetime]
    ) -> None:
        texts = read_texts(None)
        texts["policy.csv"] += "".join(f"g, {who}, role:{r}, *\n" for who, r in ROLES.items())
        self._access = AccessControl.from_texts(texts)
        self._log, self._files, self._clock = log, files, clock

    def request(self, model: str, version: str, *, alias: str) -> dict[str, Any]:
        """Requests a promotion, as the monitor's account."""
        self._access.require("watch", "model:request", f"models/{model}/versions/{version}")
        number = f"P{len(self._state().requests) + 1}"
        move = self._move(model, version, alias)
        policy = str(self._access.policy_digest)
        self._write(REQUESTED, {**move, "id": number, "user": "watch", "policy_digest": policy})
        return {"request": number}

    def record(self, version: str, audit: ak.Audit) -> None:
        """Records a gate's verdict on a version, as the pipeline's account."""
        place = model_object(audit.subject.name)
        self._access.require("ci", "gate:record", place)
        number = f"G-{audit.report_id}"
        admitted = {"verb": "gate:record", "object": place, "allowed": True}
        who = {"user": "ci", "request": number}
        self._write(DECISION, {**who, "allowed": True, "decisions": [admitted]})
        verdict = verdict_payload(
            artifact_digest=str(audit.subject.digest), policy=audit.policy.id,
            policy_digest=str(audit.policy.digest), decision=audit.verdict.decision.value,
            waived={}, statement=str(audit.digest),
        )  # fmt: skip
        self._write(VERDICT, {**who, **verdict, "model": audit.subject.name, "version": version})

    def approve(self, request: str, *, by: str) -> None:
        """Approves somebody else's request."""
        found = self._state().requests[request]
        self._access.require(by, "model:approve", f"models/{found.target.model}")
        if not found.may_approve(by):
            raise AccessDeniedError(f"{by} is a party to {request}.", remedy="ask somebody else")
        self._write(APPROVED, {"request": request, "user": by})

    def promote(self, model: str, version: str, *, alias: str, by: str) -> None:
        """Moves the alias, if a request for it was approved by enough others."""
        self._access.require(by, "model:promote", f"models/{model}/aliases/{alias}")
        target = Target(model=model, version=version, kind="alias", name=alias)
        wanted = self._access.settings.promotion(model, kind="alias", name=alias)
        assert wanted is not None
        found = self._state().usable(
            target, wanted, promoter=by, artifact_digest=self._files[version],
            policy_digest=str(self._access.policy_digest), now=self._clock(),
        )  # fmt: skip
        if isinstance(found, str):
            raise AccessDeniedError(f"{by} may not promote: {found}.", remedy=target.to_ask)
        move = {**self._move(model, version, alias), "user": by, "request": found.id}
        self._write(CLAIMED, {**move, "claim": found.id})
        self._write(DONE, {**move, "claim": found.id, "how": "promoted"})

    def approved_digest(self, model: str, *, alias: str) -> tuple[str, str]:
        """The version at the alias, and the digest of its files."""
        moves = [
            m for m in self._state().moves if (m.target.model, m.target.name) == (model, alias)
        ]
        return (moves[-1].target.version, moves[-1].artifact_digest) if moves else ("", "")

    def _state(self) -> PromotionState:
        state = PromotionState()
        state.read(self._log.entries())
        return state

    def _move(self, model: str, version: str, alias: str) -> dict[str, Any]:
        return {
            "model": model, "version": version, "kind": "alias", "name": alias,
            "artifact_digest": self._files[version],
        }  # fmt: skip

    def _write(self, kind: str, payload: dict[str, Any]) -> None:
        self._log.append(kind=kind, payload=payload)
