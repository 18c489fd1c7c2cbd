"""Decisions equal those of plain Casbin and of a reference of forty lines, on random worlds."""

from __future__ import annotations

import random
from fnmatch import fnmatchcase
from itertools import pairwise

import pytest

from auditkit.access import VERBS, AccessControl, AccessRules, conflicts, parse_rules
from auditkit.access.policy.control import decide_under
from auditkit.access.policy.rules import AccessRule, Grant
from auditkit.access.policy.snapshot import Snapshot, casbin_enforcer
from auditkit.access.policy.vocabulary import OWNER
from auditkit.canonical import Digest
from auditkit.resources import data_path
from tests.support.access_worlds import MODEL, compare, request, world

NONE = Digest.of(b"")


def test_decisions_equal_the_reference_and_casbin():
    """The whole, 100,000 requests with Casbin, is tests/soak/soak_access.py."""
    allowed = sum(
        compare(seed, requests=100, with_casbin=50 if seed % 5 == 0 else 0) for seed in range(200)
    )
    assert 0.05 < allowed / 20_000 < 0.95


def test_role_chains_end_where_casbin_ends_them():
    for length in range(1, 14):
        chain = ["ann", *(f"role:r{i}" for i in range(length))]
        rules = AccessRules(
            (AccessRule(chain[-1], "*", "models/x", "model:read", "allow", 1),),
            tuple(Grant(a, b, "*") for a, b in pairwise(chain)),
        )
        ours, _ = Snapshot(rules, Digest.of(b"")).judge("ann", "d", "model:read", "models/x")
        theirs = casbin_enforcer(MODEL, rules).enforce("ann", "d", "models/x", "model:read")
        assert ours == theirs == (length <= 9), length


def test_a_further_role_is_one_step_from_the_user_as_a_grant_is():
    for length in range(1, 14):
        chain = [f"role:r{i}" for i in range(length)]
        rules = AccessRules(
            (AccessRule(chain[-1], "*", "models/x", "model:read", "allow", 1),),
            tuple(Grant(a, b, "*") for a, b in pairwise(chain)),
        )
        snapshot = Snapshot(rules, Digest.of(b""))
        ours, _ = snapshot.judge("ann", "d", "model:read", "models/x", ("role:r0",))
        enforcer = casbin_enforcer(MODEL, rules)
        enforcer.add_grouping_policy("ann", "role:r0", "d")
        assert ours == enforcer.enforce("ann", "d", "models/x", "model:read") == (length <= 9)


def test_a_further_role_counts_for_its_request_only():
    snapshot = Snapshot(AccessRules((AccessRule("role:r", "d", "**", "*", "allow", 7),), ()), NONE)
    asked = ("ann", "model:read", "models/x")
    found = decide_under(snapshot, *asked, "d", roles=("role:r",))
    assert (found.allowed, found.role, found.reason) == (
        True,
        "role:r",
        "allowed by the rule at line 7 for role:r",
    )
    assert not decide_under(snapshot, *asked, "e", roles=("role:r",)).allowed
    assert not decide_under(snapshot, *asked, "d").allowed
    # A user's name is no role, so nobody acts as another user.
    named = Snapshot(AccessRules((AccessRule("eve", "*", "**", "*", "allow", 1),), ()), NONE)
    assert not decide_under(named, *asked, "d", roles=("eve",)).allowed
    assert not decide_under(named, "eve", *asked[1:], "d", only=("eve", "*")).allowed


def test_a_token_only_takes_away():
    text = data_path("policies", "access", "policy.csv").read_text()
    access = AccessControl(
        parse_rules(
            text + "g, ci, role:trainer, *\ng, ci, role:reviewer, *\np, ci, *, **, *, allow\n"
        )
    )
    snapshot, model = access.snapshot, "models/credit"
    for domain, only, verb, allowed in [
        ("team-a", ("role:trainer", "team-a"), "model:register", True),
        ("team-a", ("role:trainer", "*"), "model:register", True),
        ("team-a", ("role:trainer", "*"), "model:read", True),  # a trainer is a viewer
        ("team-b", ("role:trainer", "team-a"), "model:register", False),
        ("team-a", ("role:trainer", "*"), "model:approve", False),  # the account alone may
        ("team-a", ("role:nobody", "*"), "model:register", False),
    ]:
        found = decide_under(snapshot, "ci", verb, model, domain, only=only)
        assert found.allowed is allowed, (domain, only, verb)
        assert decide_under(snapshot, "ci", verb, model, domain).allowed
    refused = decide_under(
        snapshot, "bob", "model:register", model, "d", only=("role:trainer", "*")
    )
    assert not refused.allowed, "a token grants nothing that the account is not granted"
    tag = decide_under(
        snapshot,
        "ci",
        "model:tag",
        f"{model}/tags/validation_status",
        "d",
        only=("role:trainer", "*"),
    )
    assert not tag.allowed
    assert "denied by the rule" in tag.reason


