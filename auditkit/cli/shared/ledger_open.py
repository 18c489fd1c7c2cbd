"""How the commands on a log find it and its keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.signing_options import open_store
from auditkit.errors import KeyFileError, LedgerError
from auditkit.files import read_text

if TYPE_CHECKING:
    from auditkit.ledger import Ledger, NoteSigner, NoteVerifier
    from auditkit.signing import KeyStore

Log = Annotated[
    str, typer.Argument(metavar="LOG", help="A SQLite file, or postgresql://user@host/name.")
]
Key = Annotated[
    list[str] | None,
    typer.Option(
        "--key", metavar="LINE", help="The log's public key: its line, or a file of lines."
    ),
]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="The log's name, with --keys.")]
Head = Annotated[
    Path | None,
    typer.Option(
        "--head", metavar="FILE", help="The file that keeps the head. Default: beside the log."
    ),
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it, for the record.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="WHY", help="Why, for the record; no personal data.")
]


def reading(
    log: str, key: list[str] | None, keys: Path | None, name: str, head: Path | None = None
) -> Ledger:
    """The log, for reading."""
    from auditkit.ledger import Ledger

    present, *former = public_keys(key, keys, name)
    return Ledger.open(url(log), key=present, former_keys=former, head=head)


def writing(
    log: str,
    keys: Path | None,
    name: str,
    head: Path | None = None,
    *,
    accept_missing_head: bool = False,
) -> Ledger:
    """The log, for writing. It needs to exist: commands make none by a slip of the pen."""
    from auditkit.ledger import Ledger

    key, former = signer(keys, name)
    if "://" not in log and not Path(log).exists():
        raise LedgerError(f"There is no log {Path(log).name}.", remedy="check the path")
    return Ledger.open(
        url(log),
        key=key,
        former_keys=former,
        head=head,
        accept_missing_head=accept_missing_head,
    )


def signer(keys: Path | None, name: str) -> tuple[NoteSigner, list[NoteVerifier]]:
    """The log's key, and the public keys that signed before it."""
    store = _store(keys)
    return store.log_signer(name), list(store.log_verifiers(name))


def public_keys(key: list[str] | None, keys: Path | None, name: str) -> list[NoteVerifier]:
    """The log's public keys, the present one first."""
    from auditkit.ledger import NoteVerifier

    if key:
        lines: list[str] = []
        for one in key:
            lines += (
                [one] if one.count("+") >= 2 else read_text(Path(one), what="public key").split()
            )
        found = [NoteVerifier.parse(line) for line in lines]
    else:
        found = list(_store(keys).log_verifiers(name))
    if not found:
        raise KeyFileError("There is no public key of a log.", remedy="give --key, or --keys")
    return found


def _store(keys: Path | None) -> KeyStore:
    """The key store, which needs to be there: a new key opens no log that exists."""
    store = open_store(keys)
    if not store.folder.is_dir():
        raise KeyFileError(
            f"There is no key store {store.folder.name}.",
            remedy="give --keys, or the log's public key with --key",
        )
    return store


def url(log: str) -> str:
    """A file's path as a log's address; an address as it is."""
    return log if "://" in log else f"sqlite:///{log}"
