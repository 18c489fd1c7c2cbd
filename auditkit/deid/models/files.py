"""Files of models, read only if they are the bytes that were reviewed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from auditkit.errors import InputError, VerificationError


def verified(folder: Path, name: str, digest: str, *, remedy: str) -> bytes:
    """The content of a model's file.

    Args:
        folder: Where the model lies.
        name: The file, below the folder.
        digest: The SHA-256 digest that it must have, in hexadecimal.
        remedy: What to do if it has not.

    Raises:
        InputError: If the file cannot be read.
        VerificationError: If its digest is another.
    """
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise InputError(
            f"The model's file {name} (SHA-256 {digest}) cannot be read.", remedy=remedy
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise VerificationError(
            f"The model's file {name} has the SHA-256 digest {found}, expected {digest}.",
            remedy=remedy,
        )
    return content
