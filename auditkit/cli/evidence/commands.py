"""`auditkit evidence`: a period's populations, samples and exceptions, computed from the log.

An auditor reads with the log's public key (`--key`). The log's owner reads and writes with the key
store (`--keys`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.evidence import complete, recorded, trace
from auditkit.cli.shared.console import Work, say
from auditkit.cli.shared.log_open import Head, Key, LogOption, Name, reading
from auditkit.cli.shared.signing_options import Folder
from auditkit.parameters import LOG_NAME

if TYPE_CHECKING:
    from auditkit.period.window import Period

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Extract what happened in a period from the log: populations, samples, exceptions.",
)
record_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Record what no program did: disposals and disclosures.",
)
app.add_typer(record_app, name="record")
app.command("trace")(trace.trace)
app.command("completeness")(complete.completeness)
app.command("respond")(recorded.respond)
record_app.command("disposal")(recorded.disposal)
record_app.command("disclosure")(recorded.disclosure)

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


@app.command()
def sample(
    table: Annotated[
        Path,
        typer.Argument(metavar="CSV", help="The population.csv, with its ipe.json beside it."),
    ],
    n: Annotated[
        int | None, typer.Option("--n", metavar="N", help="How many items. Default: 25.")
    ] = None,
    seed: Annotated[
        str,
        typer.Option(
            "--seed-from",
            metavar="CHECKPOINT",
            help="The checkpoint whose root is the seed, like checkpoint:18342.",
        ),
    ] = "",
    items: Annotated[
        str,
        typer.Option(
            "--items",
            metavar="IDS",
            help="The examiner's own: ids separated by commas, or a file of them.",
        ),
    ] = "",
    check: Annotated[
        Path | None,
        typer.Option(
            "--check", metavar="FILE", help="Draw nothing; check this sample.json instead."
        ),
    ] = None,
    log: LogOption = None,
    key: Key = None,
    keys: Folder = None,
    log_name: Name = LOG_NAME,
    head: Head = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="The folder for the files."),
    ] = Path("sample"),
) -> None:
    """Draw a sample that anybody can draw again, and prove each of its items.

    An item's key is the SHA-256 of SEED:ITEM_ID, without a line break; the smallest keys are drawn.
    Exit code 12 if the population is not the one that the log gives, or has changed since.

    Example: auditkit evidence sample changes/population.csv --n 25 --seed-from checkpoint:18342
    """
    from auditkit.files import read_text
    from auditkit.period.sampling import check_sample, draw_sample

    with reading(log, key, keys, log_name, head) as opened:
        if check is not None:
            found = check_sample(opened, table, check)
            say(f"The sample of {found['n']:,} items is as it was drawn, and each is proved.")
            return
        listed = items
        if items and Path(items).is_file():
            listed = read_text(Path(items), what="list of items")
        found = draw_sample(
            opened, table, output, n=n, seed=seed, items=listed.replace(",", " ").split()
        )
    for file in ("sample.csv", "sample.json"):
        print(output / file)
    say(f"{found['n']:,} of {found['population_count']:,} items, {found['selected']}.")
    if found["seed"]:
        say(f"The seed is {found['seed']}.")
        if not found["seed_after_population"]:
            say("Note: the checkpoint is not later than the population, so the seed was known.")
        if not found["seed_published"]:
            say("Note: the log keeps no checkpoint of that size; its root was computed.")


def period_of(begin: str, end: str) -> Period:
    """The period of --from and --to."""
    from auditkit.period.window import Period

    return Period.parse(begin, end)
