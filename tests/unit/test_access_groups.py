"""Groups of the identity provider, and what a token leaves of its account: one decision for all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from auditkit.access import AccessControl, conflicts
from auditkit.access.kept.drafts import read_draft
from auditkit.access.kept.folder import start_policy
from auditkit.access.login.authentication import Caller, TokenScope
from auditkit.access.policy.control import read_texts
from auditkit.access.policy.duties import overlaps
from auditkit.access.policy.lint import lint
from auditkit.access.policy.rules import parse_rules
from auditkit.access.policy.settings import parse_settings
from auditkit.access.policy.vocabulary import BY_PEOPLE, VERBS
from auditkit.access.record.approvals import BROKEN, DECISION, POLICY
from auditkit.access.record.effects import differences, replayed
from auditkit.access.record.log import Recorder
from auditkit.access.record.moves import Target
from auditkit.access.record.review import review
from auditkit.canonical import digest_of
from auditkit.cli import run
from auditkit.errors import PolicyError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.mlflow_guard.guard import actions
from auditkit.mlflow_guard.guard.authority import Authority
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.refusals import RefusedError

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GROUPS = """groups:
  ml-release: release-manager
  ml-team-a: {role: trainer, domain: team-a}
  ml-many: [viewer, {role: data-steward, domain: team-a}]