@pytest.mark.parametrize(
    ("user", "verb", "obj"),
    [
        ("", "model:read", "models/x"),
        ("*", "model:read", "models/x"),
        (" ann", "model:read", "models/x"),
        ("ann\n", "model:read", "models/x"),
        ("role:admin", "model:read", "models/x"),
        ("jörg", "model:read", "models/x"),
        ("ann, role:admin, *", "model:read", "models/x"),
        ("ann", "model:reed", "models/x"),
        ("ann", "", "models/x"),
        ("ann", "*", "models/x"),
        ("ann", "model:read", ""),
        ("ann", "model:read", "models/*"),
        ("ann", "model:read", "models//x"),
        ("ann", "model:read", "models/../x"),
        ("ann", "model:read", "models/x\n"),
        ("ann", "model:read", "models/" + "x" * 5000),
    ],
)
def test_what_cannot_be_judged_is_denied(user: str, verb: str, obj: str):
    everything = AccessRules((AccessRule("ann", "*", "**", "*", "allow", 1),), ())
    snapshot = Snapshot(everything, Digest.of(b""))
    assert decide_under(snapshot, "ann", "model:read", "models/x", "d").allowed
    assert not decide_under(snapshot, user, verb, obj, "d").allowed


def test_an_exception_is_a_denial(monkeypatch: pytest.MonkeyPatch):
    access = AccessControl.load()

    def broken(*_: object) -> None:
        raise SystemError("AST constructor recursion depth mismatch")

    monkeypatch.setattr(Snapshot, "judge", broken)
    decision = access.decide("ann", "model:read", "models/x")
    assert not decision.allowed
    assert decision.reason == "the decision failed (SystemError)"


def test_adding_an_allowance_never_denies_and_adding_a_denial_never_allows():
    for seed in range(60):
        rules = world(seed, size=8)
        extra = world(-seed - 1, size=1).rules[0]
        before = Snapshot(rules, Digest.of(b""))
        after = Snapshot(AccessRules((*rules.rules, extra), rules.grants), Digest.of(b""))
        draw = random.Random(seed)
        for _ in range(100):
            asked = request(draw)
            was, now = before.judge(*asked)[0], after.judge(*asked)[0]
            assert now >= was if extra.effect == "allow" else now <= was


def test_the_order_of_rules_does_not_matter():
    for seed in range(60):
        rules = world(seed, size=12)
        shuffled = list(rules.rules)
        random.Random(seed).shuffle(shuffled)
        one = Snapshot(rules, Digest.of(b""))
        other = Snapshot(AccessRules(tuple(shuffled), rules.grants[::-1]), Digest.of(b""))
        draw = random.Random(seed)
        for _ in range(100):
            asked = request(draw)
            assert one.judge(*asked) == other.judge(*asked)


def test_every_verb_belongs_to_a_packaged_role():
    rules = AccessControl.load().rules.rules
    allowing = [r.verb for r in rules if r.effect == "allow" and r.subject.startswith("role:")]
    for verb in VERBS:
        assert any(fnmatchcase(verb, pattern) for pattern in allowing), verb


def test_a_packaged_role_granted_in_a_workspace_means_there_what_it_means_everywhere():
    text = data_path("policies", "access", "policy.csv").read_text()
    rules = parse_rules(text)
    for role in rules.roles:
        if role == OWNER:
            continue
        lines = f"g, here, {role}, team-a\ng, everywhere, {role}, *\n"
        access = AccessControl(parse_rules(text + lines))
        done = 0
        for verb in VERBS:
            for obj in {r.object.replace("**", "x").replace("*", "x") for r in rules.rules}:
                in_team = access.decide("here", verb, obj, domain="team-a").allowed
                assert in_team == access.decide("everywhere", verb, obj, domain="team-a").allowed
                assert not access.decide("here", verb, obj, domain="team-b").allowed
                done += in_team
        assert done, role


def test_the_packaged_policy_keeps_duties_apart():
    text = data_path("policies", "access", "policy.csv").read_text()
    roles = [role.removeprefix("role:") for role in parse_rules(text).roles if role != OWNER]
    rules = parse_rules(text + "".join(f"g, {role}, role:{role}, *\n" for role in roles))
    access = AccessControl(rules)
    champion, staging = "models/credit/aliases/champion", "models/credit/aliases/staging"
    may = {
        (role, verb)
        for role in roles
        for verb in ("model:request", "model:approve", "model:promote")
        if access.decide(role, verb, champion)
    } | {
        (role, verb)
        for role in roles
        for verb in ("model:register", "gate:record")
        if access.decide(role, verb, "models/credit")
    }
    assert may == {
        ("gate", "gate:record"),
        ("trainer", "model:register"),
        ("trainer", "model:request"),
        ("reviewer", "model:approve"),
        ("release-manager", "model:promote"),
    }
    assert conflicts(access.snapshot) == ()
    assert access.decide("trainer", "model:promote", staging)
    assert not access.decide("auditor", "model:edit", "models/credit")
    assert access.decide("auditor", "audit:export", "audit")
