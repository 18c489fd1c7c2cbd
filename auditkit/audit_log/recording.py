"""Writes an audit into a log: before anything is measured, with its verdict, and its reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditkit.access.record.verdicts import VERDICT, verdict_payload
from auditkit.audit_log.audits import BEGUN, ENDED, STATEMENT, logged_audits
from auditkit.canonical import Json
from auditkit.judgement.gate import is_waived
from auditkit.ledger import Checkpoint, Ledger, Receipt

if TYPE_CHECKING:
    from auditkit.judgement.statement import Judgement
    from auditkit.ledger.witness.http import RemoteWitness
    from auditkit.policy import Policy
    from auditkit.subject import Case, Dataset, Subject


@dataclass(frozen=True, slots=True)
class Begun:
    """The entry that an audit began with.

    Attributes:
        origin: The log's name.
        index: The entry's index there.
    """

    origin: str
    index: int


def begin(log: Ledger, case: Case, policy: Policy, *, retention: str) -> Begun:
    """Logs that an audit begins, and of what. Durable when it returns."""
    facts = _facts(case.subject, case.datasets, policy)
    return Begun(log.origin, log.append(kind=BEGUN, payload=facts, retention=retention).index)


def end(log: Ledger, begun: Begun, judgement: Judgement, *, retention: str) -> None:
    """Logs the verdict of an audit that was begun in this log."""
    ended: dict[str, Json] = {"begun": begun.index, **_result(judgement)}
    log.append(kind=ENDED, payload=ended, retention=retention)


def report(
    log: Ledger,
    begun: Begun | None,
    judgement: Judgement,
    *,
    retention: str,
    witnesses: Sequence[RemoteWitness],
) -> tuple[Receipt, dict[str, Json]]:
    """Logs the gate's verdict, which a promotion may require, and then the statement.

    Returns:
        The receipt of the statement's entry, and the numbers of audits of the same subject in the
        log of the receipt's checkpoint; see `LoggedAudits.counted`.
    """
    subject = judgement.subject
    verdict = verdict_payload(
        artifact_digest=str(subject.digest),
        policy=judgement.policy.id,
        policy_digest=str(judgement.policy.digest),
        decision=judgement.verdict.decision.value,
        waived={
            f.rule: f.waiver["expires"] for f in judgement.findings if is_waived(f) and f.waiver
        },
        statement=str(judgement.digest),
    )
    if not subject.period:  # no promotion asks for the verdict on a log
        log.append(kind=VERDICT, payload=verdict, retention=retention)
    entry: dict[str, Json] = {
        **_facts(subject, judgement.datasets, judgement.policy),
        **_result(judgement),
        "begun": begun.index if begun is not None and begun.origin == log.origin else None,
        "report": judgement.report_id,
        "subject": f"{subject.name}/{subject.version}",
        "as_of": judgement.as_of.isoformat() if judgement.as_of else None,
    }
    if judgement.supersedes is not None:
        entry["supersedes"] = str(judgement.supersedes)
    receipt = log.append(kind=STATEMENT, payload=entry, retention=retention)
    if witnesses:
        from auditkit.ledger.witness.http import submit_to_all

        receipt = log.prove(receipt.index, size=submit_to_all(log, witnesses))
    size = Checkpoint.parse(receipt.checkpoint.partition("\n\n")[0] + "\n").size
    found = logged_audits(log, size=size)
    return receipt, found.counted(found.reported_in(receipt.index))


def _facts(subject: Subject, datasets: Sequence[Dataset], policy: Policy) -> dict[str, Json]:
    """What an entry says that an audit is of."""
    digests = {d.role: str(d.digest) for d in datasets}
    return {
        "name": subject.name,
        "version": subject.version,
        "model": str(subject.digest),
        "data": digests.get("evaluation", ""),
        "reference": digests.get("reference", ""),
        "policy": str(policy.digest),
    }


def _result(judgement: Judgement) -> dict[str, Json]:
    """What an entry says that an audit found."""
    return {
        "decision": judgement.verdict.decision.value,
        "statement": str(judgement.digest),
    }
