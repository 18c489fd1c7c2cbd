"""What a registry holds: its versions and aliases, from its server or from its database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditkit.database import connect
from auditkit.errors import InputError

if TYPE_CHECKING:
    from auditkit.registry.client import RegistryClient

_DEFAULT = "default"

Place = tuple[str, str, str]
Contents = tuple[frozenset[Place], dict[Place, str]]


def of_database(url: str) -> Contents:
    """Versions and aliases in the database of a registry.

    Args:
        url: `sqlite:///path` or `postgresql://user@host/name`.

    Returns:
        Workspace, model and version of each version; the version of each alias, by workspace, model
        and alias.

    Raises:
        InputError: If it cannot be read, or holds no registry.
    """
    with_workspaces, without = "workspace", f"'{_DEFAULT}'"
    connection = connect(url, "registry", error=InputError, write=False, lock_timeout_s=30.0)
    try:
        for workspace in (with_workspaces, without):
            try:
                versions = connection.query(
                    f"SELECT {workspace}, name, version, current_stage FROM model_versions"  # noqa: S608
                )
                aliases = connection.query(
                    f"SELECT {workspace}, name, alias, version FROM registered_model_aliases"  # noqa: S608
                )
                break
            except InputError:
                if workspace is without:
                    raise
    finally:
        connection.close()
    kept = {(str(w), str(n), str(v)) for w, n, v, stage in versions if stage != "Deleted_Internal"}
    return frozenset(kept), {(str(w), str(n), str(a)): str(v) for w, n, a, v in aliases}


def of_server(server: RegistryClient, *, workspace: str = "") -> Contents:
    """The same from a guarded server: what the caller may read.

    Args:
        server: The server's client.
        workspace: The workspace that it asks in; empty: the default one.
    """
    where = workspace or _DEFAULT
    aliases = {
        (where, str(model["name"]), str(alias["alias"])): str(alias["version"])
        for model in server.listed("registered-models", "registered_models")
        for alias in _list(model.get("aliases"))
    }
    versions = {
        (where, str(one["name"]), str(one["version"]))
        for one in server.listed("model-versions", "model_versions")
    }
    return frozenset(versions), aliases


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
