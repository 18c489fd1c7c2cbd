"""The options for signing: a key store, key file or token, and a timestamp authority."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.errors import InputError, KeyFileError
from auditkit.files import read_bytes

if TYPE_CHECKING:
    from auditkit.signing import KeyStore, Signer

Folder = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        metavar="DIR",
        help="The key store. Default: $AUDITKIT_KEYS or ~/.config/auditkit.",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        help="Sign with this PKCS#12 or PEM file, or the key of a token: "
        "pkcs11:token=T;object=O?module-path=LIB.so. Default: the key store's key. To sign with a "
        "key in a cloud service, use Signer.from_service in Python.",
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The key's certificate and its issuers, if the key file does not hold them.",
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="Read the passphrase, or the token's PIN, from this file; or set "
        "$AUDITKIT_PASSPHRASE.",
    ),
]
AskPassphrase = Annotated[
    bool, typer.Option("--ask-passphrase", help="Ask for the passphrase or PIN.")
]
Timestamps = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Have a timestamp authority (RFC 3161) attest the time."),
]
LongTerm = Annotated[
    bool,
    typer.Option(
        "--long-term",
        help="Add the data to verify after the certificates expire (PAdES B-LTA). Needs "
        "--timestamps, and asks the certificates' issuers over the network.",
    ),
]


def open_store(
    folder: Path | None = None, file: Path | None = None, *, ask: bool = False
) -> KeyStore:
    """The key store in a folder. Default: where the environment says."""
    return _store(folder, passphrase(file, ask=ask))


def _store(folder: Path | None, secret: bytes | None) -> KeyStore:
    from auditkit.signing import KeyStore

    return KeyStore(folder or KeyStore.default(os.environ).folder, passphrase=secret)


def signing_with(
    key: str | None,
    certificate: Path | None,
    file: Path | None,
    timestamps: str | None,
    *,
    ask: bool,
    long_term: bool,
) -> tuple[KeyStore, Signer]:
    """The key store, and the signer of a report: from a key file, a token, or the store."""
    from auditkit.signing import Signer

    if long_term and timestamps is None:
        raise InputError(
            "Long-term validation needs an attested time.",
            remedy="give a timestamp authority with --timestamps",
        )
    secret = passphrase(file, ask=ask)
    if key is None:
        store = _store(None, secret)
        signer = store.report_signer()
    else:
        store = open_store()
        signer = Signer.load(key, passphrase=secret, certificate=certificate)
    if timestamps is not None:
        signer = signer.with_timestamps(timestamps, long_term=long_term)
    return store, signer


def passphrase(file: Path | None = None, *, ask: bool = False) -> bytes | None:
    """The passphrase from a file, a prompt or the environment; never from the command line.

    Raises:
        KeyFileError: If the file cannot be read or is empty.
    """
    from auditkit.signing.keys import PASSPHRASE_VARIABLE

    if file is not None:
        secret = read_bytes(file, what="passphrase file", kind=KeyFileError).rstrip(b"\r\n")
        if not secret:
            raise KeyFileError(
                "The passphrase file is empty.", remedy="write the passphrase in its first line"
            )
        return secret
    if ask:
        entered: str = typer.prompt("Passphrase", hide_input=True, err=True)
        return entered.encode()
    given = os.environ.get(PASSPHRASE_VARIABLE)
    return given.encode() if given else None
