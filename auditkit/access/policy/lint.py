"""Lints a policy: unused roles, chains of roles that Casbin does not follow, and more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from auditkit.access.policy.duties import conflicts, overlaps
from auditkit.access.policy.rules import (
    MAX_ROLE_STEPS,
    AccessRules,
    links_by_domain,
    reached,
)
from auditkit.access.policy.settings import AccessSettings
from auditkit.access.policy.snapshot import Snapshot
from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN, OWNER, person
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


def lint(rules: AccessRules, settings: AccessSettings | None = None) -> tuple[LintFinding, ...]:
    """All findings in a policy, errors first.

    Args:
        rules: Its rules.
        settings: Its settings, for the roles of groups; None: there are no groups.
    """
    return (
        *lost_links(rules),
        *_granted_owner(rules, settings),
        *(lost_groups(rules, settings) if settings is not None else ()),
        *_conflicts(rules, settings),
        *_overlaps(rules, settings),
        *_leads_nowhere(rules, settings),
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


def refuse_granted_owner(rules: AccessRules, settings: AccessSettings) -> None:
    """Raises an error if somebody is granted the role that ownership alone gives.

    Raises:
        PolicyError: Naming the first such grant.
    """
    found = _granted_owner(rules, settings)
    if found:
        raise PolicyError(
            f"{found[0].text}.", remedy="take the grant out, or give the role another name"
        )


def _granted_owner(rules: AccessRules, settings: AccessSettings | None) -> tuple[LintFinding, ...]:
    """Who is granted `role:owner`, which a request has if its user made what it is about."""
    holders = [grant.member for grant in rules.grants if grant.role == OWNER]
    if settings is not None:
        holders += [
            f"The group {group!r}"
            for group in settings.groups
            if any(given.role == OWNER for given in settings.group_roles(group))
        ]
    return tuple(
        LintFinding("granted-owner", "error", f"{holder} is granted {OWNER}, which nobody can be")
        for holder in holders
    )


def lost_links(rules: AccessRules) -> tuple[LintFinding, ...]:
    """Chains of roles that are too long for Casbin: denials at their end get lost."""
    found = []
    for domain, links in sorted(links_by_domain(rules.grants).items()):
        for member in links:
            # A request may bring a role, which is then one step from its user.
            steps = MAX_ROLE_STEPS - member.startswith("role:")
            whole = reached(member, links, len(links) + 1)
            if len(whole) > len(reached(member, links, steps)):
                text = f"The roles of {member} in {domain} go on for over {steps} steps"
                found.append(LintFinding("long-chain", "error", text))
    return tuple(found)


def refuse_lost_groups(rules: AccessRules, settings: AccessSettings) -> None:
    """Raises an error if a group is given a role that the rules do not have.

    Raises:
        PolicyError: Naming the first such group.
    """
    found = lost_groups(rules, settings)
    if found:
        names = ", ".join(role.removeprefix("role:") for role in rules.roles)
        remedy = f"give one of {names}, or write rules for it into policy.csv"
        raise PolicyError(f"{found[0].text}.", remedy=remedy)


def lost_groups(rules: AccessRules, settings: AccessSettings) -> tuple[LintFinding, ...]:
    """Groups whose role the rules do not have: their members would have nothing of it."""
    return tuple(
        LintFinding(
            "unknown-role",
            "error",
            f"The group {group!r} is given {given.role}, which the rules do not have",
        )
        for group in settings.groups
        for given in settings.group_roles(group)
        if given.role not in rules.roles
    )


def _conflicts(rules: AccessRules, settings: AccessSettings | None) -> list[LintFinding]:
    found = conflicts(Snapshot(rules, _UNJUDGED), settings)
    return [LintFinding("duties", "conflict", str(conflict)) for conflict in found]


def _overlaps(rules: AccessRules, settings: AccessSettings | None) -> list[LintFinding]:
    """Groups that nobody should both be in; who is, the policy does not know."""
    found = overlaps(Snapshot(rules, _UNJUDGED), settings) if settings is not None else ()
    return [LintFinding("group-duties", "warning", str(conflict)) for conflict in found]


def _look_alikes(rules: AccessRules) -> list[LintFinding]:
    """Users whose names differ only in case or width: for approvals they are one person."""
    found, seen = [], dict[str, str]()
    for user in rules.users:
        first = seen.setdefault(person(user), user)
        if first != user:
            text = f"{first} and {user} count as one person where two are needed"
            found.append(LintFinding("look-alike", "warning", text))
    return found


def _leads_nowhere(rules: AccessRules, settings: AccessSettings | None) -> list[LintFinding]:
    found = []
    snapshot = Snapshot(rules, _UNJUDGED)
    if not any(
        snapshot.judge(user, DEFAULT_DOMAIN, "policy:approve", "policy")[0] for user in rules.users
    ):
        text = "Nobody may approve a change of this policy; a server will not start with it"
        found.append(LintFinding("no-approver", "warning", text))
    ruled = {rule.subject for rule in rules.rules} | {grant.member for grant in rules.grants}
    held = {grant.role for grant in rules.grants}
    if settings is not None:
        held |= {given.role for group in settings.groups for given in settings.group_roles(group)}
    for role in rules.roles:
        if role not in ruled:
            found.append(LintFinding("empty-role", "warning", f"No rule is about {role}"))
        elif role not in held and role != OWNER:
            found.append(LintFinding("unheld-role", "warning", f"Nobody has {role}"))
    seen = set()
    for rule in rules.rules:
        if rule.tokens in seen:
            found.append(LintFinding("twice", "warning", f"A rule is repeated: {rule}"))
        seen.add(rule.tokens)
    return found
