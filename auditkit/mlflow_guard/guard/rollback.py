"""Rollback: an alias or a stage moves back to a version that was promoted there before.

What the policy asks of a promotion was met when that version was promoted, and is looked at as of
then: a rollback at two in the morning must not wait for a fresh gate. Where the policy sets
`rollback_max_age_days`, the promotion may not be older.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from auditkit.access.policy.settings import Promotion
from auditkit.access.policy.vocabulary import folded, segment
from auditkit.access.record.approvals import DONE, FAILED
from auditkit.access.record.moves import Moved, Target
from auditkit.access.record.verdicts import LoggedVerdict, missing_evidence
from auditkit.canonical import Json
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.guard.promotions import target_json
from auditkit.mlflow_guard.requests.context import plain_number, target_of, text_of
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied
from auditkit.mlflow_guard.upstream.stores import Stores


def rollback(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    """Moves an alias or a stage back, to the version before or to a named one.

    Raises:
        RefusedError: If there is no such version, it may not be returned to, or its files are not
            those that were promoted.
    """
    place = target_of(gate.stores, body, admission.domain)
    wanted = plain_number(text_of(body, "to")) if "to" in body else ""
    promotions = gate.promotions
    with promotions.lock:
        to = _promotion(gate, place, wanted)
        verdicts = promotions.book().verdicts_on(place)
    promotion = promotions.required(admission.access, place)
    obstacle = _obstacle(promotion, to, verdicts, gate.clock()) if promotion else None
    if obstacle is not None:
        raise denied(f"version {to.target.version}: {obstacle}")
    facts = promotions.facts(to.target)
    if facts["artifact_digest"] != to.artifact_digest:
        raise RefusedError(
            409, "INVALID_STATE", f"the files of version {to.target.version} have changed since"
        )
    with promotions.lock:
        if _promotion(gate, place, wanted) != to:
            raise RefusedError(409, "INVALID_STATE", f"{place.name} was moved meanwhile")
        move: dict[str, Json] = {
            **target_json(to.target),
            "user": segment(admission.caller.user),
            "how": "rolled back",
            "artifact_digest": to.artifact_digest,
            "source": to.source,
            "policy_digest": str(admission.access.policy_digest),
        }
        claim = promotions.begin(move)
        try:
            _move(gate.stores, to.target)
        except Exception:
            gate.recorder.now(FAILED, {"claim": claim})
            raise
        gate.recorder.now(DONE, {**move, "claim": claim})
    return move


def _promotion(gate: Gate, place: Target, wanted: str) -> Moved:
    """The promotion to return to, of the version before or of a named one. Hold the lock."""
    order = gate.promotions.book().order(place.place)
    if not wanted:
        if order.before is None:
            raise RefusedError(
                404,
                "RESOURCE_DOES_NOT_EXIST",
                f"no other version was promoted to {place.name} before; to see what was: "
                "auditkit registry history",
            )
        return order.before
    if wanted == order.present:
        raise RefusedError(409, "INVALID_STATE", f"{place.name} is version {wanted} already")
    obstacle, found = order.obstacle(wanted), order.promotion(wanted)
    if obstacle is not None or found is None:
        raise denied(f"{place.name} cannot go back to version {wanted}: {obstacle}")
    return found


def _obstacle(
    promotion: Promotion, to: Moved, verdicts: list[LoggedVerdict], now: datetime
) -> str | None:
    """Why what is asked of a promotion was not met when a version was promoted; None: it was."""
    if promotion.approvals and not to.request:
        return "it was promoted when nobody had to approve it; request it"
    if promotion.evidence is not None:
        then = [verdict for verdict in verdicts if verdict.time <= to.begun]
        lack = missing_evidence(then, promotion.evidence, to.artifact_digest, to.begun)
        if lack is not None:
            return f"when it was promoted, {lack}"
    age = promotion.rollback_max_age_days
    if age is not None and now - to.begun > timedelta(days=age):
        return f"it was promoted more than {age} days ago (rollback_max_age_days); request it"
    return None


def _move(stores: Stores, target: Target) -> None:
    if target.kind == "stage":
        stores.set_stage(target.model, target.name, target.version)
        return
    # Keep the spelling in the store: some databases distinguish Champion from champion.
    spelt = next((a for a in stores.aliases(target.model) if folded(a) == target.name), target.name)
    stores.set_alias(target.model, spelt, target.version)
