"""`auditkit evidence`: a period's populations, samples and exceptions, computed from the log.

An auditor reads with the log's public key (`--key`). The log's owner reads and writes with the key
store (`--keys`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.console import Work, say
from auditkit.cli.shared.log_open import LOG_NAME, Head, Key, LogOption, Name, reading
from auditkit.cli.shared.signing_options import Folder

if TYPE_CHECKING:
    from auditkit.period.window import Period

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Extract what happened in a period from the log: populations, samples, exceptions.",
)

From = Annotated[
    str,
    typer.Option("--from", metavar="TIME", help="The period's beginning, UTC, like 2026-07-01."),
]
To = Annotated[
    str,
    typer.Option("--to", metavar="TIME", help="Its end, not included, UTC, like 2026-10-01."),
]
By = Annotated[
    str, typer.Option("--by", metavar="NAME", help="Who makes the extract, for its ipe.json.")
]


@app.command()
def population(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="changes, access, grants, reviews, gates, deid, alerts, waivers, disposals or "
            "disclosures.",
        ),
    ],
    begin: From,
    end: To,
    log: LogOption = None,
    key: Key = None,
    keys: Folder = None,
    log_name: Name = LOG_NAME,
    head: Head = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="The folder for the files. Default: NAME."
        ),
    ] = None,
    by: By = "",
) -> None:
    """Write every item of a population in a period: population.csv, population.xlsx, ipe.json.

    ipe.json holds the query, the counts by two ways, the log's root, and items traced both ways.
    An empty population is written, too.

    Example: auditkit evidence population changes --from 2026-07-01 --to 2026-10-01 --log audit.db
    """
    from auditkit.period.extract import write_population

    period = period_of(begin, end)
    folder = output if output is not None else Path(name)
    with reading(log, key, keys, log_name, head) as opened, Work(f"Extract {name}"):
        made = write_population(opened, name, period, folder, at=datetime.now(UTC), by=by)
    for file in ("population.csv", "population.xlsx", "ipe.json"):
        print(folder / file)
    say(f"{made.count:,} items of {name}, {period}.")
    say(f"The log had {made.size:,} entries and the root {made.root}.")
    for remark in made.remarks:
        say(f"Note: {remark}")


def period_of(begin: str, end: str) -> Period:
    """The period of --from and --to."""
    from auditkit.period.window import Period

    return Period.parse(begin, end)
