"""`auditkit watch report --output`: what a monitor did in a period, as a signed report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.cli.evidence.signed import EXIT, write_report
from auditkit.cli.shared.console import say, step
from auditkit.cli.shared.signing_options import open_store
from auditkit.files import require_writable

if TYPE_CHECKING:
    from auditkit.watching.monitor.monitor import Monitor
    from auditkit.watching.monitor.record.period import Period as Watched


def signed(monitor: Monitor, watched: Watched, output: Path, *, policy: str, pack: str) -> int:
    """Writes the report of a monitor's period; the exit code.

    The conditions are those of the policy on what the report has: on the monitor and on the log.

    Args:
        monitor: The monitor.
        watched: Its period.
        output: The folder.
        policy: The policy of periods.
        pack: The control pack.
    """
    from auditkit.loading.places import load_packs, load_policy
    from auditkit.period.reporting import operation
    from auditkit.period.window import Period

    chosen, folder = load_policy(policy)
    chosen = chosen.model_copy(update={"controls": (*chosen.controls, pack)})
    packs = load_packs(chosen, folder)
    require_writable(output)
    period = Period.parse(watched.start, watched.end)
    with step("Check and read the log") as result:
        found = operation(monitor.log, period, pack=packs[-1], monitor=watched.state.name)
        numbers = replace(monitor.judgements(watched), id=f"E-{len(found.evidence) + 1:04d}")
        found = replace(found, evidence=(*found.evidence, numbers))
        result.append(f"{found.entries:,} of {found.size:,} entries in the period")
    checks = {evidence.check for evidence in found.evidence}
    rules = tuple(rule for rule in chosen.rules if rule.check in checks)
    audit = write_report(
        found,
        chosen.model_copy(update={"rules": rules or chosen.rules}),
        packs,
        output=output,
        store=open_store(),
        log=monitor.log_url,
    )
    for reason in () if audit.verdict.decision.value == "pass" else audit.verdict.reasons:
        say(reason)
    print(output / "report.pdf")
    return EXIT[audit.verdict.decision.value]
