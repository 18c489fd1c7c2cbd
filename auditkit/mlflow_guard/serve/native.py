"""The gate in front of FastAPI's own routes, which never reach Flask's hooks.

It is the outermost application: it sees every connection first. A request that matches a native
route is authenticated and judged here; any other goes on to Flask, whose hooks do the same. A route
that matches only by its path, not its method, is left to Flask, as the server does. Websockets are
closed.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from auditkit.access.login.authentication import (
    Authenticator,
    Caller,
    Credentials,
    LoginRefusedError,
    TooManyFailuresError,
    authenticate,
)
from auditkit.access.record.approvals import WRITE_LASTS
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.guard.storage import ADMITTED
from auditkit.mlflow_guard.page.browser import is_foreign_call
from auditkit.mlflow_guard.requests.native_endpoints import ENDPOINTS, PUBLIC, NativeAsk
from auditkit.mlflow_guard.requests.plan import RequestPlan
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_MAX_BODY_BYTES: Final = 1024 * 1024
# How many requests may wait at once for the log, or for the slow hash of a password.
_THREADS: Final = 40
_WORKSPACE: Final = b"x-mlflow-workspace"
# Routes that name their object in the body.
_NAMED_IN_BODY: Final = ("create_mcp_server", "create_skill")


class NativeGate:
    """An ASGI application that judges requests to native routes.

    Args:
        app: The server's FastAPI application.
        routes: Its native routes, in the order in which it matches them.
        gate: The gate.
        authenticators: The ways to authenticate callers.
    """

    def __init__(
        self, app: Any, routes: Sequence[Any], gate: Gate, authenticators: Sequence[Authenticator]
    ) -> None:
        self._app = app
        self.routes = [(_literal_prefix(route), route) for route in routes]
        # A pool of its own: requests waiting in the server's must not keep others from the log.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="auditkit-gate")
        self._gate = gate
        self._authenticators = authenticators
        self._once = {name for way in authenticators for name in getattr(way, "headers", ())}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {**scope, "headers": unambiguous(scope["headers"], self._once)}
        if [name.lower() for name, _ in scope["headers"]].count(_WORKSPACE) > 1:
            # MLflow would take the first, and a proxy or another reader the last.
            message = "name one workspace, in one header"
            await _answer(send, RefusedError(400, "INVALID_PARAMETER_VALUE", message))
            return
        matched = self.match(scope)
        if matched is None or matched[0] in PUBLIC:
            await self._pass_on(scope, receive, send)
            return
        name, values = matched
        try:
            if _names_in_body(name):
                caller = await self._in_thread(self._identify, scope, name)
                receive, body = await _body(receive)
                ask = NativeAsk(name, values, body)
                admission = await self._in_thread(self._admit, scope, caller, ask)
            else:
                ask = NativeAsk(name, values, {})
                admission = await self._in_thread(self._identify_and_admit, scope, ask)
        except RefusedError as error:
            await _answer(send, error)
            return
        if admission.plan.writes:
            receive = _timed(receive)
        await self._serve(admission, scope, receive, send)

    async def _pass_on(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hands a request on to Flask, which keeps its whole body in memory before its hooks run.

        So a large body is taken only from somebody who says who they are.
        """
        headers = _headers(scope)
        size = headers.get("content-length", "0")
        try:
            if "transfer-encoding" in headers or not size.isdigit() or int(size) > _MAX_BODY_BYTES:
                await self._in_thread(self._identify, scope, "flask")
        except RefusedError as error:
            await _answer(send, error)
            return
        await self._app(scope, receive, send)

    async def _serve(
        self, admission: Admission, scope: Message, receive: Receive, send: Send
    ) -> None:
        """Serves an admitted request; hands its outcome to the log before the answer is sent."""
        ended = refused = False

        async def watch(message: Message) -> None:
            nonlocal ended, refused
            if message["type"] == "http.response.start" and not ended:
                ended = True
                try:
                    await self._finish(admission, int(message["status"]))
                except RefusedError as error:
                    refused = True
                    await _answer(send, error)
            if not refused:
                await send(message)

        token = ADMITTED.set(admission)
        try:
            await self._app(scope, receive, watch)
        finally:
            ADMITTED.reset(token)
            if not ended:
                await self._finish(admission, 500)

    async def _finish(self, admission: Admission, status: int) -> None:
        if self._gate.finishes_at_once(admission):
            self._gate.finish(admission, status)
        else:
            await self._in_thread(self._gate.finish, admission, status)

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def match(self, scope: Message) -> tuple[str, dict[str, str]] | None:
        """The native route that serves a request, and the parts of its path; None without one."""
        from starlette.routing import Match

        path = "" if scope.get("root_path") else str(scope["path"])
        for prefix, route in self.routes:
            if path and not path.startswith(prefix):
                continue
            match, child = route.matches(scope)
            if match is Match.FULL:
                values = {k: str(v) for k, v in dict(child.get("path_params") or {}).items()}
                return str(getattr(route.endpoint, "__name__", "?")), values
        return None

    def _identify(self, scope: Message, endpoint: str) -> Caller:
        peer = scope.get("client")
        forwarded = [v.decode("latin-1") for n, v in scope["headers"] if n == b"x-forwarded-for"]
        credentials = Credentials(_headers(scope), peer[0] if peer else "", ",".join(forwarded))
        return identify(self._gate, self._authenticators, credentials, endpoint)

    def _identify_and_admit(self, scope: Message, ask: NativeAsk) -> Admission:
        return self._admit(scope, self._identify(scope, ask.endpoint), ask)

    def _admit(self, scope: Message, caller: Caller, ask: NativeAsk) -> Admission:
        request = {"endpoint": f"native:{ask.endpoint}", "method": str(scope["method"])}
        domain, headers = "", _headers(scope)
        try:
            refuse_other_pages(headers, request["method"], headers.get("host", ""))
            header = headers.get("x-mlflow-workspace")
            domain = internals.workspace_of(header, str(scope["path"]))
            planner = ENDPOINTS.get(ask.endpoint)
            # MLflow enters the workspace later, and finds the files in it.
            with internals.in_workspace(domain):
                plan = planner(ask) if planner is not None else RequestPlan(needs=())
        except Exception as error:
            raise self._gate.refuse_unjudged(
                caller, unplanned(error), domain=domain, **request
            ) from error
        return self._gate.admit(caller, plan, domain=domain, **request)


