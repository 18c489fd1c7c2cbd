"""All contact with MLflow's internals, for mlflow>=3.17,<3.18.

MLflow calls its plugin interface experimental. Everything that auditkit uses beyond the documented
entry points is here and in `stores`: after a new release, look at these two modules.
"""

# ruff: noqa: SLF001 - reaching into MLflow is what this module is for

from __future__ import annotations

import importlib
import os
import posixpath
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final
from urllib.parse import urlsplit

from auditkit.errors import InputError
from auditkit.mlflow_guard.upstream.refusals import RefusedError

SUPPORTED: Final = ((3, 17), (3, 18))
# The only source that MLflow accepts for a prompt, which has no files.
PROMPT_SOURCES: Final = frozenset({"prompt-template", "dummy-source"})
PROMPT_TAGS: Final = ("mlflow.prompt", "_mlflow_prompt")
_PROXIED: Final = ("mlflow-artifacts", "http", "https")


def refuse_other_releases() -> None:
    """Refuses releases of MLflow that the endpoint tables do not cover.

    Raises:
        InputError: If it is another.
    """
    from mlflow.version import VERSION

    release = tuple(int(part) for part in VERSION.split(".")[:2])
    if not SUPPORTED[0] <= release < SUPPORTED[1]:
        raise InputError(
            f"MLflow {VERSION} is not among the releases whose endpoints are classified.",
            remedy="pip install 'mlflow>=3.17,<3.18'",
        )


def flask_application() -> Any:
    """MLflow's Flask application, which is made when it is imported."""
    from mlflow.server import app

    return app


def fastapi_application(flask_app: Any) -> Any:
    """MLflow's FastAPI application around a Flask application."""
    from mlflow.server.fastapi_app import create_fastapi_app

    return create_fastapi_app(flask_app)


def flask_endpoints(flask_app: Any) -> dict[str, set[str]]:
    """Every endpoint with its methods, without those that Flask answers by itself."""
    found: dict[str, set[str]] = {}
    for rule in flask_app.url_map.iter_rules():
        found.setdefault(rule.endpoint, set()).update(rule.methods - {"HEAD", "OPTIONS"})
    return found


def native_routes(fastapi_app: Any) -> list[Any]:
    """Every route that FastAPI serves by itself, flat; not the mount that hands over to Flask."""
    found = []
    for route in fastapi_app.routes:
        candidates = getattr(route, "effective_candidates", None)
        if candidates is not None:
            found += list(candidates())
        elif type(route).__name__ != "Mount":
            found.append(route)
    return found


def prefixed(path: str) -> str:
    """A path under the server's static prefix."""
    result: str = handlers()._add_static_prefix(path)
    return result


def message_types() -> dict[str, list[type]]:
    """For each Flask endpoint the protocol buffers that its handler reads."""
    found: dict[str, list[type]] = {}
    for kind, handler in handlers().HANDLERS.items():
        found.setdefault(handler.__name__, []).append(kind)
    return found


def parse_message(kind: type) -> Any:
    """The current Flask request, read by the parser that its handler will use.

    Raises:
        MlflowException: If the handler would refuse it too.
    """
    return handlers()._get_request_message(kind())


def parse_json_body() -> dict[str, Any]:
    """The current Flask request's JSON as MLflow normalises it, or its query for a GET."""
    found: dict[str, Any] = handlers()._get_validated_flask_request_json()
    return found


def refuse_large_body(limit: int) -> None:
    """Refuses the current Flask request, before its body is read, if it may be too large.

    Raises:
        RefusedError: If it does not say how many bytes it has, or says more than the limit.
    """
    from flask import request

    size = request.content_length
    if size is None or size > limit:
        raise RefusedError(
            413, "INVALID_PARAMETER_VALUE", f"send at most {limit:,} bytes, and say how many"
        )


def parse_workspace(kind: type) -> Any:
    """A request about a workspace, read by the parser that its handler will use.

    Raises:
        MlflowException: If the handler would refuse it too.
    """
    return handlers()._get_workspace_request_message(kind())[0]


