"""`auditkit access user`: add and remove users of the guarded server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from auditkit.canonical import check_name
from auditkit.cli.shared.console import say
from auditkit.errors import InputError
from auditkit.wording import plural

app = typer.Typer(no_args_is_help=True, help="Manage users and passwords of the guarded server.")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The user's name, like ann; without a colon.")
]
Users = Annotated[
    Path, typer.Option("--users", metavar="FILE", help="The file of users that server.yaml names.")
]
_FILE: Final = Path("users.json")


@app.command()
def add(name: Name, users: Users = _FILE) -> None:
    """Add a user, or change a password. The password is asked for, or read from standard input.

    Example: auditkit access user add alice --users users.json
    """
    from auditkit.access.login.passwords import hash_password, read_users, write_users

    check_name(name, what="The user's name")
    if not name or ":" in name:
        raise InputError(
            "A user's name must not be empty or hold a colon, which ends the name in a log-in.",
            remedy="use letters, digits and _ . @ + = -",
        )
    known = read_users(users) if users.exists() else {}
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    write_users(users, {**known, name: hash_password(password)})
    done = "has another password" if name in known else "is added"
    say(f"{name} {done}; {users.name} has {plural(len({*known, name}), 'user')}.")
    say("Next, give them a role: auditkit access grant NAME ROLE --by YOU")


@app.command()
def remove(name: Name, users: Users = _FILE) -> None:
    """Remove a user. Running servers notice at the next request.

    Example: auditkit access user remove alice --users users.json
    """
    from auditkit.access.login.passwords import read_users, write_users

    known = read_users(users)
    if known.pop(name, None) is None:
        raise InputError("There is no such user.", remedy=f"see {users.name}")
    write_users(users, known)
    say(f"{name} is removed; {users.name} has {plural(len(known), 'user')}.")
    say("The policy still names their roles: auditkit access revoke NAME ROLE --by YOU")
