"""Routes that auditkit adds to the server: request, approve, promote, roll back, break-glass.

They are under `/api/auditkit/1.0/`, and judged by the same gate as MLflow's own.
"""

from __future__ import annotations

from typing import Any, Final

from auditkit.access.policy.vocabulary import model_object, segment
from auditkit.access.record.verdicts import RECORD
from auditkit.mlflow_guard.guard import actions
from auditkit.mlflow_guard.guard.answers import Handler, answer_plan, carry_out, review_plan
from auditkit.mlflow_guard.guard.emergencies import break_glass, review_break_glass
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.guard.promotions import target_object
from auditkit.mlflow_guard.guard.rollback import rollback
from auditkit.mlflow_guard.guard.verdicts import record_verdict
from auditkit.mlflow_guard.requests.context import (
    RequestContext,
    plain_number,
    target_of,
    text_of,
    version_of,
)
from auditkit.mlflow_guard.requests.endpoints import Planner
from auditkit.mlflow_guard.requests.models import promotion_of_alias, promotion_to_stage
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.serve.flask_hooks import refusal_response
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError

PREFIX: Final = "/api/auditkit/1.0"
# The largest signed statement that is taken; those of the examples have a tenth of this.
_MAX_STATEMENT_BYTES: Final = 4 * 2**20


def add_routes(flask_app: Any, gate: Gate, *, alert: str) -> dict[str, Planner]:
    """Adds the routes to a Flask application.

    Args:
        flask_app: The application.
        gate: The gate; its hooks are in front of these routes as well.
        alert: A program to run at every break-glass; empty: none.

    Returns:
        The plan of each, by the name of its endpoint.
    """
    planners: dict[str, Planner] = {}

    def add(path: str, method: str, plan: Planner, handler: Handler) -> None:
        endpoint = f"auditkit_{path.replace('/', '_')}"

        def view() -> Any:
            from flask import g, jsonify

            admission: Admission = g.auditkit_admission
            try:
                return jsonify(carry_out(gate, admission, handler, internals.parse_json_body()))
            except RefusedError as error:
                return refusal_response(error)

        url = internals.prefixed(f"{PREFIX}/{path}")
        flask_app.add_url_rule(url, endpoint, view, methods=[method])
        planners[endpoint] = plan

    add("request", "POST", _on_target("model:request"), actions.request)
    add("approve", "POST", _on_request(gate), actions.approve)
    add("reject", "POST", _on_request(gate), actions.reject)
    add("promote", "POST", _promotion, actions.promote)
    add("verdict", "POST", _verdict, record_verdict)
    add("rollback", "POST", _on_target("deployment:rollback"), rollback)
    add("history", "GET", _history, actions.history)
    add("check", "GET", _check, actions.check)
    add("breakglass", "POST", _break_glass, lambda g, a, b: break_glass(g, a, b, alert))
    add("breakglass/review", "POST", lambda _: review_plan(), review_break_glass)
    return planners


def _on_target(verb: str) -> Planner:
    """Plans a request about a version and its new alias or stage."""

    def plan(ask: RequestContext) -> RequestPlan:
        target = target_of(ask.stores, internals.parse_json_body(), ask.domain)
        return RequestPlan(needs=(RequiredPermission(verb, target_object(target)),), mutates=True)

    return plan


def _on_request(gate: Gate) -> Planner:
    """Plans a request about an earlier request for a promotion."""

    def plan(ask: RequestContext) -> RequestPlan:
        return answer_plan(gate, text_of(internals.parse_json_body(), "request"), ask.domain)

    return plan


def _promotion(ask: RequestContext) -> RequestPlan:
    body = internals.parse_json_body()
    model, version = text_of(body, "model"), plain_number(text_of(body, "version"))
    if "stage" in body:
        return promotion_to_stage(ask, model, version, text_of(body, "stage"), archives=True)
    return promotion_of_alias(ask, model, text_of(body, "alias"), version)


def _verdict(ask: RequestContext) -> RequestPlan:
    internals.refuse_large_body(_MAX_STATEMENT_BYTES)
    model, _ = version_of(ask.stores, internals.parse_json_body())
    return RequestPlan(needs=(RequiredPermission(RECORD, model_object(model)),), mutates=True)


def _history(ask: RequestContext) -> RequestPlan:
    name = ask.query.get("model", "")
    if not name:
        return RequestPlan(needs=(RequiredPermission("model:read", "models", subtree=True),))
    return RequestPlan(
        needs=(RequiredPermission("model:read", f"models/{segment(ask.stores.model_name(name))}"),)
    )


def _check(_: RequestContext) -> RequestPlan:
    # Anyone who may read anything may ask what they may do.
    return RequestPlan(needs=(RequiredPermission("server:read", "server"),))


def _break_glass(ask: RequestContext) -> RequestPlan:
    target = target_of(ask.stores, internals.parse_json_body(), ask.domain)
    return RequestPlan(
        needs=(
            RequiredPermission("breakglass:invoke", "breakglass"),
            RequiredPermission("model:promote", target_object(target)),
        ),
        mutates=True,
    )
