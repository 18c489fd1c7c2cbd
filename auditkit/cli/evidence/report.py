"""`auditkit period report`: how controls operated in a period, as a signed report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from auditkit.cli.evidence.commands import From, To, period_of
from auditkit.cli.evidence.complete import registered_in
from auditkit.cli.evidence.signed import EXIT, write_report
from auditkit.cli.gating.against import read_statement
from auditkit.cli.shared.console import harmless, say, step
from auditkit.cli.shared.log_open import Head, Key, LogOption, Name, log_url, reading
from auditkit.cli.shared.signing_options import Folder, open_store
from auditkit.files import require_writable
from auditkit.parameters import LOG_NAME
from auditkit.wording import plural

app = typer.Typer(help="Report how controls operated in a period.", no_args_is_help=True)


@app.callback()
def _of_a_period() -> None:
    pass


@app.command()
def report(
    begin: From,
    end: To,
    pack: Annotated[
        str,
        typer.Option(
            metavar="PACK", help="The control pack that the exceptions are numbered under."
        ),
    ] = "soc2",
    policy: Annotated[
        str, typer.Option(metavar="POLICY", help="What must hold of a period.")
    ] = "period",
    registry: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="The guarded server, http(s)://, or its database: sqlite:///FILE or "
            "postgresql://user@host/name. Default: it is not compared.",
        ),
    ] = None,
    log: LogOption = None,
    key: Key = None,
    keys: Folder = None,
    log_name: Name = LOG_NAME,
    head: Head = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for the results.")
    ] = Path("period"),
) -> None:
    """Report how controls operated in a period: changes, populations, the log, the registry.

    Writes report.pdf, report.html, statement.json and findings.csv to DIR. Everything is counted
    from the log, which is checked first; every change is tested. The statement is logged, unless
    the log was opened by a public key alone (--key).

    The exit code is the verdict: 0 no exception, 10 exceptions, 11 not all could be tested.

    Example: auditkit period report --from 2026-07-01 --to 2026-10-01 --log audit.db
    --registry sqlite:///mlflow.db --output q3/
    """
    from auditkit.loading.places import load_packs, load_policy
    from auditkit.period.completeness import compare
    from auditkit.period.reporting import operation

    period = period_of(begin, end)
    chosen, folder = load_policy(policy)
    chosen = chosen.model_copy(update={"controls": (*chosen.controls, pack)})
    packs = load_packs(chosen, folder)
    require_writable(output)
    store = open_store(keys)
    place = log_url(log, keys=lambda: store)
    opening = reading(log, key, keys, log_name, head)
    with step("Check and read the log") as result, opening as opened:
        gaps = None if registry is None else compare(opened, registered_in(registry))
        found = operation(opened, period, pack=packs[-1], gaps=gaps)
        result.append(f"{found.entries:,} of {found.size:,} entries in the period")
    audit = write_report(
        found, chosen, packs, output=output, store=store, log=None if key else place
    )
    exceptions = audit.evidence[0].table("period_exceptions").rows
    for row in exceptions:
        say(f"{row[0]}  {row[1]}, attribute {row[2]}: {row[3]}")
    say(f"{plural(len(exceptions), 'exception')}.")
    print(output / "report.pdf")
    raise typer.Exit(EXIT[audit.verdict.decision.value])


@app.command()
def reperform(
    report_file: Annotated[
        Path, typer.Argument(metavar="REPORT", help="A report of a period, or its statement.json.")
    ],
    registry: Annotated[
        str | None,
        typer.Option(metavar="URI", help="The registry, as it is now. Default: left out."),
    ] = None,
    log: LogOption = None,
    key: Key = None,
    keys: Folder = None,
    log_name: Name = LOG_NAME,
    head: Head = None,
    watched: Annotated[
        Path | None,
        typer.Option(
            "--store", metavar="DIR", help="The monitor's store, of a report of 'watch report'."
        ),
    ] = None,
    watch_policy: Annotated[
        str,
        typer.Option(metavar="POLICY", help="The policy that the monitor judged windows by."),
    ] = "starter-watch",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count a period's report again from the log, at the size that it was made at.

    Every number, digest and table of the evidence is compared. Whether the verdict follows from
    them, and the pages from the statement, 'auditkit verify' checks. Exit code 12 if anything is
    different.

    A report of 'auditkit watch report' has numbers from the monitor's store, too. With --store they
    are read from it by the digests in the log, and computed again from the stored profiles.

    Example: auditkit period reperform q3/report.pdf --log audit.db --key log.pub
    """
    import json

    from auditkit.cli.evidence.rejudged import rejudged
    from auditkit.period.completeness import compare
    from auditkit.period.recounted import recounted

    statement = read_statement(report_file)
    opening = reading(log, key, keys, log_name, head)
    with step("Check and read the log"), opening as opened:
        gaps = None if registry is None else compare(opened, registered_in(registry))
        again = None if watched is None else rejudged(opened, statement, watched, watch_policy)
        judgements = None if again is None else again.evidence
        found = recounted(opened, statement, gaps=gaps, judgements=judgements)
        if again is not None:
            found = replace(found, differences=(*found.differences, *again.differences))
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
    for line in () if as_json else found.differences:
        print(harmless(line))
    if again is not None:
        other = f"; {again.other_policy:,} were by another policy" if again.other_policy else ""
        say(f"{plural(again.windows, 'window')} judged again from profiles{other}.")
    left = f" Left out: {', '.join(found.left_out)}." if found.left_out else ""
    say(f"{found.numbers:,} numbers counted again; {len(found.differences)} differ.{left}")
    raise typer.Exit(12 if found.differences else 0)
