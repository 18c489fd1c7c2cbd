"""The one way to the artifacts' storage: every repository of MLflow's asks before it writes.

Handlers, stores and helpers of MLflow's server get a repository from one registry. `install`
replaces its function, so that each repository is of a run-time subclass of its own class, whose
methods first ask a guard about the canonical name (`places`) of what they would touch.

Laws:
    - No repository in the server's process writes or deletes a name that its guard did not admit.
    - What a repository reads of an approved version comes from the copy (`copied_reads`).
    - A repository keeps its class, its mixins included: what MLflow offers stays the same.
    - Every public method of every repository is listed here as one that writes, reads, or touches
      no file (tests/unit/test_access_repositories.py); another one is refused.
"""

# ruff: noqa: SLF001 - reaching into MLflow is what this folder is for

from __future__ import annotations

import importlib
import inspect
import posixpath
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, Protocol

from auditkit.mlflow_guard.upstream import internals, places
from auditkit.mlflow_guard.upstream.copied_reads import ANSWERS, Served
from auditkit.mlflow_guard.upstream.refusals import RefusedError

Arguments = Mapping[str, Any]


class StorageGuard(Protocol):
    """Decides what a repository may touch for the present request."""

    def may_write(self, name: str) -> None:
        """Returns if the present request was admitted to write this file, folder or upload.

        Raises:
            RefusedError: If it was not, or if there is no request.
        """

    def approved(self, name: str) -> Served | None:
        """What to answer about a file or folder instead of what is stored; None: what is stored.

        Raises:
            RefusedError: If it may not be read at all.
        """


def _file(given: Arguments) -> str:
    """A file of a given name in a folder: the name's last part counts."""
    name = given.get("local_file") or given.get("artifact_file_name") or ""
    return posixpath.join(given.get("artifact_path") or "", posixpath.basename(str(name)))


def _path(given: Arguments) -> str:
    names = ("artifact_path", "path", "remote_file_path")
    return str(next((given[name] for name in names if given.get(name)), ""))


def _named(name: str) -> Callable[[Arguments], str]:
    return lambda _: name


def _attachment(given: Arguments) -> str:
    return posixpath.join("attachments", str(given.get("attachment_id") or given.get("path")))


# What each method touches, relative to the repository's root.
WRITES: Final[Mapping[str, Callable[[Arguments], str]]] = {
    "log_artifact": _file,
    "log_artifacts": _path,
    "log_artifact_from_stream": _file,
    "log_artifact_from_async_stream": _file,
    "delete_artifacts": _path,
    "create_multipart_upload": _file,
    "complete_multipart_upload": _file,
    "abort_multipart_upload": _file,
    "create_presigned_upload_url": _path,
    "upload_trace_data": _named("traces.json"),
    "upload_archived_trace_data": _named("traces.pb"),
    "upload_archived_trace_data_bytes": _named("traces.pb"),
    "upload_attachment": _attachment,
}
READS: Final[Mapping[str, Callable[[Arguments], str]]] = {
    "list_artifacts": _path,
    "get_local_path": _path,
    "download_artifacts": _path,
    "get_download_presigned_url": _path,
    "download_trace_data": _named("traces.json"),
    "download_trace_data_to_file": _named("traces.json"),
    "download_archived_trace_data": _named("traces.pb"),
    "download_trace_attachment": _attachment,
    "download_trace_attachment_to_file": _attachment,
}
# What the base class's ways to read are built on.
_INNER: Final[Mapping[str, Callable[[Arguments], str]]] = {
    "_is_directory": _path,
    "_download_file": _path,
}
# Addresses, clients and settings; `flush_async_logging` waits for calls of `log_artifact`.
NO_FILES: Final = frozenset(
    {
        "artifact_dir",
        "chunk_thread_pool",
        "convert_b2_uri_to_s3_endpoint_url",
        "convert_r2_uri_to_s3_endpoint_url",
        "files_api",
        "flush_async_logging",
        "full_path",
        "get_ftp_client",
        "get_s3_file_upload_extra_args",
        "get_underlying_uri",
        "is_logged_model_uri",
        "is_models_uri",
        "is_run_uri",
        "is_runs_uri",
        "max_workers",
        "parse_gcs_uri",
        "parse_runs_uri",
        "parse_s3_compliant_uri",
        "parse_wasbs_uri",
        "resolve_uri",
        "split_models_uri",
    }
)


