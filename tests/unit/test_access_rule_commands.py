"""`auditkit access allow`, `deny`, `drop` and `test`, as a colleague uses them."""

from __future__ import annotations

import json

import pytest

from auditkit.access import AccessControl
from auditkit.cli import run

CASES = """\
cases:
  - {user: ann, verb: 'model:register', object: models/credit, expected: allow}
  - {user: ann, verb: 'model:promote', object: models/credit/aliases/champion, expected: deny}
  - {user: ann, verb: 'model:approve', object: models/x, domain: team-a, expected: deny}
  - {user: eve, verb: 'model:read', object: models/x, roles: [viewer], expected: allow}
  - {user: eve, verb: 'model:read', object: models/x, groups: [staff], expected: allow}
  - {user: eve, verb: 'model:edit', object: models/x, groups: [staff, nobody], expected: deny}
"""


@pytest.fixture
def auditkit(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["access", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    assert call("init", "access")[0] == 0
    with (tmp_path / "access" / "access.yaml").open("a") as settings:
        settings.write("groups: {staff: viewer}\n")
    for user, role in (("adam", "admin"), ("paula", "policy-approver"), ("ann", "trainer")):
        assert call("grant", user, role, "--by", "adam")[0] == 0
    return call


def may(user: str, verb: str, obj: str, domain: str = "default") -> bool:
    return AccessControl.load("access").decide(user, verb, obj, domain=domain).allowed


def test_a_rule_is_added_overridden_and_taken_back(auditkit, tmp_path):
    before = (tmp_path / "access" / "policy.csv").read_text()
    rule = ("trainer", "model:delete", "models/scratch-*")
    assert not may("ann", "model:delete", "models/scratch-1")
    code, out, err = auditkit("allow", *rule, "--by", "adam")
    assert (code, out) == (0, "p, role:trainer, *, models/scratch-*, model:delete, allow\n")
    assert "approve" in err
    assert may("ann", "model:delete", "models/scratch-1")
    assert not may("ann", "model:delete", "models/credit")
    # It is where the role's other rules are, and every other line is as it was.
    lines = (tmp_path / "access" / "policy.csv").read_text().split("\n")
    place = lines.index(out.strip())
    assert lines[place - 1].startswith("p, role:trainer")
    assert lines[:place] + lines[place + 1 :] == before.split("\n")
    # Once more changes nothing.
    code, again, err = auditkit("allow", *rule, "--by", "adam")
    assert (code, again) == (0, out)
    assert "already" in err
    # A denial of the same overrides; to allow it then has no effect, and is refused.
    assert auditkit("deny", *rule, "--by", "adam")[0] == 0
    assert not may("ann", "model:delete", "models/scratch-1")
    assert auditkit("drop", *rule, "--by", "adam")[0] == 0
    assert (tmp_path / "access" / "policy.csv").read_text() == before
    assert auditkit("deny", *rule, "--by", "adam")[0] == 0
    code, _, err = auditkit("allow", *rule, "--by", "adam")
    assert code == 2
    assert "auditkit access drop" in err


def test_a_rule_holds_in_its_domain_and_may_make_a_role(auditkit):
    rule = ("tester", "model:read", "models/**")
    code, _, err = auditkit("allow", *rule, "--domain", "team-a", "--by", "adam")
    assert code == 0
    assert "The role is new" in err
    assert auditkit("grant", "tess", "tester", "--by", "adam")[0] == 0
    assert may("tess", "model:read", "models/x", "team-a")
    assert not may("tess", "model:read", "models/x")
    code, _, err = auditkit("drop", *rule, "--by", "adam")
    assert code == 2
    assert "model:read models/** --domain 'team-a'" in err


@pytest.mark.parametrize(
    ("verb", "obj", "told"),
    [
        ("model:remove", "models/x", "model:delete"),
        ("model:Read", "models/x", "model:read"),
        ("model:read", "models/My Model", "%20"),
        ("model:read", "models//x", "malformed"),
        ("model:read", "models/**/x", "malformed"),
        ("model:read", "*/x", "wildcard"),
        ("model:read", "models/x, model:read, allow\np, role:trainer, *, **", "malformed"),
        ("model:read", "", "malformed"),
        ("model:promote", "models/*/aliases/Champion", "champion"),
        ("model:tag", "models/m/tags/%C3%BCber*OK", "%C3%BCber*ok"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_remedy(auditkit, verb, obj, told, tmp_path):
    before = (tmp_path / "access" / "policy.csv").read_bytes()
    for command in ("allow", "deny"):
        code, _, err = auditkit(command, "trainer", verb, obj, "--by", "adam")
        assert code == 2
        assert told in err
    assert (tmp_path / "access" / "policy.csv").read_bytes() == before


def test_only_who_may_propose_changes_the_rules(auditkit):
    assert auditkit("approve", "--by", "paula")[0] == 0
    rule = ("trainer", "model:delete", "models/x")
    for command in ("allow", "deny", "drop"):
        assert auditkit(command, *rule, "--by", "ann")[0] == 10
    assert auditkit("allow", *rule, "--by", "adam")[0] == 0
    assert auditkit("approve", "--by", "adam")[0] == 10  # their own change


def test_cases_pass_on_the_draft_and_the_sealed_policy(auditkit, tmp_path):
    (tmp_path / "cases.yaml").write_text(CASES)
    code, out, err = auditkit("test", "cases.yaml")
    assert (code, out) == (0, "")
    assert "6 cases: all decided as expected" in err
    assert "nobody has approved it" in err
    assert auditkit("approve", "--by", "paula")[0] == 0
    code, _, err = auditkit("test", "cases.yaml")
    assert code == 0
    assert "nobody has approved it" not in err


def test_a_case_that_fails_is_named_with_the_deciding_rule(auditkit, tmp_path):
    (tmp_path / "cases.yaml").write_text(CASES)
    change = ("trainer", "model:promote", "models/**")
    assert auditkit("allow", *change, "--by", "adam")[0] == 0
    code, out, err = auditkit("test", "cases.yaml")
    assert code == 10
    assert "6 cases: 1 decided otherwise" in err
    (line,) = out.splitlines()
    assert line.startswith("case 2: ann model:promote on models/credit/aliases/champion in default")
    assert line.endswith("p, role:trainer, *, models/**, model:promote, allow")
    (found,) = json.loads(auditkit("test", "cases.yaml", "--json")[1])
    assert (found["case"], found["expected"], found["allowed"]) == (2, "deny", True)


@pytest.mark.parametrize(
    "wrong",
    [
        "cases: []",
        "cases: [{user: ann, verb: 'model:reed', object: models/x, expected: deny}]",
        "cases: [{user: ann, verb: 'model:read', object: 'models/*', expected: deny}]",
        "cases: [{user: ann, verb: 'model:read', object: models/x, expected: maybe}]",
        "cases: [{user: ann, verb: 'model:read', object: models/x}]",
        "case: []",
    ],
)
def test_cases_that_could_pass_by_mistake_are_refused(auditkit, tmp_path, wrong):
    (tmp_path / "cases.yaml").write_text(wrong)
    code, _, err = auditkit("test", "cases.yaml")
    assert code == 2, err
