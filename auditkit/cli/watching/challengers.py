"""What a retraining made: `auditkit watch challenger`, `auditkit watch promoted`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.console import say, step
from auditkit.cli.shared.inputs import load_inputs
from auditkit.cli.shared.log_open import By
from auditkit.cli.watching.alerts import FILE, File, asked, opened
from auditkit.errors import NothingToAuditError

if TYPE_CHECKING:
    from auditkit.watching.monitor.monitor import Monitor

_EXIT = {"pass": 0, "fail": 10, "incomplete": 11}


def challenger(
    request: Annotated[
        str,
        typer.Argument(
            metavar="[REQUEST]",
            help="The request for retraining. Default: all whose program has ended.",
        ),
    ] = "",
    monitor: File = FILE,
) -> None:
    """Audit what a retraining made, by the policies that monitor.yaml names, and log the verdict.

    It must pass the model's policy, and margins of non-inferiority against the model in use. If it
    passes, its promotion is requested of the registry's server, MLFLOW_TRACKING_URI. People
    approve it there.

    Exit: 0 pass, 10 fail, 11 incomplete or uncertain, 3 there is nothing to judge.

    Example: auditkit watch challenger R-1f0c9e2b
    """
    with opened(monitor) as found:
        waiting = [request] if request else list(found.challengers)
        if not waiting:
            raise NothingToAuditError(
                "No retraining has made a challenger that was not judged.",
                remedy="see: auditkit watch status",
            )
        outcomes = [judged(found, monitor.parent, one) for one in waiting]
    raise typer.Exit(max(_EXIT[outcome] for outcome in outcomes))


def promoted(
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="The request for retraining that made it.")
    ],
    by: By,
    monitor: File = FILE,
) -> None:
    """Say that a challenger which passed serves from now on, after people approved it.

    Refused if it did not pass, or if the registry's alias names other files. Then write the new
    version and digest into monitor.yaml, and set its baseline.

    Example: auditkit watch promoted R-1f0c9e2b --by mia
    """
    with asked(monitor) as found:
        found.challengers.promoted(request, by=by)
    say(f"The challenger of {request} serves from now on. Next: its version and digest in")
    say(f"{monitor}, and: auditkit watch baseline DATA")


def judged(found: Monitor, folder: Path, request: str) -> str:
    """Audits the challenger of a request; its outcome.

    Raises:
        AuditkitError: If it cannot be audited, or the registry's server refuses.
    """
    from auditkit.api import run
    from auditkit.loading.audit_file import read_audit_file, waiver_paths

    wanted = found.challengers
    file = read_audit_file(folder / wanted.settings.audit)
    with step("Load the challenger, the model in use and the tables"):
        inputs = load_inputs(file, folder)
    audits = []
    for policy in wanted.policies:
        with step(f"Audit the challenger by {Path(policy).stem}") as result:
            audit = run(
                inputs,
                policy=policy,
                today=file.as_of or found.now.date(),
                expect={name: d for name, d in file.expected().items() if name != "policy"},
                waivers=waiver_paths(file, folder),
                log=found.log,
                progress=result.tell_step,
            )
            result.append(audit.verdict.decision.value)
            audits.append(audit)
    for written in wanted.judge(request, audits):
        said = written.payload.get("outcome") or written.payload.get("promotion")
        say(f"{written.kind}: {said}")
    state = found.state.request_of(request)
    assert state is not None
    assert state.challenger is not None
    return state.challenger.outcome
