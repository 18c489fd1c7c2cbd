"""The actions of the added routes, run after the gate admitted the request."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from auditkit.access.policy.vocabulary import person, segment
from auditkit.access.record.approvals import APPROVED, REJECTED, REQUESTED
from auditkit.access.record.moves import PromotionRequest
from auditkit.canonical import Json
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.guard.promotions import target_json
from auditkit.mlflow_guard.requests.context import optional_text, target_of, text_of
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied


def request(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    """Requests a move, bound to the files and the policy as they are now."""
    target = target_of(gate.stores, body, admission.domain)
    promotion = gate.promotions.required(admission.access, target)
    if promotion is None:
        raise RefusedError(
            400,
            "INVALID_PARAMETER_VALUE",
            f"the {target.kind} {target.name} is not protected: promote without a request",
        )
    facts = gate.promotions.facts(target, keep=False)
    number = secrets.token_hex(6)
    payload: dict[str, Json] = {
        "id": number,
        **target_json(target),
        **facts,
        "user": segment(admission.caller.user),
        "policy_digest": str(admission.access.policy_digest),
        **admission.authority.ruling(target).to_json(),
    }
    gate.recorder.now(REQUESTED, payload)
    return {
        "request": number,
        "artifact_digest": facts["artifact_digest"],
        "approvals_needed": promotion.approvals,
        "valid_hours": promotion.valid_hours,
    }


def approve(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    """Approves somebody else's request.

    The body may say which files were seen, as `digest`: others are not approved. It may also hold
    a `comment` for the record.
    """
    user = segment(admission.caller.user)
    number = text_of(body, "request")
    comment, seen = optional_text(body, "comment"), optional_text(body, "digest")
    with gate.promotions.lock:
        request = gate.promotions.book().requests[number]
    # Files may be large: they are read before the lock is taken.
    facts = gate.promotions.facts(request.target)
    with gate.promotions.lock:
        gate.promotions.book()
        if seen and seen != facts["artifact_digest"]:
            raise RefusedError(409, "INVALID_STATE", "the version's files are not those you saw")
        refusal = approval_refusal(gate, admission, request, facts)
        if refusal is not None:
            raise refusal
        approval: dict[str, Json] = {
            "request": request.id,
            "user": user,
            **admission.authority.ruling(request.target).to_json(),
        }
        gate.recorder.now(APPROVED, {**approval, "comment": comment} if comment else approval)
        gate.promotions.book()
        if user not in request.approvals:
            raise RefusedError(
                409, "INVALID_STATE", "it was answered, or its files were written to, meanwhile"
            )
        return {"request": request.id, "approvals": sorted(request.approvals)}


def approval_refusal(
    gate: Gate, admission: Admission, request: PromotionRequest, facts: Mapping[str, Any]
) -> RefusedError | None:
    """Why an approval by the caller would not count, or could not be used; None if it would.

    Args:
        gate: The gate; hold the lock of its promotions.
        admission: The caller's admitted request.
        request: What would be approved.
        facts: Its `artifact_digest` and `made_by` now, see `Promotions.facts`.
    """
    user = segment(admission.caller.user)
    promotion = gate.promotions.required(admission.access, request.target)
    if not request.may_approve(user) or person(user) in {person(u) for u in facts["made_by"]}:
        return denied("it needs approval by somebody who neither requested it nor made the version")
    if user in request.approvals:
        return RefusedError(409, "RESOURCE_ALREADY_EXISTS", "you have approved it before")
    if promotion is None:
        return RefusedError(400, "INVALID_PARAMETER_VALUE", "it is not protected any more")
    obstacle = request.obstacle(
        promotion.model_copy(update={"approvals": 0}),
        promoter="",
        artifact_digest=str(facts["artifact_digest"]),
        policy_digest=str(admission.access.policy_digest),
        now=gate.clock(),
        access=admission.access,
    )
    if obstacle is not None:
        return RefusedError(409, "INVALID_STATE", f"{obstacle}; request it again")
    return None


def reject(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    """Rejects a request for good, unless it was rejected or used before."""
    with gate.promotions.lock:
        request = gate.promotions.book().requests[text_of(body, "request")]
        if request.is_over:
            raise RefusedError(409, "INVALID_STATE", f"it is {request.state()} already")
        gate.recorder.now(
            REJECTED,
            {
                "request": request.id,
                "user": segment(admission.caller.user),
                "reason": text_of(body, "reason"),
            },
        )
    return {"request": request.id, "state": "rejected"}


def promote(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    """Moves an alias or a stage; the gate has checked every requirement."""
    target = admission.plan.promotes
    if target is not None and target.kind == "alias":
        gate.stores.set_alias(target.model, text_of(body, "alias"), target.version)
        return target_json(target)
    # Archived and None are stages too, but a move to them is not a promotion.
    target = target or target_of(gate.stores, body, admission.domain)
    gate.stores.set_stage(target.model, target.name, target.version)
    return target_json(target)


def history(gate: Gate, admission: Admission, _: dict[str, Any]) -> Json:
    """Lists requests, moves, verdicts, changed descriptions, and break-glass uses to review."""
    from flask import request

    model = request.args.get("model", "")
    with gate.promotions.lock:
        book = gate.promotions.book()
        moves: list[Json] = [
            {
                **target_json(m.target),
                "user": m.user,
                "time": m.time.isoformat(),
                "how": m.how,
                "artifact_digest": m.artifact_digest,
            }
            for m in book.moves
            if model in ("", m.target.model) and m.target.domain == admission.domain
        ]
        requests: list[Json] = [
            {
                **target_json(r.target),
                "request": r.id,
                "user": r.requester,
                "time": r.asked.isoformat(),
                "state": r.state(),
                "approvals": sorted(r.approvals),
                "comments": dict(sorted(r.comments.items())),
                "rejected_by": r.rejected_by,
                "reason": r.reason,
                "artifact_digest": r.artifact_digest,
            }
            for r in book.requests.values()
            if model in ("", r.target.model) and r.target.domain == admission.domain
        ]
        descriptions: list[Json] = [
            {"model": d.model, "version": d.version, "user": d.user, "time": d.time.isoformat()}
            for d in book.descriptions
            if model in ("", d.model) and d.domain == admission.domain
        ]
        unreviewed: list[Json] = [
            {
                "id": e.id,
                "user": e.user,
                "object": e.object,
                "ticket": e.ticket,
                "review_by": e.review_by.isoformat(),
                "overdue": gate.clock() > e.review_by,
            }
            for e in book.emergencies.values()
            if not e.reviewed_by and e.domain == admission.domain
        ]
        verdicts: list[Json] = [
            {
                "model": v.model,
                "version": v.version,
                "user": v.user,
                "time": v.time.isoformat(),
                "policy": v.policy,
                "decision": v.decision,
                "statement": v.statement,
                "signed_by": list(v.signed_by),
                "artifact_digest": v.artifact_digest,
                "figures": [figure.to_json() for figure in v.figures],
            }
            for v in book.verdicts
            if model in ("", v.model) and v.domain == admission.domain
        ]
    return {
        "moves": moves,
        "requests": requests,
        "verdicts": verdicts,
        "descriptions": descriptions,
        "breakglass_unreviewed": unreviewed,
    }


def check(_: Gate, admission: Admission, __: dict[str, Any]) -> Json:
    """Answers whether the caller may do something, and by which rule."""
    from flask import request

    verb, obj = request.args.get("verb", ""), request.args.get("object", "")
    return admission.authority.decide(verb, obj, admission.domain).to_json()
