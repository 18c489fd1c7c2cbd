"""A policy's folder: a draft to edit, and the seal that puts it into force.

The seal names the digest of the files, who wrote them and who, somebody else, approved them. What
a server judges by is always a sealed whole: a file that is being edited, half written or changed
behind everyone's back does not match the seal, and the policy before it stays in force.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from auditkit.access.control import FILES, AccessControl, read_texts
from auditkit.canonical import Digest, digest_of, parse_json
from auditkit.errors import AccessDeniedError, InputError, OutputError, PolicyError
from auditkit.resources import data_path

SEAL: Final = "seal.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """Who put which policy into force.

    Attributes:
        digest: Of the policy's files.
        author: Who wrote the change.
        approver: Who approved it; somebody else.
        approved: When, as ISO 8601.
    """

    digest: Digest
    author: str
    approver: str
    approved: str

    def to_json(self) -> dict[str, str]:
        """As the file holds it."""
        return {
            "digest": str(self.digest),
            "author": self.author,
            "approver": self.approver,
            "approved": self.approved,
        }


def seal_policy(folder: str | Path, *, author: str, approver: str, now: datetime) -> Seal:
    """Puts the draft in a folder into force.

    Args:
        folder: Holds the policy's files.
        author: Who wrote the change.
        approver: Who approves it.
        now: The time.

    Raises:
        AccessDeniedError: If the approver is the author.
        PolicyError: If the draft is wrong.
    """
    if author.strip().casefold() == approver.strip().casefold():
        raise AccessDeniedError(
            "A policy is approved by somebody else than its author.",
            remedy="ask a second person to approve it",
        )
    texts = read_texts(folder)
    AccessControl.from_texts(texts)
    seal = Seal(
        digest=files_digest(texts), author=author, approver=approver, approved=now.isoformat()
    )
    write_whole(Path(folder) / SEAL, json.dumps(seal.to_json(), indent=1) + "\n")
    return seal


def read_seal(folder: str | Path) -> Seal | None:
    """The seal of a folder; None if there is none.

    Raises:
        PolicyError: If it cannot be read.
    """
    try:
        data = (Path(folder) / SEAL).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PolicyError("The policy's seal cannot be read.") from error
    try:
        found = parse_json(data)
        seal = Seal(**{**found, "digest": Digest.parse(found["digest"])})
    except (InputError, TypeError, KeyError, AttributeError) as error:
        raise PolicyError(
            "The policy's seal is malformed.", remedy="auditkit access approve makes it anew"
        ) from error
    if seal.author.strip().casefold() == seal.approver.strip().casefold():
        raise PolicyError("The policy was approved by its own author.")
    return seal


def files_digest(texts: dict[str, str]) -> Digest:
    """The digest of a policy's files, names and contents."""
    return digest_of("access-policy-files/v1", {name: texts[name] for name in FILES})


class PolicyFolder:
    """The policy in force, followed as it changes; safe between threads.

    Args:
        folder: Holds the policy's files and their seal.

    Raises:
        PolicyError: If there is no seal, or the files are not the sealed ones, or are wrong.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._lock = threading.Lock()
        self._stamp = self._stamps()
        loaded = self._load()
        if loaded is None:
            raise PolicyError(
                "The access policy is not sealed, or was changed since.",
                remedy="let somebody else than its author run: auditkit access approve",
            )
        self.in_force: tuple[AccessControl, Seal] = loaded
        self.draft_differs = False

    def current(self) -> tuple[AccessControl, Seal]:
        """The policy in force and its seal.

        A changed folder is read by one thread, while the others go on with what is in force.
        """
        stamp = self._stamps()
        if stamp != self._stamp and self._lock.acquire(blocking=False):
            try:
                loaded = self._load()
                self.draft_differs = loaded is None
                if loaded is not None:
                    self.in_force = loaded
                self._stamp = stamp
            finally:
                self._lock.release()
        return self.in_force

    def _load(self) -> tuple[AccessControl, Seal] | None:
        try:
            seal, texts = read_seal(self._folder), read_texts(self._folder)
            if seal is None or files_digest(texts) != seal.digest:
                return None
            return AccessControl.from_texts(texts), seal
        except PolicyError:
            if hasattr(self, "in_force"):
                return None
            raise

    def _stamps(self) -> tuple[Any, ...]:
        found: list[Any] = []
        for name in (*FILES, SEAL):
            try:
                status = os.stat(self._folder / name)  # noqa: PTH116 (half the time of Path.stat)
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                found.append(None)
        return tuple(found)


def start_policy(folder: str | Path) -> Path:
    """Copies the packaged policy into a folder, as a draft to edit.

    Raises:
        OutputError: If there is a policy already.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if any((target / name).exists() for name in FILES):
        raise OutputError("The folder holds a policy already.", remedy="name another folder")
    for name, text in read_texts(data_path("policies", "access")).items():
        write_whole(target / name, text)
    return target


def write_whole(path: Path, text: str) -> None:
    """Writes a file whole or not at all, and to the disk.

    Raises:
        OutputError: If it could not be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"{path.name} cannot be written.") from error
