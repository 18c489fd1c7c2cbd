"""`auditkit keys`: make, list, rotate, revoke and export this user's keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from auditkit.cli.shared.signing_options import (
    AskPassphrase,
    Folder,
    PassphraseFile,
    open_store,
)
from auditkit.errors import KeyFileError
from auditkit.parameters import LOG_NAME

if TYPE_CHECKING:
    from auditkit.signing import KeyRecord
    from auditkit.signing.key_records import Use
    from auditkit.signing.keys import Algorithm


app = typer.Typer(
    help="Make, list, rotate, revoke and export the keys that sign reports, statements and logs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("init")
def init(
    *,
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The signer: the common name in the certificate. Default: a demonstration key.",
        ),
    ] = "",
    organisation: Annotated[
        str, typer.Option(metavar="NAME", help="The signer's organisation.")
    ] = "",
    algorithm: Annotated[
        str,
        typer.Option(
            metavar="ALGORITHM", help="Of the report key: ecdsa-p256, ecdsa-p384 or rsa-3072."
        ),
    ] = "ecdsa-p256",
    days: Annotated[
        int, typer.Option(min=1, metavar="DAYS", help="How long the certificate is valid.")
    ] = 1825,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
) -> None:
    """Make the keys that are missing: for reports, statements and the log.

    Example: auditkit keys init --name 'Model Risk' --organisation 'Example Bank'
    """
    store = open_store(folder, passphrase_file, ask=ask_passphrase)
    now = _now()
    present = {record.use for record in store.records() if record.state == "active"}
    if "report" not in present:
        store.make(
            "report",
            at=now,
            name=name or None,
            organisation=organisation,
            algorithm=_algorithm(algorithm),
            valid_until=now + timedelta(days=days),
        )
    missing: list[Use] = [use for use in ("statement", "log") if use not in present]
    for use in missing:
        store.make(use, at=now)
    _print(store.records())


@app.command("list")
def list_keys(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    folder: Folder = None,
) -> None:
    """List the keys: id, state, algorithm, date, fingerprint. No passphrase is needed.

    Example: auditkit keys list --json
    """
    records = open_store(folder).records()
    if as_json:
        print(json.dumps([record.to_json() for record in records], indent=2))
    else:
        _print(records)


@app.command("rotate")
def rotate(
    use: Annotated[str, typer.Argument(metavar="USE", help="report, statement or log.")],
    *,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="The common name in the certificate.")
    ] = "",
    organisation: Annotated[
        str, typer.Option(metavar="NAME", help="The signer's organisation.")
    ] = "",
    algorithm: Annotated[
        str,
        typer.Option(
            metavar="ALGORITHM", help="Of a report key: ecdsa-p256, ecdsa-p384 or rsa-3072."
        ),
    ] = "ecdsa-p256",
    days: Annotated[
        int, typer.Option(min=1, metavar="DAYS", help="How long the certificate is valid.")
    ] = 1825,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
) -> None:
    """Make the next key of a use. What its predecessor signed can still be verified.

    Example: auditkit keys rotate report
    """
    now = _now()
    made = open_store(folder, passphrase_file, ask=ask_passphrase).make(
        cast("Use", use),
        at=now,
        name=name or None,
        organisation=organisation,
        algorithm=_algorithm(algorithm),
        valid_until=now + timedelta(days=days),
    )
    _print((made,))


@app.command("revoke")
def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="KEY_ID", help="A key that 'auditkit keys list' shows.")
    ],
    *,
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why, in one line.")],
    compromised: Annotated[
        bool, typer.Option("--compromised", help="Say that somebody else may hold the key.")
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            help="Revoke it from this time on, UTC, like 2026-01-31T08:00:00. Default: now.",
        ),
    ] = None,
    folder: Folder = None,
) -> None:
    """Revoke a key: what it signs from then on does not verify.

    Publish the list of keys for those who verify: auditkit keys list --json.

    Example: auditkit keys revoke report-1 --reason 'laptop lost' --compromised
    """
    at = since.replace(tzinfo=UTC) if since else _now()
    store = open_store(folder)
    _print((store.revoke(key_id, at=at, reason=reason, compromised=compromised),))


@app.command("export")
def export(
    key_id: Annotated[
        str, typer.Argument(metavar="KEY_ID", help="A key that 'auditkit keys list' shows.")
    ],
    *,
    folder: Folder = None,
    log_name: Annotated[
        str, typer.Option(metavar="NAME", help="The log's name, for its key.")
    ] = LOG_NAME,
) -> None:
    """Print a public key for an auditor: a certificate for --trust, a log's line for --log-key.

    Example: auditkit keys export report-1 > auditor.pem
    """
    store = open_store(folder)
    public = store.export_public(key_id)
    use = next(record.use for record in store.records() if record.id == key_id)
    print(_log_line(public, log_name) if use == "log" else public.decode("ascii").strip())


def _log_line(public: bytes, name: str) -> str:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_public_key,
    )

    from auditkit.ledger import NoteVerifier

    raw = load_pem_public_key(public).public_bytes(Encoding.Raw, PublicFormat.Raw)
    return str(NoteVerifier(name=name, public_key=raw))


def _algorithm(text: str) -> Algorithm:
    if text not in {"ecdsa-p256", "ecdsa-p384", "rsa-3072"}:
        raise KeyFileError(
            f"{text!r} is not an algorithm for reports.",
            remedy="use ecdsa-p256, ecdsa-p384 or rsa-3072",
        )
    return cast("Algorithm", text)


def _print(records: tuple[KeyRecord, ...]) -> None:
    if not records:
        print("The key store is empty.")
    rows: list[tuple[Any, ...]] = [
        (r.id, r.state, r.algorithm, f"{r.created:%Y-%m-%d}" if r.created else "-", r.fingerprint)
        for r in records
    ]
    widths = [max((len(str(row[i])) for row in rows), default=0) for i in range(5)]
    for row in rows:
        print("  ".join(str(v).ljust(w) for v, w in zip(row, widths, strict=True)).rstrip())


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
