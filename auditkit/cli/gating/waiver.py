"""`auditkit waiver`: request, approve, revoke and list waivers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditkit.cli.gating.against import read_statement
from auditkit.cli.gating.waiver_words import terms_of, waiver_json
from auditkit.cli.shared.console import one_line, say
from auditkit.cli.shared.log_open import LogOption, log_url
from auditkit.cli.shared.signing_options import (
    AskPassphrase,
    Certificate,
    Key,
    PassphraseFile,
    signing_with,
)
from auditkit.errors import AccessDeniedError, InputError, OutputError, VerificationError

if TYPE_CHECKING:
    from auditkit.evidence import Finding
    from auditkit.policy import Policy
    from auditkit.signing import KeyStore, Signer
    from auditkit.waivers.consideration import WaiverFile
    from auditkit.waivers.record import Waiver

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Request, approve, revoke and list waivers: signed permissions for a limited time.",
)

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="The waiver's file, like waivers/FL-1-abc.dsse.json.")
]
Report = Annotated[
    Path,
    typer.Option(
        "--report",
        metavar="REPORT",
        help="The audit that it is about: the folder that 'auditkit run' wrote, its report, or its "
        "statement.json.",
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="WHY", help="Why, for the record; no personal data.")
]
_DAY = ["%Y-%m-%d"]


@app.command()
def request(
    rule: Annotated[
        str,
        typer.Argument(metavar="RULE", help="A rule of the policy, like FL-1, or a finding's id."),
    ],
    *,
    reason: Reason,
    until: Annotated[
        datetime,
        typer.Option(formats=_DAY, metavar="YYYY-MM-DD", help="The last day that it is for."),
    ],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="group=GROUP",
            help="Only for this group, like group=race=Black, group=everyone or group=suppressed; "
            "repeatable. Default: every condition of the rule that is not met.",
        ),
    ] = None,
    subject: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="Whether it is for the model's files, 'digest', or for every version of its "
            "name, 'name'.",
        ),
    ] = "digest",
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            formats=_DAY,
            metavar="YYYY-MM-DD",
            help="The first day that it is for. Default: today.",
        ),
    ] = None,
    report: Report = Path("audit"),
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for the waiver.")
    ] = Path("waivers"),
    log: LogOption = None,
    key: Key = None,
    certificate: Certificate = None,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
) -> None:
    """Request a waiver, and sign it as its owner: one of the people whom the policy lists.

    It is for the conditions as this audit found them: a worse value is not covered. It counts once
    another of the listed has signed it, and audit.yaml names it: 'waivers: [waivers]'.

    Example: auditkit waiver request FL-1 --reason 'retrained by March' --until 2027-02-28
    """
    from auditkit.audit_log.waivers import REQUESTED
    from auditkit.files import require_writable
    from auditkit.waivers.record import Condition, Waiver

    if subject not in ("digest", "name"):
        raise InputError(
            f"A waiver is not for a model's {subject}.", remedy="give --subject digest, or name"
        )
    predicate, policy = _audited(report)
    chosen = _conditions(predicate, rule, scope or ())
    store, signer = _signing(key, certificate, passphrase_file, ask=ask_passphrase)
    model = predicate["subject"]
    first = since.date() if since else date.today()  # noqa: DTZ011 - the user's day
    try:
        waiver = Waiver(
            policy=policy.id,
            policy_digest=str(policy.digest),
            rule=chosen[0].rule,
            model=model["name"] if subject == "name" else None,
            artifact=model["digest"] if subject == "digest" else None,
            conditions=tuple(map(Condition.of, chosen)),
            owner=_person(signer, policy),
            reason=reason,
            requested=first,
            expires=until.date(),
        )
    except ValueError as error:
        raise InputError(
            "It would be no waiver: its last day is before its first, or its reason is not one "
            "line of plain text.",
            remedy=f"its first day is {first}; give a later --until, and a --reason",
        ) from error
    if waiver.days > policy.waiver_days:
        raise InputError(
            f"It would be for {waiver.days} days; the policy allows {policy.waiver_days}.",
            remedy="give an earlier --until",
        )
    path = folder / f"{_safe(waiver.rule)}-{waiver.id[2:8].lower()}.dsse.json"
    require_writable(folder)
    if path.exists():
        raise OutputError(f"{path.name} exists already.", remedy="see it: auditkit waiver list")
    sealed = signer.sign_statement(waiver.payload)
    _keep(path, sealed, log, store, kind=REQUESTED, by=waiver.owner)
    for line in terms_of(waiver):
        say(line)
    others = ", ".join(name for name in policy.waiver_approvers if name != waiver.owner)
    say(f"One of them has to approve it ({others}): auditkit waiver approve {path}")
    print(path)


@app.command()
def approve(
    file: File,
    *,
    report: Report = Path("audit"),
    url: Annotated[
        str,
        typer.Option(
            "--url",
            metavar="URL",
            help="A guarded registry, whose access policy must allow you waiver:approve on the "
            "model, too. Default: it is not asked.",
        ),
    ] = "",
    log: LogOption = None,
    key: Key = None,
    certificate: Certificate = None,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
) -> None:
    """Approve somebody else's waiver: show what it says, and sign it as well.

    Example: auditkit waiver approve waivers/FL-1-3kq2aa.dsse.json
    """
    from auditkit.audit_log.waivers import APPROVED
    from auditkit.waivers.consideration import signed_by

    predicate, policy = _audited(report)
    found, waiver, content = _waiver(file)
    store, signer = _signing(key, certificate, passphrase_file, ask=ask_passphrase)
    who = _person(signer, policy)
    if waiver.policy_digest != str(policy.digest):
        raise InputError(
            "The waiver is for another policy than the audit.",
            remedy="give the audit that it is about: --report",
        )
    if waiver.owner not in signed_by(found, _people(policy)):
        raise VerificationError(f"{waiver.owner}, its owner, did not sign it.")
    if who == waiver.owner:
        raise AccessDeniedError(
            f"{who} is the waiver's owner.", remedy="let another of the listed people approve it"
        )
    for line in terms_of(waiver):
        say(line)
    if url:
        _ask_registry(url, predicate)
    _keep(file, signer.cosign_statement(content), log, store, kind=APPROVED, by=who)
    say(one_line(f"Approved by {who}. It counts where audit.yaml names it: waivers: [{file}]"))
    print(file)


@app.command()
def revoke(
    file: File,
    *,
    reason: Reason,
    report: Report = Path("audit"),
    log: LogOption = None,
    key: Key = None,
    certificate: Certificate = None,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
) -> None:
    """Revoke a waiver. Any of the people whom the policy lists may.

    The revocation is a file beside the waiver, and goes with it. An audit that goes into the same
    log knows of it without the file.

    Example: auditkit waiver revoke waivers/FL-1-3kq2aa.dsse.json --reason 'the value was wrong'
    """
    from auditkit.audit_log.waivers import REVOKED
    from auditkit.loading.waiver_files import revocation_beside
    from auditkit.waivers.record import Revocation

    _, policy = _audited(report)
    _, waiver, _ = _waiver(file)
    store, signer = _signing(key, certificate, passphrase_file, ask=ask_passphrase)
    try:
        revocation = Revocation(
            waiver=str(waiver.digest),
            by=_person(signer, policy),
            reason=reason,
            revoked=date.today(),  # noqa: DTZ011 - the user's day
        )
    except ValueError as error:
        raise InputError("The reason is not one line of plain text.", remedy="give --reason") from (
            error
        )
    path = revocation_beside(file)
    sealed = signer.sign_statement(revocation.payload)
    _keep(path, sealed, log, store, kind=REVOKED, by=revocation.by)
    say(one_line(f"{revocation.by} revoked {waiver.id} of {waiver.rule}."))
    print(path)


@app.command("list")
def list_waivers(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Waivers, or folders. Default: waivers/."),
    ] = None,
    *,
    report: Report = Path("audit"),
    today: Annotated[
        datetime | None,
        typer.Option(formats=_DAY, metavar="YYYY-MM-DD", help="On this day. Default: today."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List waivers: what each is for, until when, and whether it counts for this audit's model.

    Example: auditkit waiver list
    """
    from auditkit.judgement.again import judged_waivers
    from auditkit.loading.waiver_files import read_waivers

    predicate, _ = _audited(report)
    day = today.date() if today else date.today()  # noqa: DTZ011 - the user's day
    found = judged_waivers(predicate, read_waivers(files or [Path("waivers")]), today=day)
    told = [waiver_json(one, day) for one in found]
    if as_json:
        print(json.dumps(told, indent=2))
        return
    for one in told:
        state = "in force" if one["approvers"] else "does not count"
        what = f"{one.get('rule', '')} {one.get('id', '')}".strip() or "-"
        span = f"until {one['until']}" if "until" in one else ""
        line = f"{state:<15}{what:<24}{span:<18}{one['file']}"
        print(one_line(f"{line}: {one['reason']}" if one["reason"] else line))