"""
CHAMPION = "models/credit/aliases/champion"


def policy(groups: str = GROUPS, grants: str = "") -> AccessControl:
    texts = read_texts(None)
    texts["access.yaml"] += groups
    texts["policy.csv"] += "g, adam, role:admin, *\ng, paula, role:policy-approver, *\n" + grants
    return AccessControl.from_texts(texts)


def test_a_group_gives_its_role_to_whoever_is_in_it_where_it_says():
    access = policy()

    def may(verb: str, obj: str, domain: str, *groups: str) -> bool:
        return access.decide("eve", verb, obj, domain=domain, groups=groups).allowed

    assert may("model:promote", CHAMPION, "default", "ml-release")
    assert may("model:promote", CHAMPION, "team-a", "other", "ml-release")
    assert may("model:register", "models/credit", "team-a", "ml-team-a")
    assert may("model:read", "models/credit", "team-a", "ml-team-a")  # through trainer > viewer
    assert not may("model:register", "models/credit", "default", "ml-team-a")
    assert may("dataset:read", "datasets/visits", "team-a", "ml-many")
    assert not may("dataset:read", "datasets/visits", "default", "ml-many")
    assert may("model:read", "models/credit", "default", "ml-many")
    for groups in ((), ("ML-RELEASE",), ("ml-release ",), ("role:release-manager",), ("",)):
        assert not may("model:promote", CHAMPION, "default", *groups), groups


def test_the_policys_digest_covers_groups_and_is_what_it_was_without_them():
    digests = {policy(g).policy_digest for g in ("", GROUPS, GROUPS.replace("-a}", "-b}"))}
    assert len(digests) == 3
    access = AccessControl.load()
    rules, settings = access.rules, access.settings.model_dump(mode="json", exclude={"groups"})
    content = {
        "model": read_texts(None)["model.conf"],
        "rules": [list(rule.tokens) for rule in rules.rules],
        "grants": [list(grant.tokens) for grant in rules.grants],
        "settings": settings,
    }
    assert access.policy_digest == digest_of("access-policy/v1", content)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("groups: {a: nobody}", "role:nobody, which the rules do not have"),
        ("groups: {a: [viewer, {role: viewre}]}", "role:viewre, which the rules do not have"),
        ("groups: {a: {role: viewer, domain: team a}}", "name one domain"),
        ("groups: {a: {role: viewer, domian: b}}", "valid keys: domain, role"),
        ("groups: {a: }", "a role's name, a role with its domain, or a list"),
        ("groups: {'': viewer}", "at least 1 character"),
        ("groups: {a: []}", "at least 1 item"),
        ("groups: {a: {domain: b}}", "'groups.a.one.role' is missing"),
        ("groups: [a]", "groups"),
    ],
)
def test_a_group_that_would_give_nothing_is_an_error(groups, message):
    with pytest.raises(PolicyError, match=message):
        policy(groups)


def test_a_group_that_lets_one_person_do_what_takes_two_is_not_approved(tmp_path):
    folder = start_policy(tmp_path / "access")
    (folder / ".draft-author").write_text("adam\n")
    with (folder / "policy.csv").open("a") as rules:
        rules.write("g, adam, role:admin, *\ng, paula, role:policy-approver, *\n")
    text = (folder / "access.yaml").read_text()
    (folder / "access.yaml").write_text(f"{text}groups: {{both: [trainer, reviewer]}}\n")
    draft = read_draft(folder)
    found = conflicts(draft.access.snapshot, draft.access.settings)
    assert {(c.user, c.verbs) for c in found} == {
        ("group:both", ("model:register", "model:approve")),
        ("group:both", ("model:request", "model:approve")),
    }
    with pytest.raises(PolicyError, match="group:both may model:register"):
        draft.require_approval_by("paula")
    assert run(["access", "lint", "--policy", str(folder)]) == 10
    # Two groups that do so together are a warning: who is in both is not known.
    (folder / "access.yaml").write_text(f"{text}groups: {{make: trainer, check: reviewer}}\n")
    draft = read_draft(folder)
    draft.require_approval_by("paula")
    found = overlaps(draft.access.snapshot, draft.access.settings)
    assert {c.user for c in found} == {"group:make + group:check"}
    assert run(["access", "lint", "--policy", str(folder)]) == 0
    texts = draft.texts
    warned = lint(parse_rules(texts["policy.csv"]), parse_settings(texts["access.yaml"]))
    assert {f.level for f in warned if f.code == "group-duties"} == {"warning"}


class Guarded:
    """A gate on a real log."""

    def __init__(self, folder: Path, access: AccessControl) -> None:
        self.url, self.key = f"sqlite:///{folder / 'log.db'}", NoteSigner.generate("test.local/log")
        self.recorder = Recorder(lambda: Ledger.open(self.url, key=self.key))
        self.recorder.now(POLICY, {"policy_digest": str(access.policy_digest)})
        held: Any = SimpleNamespace(current=lambda: (access, None))
        stores: Any = SimpleNamespace(protected_sources=lambda _: set())
        self.gate = Gate(held, self.recorder, stores, clock=lambda: NOW)
        self.gate.promotions.book()

    def ask(self, caller: Caller, verb: str, obj: str, domain: str = "default") -> Any:
        plan = RequestPlan(needs=(RequiredPermission(verb, obj),), mutates=True)
        return self.gate.admit(caller, plan, endpoint="_x", domain=domain, method="POST")

    def entries(self) -> list[Any]:
        with Ledger.open(self.url, key=self.key) as log:
            return list(log.entries())

    def decisions(self) -> list[dict[str, Any]]:
        return [e.payload for e in self.entries() if e.kind == DECISION]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    made = Guarded(
        tmp_path, policy(grants="g, ci, role:trainer, team-a\ng, ci, role:release-manager, *\n")
    )
    yield made
    made.recorder.close()
    made.recorder.log.close()


def test_every_decision_for_a_caller_counts_the_same_groups(guarded, monkeypatch):
    eve = Caller("eve", "oidc", ("ml-team-a", "unmapped"))
    admission = guarded.ask(eve, "model:register", "models/credit", "team-a")
    logged = guarded.decisions()[-1]
    assert (logged["user"], logged["groups"]) == ("eve", ["ml-team-a"])
    assert guarded.gate.visible(admission, "credit")
    assert guarded.gate.sees_all(admission)
    query = {"verb": "model:register", "object": "models/credit"}
    monkeypatch.setattr("flask.request", SimpleNamespace(args=query))
    assert actions.check(guarded.gate, admission, {})["allowed"] is True
    # The hint says how to ask, to whoever may.
    target = Target(model="credit", version="1", kind="alias", name="champion", domain="team-a")
    need = (RequiredPermission("model:promote", CHAMPION),)
    plan = RequestPlan(needs=need, mutates=True, promotes=target)
    ways = {"endpoint": "_x", "domain": "team-a", "method": "POST"}
    with pytest.raises(RefusedError, match="auditkit registry request"):
        guarded.gate.admit(eve, plan, **ways)
    with pytest.raises(RefusedError, match="no rule allows it") as refused:
        guarded.gate.admit(Caller("eve", "oidc"), plan, **ways)
    assert "auditkit registry request" not in refused.value.message
    assert "groups" not in guarded.decisions()[-1]
    with pytest.raises(RefusedError):
        guarded.ask(eve, "model:register", "models/credit", "team-b")


TOKEN = TokenScope("tk-1", "role:trainer", "team-a")


def test_a_token_is_its_account_and_its_role_both(guarded):
    ci = Caller("ci", "token", token=TOKEN)
    admission = guarded.ask(ci, "model:register", "models/credit", "team-a")
    logged = guarded.decisions()[-1]
    assert (logged["authenticated"], logged["token"]) == ("token", "tk-1")
    assert logged["only"] == ["role:trainer", "team-a"]
    assert guarded.gate.sees_all(admission)
    for domain, match in (("default", "another domain"), ("team-b", "another domain")):
        with pytest.raises(RefusedError, match=match):
            guarded.ask(ci, "model:read", "models/credit", domain)
    # What the account may and the role may not, and the other way round.
    with pytest.raises(RefusedError, match="not within the token"):
        guarded.ask(ci, "model:promote", CHAMPION, "team-a")
    stranger = Caller("someone", "token", token=TOKEN)
    with pytest.raises(RefusedError, match="no rule allows it"):
        guarded.ask(stranger, "model:register", "models/credit", "team-a")


def test_what_takes_a_person_is_never_done_with_a_token():
    rules = "p, role:all, *, **, *, allow\ng, ci, role:all, *\n"
    texts = read_texts(None)
    access = AccessControl.from_texts({**texts, "policy.csv": rules})
    token = Authority(Caller("ci", "token", token=TokenScope("t", "role:all", "*")), access)
    person = Authority(Caller("ci", "basic"), access)
    refused = {v for v in VERBS if not token.decide(v, "models/credit", "default")}
    assert refused == BY_PEOPLE
    assert all(person.decide(v, "models/credit", "default") for v in VERBS)
    assert "person" in token.decide("model:approve", CHAMPION, "default").reason


def test_a_persons_break_glass_is_not_their_tokens(guarded):
    target = Target(model="credit", version="1", kind="alias", name="champion", domain="team-a")
    guarded.recorder.now(
        BROKEN,
        {
            "id": "b",
            "user": "ci",
            "object": CHAMPION,
            "valid_minutes": 60,
            "review_hours": 1,
            "domain": "team-a",
        },
    )
    access = guarded.gate.policy.current()[0]
    promotion = access.settings.promotion("credit", kind="alias", name="champion")
    facts = {"artifact_digest": "sha256:a", "source": "x", "made_by": [], "made_from": []}
    guarded.gate.clock = guarded.gate.promotions.clock = lambda: datetime.now(UTC)
    move = guarded.gate.promotions.move
    person = Authority(Caller("ci", "basic"), access)
    assert move(person, target, promotion, facts)["how"] == "break-glass"
    token = Authority(Caller("ci", "token", token=TOKEN), access)
    with pytest.raises(RefusedError, match="is protected"):
        move(token, target, promotion, facts)


def test_a_review_shows_groups_as_such_and_when_they_were_used(guarded):
    access = guarded.gate.policy.current()[0]
    guarded.ask(Caller("eve", "oidc", ("ml-team-a",)), "model:register", "models/m", "team-a")
    entries = guarded.entries()
    now = datetime.now(UTC)
    found = review(access, entries, now=now)
    rows = found.table("grants").rows
    assert (
        "group:ml-release",
        "*",
        "role:release-manager",
        "group:ml-release > role:release-manager",
    ) in rows
    through = "group:ml-team-a > role:trainer > role:viewer"
    assert ("group:ml-team-a", "team-a", "role:viewer", through) in rows
    assert ("group:ml-release", "*", "models/**", "role:release-manager") in found.table(
        "promoters"
    ).rows
    unused = {row[0] for row in found.table("unused_grants").rows}
    assert "group:ml-team-a" not in unused
    assert {"group:ml-release", "group:ml-many", "ci"} <= unused
    pairs = {row[0] for row in found.table("overlaps").rows}
    assert pairs == {"group:ml-release + group:ml-team-a"}
    later = review(access, entries, now=now + timedelta(days=91)).table("unused_grants")
    assert "group:ml-team-a" in {row[0] for row in later.rows}
    assert found.to_evidence().measurements[0].value == len(access.rules.users)


def test_a_change_of_groups_is_shown_by_diff_and_by_simulation(guarded):
    access, without = guarded.gate.policy.current()[0], policy("")
    changed = {(user, verb) for user, verb, *_ in differences(without, access)}
    assert ("group:ml-release", "model:promote") in changed
    assert not any(user == "adam" for user, _ in changed)
    guarded.ask(Caller("eve", "oidc", ("ml-team-a",)), "model:register", "models/m", "team-a")
    guarded.ask(Caller("ci", "token", token=TOKEN), "model:register", "models/m", "team-a")
    assert replayed(access, guarded.entries()) == ()
    lost = replayed(
        policy(GROUPS.replace("ml-team-a", "x"), "g, ci, role:admin, *\n"), guarded.entries()
    )
    assert {(user, verb) for user, verb, *_ in lost} == {
        ("eve", "model:register"),
        ("ci", "model:register"),
    }
