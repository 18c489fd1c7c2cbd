"""`auditkit verify`: whether each claim of a report is true, false or could not be checked."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from auditkit.cli.log.audits import audit_line
from auditkit.cli.shared.console import Work, one_line
from auditkit.cli.shared.signing_options import open_store
from auditkit.errors import InputError, KeyFileError
from auditkit.files import read_bytes, read_text
from auditkit.parameters import LOG_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditkit.ledger import Ledger, NoteVerifier
    from auditkit.signing import Trusted
    from auditkit.verification import Verification


def verify(
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="The signed PDF, or its HTML copy.")
    ],
    *,
    trust: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Rely on these certificates, PEM or DER; repeatable."),
    ] = None,
    log_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LINE",
            help="The public key line of a log or witness, or a file with it; repeatable.",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A checkpoint of the log that you kept.")
    ] = None,
    consistency: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The proof from 'auditkit log consistency' that the log only grew between that "
            "checkpoint and the report's. Needed if their sizes differ.",
        ),
    ] = None,
    quorum: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="How many of the witnesses in --log-key must have signed.",
        ),
    ] = 1,
    own_keys: Annotated[
        bool,
        typer.Option(
            "--own-keys/--no-own-keys", help="Rely on the keys in your own key store as well."
        ),
    ] = True,
    key_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The list of keys that the owner published ('auditkit keys list --json'); it says "
            "which were revoked.",
        ),
    ] = None,
    signer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FINGERPRINT",
            help="Who must have signed it: the certificate's name, or its fingerprint.",
        ),
    ] = None,
    accept_older: Annotated[
        bool,
        typer.Option(
            "--accept-older",
            help="Accept a report of an earlier version, whose verdict cannot be derived again. A "
            "forger could name an earlier version.",
        ),
    ] = False,
    render: Annotated[
        bool,
        typer.Option(
            "--render/--no-render", help="Render the pages anew and compare them; takes seconds."
        ),
    ] = True,
    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar="LOG",
            help="The log itself, a SQLite file or postgresql://...: check all of it, and list its "
            "audits of the report's subject.",
        ),
    ] = None,
    statement: Annotated[
        Path | None,
        typer.Option(
            metavar="PDF|DSSE",
            help="The signed PDF that REPORT, an HTML file, is a copy of: the PDF is checked, and "
            "the copy is rendered anew from its attachments and compared. Or statement.dsse.json, "
            "whose signature and verdict are checked; the copy cannot be, without the tables.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the claims as JSON.")] = False,
) -> None:
    """Check a signed report, offline.

    Exit 0: every claim that was asked is true. 12: one is false. 11: one could not be checked.

    Example: auditkit verify audit/report.pdf --trust auditor.pem
    """
    from auditkit.isolation import get_ready

    data = read_bytes(report if statement is None else statement)
    copy = read_bytes(report) if statement is not None else None
    if copy is not None and not data.startswith(b"%PDF-"):
        _verify_alone(data, key_list, as_json=as_json)
    # What the child processes load takes as long as what is loaded here.
    get_ready("auditkit.pdf.parsing", *(["auditkit.report.again"] if render else []))

    from auditkit.signing.key_records import parse_records
    from auditkit.verification import verify as check
    from auditkit.verification.verify import trusted_from

    # Hostile files make the PDF library log warnings; the claims say all that matters.
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)
    roots: list[Trusted | bytes] = [read_bytes(path) for path in trust or ()]
    trusted_from(roots)
    keys = [_log_key(text) for text in log_key or ()]
    records = list(parse_records(read_bytes(key_list))) if key_list is not None else []
    if own_keys:
        store = open_store()
        own = store.records()
        roots += store.trusted()
        keys += store.log_verifiers(LOG_NAME)
        records += own
        if own:
            print(
                "Relying on the keys in your own key store as well; --no-own-keys leaves them out.",
                file=sys.stderr,
            )
    with Work(f"Verify {report.name}"), _opened(log, keys) as opened:
        found = check(
            data,
            trust=roots,
            log_keys=keys,
            checkpoint=read_text(checkpoint) if checkpoint is not None else None,
            consistency_proof=_proof(consistency) if consistency is not None else (),
            witness_quorum=quorum,
            now=datetime.now(UTC),
            key_list=records,
            accept_older=accept_older,
            signer=signer,
            render=render,
            log=opened,
            copy=copy,
        )
    _finish(found, as_json=as_json)


def _verify_alone(envelope: bytes, key_list: Path | None, *, as_json: bool) -> NoReturn:
    """An HTML copy with the statement's envelope: all of it but what needs the signed PDF."""
    from auditkit.signing.key_records import parse_records
    from auditkit.verification.alone import verify_alone

    records = list(parse_records(read_bytes(key_list))) if key_list is not None else []
    found = verify_alone(envelope, key_list=records)
    _finish(found, as_json=as_json)


def _finish(found: Verification, *, as_json: bool) -> NoReturn:
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        _print(found)
    raise typer.Exit(found.exit_code)


def _print(found: Verification) -> None:
    print(f"{found.report_id or 'No report'}: {one_line(found.summary)}\n")
    if found.supersedes:
        print(f"It supersedes the report of the statement {one_line(found.supersedes)}.\n")
    for claim in found.claims:
        state = claim.state.words if claim.asked else "not asked"
        print(f"{state:<16} {claim.title}")
        print(f"{'':<16} {one_line(claim.reason)}")
    if found.audits:
        print("\nAudits of this name, model or evaluation data in the log:")
    for audit in found.audits:
        print(audit_line(audit))


@contextmanager
def _opened(log: str | None, keys: Sequence[NoteVerifier]) -> Iterator[Ledger | None]:
    """The log itself, opened with the log keys that are relied on."""
    if log is None:
        yield None
        return
    from auditkit.ledger import Ledger
    from auditkit.ledger.opening import as_url

    own = [key for key in keys if not key.is_witness]
    if not own:
        raise KeyFileError("There is no public key of the log.", remedy="give --log-key")
    with Ledger.open(as_url(log), key=own[0], former_keys=own[1:]) as opened:
        yield opened


def _log_key(text: str) -> NoteVerifier:
    from auditkit.ledger import NoteVerifier

    return NoteVerifier.parse(read_text(Path(text)) if text.count("+") < 2 else text)


def _proof(path: Path) -> tuple[bytes, ...]:
    try:
        lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
        return tuple(base64.b64decode(line, validate=True) for line in lines)
    except binascii.Error as error:
        raise InputError(
            f"The file {path.name!r} is not a consistency proof.",
            remedy="give what 'auditkit log consistency' printed: one base64 hash a line",
        ) from error
