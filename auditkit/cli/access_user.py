"""`auditkit access user`: who has a password for the guarded server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from auditkit.canonical import check_name
from auditkit.cli.shared.console import say
from auditkit.errors import InputError
from auditkit.wording import plural

app = typer.Typer(no_args_is_help=True, help="Users with passwords, for the guarded server.")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The user's name, as ann; without a colon.")
]
Users = Annotated[
    Path, typer.Option("--users", metavar="FILE", help="The users' file, as server.yaml names it.")
]
_FILE: Final = Path("users.json")


@app.command()
def add(name: Name, users: Users = _FILE) -> None:
    """Adds a user, or changes a password; it is asked for, or read from standard input.

    Example: auditkit access user add alice --users users.json
    """
    from auditkit.access.login.passwords import hash_password, read_users, write_users

    check_name(name, what="The user's name")
    if not name or ":" in name:
        raise InputError(
            "A user's name is not empty, and with a colon it cannot be told from the password "
            "after it.",
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
    say("What they may do is a rule: auditkit access grant NAME ROLE --by YOU")


@app.command()
def remove(name: Name, users: Users = _FILE) -> None:
    """Removes a user; running servers follow at the next request.

    Example: auditkit access user remove alice --users users.json
    """
    from auditkit.access.login.passwords import read_users, write_users

    known = read_users(users)
    if known.pop(name, None) is None:
        raise InputError("There is no such user.", remedy=f"see {users.name}")
    write_users(users, known)
    say(f"{name} is removed; {users.name} has {plural(len(known), 'user')}.")
    say("Their roles stay in the policy: auditkit access revoke NAME ROLE --by YOU")
