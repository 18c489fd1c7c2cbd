"""Segregation of duties: users whose roles let one person do both of two conflicting duties.

Everybody may own something, so the rules for `role:owner` count for every user. The rules are
evaluated on sample names: for every pattern of the policy a concrete name that it
matches, and one name that no pattern mentions. Patterns such as `credit-*` and `*-eu`, which
overlap only in other names, are not found; four-eyes approval is also enforced at run time, for
every name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Final

from auditkit.access.policy.rules import AccessRule
from auditkit.access.policy.settings import AccessSettings
from auditkit.access.policy.snapshot import Snapshot
from auditkit.access.policy.vocabulary import ANYBODY, DEFAULT_DOMAIN, OWNER

_UNMENTIONED: Final = "any-other-model"
# Conflicting duties: the first makes something, the second lets it through.
PAIRS: Final = (
    ("model:register", "model:approve"),
    ("model:register", "model:promote"),
    ("model:register", "gate:record"),
    ("model:request", "model:approve"),
    ("policy:propose", "policy:approve"),
    ("breakglass:invoke", "breakglass:review"),
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A segregation-of-duties conflict: one user may do both.

    Attributes:
        user: The user's name; or `group:NAME` for every member of a group, several joined by " + ".
        domain: The domain.
        verbs: The two verbs.
        objects: The two objects, for one sample name.
        roles: The roles through which each is allowed; empty for a rule on the user.
    """

    user: str
    domain: str
    verbs: tuple[str, str]
    objects: tuple[str, str]
    roles: tuple[str, str]

    def __str__(self) -> str:
        """One line for people."""
        ways = [
            f"{v} ({r or 'named in a rule'})" for v, r in zip(self.verbs, self.roles, strict=True)
        ]
        return f"{self.user} may {ways[0]} and {ways[1]} on {self.objects[1]} in {self.domain}"


def conflicts(
    snapshot: Snapshot,
    settings: AccessSettings | None = None,
    *,
    protected: tuple[str, ...] = ("champion", "production"),
) -> tuple[Conflict, ...]:
    """Every conflict of a user or a group and a pair of duties, with a sample name that shows it.

    Args:
        snapshot: The policy.
        settings: Its settings, for the roles of groups; None: there are no groups.
        protected: Aliases whose promotion counts; promoting others, for example `staging`, does
            not.
    """
    found = [c for user in snapshot.rules.users for c in _of(snapshot, settings, user, protected)]
    for group in settings.groups if settings is not None else ():
        found += _of(snapshot, settings, ANYBODY, protected, (group,))
    return tuple(found)


def overlaps(
    snapshot: Snapshot,
    settings: AccessSettings,
    *,
    protected: tuple[str, ...] = ("champion", "production"),
) -> tuple[Conflict, ...]:
    """Conflicts of whoever is in two groups, neither of which has it alone.

    Who is in which group is not known here. At the request it holds all the same that nobody
    approves what they asked for or made.

    Args:
        snapshot: The policy.
        settings: Its settings.
        protected: See `conflicts`.
    """
    alone = {
        (group, c.domain, c.verbs)
        for group in settings.groups
        for c in _of(snapshot, settings, ANYBODY, protected, (group,))
    }
    return tuple(
        conflict
        for pair in combinations(settings.groups, 2)
        for conflict in _of(snapshot, settings, ANYBODY, protected, pair)
        if not any((group, conflict.domain, conflict.verbs) in alone for group in pair)
    )


def _of(
    snapshot: Snapshot,
    settings: AccessSettings | None,
    user: str,
    protected: tuple[str, ...],
    groups: tuple[str, ...] = (),
) -> list[Conflict]:
    """The conflicts of one user, or of whoever is in some groups."""
    rules = snapshot.rules
    models = _witnesses(rules.rules)
    domains = {DEFAULT_DOMAIN} | {r.domain for r in rules.rules} | {g.domain for g in rules.grants}
    if settings is not None:
        domains |= {g.domain for name in settings.groups for g in settings.group_roles(name)}
    found = []
    for domain in sorted(domains - {"*"}):
        given = settings.roles_of(groups, domain) if settings is not None else ()
        for pair in PAIRS:
            conflict = _conflict(
                snapshot, user, domain, given, pair=pair, models=models, protected=protected
            )
            if conflict is not None:
                name = " + ".join(f"group:{group}" for group in groups) or user
                found.append(replace(conflict, user=name))
    return found


def _conflict(
    snapshot: Snapshot,
    user: str,
    domain: str,
    roles: tuple[str, ...],
    *,
    pair: tuple[str, str],
    models: list[str],
    protected: tuple[str, ...],
) -> Conflict | None:
    for model in models:
        ways = []
        for verb in pair:
            for obj, owner in product(_objects(verb, model, protected), ((), (OWNER,))):
                allowed, rule = snapshot.judge(user, domain, verb, obj, (*roles, *owner))
                if allowed and rule is not None:
                    ways.append((obj, rule.subject if rule.subject != user else ""))
                    break
        if len(ways) == 2:
            (first, role1), (second, role2) = ways
            return Conflict(user, domain, pair, (first, second), (role1, role2))
    return None


def _objects(verb: str, model: str, protected: tuple[str, ...]) -> list[str]:
    family = verb.partition(":")[0]
    if family not in ("model", "gate"):  # a gate's verdict is about a model
        return [family]
    if verb in ("model:approve", "model:promote"):
        return [f"models/{model}/aliases/{alias}" for alias in protected] + (
            [f"models/{model}/stages/production"] if verb == "model:promote" else []
        )
    return [f"models/{model}"]


def _witnesses(rules: tuple[AccessRule, ...]) -> list[str]:
    names = {_UNMENTIONED: None}
    for rule in rules:
        parts = rule.object.split("/")
        if len(parts) > 1 and parts[0] == "models" and parts[1] not in ("*", "**"):
            names[parts[1].replace("*", "x")] = None
    return list(names)
