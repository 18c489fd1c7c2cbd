"""What a monitor takes from the machine unless it is given: the clock, the key store, its log."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from auditkit.errors import InputError
from auditkit.files import read_bytes, write_whole
from auditkit.ledger import Ledger
from auditkit.ledger.opening import as_url
from auditkit.parameters import LOG_NAME
from auditkit.signing import KeyStore

Clock = Callable[[], datetime]


def machine_clock() -> datetime:
    """The time of this machine, UTC."""
    return datetime.now(UTC)


def user_keys() -> KeyStore:
    """The user's key store."""
    return KeyStore.default(os.environ)


def log_place(place: str, folder: Path, keys: KeyStore) -> str:
    """The URL of the log that settings name: a path beside them, a URL, or the key store's own."""
    if not place:
        return keys.log_url
    return as_url(place) if "://" in place else as_url(folder / place)


def open_log(url: str, keys: KeyStore, clock: Clock) -> Ledger:
    """The log for writing; it is made if it is not there.

    Raises:
        KeyFileError: If its key cannot be read.
        LedgerError: If it cannot be opened.
    """
    return Ledger.open(
        url, key=keys.log_signer(LOG_NAME), former_keys=keys.log_verifiers(LOG_NAME), clock=clock
    )


def salt_of(keys: KeyStore, name: str, *, make: bool) -> bytes:
    """The salt of a monitor's digests of keys and personal levels, kept in the key store.

    Args:
        keys: The key store.
        name: The monitor's name.
        make: Whether to make it if it is not there: when a baseline is set.

    Raises:
        InputError: If it is not there.
    """
    path = keys.folder / f"watch-{name}.salt"
    if make and not path.exists():
        keys.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, secrets.token_bytes(32), secret=True)
    if not path.exists():
        raise InputError(
            f"The key store has no salt of the monitor {name}.",
            remedy="set the baseline with: auditkit watch baseline, or restore the key store",
        )
    return read_bytes(path, what="salt")
