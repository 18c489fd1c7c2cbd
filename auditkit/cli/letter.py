"""`auditkit letter`: adverse-action letters from the evidence of the denials."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.audit import AllowOutside, AuditFileArgument
from auditkit.cli.shared.console import say, step
from auditkit.cli.shared.inputs import load_inputs
from auditkit.cli.shared.log_open import LogOption, log_url
from auditkit.cli.shared.signing_options import (
    AskPassphrase,
    Certificate,
    Key,
    LongTerm,
    PassphraseFile,
    Timestamps,
    signing_with,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditkit.checks import Check
    from auditkit.checks.explanation_denials import Parameters
    from auditkit.evidence import Evidence
    from auditkit.report.letters.texts import LetterTexts
    from auditkit.subject import Case


def letter(
    audit_file: AuditFileArgument,
    row: Annotated[
        int | None,
        typer.Option("--row", min=0, metavar="N", help="The row of the data, counted from 0."),
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Write a letter for every denial of the data.")
    ] = False,
    words: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The reviewed wording of the reasons. Default: policies/reasons/lending.yaml.",
        ),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LINE", help="A line of the name and address; repeatable. With --row."
        ),
    ] = None,
    reference: Annotated[
        str,
        typer.Option(
            metavar="NUMBER", help="The application's number. With --row. Default: the row's."
        ),
    ] = "",
    draft: Annotated[
        bool, typer.Option("--draft", help="Write letters that must be held back, as drafts.")
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for the letters.")
    ] = Path("letters"),
    allow_outside: AllowOutside = None,
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="The day of the letter. Default: today.",
        ),
    ] = None,
    key: Key = None,
    certificate: Certificate = None,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
    timestamps: Timestamps = None,
    long_term: LongTerm = False,
    log: LogOption = None,
) -> None:
    """Write signed adverse-action letters, one page each.

    Writes letter-ROW.pdf to DIR, and logs how the reasons were found. Holds a letter back if its
    reasons are not reliable, or nobody has reviewed their wording; the exit code is then 11.

    Example: auditkit letter audit.yaml --row 17 --to 'Ann Smith' --to '1 Main Street'
    """
    from auditkit.api import open_log
    from auditkit.errors import InputError
    from auditkit.files import require_writable, write_whole
    from auditkit.loading.audit_file import log_of, read_audit_file
    from auditkit.report.letters.letter import denied_rows, held_back, write_letter

    if (row is None) == (not everyone):
        raise InputError("Nobody to write to was given.", remedy="give --row 17, or --all")
    if everyone and (to or reference):
        raise InputError(
            "One name or number cannot be on every letter.",
            remedy="give --to and --reference with --row",
        )
    texts = read_letter_texts(words)
    require_writable(output)
    named = log_of(read_audit_file(audit_file), audit_file.parent, outside=allow_outside or ())
    evidence = _denials(audit_file, allow_outside)
    rows = denied_rows(evidence) if everyone else (row or 0,)
    store, signer = signing_with(
        key,
        certificate,
        passphrase_file,
        timestamps,
        ask=ask_passphrase,
        long_term=long_term,
    )
    now = datetime.now(UTC)
    day = today.date() if today else date.today()  # noqa: DTZ011 - the user's day
    held: dict[str, int] = {}
    written = 0
    with (
        open_log(log_url(log, keys=lambda: store, audit_file=named), store) as opened,
        step("Write, log and sign") as result,
    ):
        for position, one in enumerate(rows):
            result.tell(f"{position:,} of {len(rows):,}")
            stop = held_back(evidence, one, texts)
            if stop and not draft and everyone:
                held[stop] = held.get(stop, 0) + 1
                continue
            page = write_letter(
                evidence,
                one,
                texts,
                day=day,
                addressee=to or (),
                reference=reference,
                draft=draft,
            )
            opened.append(kind="letter.adverse_action", payload=page.record)
            why = f"Letter on row {one}, as issued"
            write_whole(output / f"letter-{one}.pdf", signer.sign_pdf(page.pdf, reason=why, at=now))
            written += 1
            print(output / f"letter-{one}.pdf")
        result.append(f"{written:,} of {len(rows):,}")
    for stop, count in held.items():
        say(f"Held back: {count:,}, because {stop}.")
    raise typer.Exit(11 if held else 0)


def read_letter_texts(path: Path | None) -> LetterTexts:
    """Reads the wording of the reasons. Default: the file that comes with auditkit.

    Raises:
        InputError: If there is no such file.
        PolicyError: If it is not a valid wording.
    """
    from auditkit.files import read_text
    from auditkit.report.letters.texts import parse_letter_texts
    from auditkit.resources import data_path

    chosen = path if path is not None else data_path("policies", "reasons", "lending.yaml")
    remedy = "give --words, a YAML file like policies/reasons/lending.yaml"
    text = read_text(chosen, what="wording of reasons", remedy=remedy)
    return parse_letter_texts(text, source=chosen.name)


def _denials(audit_file: Path, allow_outside: Sequence[Path] | None) -> Evidence:
    case, check, parameters = prepared(audit_file, allow_outside)
    with step("Find the reasons of every denial") as result:
        evidence = check.assess(case, parameters)
        result.append(f"{evidence.n:,} denials")
    return evidence


def prepared(
    audit_file: Path, allow_outside: Sequence[Path] | None = None
) -> tuple[Case, Check[Parameters], Parameters]:
    """Loads what an audit file names, and the check of denials with the policy's parameters."""
    from auditkit.checks.explanation_denials import CHECK as DENIALS
    from auditkit.loading import prepare
    from auditkit.loading.audit_file import policy_of, read_audit_file
    from auditkit.loading.places import load_policy

    file = read_audit_file(audit_file)
    outside = allow_outside or ()
    with step("Load libraries, model and tables") as result:
        case = prepare(load_inputs(file, audit_file.parent, outside=outside))
        policy, _ = load_policy(policy_of(file, audit_file.parent, outside=outside))
        result.append(f"{len(case.features):,} rows")
    return case, DENIALS, DENIALS.parameters_with(policy.checks.get(DENIALS.id, {}))
