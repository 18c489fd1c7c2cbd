"""What every way to answer a request shares, the API and the page: plan it, and carry it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auditkit.canonical import Json
from auditkit.errors import LedgerError
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.guard.promotions import target_object
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.refusals import RefusedError

Handler = Callable[[Gate, Admission, dict[str, Any]], Json]


def answer_plan(gate: Gate, number: str, domain: str) -> RequestPlan:
    """The plan to approve or reject a request.

    Args:
        gate: The gate.
        number: The request's id.
        domain: The caller's workspace.

    Raises:
        RefusedError: If there is no such request in it.
        LedgerError: If the log cannot be read.
    """
    with gate.promotions.lock:
        request = gate.promotions.book().requests.get(number)
    if request is None or request.target.domain != domain:
        raise RefusedError(
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "there is no such request; list them: auditkit registry history",
        )
    need = RequiredPermission("model:approve", target_object(request.target))
    return RequestPlan(needs=(need,), mutates=True)


def review_plan() -> RequestPlan:
    """The plan to review a break-glass."""
    return RequestPlan(needs=(RequiredPermission("breakglass:review", "breakglass"),), mutates=True)


def carry_out(gate: Gate, admission: Admission, handler: Handler, body: dict[str, Any]) -> Json:
    """Carries out an admitted action; what it then denies is in the log as denied.

    Args:
        gate: The gate.
        admission: The admitted request.
        handler: The action.
        body: What it needs to know.

    Raises:
        RefusedError: If it is refused, or cannot be logged.
    """
    try:
        try:
            return handler(gate, admission, body)
        except RefusedError as error:
            # 403 and 409 are denials and are logged; 400 and 404 are not.
            if error.status in (403, 409):
                gate.take_back(admission.logged, error)
            raise
    except LedgerError as error:
        raise RefusedError(503, "TEMPORARILY_UNAVAILABLE", error.message) from error
