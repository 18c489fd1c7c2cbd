"""Lints a policy: unused roles, chains of roles that Casbin does not follow, and more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from auditkit.access.policy.duties import conflicts
from auditkit.access.policy.rules import MAX_ROLE_STEPS, AccessRules
from auditkit.access.policy.snapshot import Snapshot
from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN, person
from auditkit.canonical import Digest
from auditkit.errors import PolicyError

_UNJUDGED: Final = Digest.of(b"")


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One finding.

    Attributes:
        code: Its kind, for example "no-approver".
        level: "error": the policy cannot be loaded; "conflict": a segregation-of-duties conflict;
            "warning": worth a look.
        text: The finding in one sentence.
    """

    code: str
    level: Literal["error", "conflict", "warning"]
    text: str


def lint(rules: AccessRules) -> tuple[LintFinding, ...]:
    """All findings in a policy, errors first."""
    return (
        *lost_links(rules),
        *_conflicts(rules),
        *_leads_nowhere(rules),
        *_look_alikes(rules),
    )


def refuse_lost_links(rules: AccessRules) -> None:
    """Raises an error if Casbin would not follow a chain of roles to its end.

    Raises:
        PolicyError: Naming the first such chain.
    """
    found = lost_links(rules)
    if found:
        raise PolicyError(f"{found[0].text}.", remedy="grant the role more directly")


def lost_links(rules: AccessRules) -> tuple[LintFinding, ...]:
    """Chains of roles that are too long or cross from one domain into all: denials get lost."""
    found = []
    by_domain: dict[str, dict[str, list[str]]] = {}
    for grant in rules.grants:
        by_domain.setdefault(grant.domain, {}).setdefault(grant.member, []).append(grant.role)
    for domain, links in by_domain.items():
        for member in links:
            if _depth(member, links) > MAX_ROLE_STEPS:
                text = f"The roles of {member} in {domain} go on for over {MAX_ROLE_STEPS} steps"
                found.append(LintFinding("long-chain", "error", text))
    everywhere = by_domain.pop("*", {})
    for domain, links in by_domain.items():
        for member, roles in links.items():
            crossing = next((role for role in roles if role in everywhere), None)
            if crossing is None and member.startswith("role:"):
                crossing = next((m for m, rs in everywhere.items() if member in rs), None)
            if crossing is not None:
                text = (
                    f"The chain over {member} and {crossing} crosses from the domain {domain} "
                    "into all, where Casbin does not follow it"
                )
                found.append(LintFinding("crossing-chain", "error", text))
    return tuple(found)


def _depth(member: str, links: dict[str, list[str]]) -> int:
    """Steps to the furthest role, by the shortest path to each."""
    seen, level, depth = {member}, [member], 0
    while level:
        level = [r for m in level for r in links.get(m, ()) if r not in seen]
        level = list(dict.fromkeys(level))
        seen.update(level)
        depth += bool(level)
    return depth


def _conflicts(rules: AccessRules) -> list[LintFinding]:
    found = conflicts(Snapshot(rules, _UNJUDGED))
    return [LintFinding("duties", "conflict", str(conflict)) for conflict in found]


def _look_alikes(rules: AccessRules) -> list[LintFinding]:
    """Users whose names differ only in case or width: for approvals they are one person."""
    found, seen = [], dict[str, str]()
    for user in rules.users:
        first = seen.setdefault(person(user), user)
        if first != user:
            text = f"{first} and {user} count as one person where two are needed"
            found.append(LintFinding("look-alike", "warning", text))
    return found


def _leads_nowhere(rules: AccessRules) -> list[LintFinding]:
    found = []
    snapshot = Snapshot(rules, _UNJUDGED)
    if not any(
        snapshot.judge(user, DEFAULT_DOMAIN, "policy:approve", "policy")[0] for user in rules.users
    ):
        text = "Nobody may approve a change of this policy; a server will not start with it"
        found.append(LintFinding("no-approver", "warning", text))
    ruled = {rule.subject for rule in rules.rules} | {grant.member for grant in rules.grants}
    held = {grant.role for grant in rules.grants}
    for role in rules.roles:
        if role not in ruled:
            found.append(LintFinding("empty-role", "warning", f"No rule is about {role}"))
        elif role not in held:
            found.append(LintFinding("unheld-role", "warning", f"Nobody has {role}"))
    seen = set()
    for rule in rules.rules:
        if rule.tokens in seen:
            found.append(LintFinding("twice", "warning", f"A rule is repeated: {rule}"))
        seen.add(rule.tokens)
    return found
