"""`auditkit watch`: watch a model after its audit, from a folder with monitor.yaml."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditkit.cli.shared.console import one_line, print_rows, say
from auditkit.cli.shared.log_open import By
from auditkit.cli.watching import alerts, challengers
from auditkit.cli.watching.alerts import DAYS, FILE, File, opened
from auditkit.cli.watching.signed import signed
from auditkit.errors import InputError
from auditkit.evidence import Outcome
from auditkit.wording import plural

if TYPE_CHECKING:
    from auditkit.watching.monitor.monitor import Monitor
    from auditkit.watching.monitor.record.period import Period

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help=(
        "Watch a model after its audit: is what was true then still true?\n\n"
        "Begin with:  auditkit watch init --model credit --score score --label bad --key id\n\n"
        "Then:  auditkit watch baseline audited.csv\n\n"
        "And daily:  auditkit watch run day.csv"
    ),
)
for _command in (
    alerts.ack, alerts.triage, alerts.close, alerts.silence, challengers.challenger,
    challengers.promoted,
):  # fmt: skip
    app.command()(_command)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Data = Annotated[Path, typer.Argument(metavar="DATA", help="CSV, JSON Lines or Parquet.")]
_ALERTS = ("alert", "status", "severity", "check", "rank", "since", "worst")


_Score = Annotated[
    str, typer.Option("--score", metavar="COLUMN", help="The model's score or prediction.")
]
_Decided = Annotated[str, typer.Option("--decided", metavar="COLUMN", help="The decision.")]
_Label = Annotated[str, typer.Option("--label", metavar="COLUMN", help="The true outcome.")]
_Key = Annotated[
    str, typer.Option("--key", metavar="COLUMN", help="What names a row, to match labels later.")
]
_Time = Annotated[str, typer.Option("--time", metavar="COLUMN", help="When each row was decided.")]


@app.command()
def init(
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model's name.")],
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="The model's version.")
    ] = "",
    score: _Score = "",
    decided: _Decided = "",
    label: _Label = "",
    key: _Key = "",
    time: _Time = "",
    groups: Annotated[
        str, typer.Option("--groups", metavar="COLUMNS", help="Groups to compare, with commas.")
    ] = "",
    every: Annotated[
        str, typer.Option("--every", metavar="LENGTH", help="A window: hour, day or week.")
    ] = "day",
    monitor: File = FILE,
) -> None:
    """Write monitor.yaml, to be read and edited.

    Example: auditkit watch init --model credit --score score --label bad --key id --groups sex
    """
    import yaml

    from auditkit.documents import parse_document
    from auditkit.files import write_whole
    from auditkit.resources import schema_line
    from auditkit.watching.monitor.record.settings import MonitorSettings

    if monitor.exists():
        raise InputError(f"{monitor} exists.", remedy="name another file, or remove it")
    columns = {
        "time": time, "key": key, "score": score, "decided": decided, "label": label,
        "groups": [g.strip() for g in groups.split(",") if g.strip()],
    }  # fmt: skip
    content = {
        "name": model.replace(" ", "-"),
        "model": {"name": model, "version": version},
        "policy": "starter-watch",
        "schedule": {"every": every, "grace_hours": 6},
        "columns": {name: value for name, value in columns.items() if value},
        "alerts": {"for_windows": 1, "clear_windows": 2, "clear_at": 0.8, "cooldown_hours": 24},
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    parse_document(MonitorSettings, text, source=monitor.name)
    write_whole(monitor, (schema_line("monitor", monitor.parent) + text).encode())
    say(f"Wrote {monitor}. Read it, then: auditkit watch baseline DATA")


@app.command()
def baseline(
    data: _Data,
    start: Annotated[
        datetime | None,
        typer.Option(
            "--start", metavar="TIME", formats=DAYS, help="When the first window begins, UTC."
        ),
    ] = None,
    monitor: File = FILE,
) -> None:
    """Count the rows that later windows are compared with: usually those of the audit.

    Its features are all columns that monitor.yaml does not name as something else.

    Example: auditkit watch baseline audited.csv
    """
    from auditkit.loading.files import load_table

    with opened(monitor) as found:
        profile = found.fit(load_table(data))
        found.baseline(profile, start=start)
        state = found.state
        names = [c.name for c in profile.layout.of_role("feature")]
    say(f"Counted {profile.rows:,} rows. Features: {one_line(', '.join(names))}.")
    say(f"The first window begins at {state.next_slot}. Then: auditkit watch run DATA")


@app.command()
def run(
    data: Annotated[
        Path | None,
        typer.Argument(metavar="[DATA]", help="New rows; without them only what is due is done."),
    ] = None,
    window: Annotated[
        tuple[str, str] | None,
        typer.Option("--window", metavar="FROM TO", help="The window of all rows, UTC."),
    ] = None,
    monitor: File = FILE,
    as_json: _Json = False,
) -> None:
    """Count new rows, judge the windows that have ended, open and clear alerts, tell people.

    Run it as often as the schedule says; a window without rows is an alert, too. What a retraining
    has made is audited as 'auditkit watch challenger' does.

    Exit: 0 quiet; 10 a rule is broken, or an alert is open; 11 uncertain or too few rows; 3 no
    window was judged yet.

    Example: auditkit watch run day.csv --window 2026-11-29 2026-11-30
    """
    from auditkit.loading.files import load_table

    with opened(monitor) as found:
        if data is not None:
            counted = found.observe(load_table(data), window=window)
            rows, windows = sum(p.rows for p in counted), plural(len(counted), "window")
            say(f"Counted {rows:,} rows in {windows}.")
        for step in found.step():
            about = [step.payload.get(k) for k in ("check", "outcome", "serving", "reason")]
            said = ", ".join(str(a) for a in about if a)
            say(f"{step.kind}: {one_line(said)}" if said else step.kind)
        for request in found.challengers:
            challengers.judged(found, monitor.parent, request)
        _show(found, as_json=as_json)
        code = found.exit_code
    raise typer.Exit(code)


@app.command()
def labels(data: _Data, monitor: File = FILE) -> None:
    """Take true outcomes that came later; they count in the window of the decision.

    Example: auditkit watch labels outcomes.csv
    """
    from auditkit.loading.files import load_table

    with opened(monitor) as found:
        taken = found.labels(load_table(data))
    say(
        f"{taken.matched:,} labels taken; {taken.repeated:,} had come before, "
        f"{taken.unknown:,} are of no observed row."
    )


@app.command()
def status(monitor: File = FILE, as_json: _Json = False) -> None:
    """Show the alerts that nobody has closed, what serves, and when the monitor last ran.

    Exit: as `run`. Changes nothing.

    Example: auditkit watch status
    """
    with opened(monitor) as found:
        _show(found, as_json=as_json)
        code = found.exit_code
    raise typer.Exit(code)


@app.command()
def report(
    start: Annotated[
        datetime, typer.Option("--from", metavar="TIME", formats=DAYS, help="Start, UTC.")
    ],
    end: Annotated[
        datetime, typer.Option("--to", metavar="TIME", formats=DAYS, help="End, not included.")
    ],
    monitor: File = FILE,
    as_json: _Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the windows as CSV.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Write a signed report to the folder."),
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", metavar="POLICY", help="What must hold of a period.")
    ] = "period",
    pack: Annotated[
        str, typer.Option("--pack", metavar="PACK", help="The control pack of the signed report.")
    ] = "soc2",
) -> None:
    """Say what happened in a period: windows, alerts, times to act, fallback; from the log alone.

    The log is checked while it is read. Exit: 3 if there is no window in it.

    With --output: report.pdf, report.html, statement.json and findings.csv, as of 'auditkit period
    report', with the numbers that the windows were judged by. Then the exit code is the verdict: 0
    no exception, 10 exceptions, 11 not all could be tested. 'auditkit period reperform' counts them
    again.

    Example: auditkit watch report --from 2026-11-01 --to 2026-12-01 -o november/
    """
    if start >= end:
        raise InputError("The period ends before it starts.", remedy="give --from before --to")
    with opened(monitor) as found:
        made = found.period(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
        if output is not None:
            raise typer.Exit(signed(found, made, output, policy=policy, pack=pack))
    if as_json:
        print(json.dumps(made.to_json(), indent=1))
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("from", "to", "rows", "missed", "outcome", "broken", "evidence"))
        for window in made.windows:
            writer.writerow(
                [*list(window.values())[:5], " ".join(window["broken"]), window["evidence"]]
            )
    else:
        _text(made)
    raise typer.Exit(0 if made.windows else 3)


@app.command()
def drill(by: By, monitor: File = FILE, as_json: _Json = False) -> None:
    """Rehearse an alert, the fallback and the recovery, and send a drill to all receivers.

    Nothing that serves is moved. Exit: 10 if a step would fail.

    Example: auditkit watch drill --by ann
    """
    with opened(monitor) as found:
        results = found.drill(by=by)
    print_rows(("step", "outcome"), [(r["what"], r["outcome"]) for r in results], as_json=as_json)
    raise typer.Exit(0 if all(r["outcome"] == "done" for r in results) else 10)


def _show(found: Monitor, *, as_json: bool) -> None:
    state, serving = found.state, found.serving
    if as_json:
        print(json.dumps(state.to_json(), indent=1))
        return
    rows = [
        (a.id, a.status, a.severity, a.check, f"{a.rank:.2f}", a.opened_at, a.worst["number"])
        for a in found.alerts
    ]
    if rows:
        print_rows(_ALERTS, rows, as_json=False)
    last = next((w for w in reversed(state.windows.values()) if w.judged), None)
    if last is None:
        say("No window was judged yet.")
    else:
        for check, result in last.results.items():
            if result.outcome not in ("pass", "fail", "not_applicable"):
                waits = not result.tested and found.waits(check)
                why = "waits for labels" if waits else Outcome(result.outcome).words
                say(f"{check}: {why} in the window from {last.start}.")
        say(f"Last window: {last.start}, {last.rows:,} rows.")
    where = "on trial" if serving.on_trial else ""
    say(f"Serving: {serving.served_by or 'the model'} {where}".rstrip() + ".")
    say(f"Last entry: {state.last_at or 'none'}.")


def _text(made: Period) -> None:
    content: Any = made.to_json()
    print(f"Monitor {made.state.name}, from {made.start} to {made.end} (not included)")
    rows = [(w["from"], w["rows"], w["outcome"], " ".join(w["broken"])) for w in made.windows]
    print_rows(("window", "rows", "outcome", "broken"), rows, as_json=False)
    print()
    found = [
        (a["alert"], a["check"], a["status"], a["opened_at"], a["cause"], a["decision"])
        for a in content["alerts"]
    ]
    print_rows(("alert", "check", "status", "opened", "cause", "decision"), found, as_json=False)
    print()
    hours = [(f"hours to {n}", h["n"], h["median"], h["q90"]) for n, h in made.hours.items()]
    print_rows(("time", "n", "median", "90 %"), hours, as_json=False)
    print(f"Missed windows: {content['missed']}. Policies: {len(made.policies)}.")
    counts = [(v, why, n) for v, reasons in made.decisions.items() for why, n in reasons.items()]
    if counts:
        print_rows(("decided by", "why", "decisions"), counts, as_json=False)
        print()
    for move in made.served:
        print(f"{move['at']}  {move['move']}  {one_line(move['serving'] or 'the model')}")
