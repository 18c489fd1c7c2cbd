"""Break-glass: skipping approval in an emergency; short, alerted, and reviewed by somebody else."""

from __future__ import annotations

import json
import secrets
from typing import Any

from auditkit.access.policy.vocabulary import person, segment
from auditkit.access.record.approvals import ACCEPTED, BROKEN, REFUSED, REVIEWED
from auditkit.canonical import Json
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.guard.promotions import target_object
from auditkit.mlflow_guard.requests.context import target_of, text_of
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied
from auditkit.notify.receivers import UndeliveredError, run_program


def break_glass(gate: Gate, admission: Admission, body: dict[str, Any], alert: str) -> Json:
    """Lets the caller move an alias without an approval, for a limited time.

    Args:
        gate: The gate.
        admission: The admitted request.
        body: Names the alias, a reason and a ticket.
        alert: A program to run as an alert; empty: none.
    """
    settings = admission.access.settings.breakglass
    if settings is None:
        raise denied("the policy has no break-glass")
    payload: dict[str, Json] = {
        "id": secrets.token_hex(6),
        "user": segment(admission.caller.user),
        "object": target_object(target_of(gate.stores, body, admission.domain)),
        "reason": text_of(body, "reason"),
        "ticket": text_of(body, "ticket"),
        "valid_minutes": settings.valid_minutes,
        "review_hours": settings.review_hours,
        "domain": admission.domain,
    }
    gate.recorder.now(BROKEN, payload)
    alerted = run_alert(alert, payload) if alert else False
    return {**payload, "alerted": alerted}


def run_alert(program: str, payload: dict[str, Json]) -> bool:
    """Runs the alerting program with JSON on its standard input.

    Returns:
        Whether it ran and ended well. What is alerted of has happened in any case.
    """
    try:
        run_program(program, json.dumps(payload).encode())
    except UndeliveredError:
        return False
    return True


def review_break_glass(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    """Records the review of somebody else's break-glass, and ends it.

    No rollback returns to what came by a break-glass that its review rejected.
    """
    user = segment(admission.caller.user)
    outcome = text_of(body, "outcome") if "outcome" in body else ACCEPTED
    if outcome not in (ACCEPTED, REFUSED):
        raise RefusedError(
            400, "INVALID_PARAMETER_VALUE", f"the outcome is {ACCEPTED} or {REFUSED}"
        )
    with gate.promotions.lock:
        emergency = gate.promotions.book().emergencies.get(text_of(body, "id"))
        if emergency is None or emergency.domain != admission.domain:
            raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", "there is no such break-glass")
        if person(emergency.user) == person(user):
            raise denied("it has to be reviewed by somebody else")
        if emergency.reviewed_by:
            raise RefusedError(
                409, "RESOURCE_ALREADY_EXISTS", f"{emergency.reviewed_by} has reviewed it before"
            )
        payload: dict[str, Json] = {
            "id": emergency.id,
            "user": user,
            "findings": text_of(body, "findings"),
            "outcome": outcome,
        }
        gate.recorder.now(REVIEWED, payload)
    return {"id": emergency.id, "reviewed_by": user, "outcome": outcome}
