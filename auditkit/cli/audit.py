"""`auditkit run`, `gate` and `checks`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditkit.cli.exports.export import Also, digests_of, formats_of, write_formats
from auditkit.cli.gating.against import Worse, read_statement
from auditkit.cli.gating.waiver_words import waiver_json, waiver_lines
from auditkit.cli.shared.console import harmless, say, step
from auditkit.cli.shared.inputs import load_inputs
from auditkit.cli.shared.log_open import LogOption, NotedLog, log_url, noting
from auditkit.cli.shared.signing_options import (
    AskPassphrase,
    Certificate,
    Folder,
    Key,
    LongTerm,
    PassphraseFile,
    Timestamps,
    signing_with,
)
from auditkit.errors import InputError
from auditkit.judgement.findings import every

if TYPE_CHECKING:
    from auditkit.api import Audit
    from auditkit.checks import Check
    from auditkit.ledger.witness.http import RemoteWitness
    from auditkit.loading.audit_file import AuditFile
    from auditkit.report import ReportOptions

_EXIT = {"pass": 0, "fail": 10, "incomplete": 11}

AuditFileArgument = Annotated[
    Path, typer.Argument(metavar="AUDIT.YAML", help="The audit file; 'auditkit init' makes one.")
]
AllowOutside = Annotated[
    list[Path] | None,
    typer.Option(
        "--allow-outside",
        metavar="FILE",
        exists=True,
        help="Let the audit file name this file or folder outside its own folder; repeatable.",
    ),
]
Today = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="YYYY-MM-DD",
        help="The day of the audit. Default: as_of, else today.",
    ),
]
Against = Annotated[
    Path | None,
    typer.Option(
        metavar="REPORT",
        help="An earlier report or statement.json: fail, too, if anything got worse since.",
    ),
]


def run(
    audit_file: AuditFileArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for the results.")
    ] = Path("audit"),
    allow_outside: AllowOutside = None,
    today: Today = None,
    key: Key = None,
    certificate: Certificate = None,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
    timestamps: Timestamps = None,
    long_term: LongTerm = False,
    log: LogOption = None,
    supersedes: Annotated[
        str | None,
        typer.Option(
            metavar="REPORT|DIGEST",
            help="The report that this one takes the place of: its file, or its statement's "
            "digest, sha256:...",
        ),
    ] = None,
    retention: Annotated[
        str,
        typer.Option(
            metavar="CLASS",
            help="How long the log keeps the audit's payloads: standard (84 months), hipaa-6y, "
            "ecoa-25m, colorado-3y. 'auditkit log classes' cites the law.",
        ),
    ] = "standard",
    record: Annotated[
        bool,
        typer.Option(
            "--record",
            help="Record the verdict in the registry that the model is from, for promotions.",
        ),
    ] = False,
    witness: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Have a witness sign the log's checkpoint before it is printed; repeatable.",
        ),
    ] = None,
    witness_key: Annotated[
        list[str] | None,
        typer.Option(metavar="LINE", help="The public key of each --witness, in the same order."),
    ] = None,
    also: Also = None,
    against: Against = None,
) -> None:
    """Run an audit and write the signed report.

    Writes report.pdf, statement.json, findings.csv and, for a browser, report.html to DIR, and logs
    the verdict and the statement. Keep salt.txt to yourself: 'auditkit bundle' needs it, and with
    it the numbers that the report suppresses could be guessed.

    The exit code is the verdict: 0 pass, 10 fail, 11 incomplete or uncertain. With --against it is
    10, too, if a rule or condition got worse and no waiver lets that stand; against.json names
    them. The signature of the earlier report is not checked.

    Example: auditkit run audit.yaml --output audit/
    """
    from auditkit.files import require_writable, write_whole
    from auditkit.loading.audit_file import log_of, read_audit_file
    from auditkit.output import findings_csv
    from auditkit.report import get_ready

    formats = formats_of(also)
    before = None if against is None else read_statement(against)
    require_writable(output)
    store, signer = signing_with(
        key,
        certificate,
        passphrase_file,
        timestamps,
        ask=ask_passphrase,
        long_term=long_term,
    )
    witnesses = _witnesses(witness or (), witness_key or ())
    if record:
        from auditkit.cli.registry import record_report, refuse_unregistered

        refuse_unregistered(audit_file)
    file = read_audit_file(audit_file)
    place = log_url(
        log,
        keys=lambda: store,
        audit_file=log_of(file, audit_file.parent, outside=allow_outside or ()),
    )
    logged: dict[str, Any] = {"log": place, "keys": store, "retention": retention}
    get_ready()
    replaced = _statement_digest(supersedes) if supersedes is not None else file.supersedes
    audit = _audit(audit_file, file, today, allow_outside, supersedes=replaced, **logged)
    with step("Log, render and sign the report") as result:
        receipt = audit.report(
            output / "report.pdf",
            signer=signer,
            options=_options(file, audit, formats),
            at=datetime.now(UTC),
            twin=output / "report.html",
            witnesses=witnesses,
            progress=result.tell_step,
            **logged,
        )
        assert receipt is not None
        result.append(f"log entry {receipt.index}")
    write_whole(output / "salt.txt", f"{audit.salt.hex()}\n".encode(), secret=True)
    write_whole(output / "statement.json", audit.statement)
    write_whole(output / "findings.csv", findings_csv(audit.findings, statement=str(audit.digest)))
    write_formats(audit.statement, formats, output, pdf=output / "report.pdf", signer=signer)
    _tell(audit)
    worse = _worse(before, audit, against)
    if worse:
        write_whole(output / "against.json", f"{json.dumps(worse.to_json(), indent=2)}\n".encode())
        worse.tell()
    print(output / "report.pdf")
    if record:
        record_report(audit, output / "report.pdf")
    raise typer.Exit(_exit_code(audit, worse))


def _statement_digest(report: str) -> str:
    """The digest of the statement of a report, given as a file or by that digest."""
    from auditkit.canonical import Digest
    from auditkit.files import read_bytes
    from auditkit.reperformance.bundle import statement_of

    if report.startswith("sha256:"):
        return str(Digest.parse(report))
    return str(Digest.of(statement_of(read_bytes(Path(report), what="report"))))


def _witnesses(urls: Sequence[str], keys: Sequence[str]) -> list[RemoteWitness]:
    from auditkit.ledger import NoteVerifier
    from auditkit.ledger.witness.http import RemoteWitness

    if len(urls) != len(keys):
        raise InputError(
            f"There are {len(urls)} witnesses and {len(keys)} keys of witnesses.",
            remedy="give one --witness-key for each --witness; 'auditkit log witness serve' "
            "prints it",
        )
    return [
        RemoteWitness(url=url, key=NoteVerifier.parse(key))
        for url, key in zip(urls, keys, strict=True)
    ]


def gate(
    audit_file: AuditFileArgument,
    allow_outside: AllowOutside = None,
    today: Today = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print verdict and findings as JSON.")
    ] = False,
    against: Against = None,
    log: NotedLog = None,
    keys: Folder = None,
) -> None:
    """Run an audit and print only its verdict and findings. Write nothing.

    The exit code is the verdict: 0 pass, 10 fail, 11 incomplete or uncertain. With --against it is
    10, too, if a rule or condition got worse and no waiver lets that stand; the signature of the
    earlier report is not checked.

    Example: auditkit gate audit.yaml --json
    """
    from auditkit.loading.audit_file import read_audit_file

    before = None if against is None else read_statement(against)
    with noting(log, keys) as note:
        audit = _audit(audit_file, read_audit_file(audit_file), today, allow_outside, log=None)
        note("gate.run", _run_facts(audit))
    worse = _worse(before, audit, against)
    if as_json:
        document = {
            "verdict": audit.verdict.to_json(),
            "statement": str(audit.digest),
            "findings": [f.to_json() for f in every(audit.findings)],
            "waivers": [waiver_json(w, audit.as_of) for w in audit.waivers],
            **(worse.to_json() if worse else {}),
        }
        print(json.dumps(document, indent=2))
    else:
        _tell(audit)
        if worse:
            worse.tell()
        print(audit.verdict.decision.value)
    raise typer.Exit(_exit_code(audit, worse))


def _worse(before: Any, audit: Audit, against: Path | None) -> Worse | None:
    """What got worse since the audit that was asked about; None: none was."""
    if against is None:
        return None
    return Worse.since(before, audit.statement, every(audit.findings), file=against.name)


def _exit_code(audit: Audit, worse: Worse | None) -> int:
    return _EXIT["fail" if worse and worse.standing else audit.verdict.decision.value]


def gated(audit_file: Path) -> Audit:
    """Runs an audit as `auditkit gate` does, without printing or logging it.

    Raises:
        AuditkitError: As the command.
    """
    from auditkit.loading.audit_file import read_audit_file

    return _audit(audit_file, read_audit_file(audit_file), None, None, log=None)


def _run_facts(audit: Audit) -> dict[str, Any]:
    """What a log holds of a run of the gate."""
    return {
        "decision": audit.verdict.decision.value,
        "model": audit.subject.name,
        "version": audit.subject.version,
        "artifact_digest": str(audit.subject.digest),
        "policy": audit.policy.id,
        "policy_digest": str(audit.policy.digest),
        "statement": str(audit.digest),
    }


def checks(
    check_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="Describe this check. Default: list all.")
    ] = None,
) -> None:
    """List the checks, or describe one: what it measures, when it misleads, its parameters.

    Example: auditkit checks fairness.error_rates
    """
    from auditkit.checks import find_check
    from auditkit.loading.checks import all_checks

    every = all_checks()
    if check_id is not None:
        print(_explained(find_check(check_id, every)))
        return
    width = max(len(check.id) for check in every)
    for check in every:
        print(harmless(f"{check.id:<{width}}  {check.title}"))


def _audit(
    path: Path,
    file: AuditFile,
    today: datetime | None,
    allow_outside: Sequence[Path] | None,
    **options: Any,
) -> Audit:
    from auditkit.loading.audit_file import policy_of, waiver_paths
    from auditkit.loading.places import source_of

    outside = allow_outside or ()
    policy = policy_of(file, path.parent, outside=outside)
    with step("Load libraries, model and tables") as result:
        from auditkit.api import run as run_audit

        inputs = load_inputs(file, path.parent, outside=outside)
        result.append(f"{len(inputs.data):,} rows, {inputs.data.shape[1]} features")
    day = today.date() if today else file.as_of or date.today()  # noqa: DTZ011 - the user's day
    with step("Run the checks") as result:
        audit = run_audit(
            inputs,
            policy=policy,
            source=source_of(policy, path),
            today=day,
            progress=result.tell_step,
            expect=file.expected(),
            waivers=waiver_paths(file, path.parent, outside=outside),
            **options,
        )
        result.append(f"{len(audit.evidence)} checks, {len(audit.findings)} conditions")
    return audit


def _options(file: AuditFile, audit: Audit, formats: tuple[str, ...]) -> ReportOptions:
    """What the report prints of people, and of the formats that are written with it."""
    from auditkit.report import ReportOptions

    exported = digests_of(audit.statement, formats)
    return ReportOptions(**file.report.model_dump(), exported=exported)


def _tell(audit: Audit) -> None:
    """The findings, worst first, and the verdict, for a person at a terminal."""
    from auditkit.judgement.gate import is_waived, severity_order

    say("")
    for finding in sorted(audit.findings, key=severity_order):
        waived = " (waived)" if is_waived(finding) else ""
        head = f"{finding.outcome.words + waived:<14} {finding.rule:<6} "
        say(textwrap.fill(finding.statement, 100, initial_indent=head, subsequent_indent=" " * 22))
    counts = ", ".join(f"{n} {o.words}" for o, n in audit.counts().items())
    say(f"\n{counts}")
    for line in waiver_lines(audit.waivers, audit.as_of):
        say(line)
    say(f"Verdict: {audit.verdict.decision.value}")


def _explained(check: Check[Any]) -> str:
    lines = [f"{check.id}  (version {check.version})", check.title, ""]
    for name, text in (
        ("Measures", check.measures),
        ("Misleads", check.misleads),
        ("Source", check.source),
    ):
        lines += textwrap.wrap(f"{name}: {text}", 88, subsequent_indent="  ")
    lines += ["", "Parameters:"] if check.declared else ["", "Parameters: none"]
    lines += [
        f"  {name} = {parameter.default!r}  ({parameter.wanted})"
        for name, parameter in check.declared.items()
    ]
    return harmless("\n".join(lines))
