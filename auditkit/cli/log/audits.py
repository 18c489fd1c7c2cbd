"""`auditkit log audits`: the audits that a log holds, those too that were begun and never ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.console import Work, one_line, say
from auditkit.cli.shared.log_open import Key, MaybeLog, Name, reading
from auditkit.cli.shared.signing_options import Folder
from auditkit.parameters import LOG_NAME

if TYPE_CHECKING:
    from auditkit.audit_log.audits import LoggedAudit


def audits(
    log: MaybeLog = None,
    key: Key = None,
    keys: Folder = None,
    name: Name = LOG_NAME,
    unended: Annotated[
        bool, typer.Option("--unended", help="Only those that were begun and never ended.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the audits of the log, after checking all of it: of what, and with which verdict.

    Example: auditkit log audits log.db --unended
    """
    from auditkit.audit_log.audits import logged_audits

    with reading(log, key, keys, name) as opened:
        with Work("Check every entry"):
            size = opened.verify().size
        found = logged_audits(opened, size=size)
    shown = [a for a in found.audits if not (unended and a.decision)]
    if as_json:
        document = {"size": size, "unknown": found.unknown, "audits": [a.to_json() for a in shown]}
        print(json.dumps(document, indent=2))
        return
    for audit in shown:
        print(audit_line(audit))
    if found.unknown:
        say(f"Of {found.unknown:,} more entries the payload was destroyed.")


def audit_line(audit: LoggedAudit) -> str:
    """An audit in one line: entry, time, verdict, report and model."""
    decision = audit.decision or "not ended"
    replaced = f", supersedes {audit.supersedes}" if audit.supersedes else ""
    return one_line(
        f"{audit.index:>6}  {audit.time:%Y-%m-%d %H:%M:%S}  {decision:<10}  "
        f"{audit.report_id or '-':<15}  {audit.name}, {audit.version}{replaced}"
    )
