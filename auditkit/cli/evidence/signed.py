"""Judges, renders, signs and logs what a log shows of a period: one way for every such report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditkit.cli.shared.console import step
from auditkit.files import write_whole

if TYPE_CHECKING:
    from auditkit.api import Audit
    from auditkit.judgement.controls import ControlPack
    from auditkit.period.reporting import Operation
    from auditkit.policy import Policy
    from auditkit.signing import KeyStore

# The exit code of a verdict.
EXIT: Final = {"pass": 0, "fail": 10, "incomplete": 11}


def write_report(
    found: Operation,
    policy: Policy,
    packs: Sequence[ControlPack],
    *,
    output: Path,
    store: KeyStore,
    log: str | None,
) -> Audit:
    """Writes report.pdf, report.html, statement.json and findings.csv.

    Args:
        found: The evidence.
        policy: What must hold.
        packs: The control packs that the policy names.
        output: The folder.
        store: The key store, whose report key signs.
        log: The URL of the log for the statement; None: it is not logged.

    Returns:
        The audit.
    """
    from auditkit.api import Audit, computing_versions
    from auditkit.canonical import Digest
    from auditkit.judgement.audit import judged
    from auditkit.output import findings_csv
    from auditkit.period.window import stamp
    from auditkit.report import ReportOptions
    from auditkit.subject import Subject

    period = found.period
    audit = Audit.of(
        judged(
            found.evidence,
            policy,
            packs,
            subject=Subject(
                name=found.origin,
                version=f"{stamp(period.begin)}/{stamp(period.end)}",
                digest=Digest.parse(f"sha256:{found.root}"),
                period=(stamp(period.begin), stamp(period.end)),
            ),
            rows=found.size,
            today=datetime.now(UTC).date(),
            versions=computing_versions(),
        ),
        log=None,
    )
    with step("Render and sign the report") as result:
        receipt = audit.report(
            output / "report.pdf",
            signer=store.report_signer(),
            log=log,
            keys=store,
            options=ReportOptions(status="FINAL"),
            at=datetime.now(UTC),
            twin=output / "report.html",
            progress=result.tell_step,
        )
        result.append("not logged" if receipt is None else f"log entry {receipt.index}")
    write_whole(output / "statement.json", audit.statement)
    write_whole(output / "findings.csv", findings_csv(audit.findings, statement=str(audit.digest)))
    return audit
