"""`auditkit access init`, `grant`, `revoke`, `approve` and `verify`: from a draft into force.

Who runs these commands is taken at their word.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from auditkit.cli.shared.access_options import FOLDER, By, Domain, Folder, Role, User
from auditkit.cli.shared.console import harmless, say
from auditkit.cli.shared.signing_options import Folder as KeyFolder
from auditkit.cli.shared.signing_options import PassphraseFile, open_store
from auditkit.errors import InputError


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to make, like access.")
    ] = FOLDER,
) -> None:
    """Copy the packaged policy into a folder, as a draft to edit.

    Example: auditkit access init access
    """
    from auditkit.access.kept.folder import start_policy

    start_policy(folder)
    say(f"A draft is in {folder}. Next: auditkit access grant NAME ROLE --by YOU")


def grant(user: User, role: Role, by: By, policy: Folder = FOLDER, domain: Domain = "*") -> None:
    """Give a role to a user, in the draft.

    Example: auditkit access grant alice reviewer --by adam
    """
    from auditkit.access.kept.drafts import grant_role

    grant_role(policy, user, role, domain=domain, by=by)
    say(f"{user} has {role} in the draft. To put it into force: auditkit access approve --by OTHER")


def revoke(user: User, role: Role, by: By, policy: Folder = FOLDER, domain: Domain = "*") -> None:
    """Take a role from a user, in the draft.

    Example: auditkit access revoke alice reviewer --by adam
    """
    from auditkit.access.kept.drafts import revoke_role

    revoke_role(policy, user, role, domain=domain, by=by)
    say(f"{user} is without {role} in the draft. Next: auditkit access approve --by OTHER")


def approve(
    by: By,
    author: Annotated[
        str, typer.Option("--author", metavar="NAME", help="Who wrote the draft.")
    ] = "",
    policy: Folder = FOLDER,
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign it with your statement key; see 'auditkit keys'.")
    ] = False,
    keys: KeyFolder = None,
    passphrase_file: PassphraseFile = None,
    database: Annotated[
        str,
        typer.Option("--database", metavar="URL", help="Publish it in this database too."),
    ] = "",
) -> None:
    """Put a draft that somebody else wrote into force.

    Example: auditkit access approve --by paula --sign
    """
    from auditkit.access.kept.drafts import read_draft

    draft = read_draft(policy, author=author)
    if draft.is_first:
        say("This is the first seal of this policy: compare it with who should have which role.")
    draft.require_approval_by(by)
    store = open_store(keys, passphrase_file) if sign else None
    now, key = datetime.now(UTC), store.report_signer().statement_key if store else None
    if database:
        from auditkit.access.kept.database import SqlPolicyStore

        published = SqlPolicyStore(database).publish(
            draft.texts, author=draft.author, approver=by, now=now, key=key
        )
        say(f"Version {published} is in the database.")
    seal = draft.seal(approver=by, now=now, key=key)
    say(f"In force: {draft.access.policy_digest}, by {seal.author}, approved by {seal.approver}.")
    if seal.key:
        say(f"Signed. For the server's settings: approvers: {{{by}: ['{seal.key}']}}")


def verify(
    policy: Folder = FOLDER,
    approver: Annotated[
        list[str] | None,
        typer.Option(
            "--approver",
            metavar="NAME=KEY",
            help="An approver's key, like paula=sha256:...; repeatable.",
        ),
    ] = None,
    database: Annotated[
        str,
        typer.Option(
            "--database", metavar="URL", help="Verify every version in this database instead."
        ),
    ] = "",
) -> None:
    """Check that somebody other than the author approved the policy. Exit code 12 if not.

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
