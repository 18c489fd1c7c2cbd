"""The permissions for artifact paths, and which of them hold datasets."""

from __future__ import annotations

from typing import Final

from auditkit.access.policy.vocabulary import dataset_object, path_object
from auditkit.mlflow_guard.requests.plan import RequiredPermission

_DATASET_VERBS: Final = {
    "artifact:read": "dataset:read",
    "artifact:write": "dataset:write",
    "artifact:delete": "dataset:delete",
}
# A folder of such a name, anywhere in a path, holds datasets.
DATASET_FOLDERS: Final = ("datasets",)


def artifact_needs(verb: str, path: str) -> tuple[RequiredPermission, ...]:
    """The permissions to read, write or delete an artifact.

    Args:
        verb: "artifact:read", "artifact:write" or "artifact:delete".
        path: Relative to the artifact root, normalized.
    """
    return (RequiredPermission(verb, path_object("artifacts", path)), *dataset_needs(verb, path))


def dataset_needs(verb: str, path: str) -> tuple[RequiredPermission, ...]:
    """The further permissions for a path in a dataset.

    Args:
        verb: As in `artifact_needs`.
        path: As in `artifact_needs`.
    """
    needs = []
    parts = path.split("/")
    for position, part in enumerate(parts[:-1]):
        if part in DATASET_FOLDERS:
            needs.append(
                RequiredPermission(_DATASET_VERBS[verb], dataset_object(parts[position + 1]))
            )
            break
    # A change to a whole folder may change every dataset in it.
    if parts[-1] in DATASET_FOLDERS:
        needs.append(RequiredPermission(_DATASET_VERBS[verb], "datasets", subtree=True))
    return tuple(needs)
