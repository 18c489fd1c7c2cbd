"""The server's log: opened, opened again only as the one it was, and never begun anew unnoticed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from auditkit.access.record.log import DecisionLog
from auditkit.errors import InputError, KeyFileError
from auditkit.ledger import Ledger, NoteSigner, NoteVerifier
from auditkit.mlflow_guard.serve.settings import ServerSettings, read_settings
from auditkit.signing.keys import PASSPHRASE_VARIABLE, KeyStore

# A log that somebody began on purpose, although there was something to lose.
CREATED: Final = "log.created"
# How long a request waits for a locked log before it is refused.
_LOCK_SECONDS: Final = 5.0


class LogOpener:
    """Opens the log, and after a failure that log again: never another one, and never a new one.

    Args:
        settings: The server's settings.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._last: Ledger | None = None

    def __call__(self) -> Ledger:
        """The log.

        Raises:
            AuditkitError: If it cannot be opened, or is not the one that it was.
        """
        self._last = open_log(self._settings, follows=self._last)
        return self._last


def open_log(settings: ServerSettings, *, follows: Ledger | None = None) -> Ledger:
    """The log that the settings name.

    Args:
        settings: The server's settings.
        follows: The log as it was open before; None: a missing one is created.

    Raises:
        AuditkitError: If it cannot be opened.
    """
    signer, former = log_signer(settings)
    return Ledger.open(
        settings.log.url,
        key=signer,
        former_keys=former,
        follows=follows,
        lock_timeout_s=_LOCK_SECONDS,
    )


def log_signer(settings: ServerSettings) -> tuple[NoteSigner, tuple[NoteVerifier, ...]]:
    """The key that signs the log, and those that did before.

    Raises:
        KeyFileError: If it cannot be read.
    """
    path = Path(settings.log.key)
    try:
        if path.is_dir():
            store = KeyStore(path, passphrase=os.environ.get(PASSPHRASE_VARIABLE) or None)
            # A log whose first key was rotated can still be opened.
            return store.log_signer(settings.log.name), store.log_verifiers(settings.log.name)
        return NoteSigner.from_pem(path.read_bytes(), name=settings.log.name), ()
    except OSError as error:
        raise KeyFileError(
            f"The log's key {path.name!r} cannot be read.",
            remedy=f"make one: auditkit keys init --keys {path.name}",
        ) from error


def refuse_lost_log(
    log: DecisionLog, settings: ServerSettings, *, protected: Callable[[], bool]
) -> None:
    """Refuses an empty log beside a registry in which something was promoted.

    Args:
        log: The log.
        settings: The server's settings.
        protected: Whether a protected alias points to a version.

    Raises:
        InputError: If the log is empty, and copies of approved files or protected aliases are not.
    """
    if log.size:
        return
    folder = Path(settings.approved)
    if (folder.is_dir() and any(folder.iterdir())) or protected():
        raise InputError(
            "The log is empty, and the registry has protected versions: the log was lost, or the "
            "registry was not guarded before.",
            remedy="restore the log and its head from the backup; or begin one on purpose: "
            "auditkit registry new-log SERVER.YAML --by NAME --reason WHY",
        )


def create_log(settings_file: Path, *, by: str, reason: str) -> Ledger:
    """Begins a log on purpose, with an entry that says who did and why.

    Args:
        settings_file: The server's settings.
        by: Who begins it.
        reason: Why there is no earlier one.

    Raises:
        InputError: If there is a log with entries.
    """
    log = open_log(read_settings(settings_file))
    size = log.size
    if size:
        log.close()
        raise InputError(f"The log has {size:,} entries already.", remedy="start the server")
    log.append(kind=CREATED, payload={"by": by, "reason": reason})
    return log