def _audited(report: Path) -> tuple[Mapping[str, Any], Policy]:
    """An audit's predicate and policy; its findings follow from its evidence."""
    from auditkit.judgement.again import judged_again
    from auditkit.policy import Policy
    from auditkit.reperformance.compare import whole_statements

    path = report
    if report.is_dir():
        path = report / "statement.json"
        path = path if path.is_file() else report / "report.pdf"
    with whole_statements():
        predicate: Mapping[str, Any] = read_statement(path)["predicate"]
        differences = judged_again(predicate).differences
        policy = Policy.model_validate(predicate["policy"]["content"])
    if differences:
        raise VerificationError(
            f"The statement does not follow from its evidence. {differences[0]}"
        )
    if not policy.waiver_approvers:
        raise InputError(
            f"The policy {policy.id} lists nobody who may sign waivers.",
            remedy="list them in the policy, 'waiver_approvers: {NAME: [sha256:...]}', with the "
            "fingerprints of their statement keys ('auditkit keys list'), and run the audit again",
        )
    return predicate, policy


def _conditions(predicate: Mapping[str, Any], name: str, scopes: Sequence[str]) -> list[Finding]:
    """The findings to waive: those that are named, of one rule, with something to lift."""
    from auditkit.judgement.findings import about, every, named, read_findings
    from auditkit.waivers.record import LIFTABLE

    rules = read_findings(predicate)
    one = next((f for f in every(rules) if name in (f.id, f.rule)), None)
    if one is None:
        raise InputError(
            f"The audit has no rule {name!r}.",
            remedy=f"name one of {', '.join(f.rule for f in rules)}, or the id of a finding",
        )
    if one.group is not None or not one.conditions:
        chosen = [one]
    elif scopes:
        groups = {about(c.group): c for c in one.conditions}
        wanted = [scope.removeprefix("group=") for scope in scopes]
        strange = [s for s, w in zip(scopes, wanted, strict=True) if w not in groups or w == s]
        if strange:
            raise InputError(
                f"{one.rule} has no condition for {strange[0]!r}.",
                remedy=f"give --scope group=GROUP with one of: {'; '.join(groups)}",
            )
        chosen = [groups[w] for w in wanted]
    else:
        chosen = [c for c in one.conditions if c.outcome in LIFTABLE] or [one]
    harmless = next((f for f in chosen if f.outcome not in LIFTABLE), None)
    if harmless is not None:
        raise InputError(
            f"{named(harmless)} cannot be waived: {harmless.outcome.words}.",
            remedy="waivers are for exceptions, and for what is uncertain or not tested",
        )
    return chosen


