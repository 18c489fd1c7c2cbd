"""`auditkit access`: who may do what, who changed it, and what the log says of it.

A change is made to a draft, the files in the policy's folder, and comes into force when somebody
else approves it. Who runs these commands is taken at their word: on one machine, whoever may write
the files may write them. The guarded server asks for a password.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote

import typer

from auditkit.cli import access_user
from auditkit.cli.console import harmless, say
from auditkit.cli.signing_options import Folder as KeyFolder
from auditkit.cli.signing_options import PassphraseFile, open_store
from auditkit.errors import AccessDeniedError, InputError
from auditkit.wording import plural

if TYPE_CHECKING:
    from auditkit.access import AccessControl

FOUND: Final = 10
_LOG_NAME: Final = "auditkit.local/log"

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Who may do what to which model: ask, grant, approve, review.",
)
app.add_typer(access_user.app, name="user")

Folder = Annotated[Path, typer.Option("--policy", metavar="DIR", help="The policy's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
User = Annotated[
    str, typer.Argument(metavar="USER", help="The user's name on the server, as alice.")
]
Role = Annotated[
    str, typer.Argument(metavar="ROLE", help="A role of the policy, as trainer or reviewer.")
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it, as adam.")]
Domain = Annotated[
    str, typer.Option("--domain", metavar="NAME", help="The workspace or environment, as prod.")
]
_FOLDER: Final = Path("access")


@app.command("init")
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder to make, as access.")
    ] = _FOLDER,
) -> None:
    """Copies the packaged policy into a folder, as a draft to edit."""
    from auditkit.access.folder import start_policy

    start_policy(folder)
    say(f"A draft is in {folder}. Next: auditkit access grant NAME ROLE --by YOU")


@app.command()
def check(
    user: User,
    verb: Annotated[
        str, typer.Argument(metavar="VERB", help="What they want to do, as model:promote.")
    ],
    obj: Annotated[
        str,
        typer.Argument(metavar="OBJECT", help="With what, as models/credit/aliases/champion."),
    ],
    policy: Folder = _FOLDER,
    domain: Domain = "default",
    as_json: Json = False,
) -> int:
    """Allowed or denied, by which rule, under which policy digest. Exit code 10 if denied."""
    from auditkit.access import AccessControl

    access = AccessControl.load(policy)
    decision = access.decide(user, verb, obj, domain=domain)
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
    """What a promotion needs beyond a rule that allows it."""
    parts = obj.split("/")
    if verb != "model:promote" or len(parts) != 4 or parts[0] != "models":
        return []
    kind = {"aliases": "alias", "stages": "stage"}.get(parts[2], "")
    found = access.settings.promotion(unquote(parts[1]), kind=kind, name=unquote(parts[3]))
    if found is None:
        return []
    count = plural(found.approvals, "approval")
    lines = [f"{count} by others, used within {found.valid_hours:g} hours"]
    if found.evidence is not None:
        evidence = found.evidence
        age = f"in the last {evidence.max_age_days} days"
        lines.append(f"a gate passed under {evidence.policy} on these files {age}")
    return lines


@app.command()
def grant(user: User, role: Role, by: By, policy: Folder = _FOLDER, domain: Domain = "*") -> None:
    """Gives a role to a user, in the draft."""
    _change(policy, by, lambda text, line: f"{text.rstrip()}\n{line}\n", user, role, domain)
    say(f"{user} has {role} in the draft. To put it into force: auditkit access approve --by OTHER")


@app.command()
def revoke(user: User, role: Role, by: By, policy: Folder = _FOLDER, domain: Domain = "*") -> None:
    """Takes a role from a user, in the draft."""
    from auditkit.access import parse_rules

    def without(text: str, line: str) -> str:
        gone = [g.line for g in parse_rules(text).grants if str(g) == line]
        if not gone:
            raise InputError(
                "The draft has no such grant.", remedy="auditkit access roles lists the grants"
            )
        kept = [t for n, t in enumerate(text.split("\n"), start=1) if n not in gone]
        return "\n".join(kept)

    _change(policy, by, without, user, role, domain)
    say(f"{user} is without {role} in the draft. Next: auditkit access approve --by OTHER")


@app.command()
def approve(
    by: By,
    author: Annotated[
        str, typer.Option("--author", metavar="NAME", help="Who wrote the draft.")
    ] = "",
    policy: Folder = _FOLDER,
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign it with your statement key; see auditkit keys.")
    ] = False,
    keys: KeyFolder = None,
    passphrase_file: PassphraseFile = None,
    database: Annotated[
        str,
        typer.Option("--database", metavar="URL", help="Publish it in a database too; its URL."),
    ] = "",
) -> None:
    """Puts a draft that somebody else wrote into force."""
    from auditkit.access import AccessControl
    from auditkit.access.control import read_texts
    from auditkit.access.folder import read_seal, seal_policy

    written = author or _author(policy)
    if not written:
        raise InputError("Nobody is noted as the draft's author.", remedy="give --author NAME")
    draft = AccessControl.load(policy)
    # The first seal is given by those whom the draft itself names.
    if read_seal(policy) is None or not draft.rules.users:
        say("This is the first seal of this policy: compare it with who should have which role.")
    draft.require(by, "policy:approve", "policy")
    store = open_store(keys, passphrase_file) if sign else None
    named: dict[str, Any] = {
        "author": written,
        "approver": by,
        "now": datetime.now(UTC),
        "key": store.report_signer().statement_key if store else None,
    }
    if database:
        from auditkit.access.sql import SqlPolicyStore

        published = SqlPolicyStore(database).publish(read_texts(policy), **named)
        say(f"Version {published} is in the database.")
    seal = seal_policy(policy, **named)
    (policy / _AUTHOR).unlink(missing_ok=True)
    say(f"In force: {draft.policy_digest}, by {seal.author}, approved by {seal.approver}.")
    if seal.key:
        say(f"Signed. For the server's settings: approvers: {{{by}: ['{seal.key}']}}")


@app.command()
def verify(
    policy: Folder = _FOLDER,
    approver: Annotated[
        list[str] | None,
        typer.Option(
            "--approver",
            metavar="NAME=KEY",
            help="Whose key is whose, as paula=sha256:...; repeatable.",
        ),
    ] = None,
    database: Annotated[
        str,
        typer.Option(
            "--database", metavar="URL", help="Verify every version in a database; its URL."
        ),
    ] = "",
) -> None:
    """Checks that a policy is what somebody else than its author approved. Exit code 12 if not."""
    from auditkit.access.folder import read_sealed

    approvers: dict[str, list[str]] = {}
    for pair in approver or ():
        name, equals, fingerprint = pair.partition("=")
        if not equals:
            raise InputError("An approver has a name and a key.", remedy="write NAME=sha256:...")
        approvers.setdefault(name, []).append(fingerprint)
    if database:
        from auditkit.access.sql import SqlPolicyStore

        store = SqlPolicyStore(database)
        found = [store.read(version.version) for version in store.history()]
    else:
        found = [read_sealed(policy)]
    for access, seal in found:
        seal.require(approvers)
        print(f"{access.policy_digest}")
        print(f"  written by {harmless(seal.author)}, approved by {harmless(seal.approver)}")
        print(f"  on {seal.approved}, {f'signed by {seal.key}' if seal.key else 'not signed'}")
    if not approvers:
        say("Whose keys these are was not checked: give --approver NAME=sha256:...")


@app.command()
def roles(policy: Folder = _FOLDER, as_json: Json = False) -> None:
    """Who has which role, and through which other."""
    from auditkit.access import AccessControl
    from auditkit.access.review import review as make

    found = make(AccessControl.load(policy), (), now=datetime.now(UTC)).table("grants")
    _show(found, as_json=as_json)


@app.command()
def lint(policy: Folder = _FOLDER, as_json: Json = False) -> int:
    """What is wrong with a policy. Exit code 10 for errors and conflicts of duties."""
    from auditkit.access.control import read_texts
    from auditkit.access.lint import lint as find
    from auditkit.access.rules import parse_rules

    found = find(parse_rules(read_texts(policy)["policy.csv"], source="policy.csv"))
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
        Path, typer.Argument(metavar="OLD", help="The policy's folder before, as access.")
    ],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The folder after, as draft.")],
    as_json: Json = False,
) -> int:
    """What a change of policy gives and takes, user by user. Exit code 10 if anything."""
    from auditkit.access import AccessControl
    from auditkit.access.effects import differences

    found = differences(AccessControl.load(old), AccessControl.load(new))
    _rows(("user", "verb", "object", "before", "after"), found, as_json=as_json)
    return FOUND if found else 0


@app.command()
def simulate(
    draft: Annotated[
        Path, typer.Argument(metavar="DRAFT", help="A policy's folder, sealed or not, as draft.")
    ],
    log: Annotated[
        str, typer.Option("--log", metavar="LOG", help="The ledger's SQLite file, or its URL.")
    ],
    key: Annotated[
        list[str], typer.Option("--key", metavar="LINE", help="The log's public key, or its file.")
    ],
    as_json: Json = False,
) -> int:
    """Decides what was logged once more, under a draft. Exit code 10 if anything changes."""
    from auditkit.access import AccessControl
    from auditkit.access.effects import replayed

    with _log(log, key) as opened:
        found = replayed(AccessControl.load(draft), opened.entries())
    _rows(("user", "verb", "object", "before", "after"), found, as_json=as_json)
    return FOUND if found else 0


@app.command()
def review(
    log: Annotated[
        str, typer.Option("--log", metavar="LOG", help="The ledger's SQLite file, or its URL.")
    ],
    key: Annotated[
        list[str], typer.Option("--key", metavar="LINE", help="The log's public key, or its file.")
    ],
    policy: Folder = _FOLDER,
    since: Annotated[
        str, typer.Option("--since", metavar="YYYY-MM-DD", help="A date, as 2026-01-31.")
    ] = "",
    unused_days: Annotated[
        int, typer.Option(min=1, metavar="DAYS", help="When a grant is unused.")
    ] = 90,
    output: Annotated[
        Path | None,
        typer.Option("--csv", metavar="DIR", help="A folder for one CSV file a table."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Who may promote, who did, who was denied, what nobody used, and what changed."""
    from auditkit.access import AccessControl
    from auditkit.access.review import review as make

    begin = datetime.combine(_date(since), datetime.min.time(), UTC) if since else None
    with _log(log, key) as opened:
        found = make(
            AccessControl.load(policy),
            opened.entries(),
            now=datetime.now(UTC),
            since=begin,
            unused_days=unused_days,
        )
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        for table in found.tables:
            with (output / f"{table.name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(table.columns)
                writer.writerows([_cell(c) for c in row] for row in table.rows)
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


_AUTHOR: Final = ".draft-author"


def _change(policy: Path, by: str, edit: Any, user: str, role: str, domain: str) -> None:
    from auditkit.access import AccessControl, parse_rules
    from auditkit.access.folder import write_whole

    path = policy / "policy.csv"
    access = AccessControl.load(policy)
    # Until somebody holds the right, whoever sets the policy up does.
    if any(access.decide(u, "policy:propose", "policy") for u in access.rules.users):
        access.require(by, "policy:propose", "policy")
    noted = _author(policy)
    if noted and noted != by:
        raise AccessDeniedError(
            "The draft holds changes by somebody else that nobody has approved yet.",
            remedy="have them approved first",
        )
    line = f"g, {user}, role:{role.removeprefix('role:')}, {domain}"
    text = edit(path.read_text(encoding="utf-8"), line)
    rules = parse_rules(text, source="the changed policy")
    AccessControl(rules, access.settings)
    write_whole(path, text)
    write_whole(policy / _AUTHOR, by + "\n")


def _author(policy: Path) -> str:
    try:
        return (policy / _AUTHOR).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _log(where: str, keys: Sequence[str]) -> Any:
    from auditkit.ledger import Ledger, NoteVerifier

    if "://" not in where and not Path(where).exists():
        raise InputError(
            f"There is no log {Path(where).name}.",
            remedy="give the ledger's SQLite file, or its URL as server.yaml has it",
        )
    url = where if "://" in where else f"sqlite:///{where}"
    lines = [
        line for k in keys for line in (Path(k).read_text() if Path(k).exists() else k).split()
    ]
    present, *former = [NoteVerifier.parse(line) for line in lines]
    return Ledger.open(url, key=present, former_keys=former)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("That is no date.", remedy="write it as 2026-01-31") from error


def _show(table: Any, *, as_json: bool) -> None:
    _rows(table.columns, table.rows, as_json=as_json)


def _rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))
        return
    lines = [tuple(columns), *([harmless(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" else value
