"""Users and password hashes in a file. auditkit comes without any user or password.

scrypt with N = 2**15, r = 8, p = 1 (RFC 7914): about 32 MiB and a tenth of a second per guess.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Final

from auditkit.access.login.private_files import read_private
from auditkit.errors import InputError
from auditkit.files import write_whole

MIN_CHARACTERS: Final = 12
_COST, _BLOCK, _LANES = 2**15, 8, 1
_MEMORY: Final = 64 * 1024 * 1024
# Hashed for unknown names, so that they take as long as known ones.
_NOBODY: Final = f"scrypt${_COST}${_BLOCK}${_LANES}${'00' * 16}${'00' * 32}"


def hash_password(password: str) -> str:
    """A password's stored form: method, cost, salt and hash.

    Raises:
        InputError: If it is shorter than 12 characters.
    """
    if len(password) < MIN_CHARACTERS:
        raise InputError(
            "The password is too short.", remedy=f"use {MIN_CHARACTERS} characters or more"
        )
    salt = secrets.token_bytes(16)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${salt.hex()}${_scrypt(password, salt, _COST).hex()}"


def matches(password: str, kept: str | None) -> bool:
    """Whether a password matches its stored form; None takes as long and never matches."""
    _, cost, _, _, salt, expected = (kept or _NOBODY).split("$")
    found = _scrypt(password, bytes.fromhex(salt), int(cost))
    return hmac.compare_digest(found, bytes.fromhex(expected)) and kept is not None


def read_users(path: Path) -> dict[str, str]:
    """Users and their hashes.

    Raises:
        InputError: If the file cannot be read, or is readable by others than its owner.
    """
    remedy = f"make it with: auditkit access user add NAME --users {path.name}"
    found = read_private(path, what="users' file", remedy=remedy)
    if not isinstance(found, dict) or not all(str(v).startswith("scrypt$") for v in found.values()):
        raise InputError(
            f"The users' file {path.name!r} does not hold password hashes.",
            remedy=remedy,
        )
    return {str(name): str(kept) for name, kept in found.items()}


def write_users(path: Path, users: dict[str, str]) -> None:
    """Writes users and their hashes, whole or not at all, readable only by the owner.

    Raises:
        OutputError: If it cannot be written.
    """
    write_whole(path, json.dumps(dict(sorted(users.items())), indent=1).encode(), secret=True)


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cost, r=_BLOCK, p=_LANES, maxmem=_MEMORY, dklen=32
    )
