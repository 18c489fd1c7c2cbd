"""The options by which commands find a log and its keys, and opening it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.console import Work, say
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
        "--key", metavar="LINE", help="The log's public key: its line, or a file of such lines."
    ),
]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="The log's name, with --keys.")]
Head = Annotated[
    Path | None,
    typer.Option(
        "--head", metavar="FILE", help="The file that keeps the log's head. Default: beside it."
    ),
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Your name, for the record.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="WHY", help="Why, for the record; no personal data.")
]


def reading(
    log: str, key: list[str] | None, keys: Path | None, name: str, head: Path | None = None
) -> Ledger:
    """Opens a log for reading."""
    from auditkit.ledger import Ledger

    present, *former = public_keys(key, keys, name)
    return Ledger.open(url(log), key=present, former_keys=former, head=head)


@contextmanager
def checked(log: str, key: list[str]) -> Iterator[Ledger]:
    """Opens a log, after checking all of it: what a rewritten log says is worth nothing."""
    with reading(log, key, None, "") as opened:
        with Work("Check the log"):
            size = opened.verify().size
        say(f"The log's {size:,} entries are as they were logged.")
        yield opened


def writing(
    log: str,
    keys: Path | None,
    name: str,
    head: Path | None = None,
    *,
    accept_missing_head: bool = False,
) -> Ledger:
    """Opens a log for writing. It must exist: a mistyped path must not create a new log."""
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
    """The log's signing key, and the public keys of its predecessors."""
    store = _store(keys)
    return store.log_signer(name), list(store.log_verifiers(name))


def public_keys(key: list[str] | None, keys: Path | None, name: str) -> list[NoteVerifier]:
    """The log's public keys, the current one first."""
    from auditkit.ledger import NoteVerifier

    if key:
        lines: list[str] = []
        for one in key:
            lines += (
                [one] if one.count("+") >= 2 else read_text(Path(one), what="public key").split()
            )
        verifiers = [NoteVerifier.parse(line) for line in lines]
    else:
        verifiers = list(_store(keys).log_verifiers(name))
    if not verifiers:
        raise KeyFileError("There is no public key of a log.", remedy="give --key or --keys")
    return verifiers


def _store(keys: Path | None) -> KeyStore:
    """The key store. It must exist: a newly made key could not open an existing log."""
    store = open_store(keys)
    if not store.folder.is_dir():
        raise KeyFileError(
            f"There is no key store {store.folder.name}.",
            remedy="give --keys, or the log's public key with --key",
        )
    return store


def url(log: str) -> str:
    """The URL of a log that is given by its path or its URL."""
    return log if "://" in log else f"sqlite:///{log}"