def identify(
    gate: Gate, authenticators: Sequence[Authenticator], credentials: Credentials, endpoint: str
) -> Caller:
    """Authenticates the caller.

    Raises:
        RefusedError: If nobody is named; it is logged.
    """
    try:
        caller = authenticate(authenticators, credentials)
    except TooManyFailuresError as error:
        gate.failed_login(endpoint, error.message.rstrip(".").lower())
        raise RefusedError(
            429,
            "REQUEST_LIMIT_EXCEEDED",
            f"{error.message} Try again in {error.retry_after} s.",
            retry_after=error.retry_after,
        ) from error
    except LoginRefusedError as error:
        gate.failed_login(endpoint, error.message.rstrip("."))
        message = str(error).replace("\n", " ")
        raise RefusedError(401, "UNAUTHENTICATED", message) from error
    except Exception as error:
        raise RefusedError(
            503, "TEMPORARILY_UNAVAILABLE", "callers cannot be authenticated"
        ) from error
    if caller is None:
        gate.failed_login(endpoint)
        raise RefusedError(
            401, "UNAUTHENTICATED", "give a valid user name and password, or a valid token"
        )
    return caller


def refuse_other_pages(headers: Mapping[str, str], method: str, host: str) -> None:
    """Refuses a call that another site's page makes with its visitor's password or cookie.

    MLflow lets every page of localhost make them, on whichever host the server is.

    Args:
        headers: The request's headers.
        method: The HTTP method.
        host: The host and port that it asks.

    Raises:
        RefusedError: If the call may change something, or that page could read the answer.
    """
    if is_foreign_call(headers, method, host, internals.allowed_origins()):
        raise denied(
            "the request comes from another site's page; if that may make it, name its origin in "
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"
        )


def unplanned(error: Exception) -> RefusedError:
    """What to answer if a request's object cannot be determined: MLflow's error, or a refusal."""
    if isinstance(error, RefusedError):
        return error
    if internals.is_mlflow_error(error):
        mlflow_error: Any = error
        return RefusedError(
            mlflow_error.get_http_status_code(), str(mlflow_error.error_code), mlflow_error.message
        )
    return RefusedError(
        403, "PERMISSION_DENIED", f"the request could not be judged ({type(error).__name__})"
    )


def unambiguous(
    headers: Sequence[tuple[bytes, bytes]], once: Collection[str]
) -> list[tuple[bytes, bytes]]:
    """Headers without those that Flask would read in another way than their sender meant.

    To WSGI X_Forwarded_User and X-Forwarded-User are the same, and two of a name are one, joined
    with a comma; a proxy that sets the one may let the other through.

    Args:
        headers: All of them.
        once: Names, in lower case, of those that may occur only once.
    """
    names = [name.decode("latin-1").lower() for name, _ in headers]
    twice = {name for name in once if names.count(name) > 1}
    kept = zip(headers, names, strict=True)
    return [header for header, name in kept if "_" not in name and name not in twice]


def _headers(scope: Message) -> dict[str, str]:
    """Headers by name; a repeated one is left out, because it could be read in two ways."""
    found: dict[str, str] = {}
    twice = set()
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in found:
            twice.add(key)
        found[key] = value.decode("latin-1")
    return {key: value for key, value in found.items() if key not in twice}


def _literal_prefix(route: Any) -> str:
    """The beginning of every path that a route matches; empty if its pattern does not say."""
    prefix = str(getattr(route, "path", "")).partition("{")[0]
    pattern = str(getattr(getattr(route, "path_regex", None), "pattern", ""))
    return prefix if pattern.startswith(f"^{re.escape(prefix)}") else ""


def _names_in_body(name: str) -> bool:
    """Whether a route names its object in the body."""
    return name.startswith("set_") or name in _NAMED_IN_BODY


async def _body(receive: Receive) -> tuple[Receive, dict[str, Any]]:
    """The body's JSON object, and a `receive` that replays it."""
    messages, data, more = [], bytearray(), True
    while more:
        message = await receive()
        messages.append(message)
        data.extend(message.get("body", b""))
        more = bool(message.get("more_body", False))
        if len(data) > _MAX_BODY_BYTES:
            raise RefusedError(413, "INVALID_PARAMETER_VALUE", "the body is too large")
    try:
        found = json.loads(data)
    except ValueError:
        found = {}
    waiting = iter(messages)

    async def replay() -> Message:
        message = next(waiting, None)
        return message if message is not None else await receive()

    return replay, found if isinstance(found, dict) else {}


def _timed(receive: Receive) -> Receive:
    """A request body that ends after `WRITE_LASTS`: a slower write fails."""
    ends = time.monotonic() + WRITE_LASTS.total_seconds()

    async def in_time() -> Message:
        message = await receive()
        return message if time.monotonic() <= ends else {"type": "http.disconnect"}

    return in_time


async def _answer(send: Send, error: RefusedError) -> None:
    body = json.dumps({"error_code": error.code, "message": error.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    headers += [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
