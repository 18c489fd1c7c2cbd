"""`auditkit access`: check, change and review an access policy.

Users of these commands are taken at their word; the guarded server asks for a password.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote

import typer

from auditkit.cli import access_draft, access_rules
from auditkit.cli.accounts import tokens, users
from auditkit.cli.shared.access_options import FOLDER, Domain, Folder, User
from auditkit.cli.shared.console import harmless, print_rows, say
from auditkit.cli.shared.log_open import checked
from auditkit.errors import InputError
from auditkit.wording import plural

if TYPE_CHECKING:
    from auditkit.access import AccessControl

FOUND: Final = 10

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Manage who may do what to which model: check, grant, approve, review.",
)
for command in (
    access_draft.init,
    access_draft.grant,
    access_draft.revoke,
    access_rules.allow,
    access_rules.deny,
    access_rules.drop,
    access_draft.approve,
    access_draft.verify,
):
    app.command()(command)
app.command("test")(access_rules.run_cases)
app.add_typer(users.app, name="user")
app.add_typer(tokens.app, name="token")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def check(
    user: User,
    verb: Annotated[
        str, typer.Argument(metavar="VERB", help="What they want to do, like model:promote.")
    ],
    obj: Annotated[
        str,
        typer.Argument(metavar="OBJECT", help="To what, like models/credit/aliases/champion."),
    ],
    policy: Folder = FOLDER,
    domain: Domain = "default",
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group", metavar="NAME", help="A group of the user's, like ml-release; repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Check whether a user may do something, and by which rule. Exit code 10 if denied.

    Example: auditkit access check alice model:promote models/credit/aliases/champion
    """
    from auditkit.access import AccessControl
    from auditkit.access.kept.folder import is_sealed
    from auditkit.access.policy.vocabulary import VERBS

    if verb not in VERBS:
        raise InputError(f"There is no verb {verb!r}.", remedy=f"use one of {', '.join(VERBS)}")
    access = AccessControl.load(policy)
    decision = access.decide(user, verb, obj, domain=domain, groups=group or ())
    for name in group or ():
        if not access.settings.roles_of((name,), domain):
            say(f"The policy gives the group {name!r} no role in {domain}.")
    if not is_sealed(policy):
        say("Decided by the draft in this folder, which is not in force: nobody has approved it.")
    if as_json:
        print(json.dumps(decision.to_json(), indent=1))
    else:
        print("allowed" if decision.allowed else "denied")
        print(f"  because: {harmless(decision.reason)}")
        if decision.rule:
            print(f"  rule:    {harmless(decision.rule)}")
        for line in _needed(access, verb, obj) if decision.allowed else ():
            print(f"  needs:   {line}")
        print(f"  policy:  {decision.policy_digest}")
    return 0 if decision.allowed else FOUND


def _needed(access: AccessControl, verb: str, obj: str) -> list[str]:
    """The other requirements of a promotion that a rule allows."""
    parts = obj.split("/")
    if verb != "model:promote" or len(parts) != 4 or parts[0] != "models":
        return []
    kind = {"aliases": "alias", "stages": "stage"}.get(parts[2], "")
    settings = access.settings.promotion(unquote(parts[1]), kind=kind, name=unquote(parts[3]))
    if settings is None:
        return []
    count = plural(settings.approvals, "approval")
    lines = [f"{count} by others, used within {settings.valid_hours:g} hours"]
    if settings.evidence is not None:
        evidence = settings.evidence
        age = f"in the last {evidence.max_age_days} days"
        lines.append(f"a gate passed under {evidence.policy} on these files {age}")
    return lines


@app.command()
def roles(policy: Folder = FOLDER, as_json: Json = False) -> None:
    """List who has which role, directly or through another role.

    Example: auditkit access roles --json
    """
    from auditkit.access import AccessControl
    from auditkit.access.record.review import review as make

    grants = make(AccessControl.load(policy), (), now=datetime.now(UTC)).table("grants")
    _show(grants, as_json=as_json)


@app.command()
def lint(policy: Folder = FOLDER, as_json: Json = False) -> int:
    """Find mistakes in a policy. Exit code 10 for errors and segregation-of-duties conflicts.

    Example: auditkit access lint --policy access
    """
    from auditkit.access.policy.control import read_texts
    from auditkit.access.policy.lint import lint as find
    from auditkit.access.policy.rules import parse_rules
    from auditkit.access.policy.settings import parse_settings

    texts = read_texts(policy)
    found = find(
        parse_rules(texts["policy.csv"], source="policy.csv"), parse_settings(texts["access.yaml"])
    )
    if as_json:
        rows = [{"code": f.code, "level": f.level, "text": f.text} for f in found]
        print(json.dumps(rows, indent=1))
    for finding in () if as_json else found:
        print(f"{finding.level}: {finding.code}: {harmless(finding.text)}")
    say(f"{plural(len(found), 'finding')}.")
    return FOUND if any(f.level != "warning" for f in found) else 0


