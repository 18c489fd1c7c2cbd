"""The pages and schemas that are made from the code: `make reference` writes them anew.

They are kept in the repository, so that a change of a command or a key is seen in its review;
tests compare them with what is made here.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from click import Command, Context

from auditkit.cli import app
from auditkit.period.kinds import KINDS, POPULATIONS
from auditkit.period.terms import COUNTED, TERMS
from tests.support import schemas

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / "docs" / "reference" / "cli.md"
YAML = ROOT / "docs" / "reference" / "yaml.md"
API = ROOT / "docs" / "reference" / "api.md"
PARTS = ROOT / "docs" / "reference" / "api-parts.md"
ENTRIES = ROOT / "docs" / "reference" / "entries.md"
COUNTS = ROOT / "docs" / "reference" / "period-checks.md"
_WIDTH = 88
_CLI_HEAD = """\
# Commands

What `--help` says of every command. This page is made by `make reference`.
"""
_ENTRIES_HEAD = """\
# Kinds of entries

Every kind of entry that auditkit writes into a log, by the population that it is an item of:
`auditkit evidence population NAME`. This page is made by `make reference`.

An item's id is `L` and the entry's index in the log. An entry of `access.reads` holds several
items: `L18342.3` is the one at position 3, counted from 0.
"""
_COUNTS_HEAD = """\
# Checks of a period

What `auditkit period report` and `auditkit watch report` count from a log, and what the rules of a
policy such as `period` can bound. Periods are UTC, with their beginning and without their end.
[What they show, and do not](../how-to/evidence-of-a-period.md). This page is made by
`make reference`.
"""
_PARTS_HEAD = """\
# Python, part by part

What lies one level down: what the packages export beside [the names of `auditkit`](api.md). This
page is made by `make reference`.
"""
# The packages whose names are listed, and what a reader finds there.
_PARTS = {
    "deid": (
        "De-identification",
        "Columns, modes, treatments, spans. [Do it](../how-to/deidentify.md).",
    ),
    "checks": ("Checks", "What a check is made of. [Write one](../how-to/write-a-check.md)."),
    "signing": ("Signing", "Keys and timestamp authorities. [Sign](../how-to/sign.md)."),
    "ledger": ("Log", "Entries, checkpoints, receipts. [Keep it](../how-to/keep-the-log.md)."),
    "merkle": ("Merkle trees", "RFC 6962 and RFC 9162: roots and proofs, pure functions."),
    "access": ("Access", "Rules, decisions, conflicts. [Guard it](../how-to/guard-a-registry.md)."),
    "policy": ("Policies", "A policy from its text. [Write one](../how-to/write-a-policy.md)."),
}
_YAML_HEAD = """\
# YAML files

Every key of every file, from its JSON Schema. This page is made by `make reference`.

All files are read alike. An unknown key is an error that names the nearest valid one. Keys are
text; `yes` and `no` are words, and only `true` and `false` are truth values. There are no anchors,
tags or merges. A file has at most 2 MiB and 20 levels.

