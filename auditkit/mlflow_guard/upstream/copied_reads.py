"""What a repository answers about approved files: each way to read, from their copy.

The other ways to read are built on these: for approved files a repository uses MLflow's base class,
which lists, and then downloads file by file.
"""

from __future__ import annotations

import importlib
import posixpath
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from auditkit.mlflow_guard.upstream.refusals import RefusedError
from auditkit.registry.copies import Entry


class Served(Protocol):
    """What is served for one file or folder. Every method may raise a `RefusedError`."""

    def path_at_hand(self) -> Path | None:
        """The file or folder in the copy, if its files need not be hashed to tell."""

    def path(self) -> Path | None:
        """The file or folder in the copy; None: it has none of that name."""

    def entries(self) -> Sequence[Entry]:
        """What the folder holds."""


def _local_path(served: Served, _: str, __: Mapping[str, Any]) -> str | None:
    # None has the caller download it in a thread, where hashing holds nobody up.
    found = served.path_at_hand()
    return str(found) if found is not None else None


def _listed(served: Served, name: str, _: Mapping[str, Any]) -> list[Any]:
    entities: Any = importlib.import_module("mlflow.entities")
    return [
        entities.FileInfo(posixpath.join(name, entry.name), entry.size is None, entry.size)
        for entry in served.entries()
    ]


def _is_folder(served: Served, _: str, __: Mapping[str, Any]) -> bool:
    found = served.path()
    return found is not None and found.is_dir()


def _downloaded(served: Served, name: str, given: Mapping[str, Any]) -> None:
    found = served.path()
    if found is None or found.is_dir():
        message = f"the approved version has no file {posixpath.basename(name)}"
        raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", message)
    shutil.copyfile(found, given["local_path"])


def _link(_: Served, __: str, ___: Mapping[str, Any]) -> Any:
    message = "a link into the storage would go past the approved copy; download it from the server"
    raise RefusedError(409, "RESOURCE_CONFLICT", message)


ANSWERS: Final[Mapping[str, Callable[[Served, str, Mapping[str, Any]], Any]]] = {
    "get_local_path": _local_path,
    "list_artifacts": _listed,
    "_is_directory": _is_folder,
    "_download_file": _downloaded,
    "get_download_presigned_url": _link,
}
