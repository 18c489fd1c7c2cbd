"""The options by which commands find a log and its keys, and opening it.

Which log a command means is decided in `log_url` alone: the option, then what the audit file says,
then the environment, then the key store's own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from auditkit.cli.shared.console import Work, say
from auditkit.cli.shared.signing_options import open_store
from auditkit.errors import KeyFileError, LedgerError
from auditkit.files import read_text
from auditkit.parameters import LOG_NAME

if TYPE_CHECKING:
    from auditkit.canonical import Json
    from auditkit.ledger import Ledger, NoteSigner, NoteVerifier
    from auditkit.signing import KeyStore

LOG_VARIABLE: Final = "AUDITKIT_LOG"

Log = Annotated[
    str, typer.Argument(metavar="LOG", help="A SQLite file, or postgresql://user@host/name.")
]
MaybeLog = Annotated[
    str | None,
    typer.Argument(
        metavar="[LOG]",
        help="A SQLite file, or postgresql://user@host/name. Default: $AUDITKIT_LOG, or log.db in "
        "the key store.",
    ),
]
LogOption = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="LOG",
        help="The log: a SQLite file, or postgresql://user@host/name. Default: `log` in the audit "
        "file, $AUDITKIT_LOG, or log.db in the key store.",
    ),
]
NotedLog = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="LOG",
        help="Log here what was done: a SQLite file, or postgresql://user@host/name. Default: "
        "nowhere.",
    ),
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
    log: str | None, key: list[str] | None, keys: Path | None, name: str, head: Path | None = None
) -> Ledger:
    """Opens a log for reading."""
    from auditkit.ledger import Ledger

    present, *former = public_keys(key, keys, name)
    place = log_url(log, keys=lambda: _store(keys))
    return Ledger.open(place, key=present, former_keys=former, head=head)


@contextmanager
def checked(log: str, key: list[str]) -> Iterator[Ledger]:
    """Opens a log, after checking all of it: what a rewritten log says is worth nothing."""
    with reading(log, key, None, "") as opened:
        with Work("Check the log"):
            size = opened.verify().size
        say(f"The log's {size:,} entries are as they were logged.")
        yield opened


def writing(
    log: str | None,
    keys: Path | None,
    name: str,
    head: Path | None = None,
    *,
    accept_missing_head: bool = False,
) -> Ledger:
    """Opens a log for writing. It must exist: a mistyped path must not create a new log."""
    from auditkit.ledger import Ledger

    key, former = signer(keys, name)
    place = log_url(log, keys=lambda: _store(keys))
    file = Path(place.removeprefix("sqlite:///"))
    if place.startswith("sqlite:") and not file.exists():
        raise LedgerError(f"There is no log {file.name}.", remedy="check the path")
    return Ledger.open(
        place,
        key=key,
        former_keys=former,
        head=head,
        accept_missing_head=accept_missing_head,
    )


@contextmanager
def noting(
    log: str | None, keys: Path | None = None
) -> Iterator[Callable[[str, Mapping[str, Json]], None]]:
    """A function that logs what a command did, into the log that was named; does nothing for none.

    The log is opened before the work begins: work that could not be logged is not done.

    Args:
        log: A path or URL, as it was typed; None: nothing is logged.
        keys: The key store.
    """
    if log is None:
        yield lambda _kind, _facts: None
        return
    with writing(log, keys, LOG_NAME) as opened:
        opened.check_writable()

        def note(kind: str, facts: Mapping[str, Json]) -> None:
            say(f"Logged as entry {opened.append(kind=kind, payload=facts).index}.")

        yield note


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


def log_url(
    option: str | None, *, keys: Callable[[], KeyStore], audit_file: str | None = None
) -> str:
    """The URL of the log that is meant.

    Args:
        option: A path or URL, as it was typed.
        keys: Gives the key store, whose own log it is if nothing names one.
        audit_file: What the audit file says.
    """
    from auditkit.ledger.opening import as_url

    named = (option, audit_file, os.environ.get(LOG_VARIABLE) or None)
    for place in named:
        if place is not None:
            return as_url(place)
    return keys().log_url