The schemas are in `policies/schemas/` and come with the package. The first line of a file names its
schema, so that an editor with a YAML language server completes and checks its keys. A schema knows
keys, types and bounds; auditkit checks more when it reads the file.
"""


def cli_page() -> str:
    """What `--help` says of every command."""
    parts = [_CLI_HEAD]
    for path, text in _helps(typer.main.get_command(app), None, ("auditkit",)):
        level = "#" * min(len(path) + 1, 4)
        parts.append(f"{level} {' '.join(path)}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def _helps(
    command: Command, parent: Context | None, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    context = command.make_context(
        path[-1], [], parent=parent, resilient_parsing=True,
        terminal_width=_WIDTH, max_content_width=_WIDTH,
    )  # fmt: skip
    yield path, command.get_help(context).rstrip()
    for name, inner in getattr(command, "commands", {}).items():
        yield from _helps(inner, context, (*path, name))


def parts_page() -> str:
    """The names that packages export, for the site's builder to describe from their docstrings."""
    listed = re.findall(r"^::: (\S+)$", API.read_text(), re.MULTILINE)
    seen = {id(pkgutil.resolve_name(name)) for name in listed}
    parts = [_PARTS_HEAD]
    for name, (title, words) in _PARTS.items():
        package = pkgutil.resolve_name(f"auditkit.{name}")
        names = getattr(package, "__all__", None) or [
            n
            for n, found in vars(package).items()
            if not n.startswith("_")
            and inspect.isfunction(found)
            and found.__module__ == package.__name__
        ]
        lines = [f"::: auditkit.{name}.{n}" for n in names if id(getattr(package, n)) not in seen]
        parts.append(f"## {title}\n\n{words}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def yaml_page() -> str:
    """Every key of every YAML file, from the schemas."""
    parts = [_YAML_HEAD]
    for name in schemas.KINDS:
        made = schemas.schema(name)
        parts.append(
            f"## {made['title']} {{ #{name} }}\n\nSchema: `policies/schemas/{name}.json`\n"
        )
        parts.append(_table("the file itself", made, made))
        parts += [
            _table(f"`{label}`", made["$defs"][part], made)
            for part, label in _places(made)
            if "properties" in made["$defs"][part]
        ]
    return "\n".join(parts)


def _places(made: dict[str, Any]) -> list[tuple[str, str]]:
    """The parts inside a file, each once, and the key that holds it."""
    found: dict[str, str] = {}

    def walk(part: dict[str, Any], prefix: str) -> None:
        for key, value in part.get("properties", {}).items():
            for inner in _refs(value):
                if inner not in found:
                    found[inner] = f"{prefix}{key}"
                    walk(made["$defs"][inner], f"{prefix}{key}.")

    walk(made, "")
    return list(found.items())


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield str(value["$ref"]).rpartition("/")[2]
        for inner in value.values():
            yield from _refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _refs(inner)


def _table(title: str, part: dict[str, Any], made: dict[str, Any]) -> str:
    rows = [f"Keys of {title}:\n\n| key | value | default | meaning |\n|---|---|---|---|"]
    for key, value in part["properties"].items():
        default = "required" if key in part.get("required", ()) else _default(value)
        words = str(value["description"]).replace("|", "\\|")
        rows.append(f"| `{key}` | {_kind(value, made)} | {default} | {words} |")
    return "\n".join(rows) + "\n"


def _kind(value: dict[str, Any], made: dict[str, Any]) -> str:
    if "$ref" in value:
        part = made["$defs"][str(value["$ref"]).rpartition("/")[2]]
        return _kind(part, made) if "enum" in part else "keys below"
    if "anyOf" in value:
        kinds = [_kind(v, made) for v in value["anyOf"] if v.get("type") != "null"]
        return " or ".join(k for k in kinds if k != "whole number" or "number" not in kinds)
    if "enum" in value:
        return ", ".join(f"`{item}`" for item in value["enum"])
    if value.get("type") == "array":
        items = _kind(value["items"], made)
        return f"list, {items}" if items == "keys below" else f"list of {items}"
    if value.get("type") == "object":
        inside = value.get("additionalProperties")
        return f"mapping to {_kind(inside, made)}" if isinstance(inside, dict) else "mapping"
    if value.get("format") == "date":
        return "date"
    words = {"string": "text", "boolean": "`true` or `false`", "integer": "whole number"}
    return words.get(value.get("type", ""), value.get("type", "anything"))


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    return "" if default in (None, "", [], {}) or isinstance(default, dict) else f"`{default}`"


def entries_page() -> str:
    """Every kind of entry, from the table that populations are made by."""
    parts = [_ENTRIES_HEAD]
    for name, holds in {**POPULATIONS, "": "Entries that are the items of no population."}.items():
        parts.append(f"## {name or 'context'}\n\n{holds}\n")
        kinds = [kind for kind in KINDS if kind.population == name]
        if kinds:
            rows = ["| kind | records | who | when | fields |\n|---|---|---|---|---|"]
            rows += [
                f"| `{k.name}` | {k.what} | {_code(k.who)} | "
                f"{_code(k.when) or 'when it was logged'} | {', '.join(map(_code, k.fields))} |"
                for k in kinds
            ]
            parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def counts_page() -> str:
    """The measures of each check of a period."""
    parts = [_COUNTS_HEAD]
    for check, measures in COUNTED.items():
        rows = ["| measure | words | definition |\n|---|---|---|"]
        rows += [f"| `{m}` | {TERMS[m].words} | {TERMS[m].definition} |" for m in measures]
        parts.append(f"## {check}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _code(name: str) -> str:
    return f"`{name}`" if name else ""


def pages() -> dict[Path, str]:
    """Everything that is made from the code, by where it lies."""
    made = {schemas.FOLDER / name: text for name, text in schemas.files().items()}
    return {
        **made,
        CLI: cli_page(),
        ENTRIES: entries_page(),
        COUNTS: counts_page(),
        YAML: yaml_page(),
        PARTS: parts_page(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
