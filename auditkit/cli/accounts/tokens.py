"""`auditkit access token`: make, list and revoke tokens of service accounts.

Who runs these commands is taken at their word.
"""

from __future__ import annotations

import getpass
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from auditkit.canonical import check_name
from auditkit.cli.shared.access_options import FOLDER, Domain, Folder
from auditkit.cli.shared.console import print_rows, say
from auditkit.cli.shared.log_open import checked
from auditkit.errors import InputError

if TYPE_CHECKING:
    from auditkit.access import AccessControl

app = typer.Typer(no_args_is_help=True, help="Manage tokens of service accounts, such as CI jobs.")

Tokens = Annotated[
    Path,
    typer.Option("--tokens", metavar="FILE", help="The file of tokens that server.yaml names."),
]
_FILE: Final = Path("tokens.json")
_LASTS: Final = re.compile(r"([1-9][0-9]{0,3})([dh])\Z")
_LONGEST: Final = timedelta(days=366)


@app.command()
def create(
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="The service account, like ci-train.")
    ],
    role: Annotated[
        str,
        typer.Option("--role", metavar="ROLE", help="The role to restrict it to, like trainer."),
    ],
    domain: Domain = "*",
    expires: Annotated[
        str,
        typer.Option(
            "--expires", metavar="TIME", help="How long it lasts, like 30d or 12h; at most 366d."
        ),
    ] = "90d",
    by: Annotated[
        str,
        typer.Option("--by", metavar="NAME", help="Your own name. Default: your user here."),
    ] = "",
    tokens: Tokens = _FILE,
    policy: Folder = FOLDER,
) -> None:
    """Make a token and print it, once. It can do what its account and its role both may.

    If the account does not have the role, the grant is drafted.

    Example: auditkit access token create ci-train --role trainer --domain team-a --expires 30d
    """
    from auditkit.access import AccessControl
    from auditkit.access.kept.drafts import grant_role
    from auditkit.access.kept.folder import is_sealed
    from auditkit.access.login.tokens import new_token, read_tokens, write_tokens
    from auditkit.access.policy.vocabulary import role_name, segment

    check_name(account, what="The account's name")
    if not account or ":" in account:
        raise InputError(
            "An account's name must not be empty or hold a colon.",
            remedy="use letters, digits and _ . @ + = -",
        )
    by, now = by or getpass.getuser(), datetime.now(UTC)
    until = now + _lasting(expires)
    kept = read_tokens(tokens) if tokens.exists() else {}
    access = AccessControl.load(policy)
    name = role_name(role)
    held = _has(access, segment(account), name, domain)
    if not held:
        grant_role(policy, segment(account), name, domain=domain, by=by)
    text, token = new_token(account, name, domain, expires=until, now=now, by=by)
    write_tokens(tokens, {**kept, token.id: token})
    print(text)
    where = "every workspace" if domain == "*" else domain
    say(f"{token.id} acts as {account}, as {name} in {where}, until {until:%Y-%m-%d %H:%M} UTC.")
    say("It is shown this once. For MLflow and auditkit: MLFLOW_TRACKING_TOKEN")
    if not held:
        say(f"{account} has {name} in the draft: the token counts once somebody else approves it.")
    if not held or not is_sealed(policy):
        say("To put the draft into force: auditkit access approve --by OTHER")


@app.command("list")
def list_tokens(
    tokens: Tokens = _FILE,
    log: Annotated[
        str,
        typer.Option(
            "--log",
            metavar="LOG",
            help="Show when each was last used, by this log: a SQLite file, or a URL.",
        ),
    ] = "",
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="LINE", help="The log's public key, or a file with it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List tokens: whose, for what, until when, and when each was last used.

    Example: auditkit access token list --log log.db --key log.pub
    """
    from auditkit.access.login.tokens import read_tokens
    from auditkit.access.record.token_use import last_uses, tokens_table

    kept = list(read_tokens(tokens).values())
    used: dict[str, datetime] | None = None
    if log:
        with checked(log, key or []) as opened:
            used = last_uses(opened.entries())
    found = tokens_table(kept, used, now=datetime.now(UTC))
    print_rows(found.columns, found.rows, as_json=as_json)


@app.command()
def revoke(
    number: Annotated[
        str, typer.Argument(metavar="ID", help="Its id in the list, like tk-1f0c9e2b.")
    ],
    tokens: Tokens = _FILE,
) -> None:
    """Revoke a token. Running servers notice at the next request.

    Example: auditkit access token revoke tk-1f0c9e2b
    """
    from auditkit.access.login.tokens import read_tokens, write_tokens

    kept = read_tokens(tokens)
    token = kept.get(number)
    if token is None:
        raise InputError("There is no such token.", remedy="list them: auditkit access token list")
    if token.revoked is not None:
        say(f"{number} was revoked before, on {token.revoked:%Y-%m-%d}.")
        return
    write_tokens(tokens, {**kept, number: replace(token, revoked=datetime.now(UTC))})
    say(f"{number} of {token.account} is revoked.")


def _has(access: AccessControl, account: str, role: str, domain: str) -> bool:
    """Whether an account has a role wherever a token of it would count."""
    return role in access.snapshot.roles_of(account, domain)


def _lasting(text: str) -> timedelta:
    found = _LASTS.match(text)
    lasts = timedelta(**{"days" if found[2] == "d" else "hours": int(found[1])}) if found else None
    if lasts is None or lasts > _LONGEST:
        raise InputError(
            "A token's time is given in days or hours, up to 366 days.",
            remedy="write it like 30d or 12h",
        )
    return lasts
