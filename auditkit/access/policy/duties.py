"""Segregation of duties: users whose roles let one person do both of two conflicting duties.

The rules are evaluated on sample names: for every pattern of the policy a concrete name that it
matches, and one name that no pattern mentions. Patterns such as `credit-*` and `*-eu`, which
overlap only in other names, are not found; four-eyes approval is also enforced at run time, for
every name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auditkit.access.policy.rules import AccessRule
from auditkit.access.policy.snapshot import Snapshot
from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN

_UNMENTIONED: Final = "any-other-model"
# Conflicting duties: the first makes something, the second lets it through.
PAIRS: Final = (
    ("model:register", "model:approve"),
    ("model:register", "model:promote"),
    ("model:request", "model:approve"),
    ("policy:propose", "policy:approve"),
    ("breakglass:invoke", "breakglass:review"),
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A segregation-of-duties conflict: one user may do both.

    Attributes:
        user: The user's name.
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
    snapshot: Snapshot, *, protected: tuple[str, ...] = ("champion", "production")
) -> tuple[Conflict, ...]:
    """Every conflict of a user and a pair of duties, with the first sample name that shows it.

    Args:
        snapshot: The policy.
        protected: Aliases whose promotion counts; promoting others, for example `staging`, does
            not.
    """
    rules = snapshot.rules
    models = _witnesses(rules.rules)
    domains = sorted(
        ({DEFAULT_DOMAIN} | {r.domain for r in rules.rules} | {g.domain for g in rules.grants})
        - {"*"}
    )
    found = []
    for user in rules.users:
        for domain in domains:
            for pair in PAIRS:
                conflict = _conflict(
                    snapshot, user, domain, pair=pair, models=models, protected=protected
                )
                if conflict is not None:
                    found.append(conflict)
    return tuple(found)


def _conflict(
    snapshot: Snapshot,
    user: str,
    domain: str,
    *,
    pair: tuple[str, str],
    models: list[str],
    protected: tuple[str, ...],
) -> Conflict | None:
    for model in models:
        ways = []
        for verb in pair:
            for obj in _objects(verb, model, protected):
                allowed, rule = snapshot.judge(user, domain, verb, obj)
                if allowed and rule is not None:
                    ways.append((obj, rule.subject if rule.subject != user else ""))
                    break
        if len(ways) == 2:
            (first, role1), (second, role2) = ways
            return Conflict(user, domain, pair, (first, second), (role1, role2))
    return None


def _objects(verb: str, model: str, protected: tuple[str, ...]) -> list[str]:
    family = verb.partition(":")[0]
    if family != "model":
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
