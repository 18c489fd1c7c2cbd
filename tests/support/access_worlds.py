"""Random access policies and requests, and a reference that judges them naively.

Names and patterns are few, so that rules meet: globs, domains, denials, role chains, diamonds and
cycles all decide something.
"""

from __future__ import annotations

import random
import re

from auditkit.access import AccessRules
from auditkit.access.policy.rules import AccessRule, Grant
from auditkit.access.policy.snapshot import Snapshot, casbin_enforcer
from auditkit.canonical import Digest
from auditkit.resources import data_path

MODEL = data_path("policies", "access", "model.conf").read_text()
USERS = [f"u{i}" for i in range(6)] + ["role", "admin", "ann@example.org"]
ROLES = [f"role:r{i}" for i in range(5)]
DOMAINS = ["default", "prod", "dev"]
VERBS = ["model:read", "model:promote", "model:approve", "dataset:read", "artifact:write"]
NAMES = ["credit", "credit-eu", "fraud", "My%20Model", "%2Ehidden", "a.b", "x"]
PATTERNS = [
    "**",
    "models/**",
    "models/*",
    "models/credit*",
    "models/*-eu/**",
    "models/*/aliases/champion",
    "models/*/aliases/*",
    "models/credit/aliases/champion",
    "models/credit",
    "models/c*t/aliases/**",
    "models/a.b",
    "datasets/**",
    "datasets/*/records",
    "models/*/aliases/ch*",
    "models/*e*i*/aliases/*",
    "models/*r*d*/**",
]


class Reference:
    """The policy as sets and reachability; knows nothing of indexes."""

    def __init__(self, rules: AccessRules) -> None:
        self.rules = rules

    def reach(self, user: str, domain: str, roles: tuple[str, ...] = ()) -> set[str]:
        links = {(g.member, g.role) for g in self.rules.grants if g.domain in (domain, "*")}
        links |= {(user, role) for role in roles}
        reached = {user}
        for _ in range(9):
            reached |= {role for member, role in links if member in reached}
        return reached

    def covers(self, pattern: str, text: str) -> bool:
        expression = "/".join(
            "[^/]+(/[^/]+)*" if part == "**" else "[^/]*".join(map(re.escape, part.split("*")))
            for part in pattern.split("/")
        )
        if pattern.endswith("/**") and self.covers(pattern[:-3], text):
            return True
        return re.fullmatch(expression, text) is not None

    def decide(
        self, user: str, domain: str, verb: str, obj: str, roles: tuple[str, ...] = ()
    ) -> bool:
        subjects = self.reach(user, domain, roles)
        effects = {
            rule.effect
            for rule in self.rules.rules
            if rule.subject in subjects
            and rule.domain in ("*", domain)
            and self.covers(rule.verb, verb)
            and self.covers(rule.object, obj)
        }
        return effects == {"allow"}


def world(seed: int, *, size: int) -> AccessRules:
    draw = random.Random(seed)
    rules = tuple(
        AccessRule(
            draw.choice([*ROLES * 3, *USERS, "role:owner"]),
            draw.choice(["*", "*", *DOMAINS]),
            draw.choice(["**", "models/**", *PATTERNS]),
            draw.choice([*VERBS, "*", "model:*", "model:p*"]),
            draw.choice(["allow"] * 7 + ["deny"]),
            line,
        )
        for line in range(1, size + 1)
    )
    # Members and roles at random: chains, diamonds and cycles come by themselves.
    grants = tuple(
        Grant(draw.choice(USERS + ROLES), draw.choice(ROLES), draw.choice(["*", *DOMAINS]))
        for _ in range(draw.randrange(20))
    )
    return AccessRules(rules, grants)


def request(draw: random.Random) -> tuple[str, str, str, str]:
    name = draw.choice(NAMES)
    obj = draw.choice(
        [
            f"models/{name}",
            f"models/{name}/aliases/{draw.choice(['champion', 'staging', 'challenger'])}",
            f"datasets/{name}",
            f"datasets/{name}/records",
            "models",
            f"models/{name}/aliases/champion/deeper",
        ]
    )
    return draw.choice([*USERS, "stranger"]), draw.choice(DOMAINS), draw.choice(VERBS), obj


def further_roles(draw: random.Random) -> tuple[str, ...]:
    """Of groups, or of ownership: often none, sometimes one that the policy does not know."""
    return tuple(draw.sample([*ROLES, "role:owner", "role:nobody"], draw.choice([0, 0, 1, 2])))


def compare(seed: int, *, requests: int, with_casbin: int) -> int:
    """Judges requests of one world by the index, the reference and Casbin.

    Args:
        seed: Of the world.
        requests: How many.
        with_casbin: How many of them Casbin judges too.

    Returns:
        How many were allowed.
    """
    rules = world(seed, size=random.Random(seed).randrange(1, 40))
    snapshot, reference = Snapshot(rules, Digest.of(b"")), Reference(rules)
    enforcer = casbin_enforcer(MODEL, rules) if with_casbin else None
    draw = random.Random(-seed)
    allowed = 0
    for number in range(requests):
        user, domain, verb, obj = asked = request(draw)
        roles = further_roles(draw)
        ours, rule = snapshot.judge(user, domain, verb, obj, roles)
        assert ours == reference.decide(user, domain, verb, obj, roles), (seed, asked, roles)
        assert rule is None or reference.covers(rule.object, obj), (seed, asked)
        if enforcer is not None and number < with_casbin:
            # Granted in a new enforcer: taking a grant back, Casbin forgets the same one in `*`.
            granted = tuple(Grant(user, role, domain) for role in roles)
            asked_of = (
                casbin_enforcer(MODEL, AccessRules(rules.rules, (*rules.grants, *granted)))
                if roles
                else enforcer
            )
            assert ours == asked_of.enforce(user, domain, obj, verb), (seed, asked, roles)
        allowed += ours
    return allowed
