"""A change of policy voids an approval if it touches the parties or the object, and only then."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from auditkit.access import AccessControl
from auditkit.access.policy.control import read_texts
from auditkit.access.policy.snapshot import casbin_enforcer
from auditkit.access.record.approvals import APPROVED, REQUESTED, PromotionState
from auditkit.access.record.moves import Target
from auditkit.access.record.rulings import Ruling
from auditkit.errors import PolicyError
from tests.support.access_worlds import MODEL, Reference

START = datetime(2026, 11, 1, tzinfo=UTC)
TARGET = Target(model="credit", version="7", kind="alias", name="champion", domain="team-a")
CHAMPION = "models/credit/aliases/champion"
VERBS = ("model:request", "model:approve", "model:promote")
GRANTS = (
    "g, ann, role:trainer, team-a",
    "g, rita, role:reviewer, *",
    "g, mia, role:release-manager, *",
    "g, abe, role:trainer, *",
)
VOID = "request r1: the access policy has changed since it was asked for"


@cache
def policy(*lines: str, without: str = "", settings: str = "", grants=GRANTS) -> AccessControl:
    texts = read_texts(None)
    rules = texts["policy.csv"] + "\n".join((*grants, *lines)) + "\n"
    assert without in rules
    rules = rules.replace(without, "") if without else rules
    access_yaml = settings or texts["access.yaml"]
    return AccessControl.from_texts({**texts, "policy.csv": rules, "access.yaml": access_yaml})


def approved(access: AccessControl, *, ruled: bool = True, **brings: Any) -> PromotionState:
    """ann asked, rita approved, both under a policy."""
    book, index = PromotionState(), count()

    def party(user: str) -> dict[str, Any]:
        found = Ruling.by(access, TARGET, user, **(brings if user == "ann" else {}))
        return {"user": user, **(found.to_json() if ruled else {})}

    asked = {
        "id": "r1",
        "model": "credit",
        "version": "7",
        "kind": "alias",
        "name": "champion",
        "domain": "team-a",
        "artifact_digest": "sha256:a",
        "policy_digest": str(access.policy_digest),
    }
    entries = [
        (REQUESTED, {**asked, **party("ann")}),
        (APPROVED, {"request": "r1", **party("rita")}),
    ]
    book.read(
        SimpleNamespace(index=next(index), kind=kind, time=START, payload=payload)
        for kind, payload in entries
    )
    return book


def usable(book: PromotionState, access: AccessControl) -> str:
    promotion = access.settings.promotion("credit", kind="alias", name="champion")
    found = book.usable(
        TARGET,
        promotion or AccessControl.load().settings.promotions[0],
        promoter="mia",
        artifact_digest="sha256:a",
        policy_digest=str(access.policy_digest),
        now=START + timedelta(hours=1),
        access=access,
    )
    return found if isinstance(found, str) else found.id


ELSEWHERE = {
    "a new viewer": {"lines": ["g, vic, role:viewer, *"]},
    "a new trainer": {"lines": ["g, tom, role:trainer, *"]},
    "another who may promote": {"lines": ["g, max, role:release-manager, *"]},
    "a rule on another model": {
        "lines": ["p, role:trainer, *, models/fraud/**, model:promote, allow"]
    },
    "a rule in another workspace": {"lines": ["p, ann, team-b, models/**, model:approve, allow"]},
    "a rule on the model's files": {"lines": ["p, ann, *, artifacts/**, artifact:delete, allow"]},
    "one trainer less": {"without": GRANTS[3]},
}
TOUCHING = {
    "the requester's role": {"without": GRANTS[0]},
    "the approver's role": {"without": GRANTS[1]},
    "the requester may approve": {"lines": ["g, ann, role:reviewer, team-a"]},
    "the approver may promote": {"lines": ["g, rita, role:release-manager, *"]},
    "a denial for the approver": {"lines": ["p, rita, *, models/**, model:approve, deny"]},
    "a rule on the object for others": {
        "lines": ["p, zed, *, models/credit/**, model:promote, allow"]
    },
    "the role's rule": {"without": "p, role:reviewer, *, models/**, model:approve, allow\n"},
}


@pytest.mark.parametrize("edit", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_change_elsewhere_leaves_an_approval(edit: dict[str, Any]):
    lines = edit.get("lines", ())
    changed = policy(*lines, without=edit.get("without", ""))
    before = policy()
    assert changed.policy_digest != before.policy_digest
    assert usable(approved(before), changed) == "r1"
    # An entry from before there were rulings is bound to the whole policy, as it was then.
    assert usable(approved(before, ruled=False), changed) == VOID
    assert usable(approved(before, ruled=False), before) == "r1"


@pytest.mark.parametrize("edit", TOUCHING.values(), ids=TOUCHING)
def test_a_change_of_a_party_or_the_object_voids_it(edit: dict[str, Any]):
    changed = policy(*edit.get("lines", ()), without=edit.get("without", ""))
    book = approved(policy())
    assert usable(book, changed) == VOID
    assert usable(book, policy()) == "r1"


def test_another_requirement_voids_it():
    settings = read_texts(None)["access.yaml"]
    for change in (
        settings.replace("valid_hours: 72", "valid_hours: 71"),
        settings.replace("aliases: [champion,", "aliases: ["),
        settings.replace(
            "approvals: 1", "approvals: 1\n    evidence: {policy: l, max_age_days: 3}"
        ),
    ):
        assert usable(approved(policy()), policy(settings=change)) == VOID
    # The requirement on another model is another one.
    other = settings.replace(
        "promotions:\n", 'promotions:\n  - {models: "fraud*", aliases: ["*"]}\n'
    )
    assert usable(approved(policy()), policy(settings=other)) == "r1"


def test_a_group_or_a_token_counts_as_the_party_brought_it():
    groups = read_texts(None)["access.yaml"] + "groups: {ml: trainer}\n"
    more = groups.replace("ml: trainer", "ml: trainer, leads: reviewer")
    base = GRANTS[1:]
    book = approved(policy(settings=groups, grants=base), groups=("ml", "leads"))
    assert usable(book, policy(settings=groups, grants=base)) == "r1"
    assert usable(book, policy(settings=more, grants=base)) == VOID
    others = groups.replace("ml: trainer", "ml: trainer, staff: viewer")
    assert usable(book, policy(settings=others, grants=base)) == "r1"
    token = approved(policy(), only=("role:trainer", "team-a"))
    assert usable(token, policy()) == "r1"
    request = "p, role:trainer, *, models/**, model:request, allow\n"
    direct = policy("p, ann, *, models/**, model:request, allow", without=request)
    assert usable(token, direct) == VOID


def random_edit(draw: random.Random) -> dict[str, Any]:
    users = ["ann", "rita", "mia", "abe", "zed"]
    roles = ["viewer", "trainer", "reviewer", "release-manager", "auditor"]
    subjects = users + [f"role:{role}" for role in roles]
    domain = draw.choice(["*", "team-a", "team-b"])
    objects = ["models/**", "models/credit/**", "models/fraud/**", "models/*/aliases/ch*", "**"]
    rule = (
        f"p, {draw.choice(subjects)}, {domain}, {draw.choice(objects)}, "
        f"{draw.choice([*VERBS, 'model:read', 'model:*'])}, {draw.choice(['allow', 'deny'])}"
    )
    grant = f"g, {draw.choice(users)}, role:{draw.choice(roles)}, {domain}"
    written = read_texts(None)["policy.csv"].splitlines()
    removable = [line + "\n" for line in written if line.startswith("p, role:")]
    return draw.choice(
        [
            {"lines": [rule]},
            {"lines": [grant]},
            {"lines": [rule, grant]},
            {"without": draw.choice(removable)},
            {"without": draw.choice(GRANTS)},
        ]
    )


def seen_by_casbin(access: AccessControl) -> list[Any]:
    """What Casbin decides about the parties, and which roles the parties have."""
    enforcer = casbin_enforcer(MODEL, access.rules)
    return [
        (
            enforcer.enforce(user, "team-a", CHAMPION, verb),
            sorted(enforcer.get_implicit_roles_for_user(user, "team-a")),
        )
        for user in ("ann", "rita")
        for verb in VERBS
    ]


def rules_on_object(access: AccessControl) -> list[str]:
    covers = Reference(access.rules).covers
    return sorted(
        {
            str(rule)
            for rule in access.rules.rules
            if rule.domain in ("*", "team-a")
            and covers(rule.object, CHAMPION)
            and any(covers(rule.verb, verb) for verb in VERBS)
        }
    )


def test_random_edits_void_exactly_what_they_touch():
    before = policy()
    book, seen, rules = approved(before), seen_by_casbin(before), rules_on_object(before)
    voided = stood = 0
    for seed in range(30):
        edit = random_edit(random.Random(seed))
        try:
            after = policy(*edit.get("lines", ()), without=edit.get("without", ""))
        except PolicyError:
            continue
        now = seen_by_casbin(after)
        is_void = usable(book, after) == VOID
        if [decided for decided, _ in now] != [decided for decided, _ in seen]:
            assert is_void, edit
        if rules_on_object(after) != rules:
            assert is_void, edit
        elif now == seen:
            assert not is_void, edit
        voided, stood = voided + is_void, stood + (not is_void)
    assert min(voided, stood) > 5, (voided, stood)
