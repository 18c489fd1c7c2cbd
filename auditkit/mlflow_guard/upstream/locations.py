"""Where files are already, and where MLflow will put some by itself, in every workspace."""

# ruff: noqa: SLF001 - reaching into MLflow is what this folder is for

from __future__ import annotations

import importlib
import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from auditkit.mlflow_guard.upstream import internals, places

# What MLflow makes in a root by itself: an experiment's folder, and folders of its own.
_DEFAULT: Final = re.compile(r"([0-9]+|models|traces|workspaces)\Z", re.IGNORECASE)


def taken() -> set[str]:
    """The canonical names of the files of every experiment and version, deleted ones included.

    Those of runs, traces and logged models are below their experiment's.
    """
    found: set[str] = set()
    for name in internals.workspace_names():
        with internals.in_workspace(name):
            found.add(archive())
            for uri in _locations():
                found |= places.readings(uri)
    return found - {""}


def is_default(path: str) -> bool:
    """Whether a location is one that MLflow uses by itself, holds one, or may be one later.

    Args:
        path: The location's canonical name.
    """
    for name in internals.workspace_names():
        with internals.in_workspace(name):
            root = _default_root()
        if path == root or not path or root.startswith(f"{path}/"):
            return True
        below = path[len(root) :].lstrip("/") if path.startswith(f"{root}/") or not root else ""
        first, _, rest = below.partition("/")
        if first == "workspaces":  # of one that may not exist yet
            first = rest.partition("/")[2].partition("/")[0] or first
        if _DEFAULT.match(first):
            return True
    return False


def of_workspace(name: str) -> set[str]:
    """The locations that a workspace has now, as texts; empty if there is no such workspace."""
    try:
        found = internals.handlers()._get_workspace_store().get_workspace(name)
    except Exception as error:
        if internals.is_mlflow_error(error):
            return set()
        raise
    return {str(found.default_artifact_root or ""), str(found.trace_archival_location or "")}


def archive() -> str:
    """The canonical name of where a workspace's traces are archived; empty if they are not."""
    settings: Any = importlib.import_module("mlflow.tracing.trace_archival_config")
    found = settings.get_trace_archival_server_config()
    if found is None:
        return ""
    store = internals.handlers()._get_tracking_store()
    resolved = store.resolve_trace_archival_config(
        default_trace_archival_location=found.location, default_retention=found.retention
    )
    own = resolved.append_workspace_prefix and internals.has_workspaces()
    path = f"workspaces/{internals.workspace()}" if own else ""
    return places.located(str(resolved.config.location or found.location), path)


def _default_root() -> str:
    store = internals.handlers()._get_tracking_store()
    uris: Any = importlib.import_module("mlflow.utils.uri")
    locate = getattr(store, "_get_artifact_location", None)
    if locate is None:
        locate = lambda number: uris.append_to_uri_path(store.artifact_root_uri, number)  # noqa: E731
    return posixpath.dirname(places.located(str(locate("0"))))


def _locations() -> Iterator[str]:
    handlers = internals.handlers()
    entities: Any = importlib.import_module("mlflow.entities")
    everything = {"view_type": entities.ViewType.ALL}
    for experiment in _pages(handlers._get_tracking_store().search_experiments, **everything):
        yield str(experiment.artifact_location)
    registry = handlers._get_model_registry_store()
    for version in _pages(registry.search_model_versions):
        if version.source not in internals.PROMPT_SOURCES:
            yield str(registry.get_model_version_download_uri(version.name, version.version))


def _pages(search: Callable[..., Any], **options: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(max_results=1000, page_token=token, **options)
        yield from page
        token = page.token
        if not token:
            return
