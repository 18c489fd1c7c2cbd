"""`auditkit evidence trace`: one version from its making to production, entry by entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from auditkit.cli.shared.console import Work, print_rows, say
from auditkit.cli.shared.log_open import Head, Key, LogOption, Name, reading
from auditkit.cli.shared.signing_options import Folder
from auditkit.parameters import LOG_NAME

_COLUMNS = ("entry", "time", "kind", "who", "what")
_TESTS = ("change", "attribute", "outcome", "found", "entry", "expected")


def trace(
    version: Annotated[
        str, typer.Argument(metavar="MODEL/VERSION", help="A registered version, like credit/7.")
    ],
    log: LogOption = None,
    key: Key = None,
    keys: Folder = None,
    log_name: Name = LOG_NAME,
    head: Head = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write it as JSON, with each entry's receipt."
        ),
    ] = None,
) -> None:
    """Trace a version from its making to production: every entry about it, and what was tested.

    The attributes a to g of each of its moves follow; "no" is a deviation. Exit code 3 if the log
    holds nothing about the version.

    Example: auditkit evidence trace credit/7 --log audit.db --output trace.json
    """
    from auditkit.errors import InputError, NothingToAuditError
    from auditkit.files import write_whole
    from auditkit.period.trace import traced

    model, _, number = version.rpartition("/")
    if not model or not number:
        raise InputError("That names no version.", remedy="write it as MODEL/VERSION: credit/7")
    with reading(log, key, keys, log_name, head) as opened, Work(f"Trace {version}"):
        found = traced(opened, model, number, with_receipts=output is not None)
    if not found["entries"]:
        raise NothingToAuditError(
            "The log holds nothing about that version.", remedy="check the name, and the log"
        )
    print_rows(_COLUMNS, [[e[c] for c in _COLUMNS] for e in found["entries"]], as_json=False)
    if found["tested"]:
        print()
        print_rows(_TESTS, [[t[c] for c in _TESTS] for t in found["tested"]], as_json=False)
    if output is not None:
        write_whole(output, (json.dumps(found, indent=1) + "\n").encode())
        say(f"Wrote {output}, with the receipts of {len(found['entries']):,} entries.")
