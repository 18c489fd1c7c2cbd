"""The draft of an access policy: written by one, put into force by another.

A change is made to a draft, the files in the policy's folder, and comes into force when somebody
else approves it. Who runs these commands is taken at their word: on one machine, whoever may write
the files may write them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from auditkit.cli.shared.console import harmless, say
from auditkit.cli.shared.signing_options import Folder as KeyFolder
from auditkit.cli.shared.signing_options import PassphraseFile, open_store
from auditkit.errors import AccessDeniedError, InputError, PolicyError
from auditkit.files import read_text, write_whole

Folder = Annotated[Path, typer.Option("--policy", metavar="DIR", help="The policy's folder.")]
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
FOLDER: Final = Path("access")
_AUTHOR: Final = ".draft-author"


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder to make, as access.")
    ] = FOLDER,
) -> None:
    """Copies the packaged policy into a folder, as a draft to edit.

    Example: auditkit access init access
    """
    from auditkit.access.kept.folder import start_policy

    start_policy(folder)
    say(f"A draft is in {folder}. Next: auditkit access grant NAME ROLE --by YOU")


def grant(user: User, role: Role, by: By, policy: Folder = FOLDER, domain: Domain = "*") -> None:
    """Gives a role to a user, in the draft.

    Example: auditkit access grant alice reviewer --by adam
    """
    from auditkit.access import parse_rules

    def added(text: str, line: str) -> str:
        known = [name.removeprefix("role:") for name in parse_rules(text).roles]
        if role.removeprefix("role:") not in known:
            raise InputError(
                f"The draft has no role {role!r}.",
                remedy=f"give one of {', '.join(known)}, or write rules for it into policy.csv",
            )
        return f"{text.rstrip()}\n{line}\n"

    _change(policy, by, added, user, role, domain)
    say(f"{user} has {role} in the draft. To put it into force: auditkit access approve --by OTHER")


def revoke(user: User, role: Role, by: By, policy: Folder = FOLDER, domain: Domain = "*") -> None:
    """Takes a role from a user, in the draft.

    Example: auditkit access revoke alice reviewer --by adam
    """
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


def approve(
    by: By,
    author: Annotated[
        str, typer.Option("--author", metavar="NAME", help="Who wrote the draft.")
    ] = "",
    policy: Folder = FOLDER,
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
    """Puts a draft that somebody else wrote into force.

    Example: auditkit access approve --by paula --sign
    """
    from auditkit.access import AccessControl
    from auditkit.access.kept.folder import read_seal, seal_policy
    from auditkit.access.policy.control import read_texts
    from auditkit.access.policy.duties import conflicts

    written = author or _author(policy)
    if not written:
        raise InputError(
            "Nobody is noted as the draft's author: nothing was granted or revoked since the last "
            "approval.",
            remedy="if you edited its files, or want to sign it now, give --author NAME",
        )
    draft = AccessControl.load(policy)
    # The first seal is given by those whom the draft itself names.
    if read_seal(policy) is None or not draft.rules.users:
        say("This is the first seal of this policy: compare it with who should have which role.")
    draft.require(by, "policy:approve", "policy")
    if found := conflicts(draft.snapshot):
        raise PolicyError(
            f"The draft lets one person do what takes two: {found[0]}.",
            remedy="take a role away: auditkit access revoke; auditkit access lint lists them all",
        )
    store = open_store(keys, passphrase_file) if sign else None
    named: dict[str, Any] = {
        "author": written,
        "approver": by,
        "now": datetime.now(UTC),
        "key": store.report_signer().statement_key if store else None,
    }
    if database:
        from auditkit.access.kept.database import SqlPolicyStore

        published = SqlPolicyStore(database).publish(read_texts(policy), **named)
        say(f"Version {published} is in the database.")
    seal = seal_policy(policy, **named)
    (policy / _AUTHOR).unlink(missing_ok=True)
    say(f"In force: {draft.policy_digest}, by {seal.author}, approved by {seal.approver}.")
    if seal.key:
        say(f"Signed. For the server's settings: approvers: {{{by}: ['{seal.key}']}}")


def verify(
    policy: Folder = FOLDER,
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
    """Checks that a policy is what somebody else than its author approved. Exit code 12 if not.

    Example: auditkit access verify --approver paula=sha256:1f0c...
    """
    from auditkit.access.kept.folder import read_sealed

    approvers: dict[str, list[str]] = {}
    for pair in approver or ():
        name, equals, fingerprint = pair.partition("=")
        if not equals:
            raise InputError("An approver has a name and a key.", remedy="write NAME=sha256:...")
        approvers.setdefault(name, []).append(fingerprint)
    if database:
        from auditkit.access.kept.database import SqlPolicyStore

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


def _change(policy: Path, by: str, edit: Any, user: str, role: str, domain: str) -> None:
    from auditkit.access import AccessControl, parse_rules

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
    text = edit(read_text(path, kind=PolicyError), line)
    rules = parse_rules(text, source="the changed policy")
    AccessControl(rules, access.settings)
    write_whole(path, text.encode())
    write_whole(policy / _AUTHOR, f"{by}\n".encode())


def _author(policy: Path) -> str:
    path = policy / _AUTHOR
    return read_text(path).strip() if path.exists() else ""
