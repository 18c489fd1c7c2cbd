"""`auditkit registry`: request a promotion, approve it, promote, roll back, load what was approved.

The server's address is --url or MLFLOW_TRACKING_URI. The user is MLFLOW_TRACKING_USERNAME with
MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, and the workspace MLFLOW_WORKSPACE, as for
MLflow's own client.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditkit.cli.shared.console import Work, harmless, quiet_mlflow, say
from auditkit.cli.shared.registry_server import address, asking
from auditkit.errors import InputError

if TYPE_CHECKING:
    from auditkit.api import Audit

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Request, approve and make promotions in a guarded MLflow registry.",
)

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="The registered model's name, like credit.")
]
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="The number of one of its versions, like 7.")
]
Request = Annotated[
    str,
    typer.Argument(
        metavar="REQUEST",
        help="The id that 'auditkit registry request' printed, like 1f0c9e2b77aa.",
    ),
]
Url = Annotated[
    str,
    typer.Option(
        "--url", metavar="URL", help="The server's address. Default: $MLFLOW_TRACKING_URI."
    ),
]
Alias = Annotated[str, typer.Option("--alias", metavar="ALIAS", help="The alias, like champion.")]
Stage = Annotated[
    str,
    typer.Option("--stage", metavar="STAGE", help="Instead of an alias: a stage, like Production."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def request(
    model: Model, version: Version, alias: Alias = "", stage: Stage = "", url: Url = ""
) -> None:
    """Request that an alias be moved to a version.

    Example: auditkit registry request credit 7 --alias champion
    """
    with asking(url) as server:
        asked = server.request(model, version, alias=alias, stage=stage)
    print(asked["request"])
    needed = asked["approvals_needed"]
    say(f"For files {asked['artifact_digest']}; needs {needed} approval{'s' * (needed != 1)}.")
    say(f"Within {asked['valid_hours']:g} hours: auditkit registry approve {asked['request']}")


@app.command()
def approve(
    request_id: Request,
    comment: Annotated[
        str, typer.Option(metavar="COMMENT", help="A comment for the record. Default: none.")
    ] = "",
    url: Url = "",
) -> None:
    """Approve somebody else's request.

    Example: auditkit registry approve 1f0c9e2b77aa --comment 'figures checked'
    """
    with asking(url) as server:
        done = server.approve(request_id, comment=comment)
    say(f"Approved by {', '.join(done['approvals'])}.")


@app.command()
def reject(
    request_id: Request,
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why, for the record.")],
    url: Url = "",
) -> None:
    """Reject a request.

    Example: auditkit registry reject 1f0c9e2b77aa --reason 'no validation report'
    """
    with asking(url) as server:
        server.reject(request_id, reason=reason)
    say(f"Rejected: {request_id} cannot be used any more.")


@app.command()
def record(
    report: Annotated[
        Path,
        typer.Argument(
            metavar="REPORT", help="The signed report, its folder, or a statement.dsse.json."
        ),
    ],
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="The registered model. Default: as audited.")
    ] = "",
    version: Annotated[
        str, typer.Option(metavar="VERSION", help="Its version. Default: as audited.")
    ] = "",
    url: Url = "",
) -> None:
    """Record the verdict of an audit on a version. The server compares the files' digests.

    'auditkit run audit.yaml --record' does it at once.

    Example: auditkit registry record audit/report.pdf --model credit --version 7
    """
    from auditkit.canonical import parse_json
    from auditkit.files import read_bytes
    from auditkit.reperformance.bundle import envelope_of
    from auditkit.signing.dsse import open_envelope

    path = report / "report.pdf" if report.is_dir() else report
    envelope = envelope_of(read_bytes(path, what="report"))
    if not (model and version):
        statement = parse_json(open_envelope(envelope).payload)
        audited = statement.get("predicate", {}).get("subject", {}).get("registered", {})
        model, version = model or audited.get("name", ""), version or audited.get("version", "")
    if not (model and version):
        raise InputError(
            "The audit was not of a model in a registry.",
            remedy="give --model and --version: the version with these files",
        )
    with asking(url) as server:
        done = server.record_verdict(model, version, envelope)
    say(f"Recorded: the gate {done['policy']} decided {done['decision']} on {model} {version}.")


@app.command()
def promote(
    model: Model, version: Version, alias: Alias = "", stage: Stage = "", url: Url = ""
) -> None:
    """Move an alias to a version. A rule, the approvals and the evidence must allow it.

    Example: auditkit registry promote credit 7 --alias champion
    """
    with asking(url) as server:
        server.promote(model, version, alias=alias, stage=stage)
    say(f"{model}@{alias or stage} is version {version}.")


@app.command()
def rollback(
    model: Model,
    alias: Alias = "",
    stage: Stage = "",
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="VERSION",
            help="A version that was promoted there before, like 5. Default: the last one.",
        ),
    ] = "",
    url: Url = "",
) -> None:
    """Move an alias back to the version that was promoted before the present one.

    Example: auditkit registry rollback credit --alias champion
    """
    with asking(url) as server:
        version = server.rollback(model, alias=alias, stage=stage, to=to)["version"]
    say(f"{model}@{alias or stage} is version {version}.")


@app.command()
def history(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Only this model. Default: all.")
    ] = "",
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List requests, moves, verdicts, changed descriptions, and break-glass uses without a review.

    Example: auditkit registry history credit
    """
    with asking(url) as server:
        found = server.history(model)
    if as_json:
        print(json.dumps(found, indent=1))
        return
    rows = found["requests"] + found["moves"] + found.get("verdicts", [])
    rows += found.get("descriptions", [])  # an older server tells none
    for row in sorted(rows, key=lambda row: str(row["time"])):
        version = f"{row['model']} {row['version']}".rstrip()
        place = f"{version} > {row['name']}" if "name" in row else version
        print(harmless(f"{row['time'][:19]}  {place}  {_happened(row)}"))
    for row in found["breakglass_unreviewed"]:
        waits = "is overdue for" if row["overdue"] else "awaits"
        by = f"break-glass {row['id']} by {row['user']} ({row['ticket']})"
        print(harmless(f"{by} {waits} review, due {row['review_by'][:16]}"))


