"""A policy's folder: a draft to edit, and the seal that puts it into force.

The seal names the files' digest, their author, and their approver, who is somebody else. A server
decides only by a sealed policy: if a file is being edited, half-written or changed without
approval, it does not match the seal, and the previous policy stays in force.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from auditkit.access.kept.seal import Approvers, Seal, parse_seal
from auditkit.access.kept.source import PolicyInForce, Sealed
from auditkit.access.policy.control import FILES, AccessControl, read_texts
from auditkit.canonical import Digest, digest_of
from auditkit.errors import OutputError, PolicyError, VerificationError
from auditkit.files import read_bytes, write_whole
from auditkit.resources import data_path, schema_line
from auditkit.signing.private_keys import PrivateKey

SEAL: Final = "seal.json"


def seal_policy(
    folder: str | Path,
    *,
    author: str,
    approver: str,
    now: datetime,
    key: PrivateKey | None = None,
) -> Seal:
    """Puts the draft in a folder into force.

    Args:
        folder: Holds the policy's files.
        author: Who wrote the change.
        approver: Who approves it.
        now: The time, with its zone.
        key: The approver's key, to sign the seal; None: it stays unsigned.

    Raises:
        AccessDeniedError: If the approver is the author.
        PolicyError: If the draft is invalid.
        KeyFileError: If the key cannot be used.
    """
    texts = read_texts(folder)
    AccessControl.from_texts(texts)
    return seal_texts(folder, texts, author=author, approver=approver, now=now, key=key)


def seal_texts(
    folder: str | Path,
    texts: dict[str, str],
    *,
    author: str,
    approver: str,
    now: datetime,
    key: PrivateKey | None = None,
) -> Seal:
    """Writes the seal of texts that were read from a folder, and checked.

    If a file is changed meanwhile, the seal does not match it, and the policy before stays in
    force.

    Raises:
        AccessDeniedError: If the approver is the author.
        KeyFileError: If the key cannot be used.
    """
    seal = Seal(
        digest=files_digest(texts), author=author, approver=approver, approved=now.isoformat()
    )
    text = seal.to_text(key)
    write_whole(Path(folder) / SEAL, text.encode())
    return parse_seal(text)


def read_seal(folder: str | Path) -> Seal | None:
    """The seal of a folder; None if there is none.

    Raises:
        PolicyError: If it cannot be read.
        VerificationError: If its signature does not verify.
    """
    path = Path(folder) / SEAL
    if not os.path.lexists(path):
        return None
    return parse_seal(read_bytes(path, what="policy's seal", kind=PolicyError))


def is_sealed(folder: str | Path) -> bool:
    """Whether the policy in a folder is the approved one.

    Raises:
        PolicyError: If it cannot be read.
    """
    seal = read_seal(folder)
    return seal is not None and seal.digest == files_digest(read_texts(folder))


def files_digest(texts: dict[str, str]) -> Digest:
    """The digest of a policy's files: their names and contents."""
    return digest_of("access-policy-files/v1", {name: texts[name] for name in FILES})


def read_sealed(folder: str | Path) -> Sealed:
    """Reads the policy in a folder, which must be the sealed one.

    Raises:
        PolicyError: If there is no seal, or the files are invalid.
        VerificationError: If the files are not the sealed ones, or the seal's signature does not
            verify.
    """
    seal, texts = read_seal(folder), read_texts(folder)
    remedy = "have somebody other than its author run: auditkit access approve"
    if seal is None:
        raise PolicyError("The access policy is not sealed.", remedy=remedy)
    if files_digest(texts) != seal.digest:
        raise VerificationError("The access policy was changed since it was sealed.", remedy=remedy)
    return AccessControl.from_texts(texts), seal


def follow_folder(folder: str | Path, *, approvers: Approvers | None = None) -> PolicyInForce:
    """The policy in force in a folder, reloaded when it changes.

    Args:
        folder: Holds the policy's files and their seal.
        approvers: Whose signatures count; None: no signature is required.

    Raises:
        PolicyError: If there is no seal, or the files are invalid.
        VerificationError: If the files are not the sealed ones, or not signed as required.
    """
    paths = [str(Path(folder) / name) for name in (*FILES, SEAL)]

    def stamp() -> tuple[Any, ...]:
        found: list[Any] = []
        for path in paths:
            try:
                status = os.stat(path)  # noqa: PTH116 (half of Path.stat's time)
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                found.append(None)
        return tuple(found)

    return PolicyInForce(stamp, lambda: read_sealed(folder), approvers=approvers or {})


def start_policy(folder: str | Path) -> Path:
    """Copies the packaged policy into a folder, as a draft to edit.

    Raises:
        OutputError: If there is already a policy.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if any((target / name).exists() for name in FILES):
        raise OutputError("The folder already holds a policy.", remedy="name another folder")
    packaged = data_path("policies", "access")
    here = schema_line("access", target)
    for name, text in read_texts(packaged).items():
        # The same file elsewhere: its first line leads an editor from there to the schema.
        write_whole(target / name, text.replace(schema_line("access", packaged), here).encode())
    return target
