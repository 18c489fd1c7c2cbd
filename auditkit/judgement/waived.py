"""Which findings the waivers of an audit lift.

Laws:
    - A waiver lifts the conditions that it was given for, if they are no worse than they were: not
      in their outcome, and not in their value. It changes no outcome and no number.
    - A rule is waived if each of its conditions that is not met is waived; one without conditions,
      if it is itself. It is waived until the first of these waivers ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from auditkit.evidence import Finding, Outcome
from auditkit.judgement.findings import about, every, named
from auditkit.policy import Policy
from auditkit.waivers.consideration import Considered, WaiverFile, consider
from auditkit.waivers.record import LIFTABLE, Waiver

_HARMLESS = (Outcome.PASS, Outcome.NOT_APPLICABLE)


def waive(
    findings: Sequence[Finding],
    files: Sequence[WaiverFile],
    policy: Policy,
    *,
    name: str,
    artifact: str,
    today: date | None,
) -> tuple[tuple[Finding, ...], tuple[Considered, ...]]:
    """The findings with the waivers that lift them, and what came of each file.

    Args:
        findings: Those of rules, each with its conditions.
        files: The files of waivers.
        policy: The policy.
        name: The model's name.
        artifact: The model's digest, `sha256:...`.
        today: The day of the audit; None: no waiver is in force.
    """
    if not files:
        return tuple(findings), ()
    considered = consider(files, policy, name=name, artifact=artifact, today=today)
    lifted = tuple(_lifted(finding, considered) for finding in findings)
    return lifted, tuple(_used(one, lifted) for one in considered)


def _lifted(rule: Finding, considered: Sequence[Considered]) -> Finding:
    conditions = tuple(replace(c, waiver=_waiver_of(c, considered)) for c in rule.conditions)
    standing = [c.waiver for c in conditions if c.outcome not in _HARMLESS]
    waivers = standing or [_waiver_of(rule, considered)]
    first = None
    if None not in waivers:
        first = min((w for w in waivers if w), key=lambda w: (w["expires"], w["id"]))
    return replace(rule, conditions=conditions, waiver=first)


def _waiver_of(finding: Finding, considered: Sequence[Considered]) -> dict[str, str] | None:
    """The waiver that lifts a finding for the longest time, as the statement has it."""
    found = [
        {
            "id": waiver.id,
            "owner": waiver.owner,
            "approver": ", ".join(one.approvers),
            "reason": waiver.reason,
            "expires": waiver.expires.isoformat(),
        }
        for one in considered
        if (waiver := one.waiver) is not None and _covers(waiver, finding)
    ]
    return max(found, key=lambda w: (w["expires"], w["id"]), default=None)


def _covers(waiver: Waiver, finding: Finding) -> bool:
    if finding.outcome not in LIFTABLE or waiver.rule != finding.rule:
        return False
    return any(c.is_about(finding) and c.admits(finding) for c in waiver.conditions)


def _used(one: Considered, findings: Sequence[Finding]) -> Considered:
    """A waiver with the findings that it lifts, and why it lifts no others."""
    waiver = one.waiver
    if waiver is None:
        return one
    lifts = [f.id for f in every(findings) if f.waiver and f.waiver["id"] == waiver.id]
    reason = " ".join(_unlifted(waiver, findings))
    if not lifts and not reason:
        reason = "Another waiver lifts the same for longer."
    return replace(one, lifts=tuple(lifts), reason=reason)


def _unlifted(waiver: Waiver, findings: Sequence[Finding]) -> Iterator[str]:
    """For each condition of a waiver that counts and lifts nothing there, why."""
    rule = next(f for f in findings if f.rule == waiver.rule)
    for condition in waiver.conditions:
        found = next((f for f in (rule, *rule.conditions) if condition.is_about(f)), None)
        if found is None:
            yield f"The audit has no such condition: {about(condition.group) or waiver.rule}."
        elif found.outcome in _HARMLESS:
            yield f"{named(found)} needs none: {found.outcome.words}."
        elif found.outcome is Outcome.ERROR:
            yield f"{named(found)} is in error, which no waiver lifts."
        elif condition.group is None and rule.conditions:
            yield f"{named(found)} has conditions now, and each needs a waiver."
        elif not condition.admits(found):
            yield f"{named(found)} is worse than what it was given for."