@app.command("break-glass")
def break_glass(
    model: Model,
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why, for the record.")],
    ticket: Annotated[
        str, typer.Option(metavar="TICKET", help="The incident's ticket, like INC-4711.")
    ],
    alias: Alias = "",
    stage: Stage = "",
    url: Url = "",
) -> None:
    """Allow yourself to move an alias without approvals, for a limited time. Others are alerted.

    Example: auditkit registry break-glass credit --alias champion --reason outage --ticket INC-4711
    """
    with asking(url) as server:
        made = server.break_glass(model, alias=alias, stage=stage, reason=reason, ticket=ticket)
    print(made["id"])
    say(f"For {made['valid_minutes']:g} minutes. Next: auditkit registry promote, as usual.")
    review = f"auditkit registry review-break-glass {made['id']} --findings WHAT"
    say(f"Somebody else has to review it: {review}")
    if not made["alerted"]:
        say("Nobody was alerted: the server has no alerting program, or it failed.")


@app.command("review-break-glass")
def review_break_glass(
    number: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="The id that 'auditkit registry break-glass' printed, like 52c1a77e90bd.",
        ),
    ],
    findings: Annotated[str, typer.Option(metavar="WHAT", help="What was found, for the record.")],
    outcome: Annotated[
        str,
        typer.Option(
            metavar="OUTCOME",
            help="accepted, or rejected: no rollback then returns to what came by it.",
        ),
    ] = "accepted",
    url: Url = "",
) -> None:
    """Review somebody else's use of break-glass, which ends it.

    Example: auditkit registry review-break-glass 52c1a77e90bd --findings 'as reported'
    """
    with asking(url) as server:
        server.review_break_glass(number, findings=findings, outcome=outcome)
    say(f"Reviewed: {number} has ended, {outcome}.")


