"""Decisions as evidence for an audit."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.access.policy.control import AccessControl, AccessDecision
from auditkit.access.policy.duties import Conflict, conflicts
from auditkit.checks import find_check
from auditkit.errors import NothingToAuditError
from auditkit.evidence import Evidence, Measurement, Table

_HOW_CONFLICTS_COUNT = (
    "A user counts as a conflict of duties if the rules let one person both register and "
    "approve or promote one model, request and approve a promotion, propose and approve policy, "
    "or break the glass and review it."
)


def evidence(decisions: Sequence[AccessDecision], access: AccessControl | None = None) -> Evidence:
    """Evidence for the check `access.decisions`.

    Args:
        decisions: Decisions in the order in which they were made, all under one policy.
        access: The policy they were made under, to count its segregation-of-duties conflicts.
            None: that number is not estimable and says so.

    Raises:
        NothingToAuditError: If there are no decisions.
    """
    if not decisions:
        raise NothingToAuditError(
            "There are no access decisions.", remedy="decide at least one request first"
        )
    check = find_check("access.decisions")
    n = len(decisions)
    allowed = sum(decision.allowed for decision in decisions)
    found = conflicts(access.snapshot, access.settings) if access is not None else None
    counted = "counted over every decision handed over"
    return check.evidence(
        parameters={"policy_digests": sorted({str(d.policy_digest) for d in decisions})},
        n=n,
        population="access decisions",
        measurements=(
            Measurement(name="decisions", value=n, n=n, unit="count", method=counted),
            Measurement(name="allowed", value=allowed, n=n, unit="count", method=counted),
            Measurement(name="denied", value=n - allowed, n=n, unit="count", method=counted),
            _conflicts_measured(found, access),
        ),
        tables=(
            Table(
                name="access_decisions",
                title="Who asked for what, and which rule decided",
                columns=("user", "verb", "object", "decision", "rule"),
                rows=tuple(
                    (d.user, d.verb, d.object, "allowed" if d.allowed else "denied", d.rule)
                    for d in decisions
                ),
            ),
        ),
        notes=(
            _HOW_CONFLICTS_COUNT,
            *(str(conflict) for conflict in found or ()),
        ),
    )


def _conflicts_measured(
    found: tuple[Conflict, ...] | None, access: AccessControl | None
) -> Measurement:
    if found is None or access is None:
        return Measurement(
            name="sod_conflicts",
            value=None,
            n=0,
            unit="count",
            reason="the policy was not handed over with the decisions",
        )
    return Measurement(
        name="sod_conflicts",
        value=len({conflict.user for conflict in found}),
        n=len(access.rules.users),
        unit="count",
        method="users who could do both halves of what takes two, of all users named",
    )
