"""The digest of a model's files, which approvals, audits and loaded models are compared by.

It commits to the relative name and the contents of every file, in the order of their names, and to
nothing else: not to times, owners or the folder's path. A single file counts as a folder that
holds only that file.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from auditkit.canonical import Digest, Json, digest_of
from auditkit.errors import InputError, NothingToAuditError


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """One file of a model.

    Attributes:
        path: Relative to the model's folder, with forward slashes.
        size: Its size in bytes.
        sha256: 64 hexadecimal digits.
    """

    path: str
    size: int
    sha256: str


def artifact_files(path: str | Path) -> tuple[ArtifactFile, ...]:
    """Every file of a model, sorted by name.

    Args:
        path: A folder, or one file.

    Raises:
        InputError: If it cannot be read, or holds a link or something that is not a file: the
            target of a link could change under the same digest.
        NothingToAuditError: If there are no files.
    """
    root = Path(path)
    try:
        if not root.is_symlink() and root.is_file():
            return (_file(root, root.name),)
        if not root.is_dir():
            raise InputError(
                f"The artifacts {root.name!r} are neither a folder nor a file.",
                remedy="give the folder that holds the model's files",
            )
        files = [_file(p, p.relative_to(root).as_posix()) for p in _walk(root)]
    except OSError as error:
        raise InputError(
            f"The artifacts {root.name!r} cannot be read.", remedy="check that they may be read"
        ) from error
    if not files:
        raise NothingToAuditError(f"The folder {root.name!r} holds no files.")
    return tuple(sorted(files, key=lambda file: file.path))


def artifact_digest(path: str | Path) -> Digest:
    """The digest of a model's files: their names and contents, sorted by name.

    Args:
        path: A folder, or one file.

    Raises:
        InputError: As for `artifact_files`.
        NothingToAuditError: If there are no files.
    """
    return digest_of_files(artifact_files(path))


def digest_of_files(files: tuple[ArtifactFile, ...]) -> Digest:
    """The digest of files that were already read."""
    content: list[Json] = [
        {"path": file.path, "size": file.size, "sha256": file.sha256} for file in files
    ]
    return digest_of("artifact-tree/v1", content)


def _walk(root: Path) -> list[Path]:
    found = []
    for folder, folders, names in os.walk(root, followlinks=False):
        for name in (*folders, *names):
            if (Path(folder) / name).is_symlink():
                raise InputError(
                    f"The artifacts {root.name!r} hold a link.", remedy="copy the file itself"
                )
        found += [Path(folder) / name for name in names]
    return found


def _file(path: Path, name: str) -> ArtifactFile:
    with path.open("rb") as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InputError(
                "The artifacts hold something that is not a file.", remedy="leave only files there"
            )
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return ArtifactFile(name, status.st_size, sha256)
