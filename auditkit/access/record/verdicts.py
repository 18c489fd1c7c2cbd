"""Gate verdicts in the log: the evidence that a promotion may require.

`verdict_payload` makes the entry that `auditkit run` logs; the server that guards the registry
reads it with `missing_evidence`. Anyone who can append to the log can append a verdict, so keep
the log's key only where the gate runs.
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
    """A gate's verdict in the log.

    Attributes:
        artifact_digest: Digest of the model's files, `sha256:...`.
        policy: Id of the audit policy.
        decision: "pass", "fail" or "incomplete".
        time: When it was logged.
        waived_until: The first day on which a waiver that it used is expired; None: no waiver.
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
        artifact_digest: Digest of the audited model's files, `sha256:...`.
        policy: The policy that the gate applied.
        decision: The verdict's decision.
        waived: Ids of the waived rules.
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
    """Why the evidence that a promotion requires is missing; None if it is there.

    The last verdict on these files under this policy decides: a failure after a pass counts.

    Args:
        verdicts: Verdicts in the order of the log.
        requirement: The requirement.
        artifact_digest: Digest of the files to be promoted.
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
