"""Gate verdicts in the log: the evidence that a promotion may require.

`verdict_payload` makes the entry that `auditkit run` logs; `missing_evidence` reads it back, on
the server that guards the registry. Whoever can append to the log can append a verdict, so the
log's key belongs where the gate runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from auditkit.access.policy.settings import EvidenceRequirement
from auditkit.canonical import Json
from auditkit.policy import Policy

VERDICT: Final = "gate.verdict"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedVerdict:
    """A gate's verdict as it stands in the log.

    Attributes:
        artifact_digest: Of the model's files, `sha256:...`.
        policy: Id of the audit policy.
        decision: "pass", "fail" or "incomplete".
        time: When it was logged.
        waived_until: The first day on which a waiver that it used no longer holds; None: none.
    """

    artifact_digest: str
    policy: str
    decision: str
    time: datetime
    waived_until: date | None


def verdict_payload(
    *, artifact_digest: str, policy: Policy, decision: str, waived: Sequence[str], statement: str
) -> dict[str, Json]:
    """The payload of a `gate.verdict` entry.

    Args:
        artifact_digest: Of the audited model's files, `sha256:...`.
        policy: What the gate judged by.
        decision: The verdict's decision.
        waived: Ids of the rules that a waiver let through.
        statement: Digest of the statement, `sha256:...`.
    """
    expiries = [w.expires.isoformat() for w in policy.waivers if w.rule in waived]
    return {
        "artifact_digest": artifact_digest,
        "policy": policy.id,
        "policy_digest": str(policy.digest),
        "decision": decision,
        "waived": list(waived),
        "waivers_expire": sorted(expiries),
        "statement": statement,
    }


def verdict_from(payload: dict[str, Any], time: datetime) -> LoggedVerdict:
    """Reads what `verdict_payload` made."""
    expiries = sorted(str(day) for day in payload.get("waivers_expire", ()))
    return LoggedVerdict(
        artifact_digest=str(payload.get("artifact_digest")),
        policy=str(payload.get("policy")),
        decision=str(payload.get("decision")),
        time=time,
        waived_until=date.fromisoformat(expiries[0]) if expiries else None,
    )


def missing_evidence(
    verdicts: Sequence[LoggedVerdict],
    requirement: EvidenceRequirement,
    artifact_digest: str,
    now: datetime,
) -> str | None:
    """Why the evidence that a promotion requires is not there; None if it is.

    The last verdict on these files under this policy decides: a failure after a pass counts.

    Args:
        verdicts: In the order of the log.
        requirement: What is required.
        artifact_digest: Of the files that are to be promoted.
        now: The time.
    """
    found = [
        v
        for v in verdicts
        if v.artifact_digest == artifact_digest and v.policy == requirement.policy
    ]
    if not found:
        return f"no gate under the policy {requirement.policy!r} has judged these files"
    last = found[-1]
    if last.decision != "pass":
        return f"the last gate under {requirement.policy!r} decided: {last.decision}"
    if now - last.time > timedelta(days=requirement.max_age_days):
        return f"the last gate passed more than {requirement.max_age_days} days ago"
    if last.waived_until is not None and now.date() > last.waived_until:
        return "a waiver that the last gate used has expired"
    return None