@app.command()
def diff(
    old: Annotated[
        Path, typer.Argument(metavar="OLD", help="The folder of the policy before, like access.")
    ],
    new: Annotated[
        Path, typer.Argument(metavar="NEW", help="The folder of the policy after, like draft.")
    ],
    as_json: Json = False,
) -> int:
    """Show what a change of policy allows and denies, by user. Exit code 10 if it changes anything.

    Example: auditkit access diff access draft
    """
    from auditkit.access import AccessControl
    from auditkit.access.record.effects import differences

    found = differences(AccessControl.load(old), AccessControl.load(new))
    _changes(found, as_json=as_json)
    return FOUND if found else 0


@app.command()
def simulate(
    draft: Annotated[
        Path, typer.Argument(metavar="DRAFT", help="A policy's folder, sealed or not, like draft.")
    ],
    log: Annotated[
        str, typer.Option("--log", metavar="LOG", help="The log: a SQLite file, or a URL.")
    ],
    key: Annotated[
        list[str],
        typer.Option("--key", metavar="LINE", help="The log's public key, or a file with it."),
    ],
    as_json: Json = False,
) -> int:
    """Decide every logged request again, under a draft. Exit code 10 if a decision changes.

    Example: auditkit access simulate draft --log log.db --key log.pub
    """
    from auditkit.access import AccessControl
    from auditkit.access.record.effects import replayed

    with checked(log, key) as opened:
        found = replayed(AccessControl.load(draft), opened.entries())
    _changes(found, as_json=as_json)
    return FOUND if found else 0


@app.command()
def review(
    log: Annotated[
        str, typer.Option("--log", metavar="LOG", help="The log: a SQLite file, or a URL.")
    ],
    key: Annotated[
        list[str],
        typer.Option("--key", metavar="LINE", help="The log's public key, or a file with it."),
    ],
    policy: Folder = FOLDER,
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="YYYY-MM-DD",
            help="Review from this day on. Default: from the log's beginning.",
        ),
    ] = "",
    unused_days: Annotated[
        int,
        typer.Option(min=1, metavar="DAYS", help="List grants that were not used for these days."),
    ] = 90,
    kept_tokens: Annotated[
        Path | None,
        typer.Option("--tokens", metavar="FILE", help="List its tokens too, with their last use."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--csv", metavar="DIR", help="Write each table as a CSV file to this folder."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Review access: who may promote, who did, who was denied, unused grants, and changes.

    Example: auditkit access review --log log.db --key log.pub --csv review/
    """
    from auditkit.access import AccessControl
    from auditkit.access.login.tokens import read_tokens
    from auditkit.access.record.review import review as make
    from auditkit.files import write_whole
    from auditkit.tables.cells import csv_bytes

    begin = datetime.combine(_date(since), datetime.min.time(), UTC) if since else None
    if begin is not None and begin > datetime.now(UTC):
        raise InputError("The review begins in the future.", remedy="give an earlier --since")
    with checked(log, key) as opened:
        found = make(
            AccessControl.load(policy),
            opened.entries(),
            now=datetime.now(UTC),
            since=begin,
            unused_days=unused_days,
            tokens=None if kept_tokens is None else list(read_tokens(kept_tokens).values()),
        )
    if output is not None:
        for table in found.tables:
            write_whole(output / f"{table.name}.csv", csv_bytes([table.columns, *table.rows]))
        say(f"{len(found.tables)} tables are in {output}.")
    if as_json:
        print(json.dumps(found.to_evidence().to_json(), indent=1))
    elif output is None:
        began = found.since.date().isoformat() if found.since else "the log's beginning"
        print(f"Access review from {began} to {found.until.isoformat(timespec='seconds')}")
        print(f"Policy: {found.policy_digest}, {plural(found.users, 'user')}")
        print(
            f"Log: {plural(found.decisions, 'decision')}, "
            f"{plural(found.failed_logins, 'failed log-in')}"
        )
        for table in found.tables:
            print(f"\n{table.title} ({len(table.rows)})")
            _show(table, as_json=False)
        print()
    for note in () if as_json else found.notes:
        say(note)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("--since is not a date.", remedy="write it like 2026-01-31") from error


def _show(table: Any, *, as_json: bool) -> None:
    print_rows(table.columns, table.rows, as_json=as_json)


def _changes(found: Sequence[Sequence[Any]], *, as_json: bool) -> None:
    if found or as_json:
        print_rows(("user", "verb", "object", "before", "after"), found, as_json=as_json)
    else:
        say("No decision changes.")
