"""The gate in front of MLflow's Flask application: before each request, and after it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auditkit.access.login.authentication import Authenticator, Caller, Credentials
from auditkit.access.record.approvals import WRITE_LASTS
from auditkit.access.record.owners import MODEL_MADE, RUN_MADE, VERSION_MADE
from auditkit.canonical import Json
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.guard.storage import ADMITTED
from auditkit.mlflow_guard.page.surface import PAGE, Surface
from auditkit.mlflow_guard.requests.context import RequestContext
from auditkit.mlflow_guard.requests.endpoints import ENDPOINTS, PUBLIC, Planner
from auditkit.mlflow_guard.requests.plan import RequestPlan
from auditkit.mlflow_guard.serve.native import identify, refuse_other_pages, unplanned
from auditkit.mlflow_guard.serve.visibility import keep_visible
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError

Identify = Callable[[Credentials, str], Caller]


def guard(
    flask_app: Any,
    gate: Gate,
    authenticators: Sequence[Authenticator],
    *,
    extra_planners: Mapping[str, Planner],
    signed_in: Callable[[], Caller | None] | None = None,
    page: Surface | None = None,
) -> None:
    """Puts the gate in front of every endpoint of a Flask application.

    Args:
        flask_app: The application.
        gate: The gate.
        authenticators: The ways to authenticate callers.
        extra_planners: The planners of the endpoints that auditkit added.
        signed_in: Returns the caller whom MLflow's own hooks have found; `authenticators` are
            then not used.
        page: The page for reviewers; its sessions count for its own endpoints alone.
    """
    types = internals.message_types()
    planners = {**ENDPOINTS, **extra_planners}
    public = PUBLIC | page.public if page is not None else PUBLIC

    def paged() -> Surface | None:
        """The page, if the current request is for it."""
        from flask import request

        return page if str(request.endpoint).startswith(PAGE) else None

    def before() -> Any:
        from flask import g, request

        # The thread may have served another request, which failed before its end.
        ADMITTED.set(None)
        rule = request.url_rule
        if rule is None or request.endpoint in public:
            return None  # no endpoint, or one that shows no data
        if request.method == "OPTIONS" and getattr(rule, "provide_automatic_options", False):
            return None  # Flask answers with the methods and calls no handler
        endpoint, own = str(request.endpoint), paged()
        try:
            caller = own.signed_in() if own is not None else None
            if caller is None and signed_in is not None:
                caller = signed_in()
            if caller is None:
                caller = identify(gate, authenticators, _credentials(request), endpoint)
            g.auditkit_caller = caller
            if own is not None:
                own.enter_workspace()
            g.auditkit_admission = _admit(gate, planners, types, caller, endpoint)
            ADMITTED.set(g.auditkit_admission)
        except RefusedError as error:
            g.auditkit_refused = True
            return own.refused(error) if own is not None else refusal_response(error)
        return None

    def after(response: Any) -> Any:
        from flask import g

        ADMITTED.set(None)
        admission: Admission | None = g.pop("auditkit_admission", None)
        if admission is None:
            if signed_in is None or response.status_code not in (401, 403):
                return response
            return _denied_by_mlflow(gate, response)
        try:
            if response.status_code == 200:
                _keep_visible(gate, admission, response, types, own=signed_in is None)
            gate.finish(admission, response.status_code, _made(response))
        except RefusedError as error:
            own = paged()
            return own.refused(error) if own is not None else refusal_response(error)
        return response

    hooks = flask_app.before_request_funcs.setdefault(None, [])
    # MLflow's first hook finds the workspace, which is the policy's domain. In composed mode
    # MLflow's authentication comes next.
    hooks.insert(1 if signed_in is None else len(hooks), before)
    flask_app.after_request_funcs.setdefault(None, []).insert(0, after)


def _denied_by_mlflow(gate: Gate, response: Any) -> Any:
    """Logs what MLflow's own permissions denied before the gate was asked."""
    from flask import g, request

    if g.get("auditkit_refused", False):
        return response
    user = getattr(g, "mlflow_authenticated_user", None)
    try:
        gate.denied_elsewhere(
            str(user) if user is not None else "", str(request.endpoint), request.method
        )
    except RefusedError as error:
        return refusal_response(error)
    return response


