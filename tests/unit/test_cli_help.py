"""`--help` is where people learn a command: nothing in it may be without words."""

from __future__ import annotations

import pytest
import typer

from auditkit.cli import app


def commands(command, path=("auditkit",)):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


ALL = {
    path: command
    for path, command in commands(typer.main.get_command(app))
    if path[1:2] not in {("access",), ("registry",)}  # Their arguments are names: USER, MODEL.
}


def test_there_are_commands():
    assert len(ALL) > 40
    assert {("auditkit", "verify"), ("auditkit", "ledger", "witness", "serve")} <= ALL.keys()


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_argument_and_option_says_what_it_is(path):
    command = ALL[path]
    assert command.help
    assert [p.name for p in command.params if not getattr(p, "help", None)] == []
