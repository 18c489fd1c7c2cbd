"""Routes that auditkit adds to the server: asking, approving, rolling back, and the emergency.

They are judged by the same gate as MLflow's own, under `/api/auditkit/1.0/`.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable
from typing import Any, Final

from auditkit.access.approvals import (
    APPROVED,
    BROKEN,
    DONE,
    REJECTED,
    REQUESTED,
    REVIEWED,
    Target,
)
from auditkit.access.control import decide_under
from auditkit.access.mlflow_app import internals
from auditkit.access.mlflow_app.ask import Ask
from auditkit.access.mlflow_app.endpoints import Planner
from auditkit.access.mlflow_app.flask_hooks import refusal_response
from auditkit.access.mlflow_app.gate import (
    Admission,
    Gate,
    RefusedError,
    target_json,
    target_object,
)
from auditkit.access.mlflow_app.internals import Stores
from auditkit.access.mlflow_app.models import promotion_of_alias
from auditkit.access.mlflow_app.plan import Need, Plan
from auditkit.access.vocabulary import folded, segment
from auditkit.canonical import Json
from auditkit.errors import InputError, LedgerError

PREFIX: Final = "/api/auditkit/1.0"
_MAX_TEXT: Final = 500
_ALERT_SECONDS: Final = 10

Handler = Callable[[Gate, Admission, dict[str, Any]], Json]


def add_routes(flask_app: Any, gate: Gate, *, alert: str) -> dict[str, Planner]:
    """Adds the routes to a Flask application.

    Args:
        flask_app: The application.
        gate: Judges; its hooks are in front of these routes as of all others.
        alert: A program that is told of every break-glass; empty: none.

    Returns:
        The plan of each, by the name of its endpoint.
    """
    planners: dict[str, Planner] = {}

    def add(path: str, method: str, plan: Planner, handler: Handler) -> None:
        endpoint = f"auditkit_{path.replace('/', '_')}"

        def view() -> Any:
            from flask import g, jsonify

            try:
                return jsonify(handler(gate, g.auditkit_admission, internals.parse_json_body()))
            except RefusedError as error:
                return refusal_response(error)
            except LedgerError as error:
                return refusal_response(RefusedError(503, "TEMPORARILY_UNAVAILABLE", error.message))

        url = internals.prefixed(f"{PREFIX}/{path}")
        flask_app.add_url_rule(url, endpoint, view, methods=[method])
        planners[endpoint] = plan

    add("request", "POST", _on_target("model:request"), _request)
    add("approve", "POST", _on_request, _approve)
    add("reject", "POST", _on_request, _reject)
    add("promote", "POST", _promote_plan, _promote)
    add("rollback", "POST", _on_target("deployment:rollback"), _rollback)
    add("history", "GET", _history_plan, _history)
    add("breakglass", "POST", _breakglass_plan, lambda g, a, b: _break_glass(g, a, b, alert))
    add("breakglass/review", "POST", _fixed("breakglass:review", "breakglass"), _review)
    add("check", "GET", _check_plan, _check)
    # Requests and break-glass are found in the book, which the planners of `_on_request` need.
    flask_app.extensions["auditkit_gate"] = gate
    return planners


def _fixed(verb: str, obj: str) -> Planner:
    return lambda _: Plan(needs=(Need(verb, obj),), mutates=True)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT:
        raise RefusedError(
            400, "INVALID_PARAMETER_VALUE", f"give {name} as text of up to {_MAX_TEXT} characters"
        )
    return value.strip()


def _target(stores: Stores, body: dict[str, Any]) -> Target:
    kind = "stage" if "stage" in body else "alias"
    return Target(
        model=stores.model_name(_text(body, "model")),
        version=_text(body, "version") if "version" in body else "",
        kind=kind,
        name=folded(_text(body, kind)),
    )


def _on_target(verb: str) -> Planner:
    """About a version and where it is to go; asking is a matter of the model."""

    def plan(ask: Ask) -> Plan:
        target = _target(ask.stores, internals.parse_json_body())
        return Plan(needs=(Need(verb, target_object(target)),), mutates=True)

    return plan


def _on_request(_: Ask) -> Plan:
    from flask import current_app

    gate: Gate = current_app.extensions["auditkit_gate"]
    with gate.lock:
        request = gate.book().requests.get(_text(internals.parse_json_body(), "request"))
    if request is None:
        raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", "there is no such request")
    return Plan(needs=(Need("model:approve", target_object(request.target)),), mutates=True)


def _promote_plan(ask: Ask) -> Plan:
    body = internals.parse_json_body()
    return promotion_of_alias(
        ask, _text(body, "model"), _text(body, "alias"), _text(body, "version")
    )


def _history_plan(ask: Ask) -> Plan:
    name = ask.query.get("model", "")
    if not name:
        return Plan(needs=(Need("model:read", "models", whole=True),))
    return Plan(needs=(Need("model:read", f"models/{segment(ask.stores.model_name(name))}"),))


def _breakglass_plan(ask: Ask) -> Plan:
    target = _target(ask.stores, internals.parse_json_body())
    return Plan(
        needs=(
            Need("breakglass:invoke", "breakglass"),
            Need("model:promote", target_object(target)),
        ),
        mutates=True,
    )


def _check_plan(_: Ask) -> Plan:
    # Who may ask the server what they themselves may do: whoever may read anything of it.
    return Plan(needs=(Need("server:read", "server"),))


def _request(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    target = _target(gate.stores, body)
    promotion = gate.promotion_of(admission.access, target)
    if promotion is None:
        raise RefusedError(
            400,
            "INVALID_PARAMETER_VALUE",
            f"the {target.kind} {target.name} is not protected: promote without a request",
        )
    with gate.lock:
        gate.book()
        facts = gate.facts(target)
        number = secrets.token_hex(6)
        payload: dict[str, Json] = {
            "id": number,
            **target_json(target),
            **facts,
            "user": segment(admission.caller.user),
            "policy_digest": str(admission.access.policy_digest),
        }
        gate.recorder.now(REQUESTED, payload)
    return {
        "request": number,
        "artifact_digest": facts["artifact_digest"],
        "approvals_needed": promotion.approvals,
        "valid_hours": promotion.valid_hours,
    }


def _approve(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    user = segment(admission.caller.user)
    with gate.lock:
        request = gate.book().requests[_text(body, "request")]
        promotion = gate.promotion_of(admission.access, request.target)
        if not request.may_approve(user):
            raise RefusedError(
                403,
                "PERMISSION_DENIED",
                "it is approved by somebody else than who asked for it or made the version",
            )
        if user in request.approvals:
            raise RefusedError(409, "RESOURCE_ALREADY_EXISTS", "you have approved it before")
        if promotion is None:
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", "it is not protected any more")
        obstacle = request.obstacle(
            promotion.model_copy(update={"approvals": 0}),
            promoter="",
            artifact_digest=str(gate.facts(request.target)["artifact_digest"]),
            policy_digest=str(admission.access.policy_digest),
            now=gate.clock(),
        )
        if obstacle is not None:
            raise RefusedError(409, "INVALID_STATE", obstacle)
        gate.recorder.now(APPROVED, {"request": request.id, "user": user})
        request = gate.book().requests[request.id]
        return {"request": request.id, "approvals": sorted(request.approvals)}


def _reject(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    with gate.lock:
        request = gate.book().requests[_text(body, "request")]
        gate.recorder.now(
            REJECTED,
            {
                "request": request.id,
                "user": segment(admission.caller.user),
                "reason": _text(body, "reason"),
            },
        )
    return {"request": request.id, "state": "rejected"}


def _promote(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    target = admission.plan.promotes
    if target is None:
        raise InputError("A promotion has a target.")
    gate.stores.set_alias(target.model, _text(body, "alias"), target.version)
    return target_json(target)


def _rollback(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    place = _target(gate.stores, body)
    if place.kind != "alias":
        raise RefusedError(400, "INVALID_PARAMETER_VALUE", "only an alias can be rolled back")
    with gate.lock:
        before = gate.book().before(place.model, place.kind, place.name)
        if before is None:
            raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", "it pointed to nothing before")
        facts = gate.facts(before.target)
        if facts["artifact_digest"] != before.artifact_digest:
            raise RefusedError(
                409, "INVALID_STATE", "the files of the version before have changed since"
            )
        alias = next(
            (a for a in gate.stores.aliases(place.model) if folded(a) == place.name), place.name
        )
        gate.stores.set_alias(place.model, alias, before.target.version)
        done: dict[str, Json] = {
            **target_json(before.target),
            "user": segment(admission.caller.user),
            "how": "rolled back",
            "artifact_digest": before.artifact_digest,
            "source": before.source,
        }
        gate.recorder.now(DONE, done)
    return done


def _history(gate: Gate, _: Admission, __: dict[str, Any]) -> Json:
    from flask import request

    model = request.args.get("model", "")
    with gate.lock:
        book = gate.book()
        moves: list[Json] = [
            {
                **target_json(m.target),
                "user": m.user,
                "time": m.time.isoformat(),
                "how": m.how,
                "artifact_digest": m.artifact_digest,
            }
            for m in book.moves
            if model in ("", m.target.model)
        ]
        requests: list[Json] = [
            {
                **target_json(r.target),
                "request": r.id,
                "user": r.requester,
                "time": r.asked.isoformat(),
                "state": r.state(),
                "approvals": sorted(r.approvals),
                "artifact_digest": r.artifact_digest,
            }
            for r in book.requests.values()
            if model in ("", r.target.model)
        ]
        unreviewed: list[Json] = [
            {"id": e.id, "user": e.user, "object": e.object, "ticket": e.ticket}
            for e in book.emergencies.values()
            if not e.reviewed_by
        ]
    return {"moves": moves, "requests": requests, "breakglass_unreviewed": unreviewed}


def _break_glass(gate: Gate, admission: Admission, body: dict[str, Any], alert: str) -> Json:
    settings = admission.access.settings.breakglass
    if settings is None:
        raise RefusedError(403, "PERMISSION_DENIED", "the policy has no break-glass")
    payload: dict[str, Json] = {
        "id": secrets.token_hex(6),
        "user": segment(admission.caller.user),
        "object": target_object(_target(gate.stores, body)),
        "reason": _text(body, "reason"),
        "ticket": _text(body, "ticket"),
        "valid_minutes": settings.valid_minutes,
        "review_hours": settings.review_hours,
    }
    gate.recorder.now(BROKEN, payload)
    told = _tell(alert, payload) if alert else False
    return {**payload, "alerted": told}


def _tell(program: str, payload: dict[str, Json]) -> bool:
    """Runs the alerting program; the emergency goes on if it fails, and the answer says so."""
    try:
        done = subprocess.run(  # noqa: S603 (named by the server's own settings)
            [program],
            input=json.dumps(payload),
            text=True,
            timeout=_ALERT_SECONDS,
            check=False,
            capture_output=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _review(gate: Gate, admission: Admission, body: dict[str, Any]) -> Json:
    user = segment(admission.caller.user)
    with gate.lock:
        emergency = gate.book().emergencies.get(_text(body, "id"))
        if emergency is None:
            raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", "there is no such break-glass")
        if emergency.user == user:
            raise RefusedError(403, "PERMISSION_DENIED", "it is reviewed by somebody else")
        gate.recorder.now(
            REVIEWED, {"id": emergency.id, "user": user, "findings": _text(body, "findings")}
        )
    return {"id": emergency.id, "reviewed_by": user}


def _check(_: Gate, admission: Admission, __: dict[str, Any]) -> Json:
    from flask import request

    decision = decide_under(
        admission.access.snapshot,
        segment(admission.caller.user),
        request.args.get("verb", ""),
        request.args.get("object", ""),
        admission.domain,
    )
    return decision.to_json()