def _signing(
    key: str | None, certificate: Path | None, file: Path | None, *, ask: bool
) -> tuple[KeyStore, Signer]:
    return signing_with(key, certificate, file, None, ask=ask, long_term=False)


def _people(policy: Policy) -> dict[str, str]:
    return {key: name for name, keys in policy.waiver_approvers.items() for key in keys}


def _person(signer: Signer, policy: Policy) -> str:
    """Whose key it is, as the policy lists it."""
    from auditkit.signing.private_keys import fingerprint_of

    key = fingerprint_of(signer.statement_key.public_key)
    found = _people(policy).get(key)
    if found is None:
        raise AccessDeniedError(
            f"The policy {policy.id} does not list your statement key, {key}, among those of the "
            "people who may sign waivers.",
            remedy="sign with a listed key (--key, or $AUDITKIT_KEYS), or have yours listed in "
            "waiver_approvers and the audit run again",
        )
    return found


def _waiver(path: Path) -> tuple[WaiverFile, Waiver, bytes]:
    """A file with a waiver, whose signatures verify."""
    from auditkit.files import read_bytes
    from auditkit.waivers.consideration import WaiverFile
    from auditkit.waivers.record import Waiver

    content = read_bytes(path, what="waiver")
    file = WaiverFile.of(path.name, content)
    if not isinstance(file.record, Waiver):
        raise InputError(
            f"{path.name} is not a waiver.", remedy="make one: auditkit waiver request RULE"
        )
    file.signers()
    return file, file.record, content


def _keep(
    path: Path, content: bytes, log: str | None, store: KeyStore, *, kind: str, by: str
) -> None:
    """Logs a signed record, and then writes its file."""
    from auditkit.api import open_log
    from auditkit.audit_log.waivers import log_waiver
    from auditkit.files import require_writable, write_whole
    from auditkit.waivers.consideration import WaiverFile

    require_writable(path.parent)
    with open_log(log_url(log, keys=lambda: store), store) as opened:
        index = log_waiver(opened, kind, WaiverFile.of(path.name, content), by=by)
    write_whole(path, content)
    say(f"Log entry {index}.")


def _ask_registry(url: str, predicate: Mapping[str, Any]) -> None:
    """Asks a guarded registry whether its access policy allows the approval."""
    from auditkit.access.policy.vocabulary import model_object
    from auditkit.cli.shared.registry_server import asking

    model = predicate["subject"]
    registered = model.get("registered") or {}
    with asking(url) as server:
        server.require("waiver:approve", model_object(registered.get("name") or model["name"]))


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip(".")
