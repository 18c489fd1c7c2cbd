"""The one name of a place in the artifacts' storage, for whoever judges, writes or pins it.

A name is the path below the artifacts' destination that the writing handler computes, the
workspace's folder included: `1/RUN/artifacts/model`, `workspaces/team-a/4/RUN/artifacts/model`; the
destination itself, and what holds it, is the empty name. What lies outside is `elsewhere/...`.

Laws:
    - One file has one name, whichever location or route leads to it: links in a location are
      resolved, and a path through a link below it is refused.
    - A proxied location has one reading. Some handlers decode its path and others do not, so one
      that decoding would change (`%`, `//`, `..`, `?`, `file:`) is refused.
    - A name does not depend on whether the file exists.
"""

# ruff: noqa: SLF001 - reaching into MLflow is what this folder is for

from __future__ import annotations

import importlib
import os
import posixpath
from typing import Any, Final
from urllib.parse import ParseResult, unquote, urlparse, urlsplit

from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError

_DESTINATION: Final = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
_PAGES: Final = "/api/2.0/mlflow-artifacts/artifacts/"
_AZURE: Final = ("abfss", "wasbs")
_LOCAL: Final = ("", "file")


def destination() -> str:
    """The URI of the storage that the server proxies; empty: it proxies none."""
    return os.environ.get(_DESTINATION, "")


def destination_folder() -> str:
    """The folder that this storage is, links resolved; empty: it is none."""
    uri = destination()
    return os.path.realpath(_folder(uri)) if uri and urlsplit(uri).scheme in _LOCAL else ""


def proxied(path: str | None) -> str:
    """The name of a path that the server writes or serves at its artifacts' destination.

    Args:
        path: As the handler has it before it adds the workspace: decoded, relative.

    Raises:
        MlflowException: If it is in another workspace than the request.
        RefusedError: If it has no single name.
    """
    scoped = internals.handlers()._get_workspace_scoped_repo_path_if_enabled(path)
    return at(destination(), scoped or "")


def located(uri: str, path: str = "") -> str:
    """The name of a path below a storage location, as the handlers of its files read it.

    Args:
        uri: The location of an experiment, run, logged model or version; not `runs:`, `models:`.
        path: Relative to it.

    Raises:
        MlflowException: If it is in another workspace than the request.
        RefusedError: If it has no single name.
    """
    if not is_proxied(uri):
        return at(uri, path)
    root = _proxied_root(uri)
    if not _is_plain(urlparse(uri), root):
        raise RefusedError(
            409,
            "INVALID_STATE",
            f"the files' location {uri} can be read in two ways, so it cannot be judged; copy them "
            "to a new run and register that",
        )
    return proxied(posixpath.join(root, path))


def chosen(uri: str) -> str:
    """The name of a location that a caller chooses now.

    Raises:
        MlflowException: If it is in another workspace than the request.
        RefusedError: If it can be read in two ways.
    """
    refuse_two_readings(uri)
    return located(uri)


def refuse_two_readings(uri: str) -> None:
    """Refuses a location whose text some handlers would decode and others would not.

    Raises:
        RefusedError: If it is one.
    """
    if is_proxied(uri) and not _is_plain(urlparse(uri), _proxied_root(uri)):
        raise _ambiguous("write the location without escapes, empty parts, `.`, `..`, ?, # and ;")


def readings(uri: str) -> set[str]:
    """Every name that an existing location may have to some handler."""
    try:
        return {located(uri)}
    except Exception as error:
        if not is_proxied(uri) or not (
            isinstance(error, RefusedError) or internals.is_mlflow_error(error)
        ):
            raise
        root = _proxied_root(uri)
        texts = [posixpath.normpath(t) for t in (root, unquote(root), unquote(unquote(root)))]
        # With and without the workspace, which need not be the request's.
        return {*texts, *(f"workspaces/{internals.workspace()}/{text}" for text in texts)}


def is_proxied(uri: str) -> bool:
    """Whether this server's handlers take a location for a path at the artifacts' destination."""
    proxies: bool = internals.handlers()._is_servable_proxied_run_artifact_root(uri)
    return proxies and not _is_foreign_page(uri)


def at(uri: str, path: str = "") -> str:
    """The name of a path below the root of an artifact repository.

    Args:
        uri: The root, as the repository has it.
        path: Relative to it.

    Raises:
        RefusedError: If the path leaves the root, or leads through a link.
    """
    path = posixpath.normpath(path) if path else ""
    if path.split("/")[0] in ("..", "") and path:
        raise _ambiguous("it leaves its root")
    if urlsplit(uri).scheme in _LOCAL and uri:
        return _local(uri, path)
    return _remote(uri, path)


def _local(uri: str, path: str) -> str:
    root = os.path.realpath(_folder(uri))
    full = posixpath.normpath(posixpath.join(root, path))
    if os.path.realpath(full) != full:
        raise _ambiguous("it leads through a symbolic link")
    base = destination_folder()
    if base:
        if _holds(full, base):
            return ""
        if _holds(base, full):
            return full[len(base) :].lstrip("/")
    return f"elsewhere{full}"


def _remote(uri: str, path: str) -> str:
    full = _key(uri, path)
    served = destination()
    if _bucket(uri) == _bucket(served):
        base = _key(served, "")
        if _holds(full, base):
            return ""
        if _holds(base, full):
            return full[len(base) :].lstrip("/")
    text = uri.partition(":")[2].lstrip("/") or uri
    return posixpath.normpath(posixpath.join("elsewhere", text, path))


def _holds(folder: str, path: str) -> bool:
    """Whether one of two normalised paths is the other, or lies below it."""
    return not folder.strip("/") or path == folder or path.startswith(f"{folder}/")


def _bucket(uri: str) -> tuple[str, str]:
    found = urlsplit(uri)
    host = found.netloc.casefold()
    # One Azure account has two addresses.
    return ("azure", host.partition(".")[0]) if found.scheme in _AZURE else (found.scheme, host)


def _key(uri: str, path: str) -> str:
    return posixpath.normpath(posixpath.join("/", urlsplit(uri).path, path)).strip("/")


def _folder(uri: str) -> str:
    files: Any = importlib.import_module("mlflow.utils.file_utils")
    return str(files.local_file_uri_to_path(uri))


def _ambiguous(reason: str) -> RefusedError:
    return RefusedError(400, "INVALID_PARAMETER_VALUE", f"the path cannot be judged: {reason}")


def _proxied_root(uri: str) -> str:
    root: str = internals.handlers()._get_proxied_run_artifact_destination_path(uri)
    return root.rstrip("/")


def _is_plain(found: ParseResult, path: str) -> bool:
    """Whether the path of a location stays as it is, however often it is decoded."""
    if found.query or found.fragment or found.params or found.path.count(_PAGES) > 1:
        return False
    path = path.rstrip("/")
    try:
        return internals.safe_path(path) == path
    except Exception as error:
        if internals.is_mlflow_error(error) or isinstance(error, ValueError):
            return False
        raise


def _is_foreign_page(uri: str) -> bool:
    """Whether a URL cannot be an artifact's address; MLflow's handlers fail on it."""
    found = urlsplit(uri)
    return found.scheme in ("http", "https") and _PAGES not in found.path