def refusal_response(error: RefusedError) -> Any:
    """A refusal in the format that MLflow's clients read."""
    from flask import Response

    return Response(
        json.dumps({"error_code": error.code, "message": error.message}),
        status=error.status,
        mimetype="application/json",
        headers=error.headers,
    )


def _admit(
    gate: Gate,
    planners: Mapping[str, Planner],
    types: Mapping[str, list[type]],
    caller: Caller,
    endpoint: str,
) -> Admission:
    from flask import request

    method = "GET" if request.method == "HEAD" else request.method
    domain = internals.workspace()
    ask = RequestContext(
        endpoint=endpoint,
        method=method,
        path_values={k: str(v) for k, v in (request.view_args or {}).items()},
        query=request.args.to_dict(),
        stores=gate.stores,
        types=types.get(endpoint, []),
        domain=domain,
    )
    planner = planners.get(endpoint)
    try:
        if not endpoint.startswith(PAGE):  # the page's routes look more closely
            refuse_other_pages(dict(request.headers), request.method, request.host)
        plan = planner(ask) if planner is not None else RequestPlan(needs=())
    except Exception as error:
        raise gate.refuse_unjudged(
            caller, unplanned(error), endpoint=endpoint, domain=domain, method=request.method
        ) from error
    admission = gate.admit(caller, plan, endpoint=endpoint, domain=domain, method=request.method)
    if plan.writes:
        request.environ["wsgi.input"] = _Timed(request.environ["wsgi.input"])
    return admission


class _Timed:
    """A request body that ends after `WRITE_LASTS`: a slower write fails."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._ends = time.monotonic() + WRITE_LASTS.total_seconds()

    def read(self, size: int = -1) -> bytes:
        """Reads as the stream does, in time."""
        found: bytes = self._stream.read(size)
        return self._in_time(found)

    def readline(self, size: int = -1) -> bytes:
        """Reads a line as the stream does, in time."""
        found: bytes = self._stream.readline(size)
        return self._in_time(found)

    def _in_time(self, found: bytes) -> bytes:
        from werkzeug.exceptions import RequestTimeout

        if time.monotonic() > self._ends:
            raise RequestTimeout
        return found


def _credentials(request: Any) -> Credentials:
    headers = {name.lower(): value for name, value in request.headers.items()}
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For"))
    return Credentials(headers, request.remote_addr or "", forwarded)


def _keep_visible(
    gate: Gate,
    admission: Admission,
    response: Any,
    types: Mapping[str, list[type]],
    *,
    own: bool,
) -> None:
    """Takes out of an answer the names that its caller may not read.

    Raises:
        RefusedError: If it cannot be done.
    """
    from flask import request

    endpoint = str(request.endpoint)
    try:
        keep_visible(gate, admission, endpoint, response, types=types.get(endpoint, []), own=own)
    except Exception as error:
        raise unplanned(error) from error


def _made(response: Any) -> tuple[str, dict[str, Json]] | None:
    """The model, version or run that a handler has made, from its answer."""
    from flask import request

    if request.endpoint not in ("_create_registered_model", "_create_model_version", "_create_run"):
        return None
    content = response.get_json(silent=True)
    if not isinstance(content, dict):
        return None
    if "model_version" in content:
        version = content["model_version"]
        made: dict[str, Json] = {"model": str(version["name"]), "version": str(version["version"])}
        return VERSION_MADE, made
    if "registered_model" in content:
        return MODEL_MADE, {"model": str(content["registered_model"]["name"])}
    if "run" in content:
        return RUN_MADE, {"run": str(content["run"]["info"]["run_id"])}
    return None