def install(guard: StorageGuard) -> None:
    """Has every repository that MLflow makes in this process ask a guard.

    Args:
        guard: It decides.
    """
    module: Any = importlib.import_module("mlflow.store.artifact.artifact_repository_registry")
    registry = module._artifact_repository_registry
    original = type(registry).get_artifact_repository
    # These hand everything to a repository of the place that they resolve to, which is guarded.
    delegating = (module.RunsArtifactRepository, module.ModelsArtifactRepository)
    classes: dict[type, type] = {}

    @wraps(original)
    def get_artifact_repository(*arguments: Any, **named: Any) -> Any:
        repository = original(registry, *arguments, **named)
        kind = type(repository)
        if kind not in delegating:
            if kind not in classes:
                classes[kind] = guarded_class(kind, guard)
            repository.__class__ = classes[kind]
        return repository

    registry.get_artifact_repository = get_artifact_repository
    # One that was made before would not ask.
    internals.handlers()._artifact_repo = None


def guarded_class(kind: type, guard: StorageGuard) -> type:
    """A subclass of a class of repositories that asks a guard about each name.

    Args:
        kind: The class.
        guard: It decides.
    """
    methods = {}
    for name in dir(kind):
        if name.startswith("_") or name in NO_FILES:
            continue
        method = getattr(kind, name)
        if name in WRITES:
            methods[name] = _asking(method, WRITES[name], guard.may_write)
        elif name in READS:
            methods[name] = _reading(name, method, READS[name], guard)
        else:
            methods[name] = _unknown(name)
    for name, touched in _INNER.items():
        methods[name] = _reading(name, getattr(kind, name), touched, guard)
    return type(kind)(kind.__name__, (kind,), {"__module__": kind.__module__, **methods})


def _asking(
    method: Any, touched: Callable[[Arguments], str], ask: Callable[[str], None]
) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @wraps(method)
    def guarded(self: Any, *arguments: Any, **named: Any) -> Any:
        given = signature.bind(self, *arguments, **named).arguments
        try:
            ask(places.at(self.artifact_uri, touched(given)))
        except RefusedError as error:
            raise _as_mlflow_error(error) from error
        return method(self, *arguments, **named)

    return guarded


def _reading(
    name: str, method: Any, touched: Callable[[Arguments], str], guard: StorageGuard
) -> Callable[..., Any]:
    signature = inspect.signature(method)
    base: Any = importlib.import_module("mlflow.store.artifact.artifact_repo")

    @wraps(method)
    def guarded(self: Any, *arguments: Any, **named: Any) -> Any:
        given = signature.bind(self, *arguments, **named).arguments
        path = touched(given)
        try:
            served = guard.approved(places.at(self.artifact_uri, path))
            if served is not None and name in ANSWERS:
                return ANSWERS[name](served, path, given)
        except RefusedError as error:
            raise _as_mlflow_error(error) from error
        if served is not None:
            return getattr(base.ArtifactRepository, name)(self, *arguments, **named)
        return method(self, *arguments, **named)

    return guarded


def unguarded(uri: str) -> Any:
    """A repository that asks nobody, for what the server itself reads."""
    module: Any = importlib.import_module("mlflow.store.artifact.artifact_repository_registry")
    registry = module._artifact_repository_registry
    return type(registry).get_artifact_repository(registry, uri)


def _unknown(name: str) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> Any:
        message = f"the storage's method {name} is not known to auditkit"
        raise _as_mlflow_error(RefusedError(403, "PERMISSION_DENIED", message))

    return refused


def _as_mlflow_error(error: RefusedError) -> Exception:
    """A refusal that MLflow's handlers answer as they answer their own."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2

    codes: dict[str, int] = dict(databricks_pb2.ErrorCode.items())
    return MlflowException(error.message, error_code=codes[error.code])
