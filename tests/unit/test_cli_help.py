"""`--help` is where people learn a command: nothing in it may be without words."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from auditkit.cli import app

# How typer writes a type: INTEGER RANGE and [%Y-%m-%d] before 0.29, <int range> from then on.
TYPE = re.compile(r" (TEXT|PATH|FILENAME|UUID|INTEGER|FLOAT|BOOLEAN|\[%|\[[a-z]|<)")


def commands(command, path=("auditkit",)):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def test_there_are_commands():
    assert len(ALL) > 60
    assert {("auditkit", "verify"), ("auditkit", "log", "witness", "serve")} <= ALL.keys()
    assert {("auditkit", "access", "check"), ("auditkit", "registry", "promote")} <= ALL.keys()


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_argument_and_option_says_what_it_is(path):
    command = ALL[path]
    assert command.help
    assert [p.name for p in command.params if not getattr(p, "help", None)] == []


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_in_the_imperative(path):
    """A verb first: "Write", not "Writes"."""
    first = ALL[path].help.split()[0].rstrip(",")
    assert re.fullmatch(r"[A-Z][a-z-]*[a-rt-z]", first), first


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_options_name_what_they_take_and_not_its_type(path):
    command = ALL[path]
    help_text = command.get_help(command.make_context(path[-1], [], resilient_parsing=True))
    lines = re.findall(r"^ +-.*", help_text, flags=re.MULTILINE)
    assert any("--help" in line for line in lines)
    # The option and what it takes; two spaces part it from its words.
    heads = [line.strip().split("  ")[0] for line in lines]
    assert [head for head in heads if TYPE.search(head)] == []


@pytest.mark.parametrize("path", [p for p in ALL if not hasattr(ALL[p], "commands")], ids=" ".join)
def test_every_command_shows_an_example_that_it_takes(path):
    """The example is read by the command's own parser."""
    command = ALL[path]
    example = " ".join(command.help.split("Example: ")[1].split())
    words = shlex.split(re.split(r" [<>] ", example)[0])
    assert tuple(words[: len(path)]) == path
    command.make_context(path[-1], words[len(path) :])