def workspace_names() -> list[str]:
    """Every workspace; `default` alone if workspaces are off."""
    if not has_workspaces():
        return ["default"]
    return [str(found.name) for found in handlers()._get_workspace_store().list_workspaces()]


def safe_path(path: str) -> str:
    """An artifact's path as the handler will read it: decoded to the end, without `.` and `//`.

    Raises:
        MlflowException: If the handler would refuse it.
    """
    uris: Any = importlib.import_module("mlflow.utils.uri")
    normal = posixpath.normpath(str(uris.validate_path_is_safe(path)))
    return "" if normal == "." else normal


def is_mlflow_error(error: Exception) -> bool:
    """Whether an error is one that MLflow's handlers answer by themselves."""
    from mlflow.exceptions import MlflowException

    return isinstance(error, MlflowException)


def workspace() -> str:
    """The workspace of the current request; `default` if workspaces are off."""
    from mlflow.utils.workspace_context import get_request_workspace

    return str(get_request_workspace() or "default")


def workspace_of(header: str | None, path: str) -> str:
    """The workspace of a native request, which MLflow's middleware sets only later."""
    from mlflow.server.workspace_helpers import resolve_workspace_for_request_if_enabled

    found = resolve_workspace_for_request_if_enabled(path, header)
    return str(found.name) if found else "default"


def allowed_origins() -> list[str]:
    """The other sites whose pages MLflow is told to serve; `*` for every one."""
    from mlflow.server.security_utils import get_allowed_origins_from_env

    return [str(origin) for origin in get_allowed_origins_from_env() or ()]


def has_workspaces() -> bool:
    """Whether the server has workspaces."""
    settings: Any = importlib.import_module("mlflow.environment_variables")
    return bool(settings.MLFLOW_ENABLE_WORKSPACES.get())


def enter_workspace(name: str) -> None:
    """Serves the rest of the current Flask request in another workspace.

    Raises:
        MlflowException: If there is no such workspace, or workspaces are off.
    """
    from mlflow.utils.workspace_context import set_server_request_workspace

    set_server_request_workspace(workspace_of(name, ""))


def in_workspace(name: str) -> AbstractContextManager[Any]:
    """The stores of a workspace; of the only one, if workspaces are off."""
    from mlflow.utils.workspace_context import ServerWorkspaceContext

    if not has_workspaces():
        return nullcontext()
    context: AbstractContextManager[Any] = ServerWorkspaceContext(name)
    return context


def is_models_uri(uri: str) -> bool:
    """Whether a source names another version or a logged model, as MLflow reads it."""
    return urlsplit(uri).scheme == "models"


def copied_model(uri: str) -> tuple[str, str]:
    """The logged model's id, or else the registered model's name, that a `models:` URI names.

    Raises:
        MlflowException: If MLflow cannot read it either.
    """
    from mlflow.store.artifact.utils.models import _parse_model_uri

    found = _parse_model_uri(uri)
    return str(found.model_id or ""), str(found.name or "")


def is_ours(uri: str) -> bool:
    """Whether a storage location is on this server, or on none of MLflow's.

    This server reads `mlflow-artifacts://anywhere/1/x` as its own `1/x`, and every client asks
    `anywhere`: what was approved here would be loaded from there.
    """
    found = urlsplit(uri)
    own = urlsplit(os.environ.get("_MLFLOW_SERVER_ARTIFACT_ROOT", "")).netloc
    if found.scheme == "mlflow-artifacts":
        return found.netloc in ("", own)
    return found.scheme not in _PROXIED or (found.netloc == own and own != "")


def handlers() -> Any:
    """The module of MLflow's request handlers."""
    return importlib.import_module("mlflow.server.handlers")


def names_of(routes: Iterable[Any]) -> dict[str, set[str]]:
    """The methods of native routes, by the name of their function."""
    found: dict[str, set[str]] = {}
    for route in routes:
        name = getattr(route.endpoint, "__name__", "?")
        found.setdefault(name, set()).update(set(route.methods or ()) - {"HEAD", "OPTIONS"})
    return found