@app.command()
def load(
    what: Annotated[
        str,
        typer.Argument(metavar="MODEL@ALIAS", help="A model and an alias, like credit@champion."),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="An empty folder for its files, like model.")
    ],
    url: Url = "",
) -> None:
    """Load the model version that an alias points to. Refuse files other than those approved.

    Example: auditkit registry load credit@champion model/
    """
    from auditkit.canonical import Digest
    from auditkit.registry import ModelRegistry

    model, _, alias = what.partition("@")
    if not model or not alias:
        raise InputError(
            "MODEL@ALIAS needs a model and an alias.", remedy="write it like credit@champion"
        )
    with asking(url) as server:
        version, digest = server.approved_digest(model, alias=alias)
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    quiet_mlflow()
    registry = ModelRegistry(address(url))
    try:
        with Work(f"Fetch the files of {model} {version}"):
            loaded = registry.load(model, version, folder, expected=Digest.parse(digest))
    except BaseException:
        if is_new:
            with suppress(OSError):  # the fetched files are removed already
                folder.rmdir()
        raise
    print(loaded)


@app.command("new-log")
def new_log(
    settings: Annotated[Path, typer.Argument(metavar="SERVER.YAML", help="The server's settings.")],
    *,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who begins the log.")],
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why there is no earlier one.")],
) -> None:
    """Begin the server's log on purpose, beside a registry that has protected versions.

    A server does not start with an empty log beside such a registry: the log may have been lost.

    Example: auditkit registry new-log server.yaml --by adam --reason "guarded from today on"
    """
    from auditkit.mlflow_guard.serve.server_log import create_log

    with create_log(settings, by=by, reason=reason) as log:
        say(f"Began the log {log.origin}; its first entry says why.")


@app.command()
def fetch(
    dataset: Annotated[
        str,
        typer.Argument(metavar="DATASET", help="A dataset, or a file in it, like visits/a.csv."),
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, like a.csv.")],
    url: Url = "",
) -> None:
    """Fetch training data that the server keeps. The server logs who fetched what.

    Example: auditkit registry fetch visits/2026.csv 2026.csv
    """
    with asking(url) as server:
        digest = server.fetch_dataset(dataset, file)
    print(digest)


def refuse_unregistered(audit_file: Path) -> None:
    """Refuses `--record`, before the audit, if there would be nowhere to record its verdict.

    Raises:
        InputError: If the model is from no registry.
    """
    from auditkit.loading.audit_file import read_audit_file
    from auditkit.registry.reference import is_reference

    if not is_reference(read_audit_file(audit_file).model or ""):
        raise InputError(
            "--record needs a model that is in a registry.",
            remedy="name it in the audit file, like 'model: models:/credit/7'; or record the "
            "report of its files: auditkit registry record REPORT --model M --version N",
        )


def record_report(audit: Audit, report: Path) -> None:
    """Records the verdict of an audit whose model was fetched from the registry.

    Args:
        audit: The audit.
        report: Its signed report.
    """
    from auditkit.files import read_bytes
    from auditkit.reperformance.bundle import envelope_of

    registered = audit.subject.registered
    assert registered is not None
    envelope = envelope_of(read_bytes(report, what="report"))
    with asking() as server:
        server.record_verdict(registered.name, registered.version, envelope)
    say(f"Recorded on {registered.name} {registered.version}.")


def _happened(row: dict[str, Any]) -> str:
    """Who made a move or a request and its state, what a gate decided, or who described it."""
    if "decision" in row:
        return f"the gate {row['policy']} decided {row['decision']}, recorded by {row['user']}"
    if "name" not in row:
        return f"description changed by {row['user']}"
    if "request" not in row:
        return f"{row['how']} by {row['user']}"
    said = f"request {row['request']} by {row['user']}, {row['state']}"
    if row["rejected_by"]:
        said += f" by {row['rejected_by']}"
    return said + (f", approved by {', '.join(row['approvals'])}" if row["approvals"] else "")
