"""What people do with alerts: `auditkit watch ack`, `triage`, `close`, `silence`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from auditkit.cli.shared.console import say
from auditkit.cli.shared.inputs import registry_address
from auditkit.cli.shared.log_open import By, Reason
from auditkit.cli.shared.registry_server import client
from auditkit.cli.shared.signing_options import open_store

if TYPE_CHECKING:
    from auditkit.watching.monitor.monitor import Monitor

FILE: Final = Path("monitor.yaml")
File = Annotated[Path, typer.Option("--monitor", metavar="FILE", help="The monitor's settings.")]
_Alert = Annotated[
    str, typer.Argument(metavar="ALERT", help="The alert's name, as 'watch status' prints it.")
]
_Note = Annotated[
    str, typer.Option("--note", metavar="WORDS", help="For the record; no personal data.")
]
DAYS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def opened(file: Path) -> Monitor:
    """The monitor, with the user's key store, and the registry's server if there is one."""
    from auditkit.watching.monitor.monitor import Monitor

    address = registry_address()
    registry = client(address) if address.startswith(("http://", "https://")) else None
    return Monitor.open(file, keys=open_store(), registry=registry)


def ack(alert: _Alert, by: By, note: _Note = "", monitor: File = FILE) -> None:
    """Acknowledge an alert: say that you look after it.

    Example: auditkit watch ack A-1f0c9e2b --by ann
    """
    with asked(monitor) as found:
        found.alerts.acknowledge(alert, by=by, note=note)
    say(f"{by} looks after {alert}.")


def triage(
    alert: _Alert,
    by: By,
    cause: Annotated[
        str,
        typer.Option(
            "--cause",
            metavar="CAUSE",
            help="What it came from: data, upstream, seasonality, concept, model, 'false alarm'.",
        ),
    ],
    decision: Annotated[
        str, typer.Option("--decision", metavar="WORDS", help="What is to be done, in a few words.")
    ],
    note: _Note = "",
    monitor: File = FILE,
) -> None:
    """Say what an alert came from, and what is to be done.

    Example: auditkit watch triage A-1f0c9e2b --by ann --cause upstream --decision 'mend the feed'
    """
    with asked(monitor) as found:
        found.alerts.triage(alert, by=by, cause=cause, decision=decision, note=note)
    say(f"{alert}: {cause}; {decision}.")


def close(alert: _Alert, by: By, note: _Note = "", monitor: File = FILE) -> None:
    """Close an alert that was triaged. It opens again only for later windows.

    Example: auditkit watch close A-1f0c9e2b --by ann --note 'ticket 112'
    """
    with asked(monitor) as found:
        found.alerts.close(alert, by=by, note=note)
    say(f"{alert} is closed.")


def silence(
    check: Annotated[
        str, typer.Argument(metavar="CHECK", help="The check, like drift.features; '*': all.")
    ],
    by: By,
    reason: Reason,
    until: Annotated[
        datetime,
        typer.Option("--until", metavar="TIME", formats=DAYS, help="When it ends, UTC."),
    ],
    monitor: File = FILE,
) -> None:
    """Keep messages about a check back until a time. Alerts still open, and are sent at its end.

    Example: auditkit watch silence drift.features --by ann --reason 'known move' --until 2026-12-24
    """
    with asked(monitor) as found:
        found.alerts.silence(check, by=by, reason=reason, until=until)
    say(f"Nothing is sent about {check} until {until:%Y-%m-%d %H:%M} UTC.")


def asked(file: Path) -> Monitor:
    """The monitor; says plainly if nobody checks who may."""
    found = opened(file)
    if not found.settings.access:
        say("No access policy is named in monitor.yaml, so you are taken at your word.")
    return found
