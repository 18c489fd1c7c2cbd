"""`auditkit evidence completeness`: the log against the registry, both ways."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.console import Work, print_rows, say
from auditkit.cli.shared.log_open import Head, Key, LogOption, Name, reading
from auditkit.cli.shared.registry_server import asking
from auditkit.cli.shared.signing_options import Folder
from auditkit.parameters import LOG_NAME

if TYPE_CHECKING:
    from auditkit.period.completeness import Registered

_COLUMNS = ("kind", "workspace", "model", "name", "logged", "registered", "index")
_GAPS = 12


def completeness(
    *,
    registry: Annotated[
        str,
        typer.Option(
            "--registry",
            metavar="URI",
            help="The guarded server, http(s)://, or its database: sqlite:///FILE or "
            "postgresql://user@host/name.",
        ),
    ],
    log: LogOption = None,
    key: Key = None,
    keys: Folder = None,
    log_name: Name = LOG_NAME,
    head: Head = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False,
) -> int:
    """Compare the log with the registry: versions and aliases without entries, and the reverse.

    A server shows what you may read, by MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN. Exit
    code 12 if the two do not agree.

    Example: auditkit evidence completeness --registry sqlite:///mlflow.db --log audit.db
    """
    from auditkit.period.completeness import compare

    registered = registered_in(registry)
    versions, aliases = registered.versions, registered.aliases
    with reading(log, key, keys, log_name, head) as opened, Work("Compare"):
        gaps = compare(opened, registered)
        size = opened.size
    rows = [["" if (v := g.to_json()[c]) is None else v for c in _COLUMNS] for g in gaps]
    if gaps or as_json:
        print_rows(_COLUMNS, rows, as_json=as_json)
    say(
        f"{len(versions):,} versions and {len(aliases):,} aliases against {size:,} entries: "
        f"{len(gaps):,} gaps."
    )
    return _GAPS if gaps else 0


def registered_in(registry: str) -> Registered:
    """What a registry holds now, by its guarded server or by its database."""
    from auditkit.period.completeness import Registered
    from auditkit.registry.contents import of_database, of_server

    if registry.startswith(("http://", "https://")):
        with asking(registry) as server:
            workspace = os.environ.get("MLFLOW_WORKSPACE", "")
            versions, aliases = of_server(server, workspace=workspace)
    else:
        versions, aliases = of_database(registry)
    return Registered(versions=versions, aliases=aliases)
