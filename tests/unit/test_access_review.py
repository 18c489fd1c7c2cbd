"""Reviews, lint, differences, and the commands that show them."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from auditkit.access import AccessControl, AccessRules
from auditkit.access.kept.folder import start_policy
from auditkit.access.policy.control import read_texts
from auditkit.access.policy.lint import lint
from auditkit.access.policy.rules import AccessRule, Grant
from auditkit.access.record.approvals import APPROVED, BROKEN, CLAIMED, DONE, POLICY, REQUESTED
from auditkit.access.record.effects import replayed
from auditkit.access.record.review import review
from auditkit.cli import run
from auditkit.errors import PolicyError
from auditkit.ledger import Ledger, NoteSigner

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def access_with(*grants: str, extra: str = "") -> AccessControl:
    texts = read_texts(None)
    texts["policy.csv"] += "".join(f"g, {grant}, *\n" for grant in grants) + extra
    return AccessControl.from_texts(texts)


@pytest.fixture
def access():
    return access_with(
        "ann, role:trainer", "mia, role:release-manager", "max, role:release-manager"
    )


@pytest.fixture
def logged(tmp_path, access):
    """A log of a few days, and its public key."""
    now = [NOW - timedelta(days=100)]
    signer = NoteSigner.generate("auditkit.local/log")

    def decision(user: str, verb: str, obj: str) -> dict[str, object]:
        d = access.decide(user, verb, obj)
        part = {"verb": verb, "object": obj, "allowed": d.allowed, "rule": d.rule}
        return {
            "user": user,
            "endpoint": "_x",
            "domain": "default",
            "allowed": d.allowed,
            "reason": d.reason,
            "decisions": [part],
        }

    path = tmp_path / "ledger.db"
    with Ledger.open(f"sqlite:///{path}", key=signer, clock=lambda: now[0]) as log:
        policy = {"policy_digest": "sha256:p", "author": "adam", "approver": "paula"}
        log.append(kind=POLICY, payload=policy)
        champion = "models/m/aliases/champion"
        log.append(kind="access.decision", payload=decision("max", "model:promote", champion))
        now[0] = NOW - timedelta(days=1)
        log.append(kind="access.decision", payload=decision("ann", "model:promote", champion))
        log.append(kind="access.decision", payload=decision("mia", "model:promote", champion))
        reads = {"decisions": [decision("ann", "model:register", "models/m"), {"outcome_of": "x"}]}
        reads["decisions"].append({"user": "", "allowed": False, "reason": "nobody was named"})
        log.append(kind="access.reads", payload=reads)
        place = {"model": "m", "version": "1", "kind": "alias", "name": "champion"}
        log.append(kind=REQUESTED, payload={**place, "id": "r1", "user": "ann"})
        for user in ("rob", "rita"):
            log.append(kind=APPROVED, payload={"request": "r1", "user": user})
        claimed = {**place, "user": "mia", "how": "promoted", "request": "r1", "claim": "c"}
        log.append(kind=CLAIMED, payload=claimed)
        log.append(kind=DONE, payload=claimed)
        broken = {"id": "b", "user": "mia", "object": champion, "valid_minutes": 60}
        log.append(kind=BROKEN, payload={**broken, "reason": "outage", "ticket": "=INC"})
        entries = list(log.entries())
    return path, str(signer.verifier), entries


def test_a_review_says_who_may_who_did_and_what_looks_wrong(access, logged):
    found = review(access, logged[2], now=NOW)
    assert found.decisions == 4
    assert ("mia", "*", "role:release-manager", "mia > role:release-manager") in found.table(
        "grants"
    ).rows
    assert ("ann", "*", "role:viewer", "ann > role:trainer > role:viewer") in found.table(
        "grants"
    ).rows
    may = {(r[0], r[2]) for r in found.table("promoters").rows}
    assert may == {("ann", "models/*/aliases/staging"), ("mia", "models/**"), ("max", "models/**")}
    assert [r[1:3] for r in found.table("denied").rows] == [
        ("ann", "model:promote models/m/aliases/champion")
    ]
    assert [r[1] for r in found.table("moves").rows] == ["mia"]
    assert [(r[0], r[3][:10]) for r in found.table("unused_grants").rows] == [("max", "2026-08-16")]
    values = {m.name: m.value for m in found.to_evidence().measurements}
    assert values == {
        "users": 3,
        "promoters": 3,
        "denied": 1,
        "promotions": 1,
        "unused_grants": 1,
        "sod_conflicts": 0,
        "breakglass_uses": 1,
        "breakglass_unreviewed": 1,
        "policy_changes": 1,
        "self_approved_policy_changes": 0,
    }
    moved = dict(zip(found.table("moves").columns, found.table("moves").rows[0], strict=True))
    assert (moved["user"], moved["asked_by"], moved["approved_by"]) == ("mia", "ann", "rita, rob")
    (broken,) = found.table("breakglass").rows
    assert str(broken[5]).endswith("+00:00")  # when somebody else must have reviewed it
    late = review(access, logged[2], now=NOW + timedelta(days=3)).table("breakglass").rows[0]
    assert str(late[5]).endswith("(overdue)")
    assert any("sha256:p is in force" in note for note in found.notes)
    assert any("named nobody or showed a wrong password: 1;" in note for note in found.notes)
    recent = review(access, logged[2], now=NOW, since=NOW - timedelta(days=2))
    assert (recent.decisions, len(recent.table("policy_changes").rows)) == (3, 0)


def test_lint_finds_what_loads_and_is_wrong():
    rule = AccessRule("role:a", "*", "models/**", "model:read", "allow", 1)
    chain = tuple(Grant(f"role:r{i}", f"role:r{i + 1}", "*") for i in range(11))
    codes = {f.code for f in lint(AccessRules((rule, rule), (Grant("ann", "role:b", "*"), *chain)))}
    assert codes == {"long-chain", "no-approver", "empty-role", "unheld-role", "twice"}
    with pytest.raises(PolicyError, match="steps"):
        AccessControl(AccessRules((rule,), chain))
    # A request may bring a role that nobody is granted: it is one step from the user then.
    unheld = tuple(Grant(f"role:r{i}", f"role:r{i + 1}", "*") for i in range(9))
    with pytest.raises(PolicyError, match="steps"):
        AccessControl(AccessRules((rule,), unheld))
    AccessControl(AccessRules((rule,), unheld[:-1]))
    crossing = (Grant("role:r5", "role:s", "prod"), Grant("role:s", "role:t", "prod"))
    AccessControl(AccessRules((rule,), (*unheld[:-3], *crossing)))
    with pytest.raises(PolicyError, match="role:r0 in prod"):
        AccessControl(AccessRules((rule,), (*unheld[:-1], Grant("role:r8", "role:s", "prod"))))


def test_the_commands_from_the_first_grant_to_the_review(tmp_path, monkeypatch, capsys, logged):
    monkeypatch.chdir(tmp_path)

    def auditkit(*arguments: str) -> tuple[int, str]:
        code = run(["access", *arguments])
        return code, capsys.readouterr().out

    assert auditkit("init", "access")[0] == 0
    for user, role in [
        ("adam", "admin"),
        ("paula", "policy-approver"),
        ("ann", "trainer"),
        ("mia", "release-manager"),
    ]:
        assert auditkit("grant", user, role, "--by", "adam")[0] == 0, user
    assert auditkit("approve", "--by", "adam")[0] == 10  # their own draft
    assert auditkit("approve", "--by", "mia")[0] == 10  # no such right
    assert auditkit("approve", "--by", "paula")[0] == 0
    code, out = auditkit("check", "mia", "model:promote", "models/m/aliases/champion")
    assert (code, out.split("\n")[0]) == (0, "allowed")
    assert run(["access", "check", "mia", "model:read", "models/m"]) == 0
    assert "not in force" not in capsys.readouterr().err
    code, out = auditkit("check", "ann", "model:promote", "models/m/aliases/champion", "--json")
    assert code == 10
    assert json.loads(out)["reason"] == "no rule allows it"
    assert auditkit("lint")[0] == 0
    assert auditkit("grant", "mia", "trainer", "--by", "ann")[0] == 10
    assert auditkit("init", "other")[0] == 0
    assert auditkit("diff", "access", "other")[0] == 10
    assert auditkit("grant", "mia", "trainer", "--by", "adam")[0] == 0
    assert run(["access", "check", "mia", "model:register", "models/m"]) == 0
    assert "the draft in this folder, which is not in force" in capsys.readouterr().err
    code, out = auditkit("lint")
    assert code == 10
    assert "mia may model:register (role:trainer) and model:promote" in out
    # What takes two is not put into force for one.
    assert run(["access", "approve", "--by", "paula"]) == 2
    assert "what takes two" in capsys.readouterr().err
    assert auditkit("revoke", "mia", "trainer", "--by", "adam")[0] == 0
    assert run(["access", "grant", "mia", "trianer", "--by", "adam"]) == 2
    assert "give one of admin, auditor" in capsys.readouterr().err
    assert auditkit("revoke", "mia", "trainer", "--by", "adam")[0] == 2
    assert "ann > role:trainer > role:viewer" in auditkit("roles")[1]
    path, key, _ = logged
    common = ["--log", str(path), "--key", key]
    assert "Attempts that were denied (1)" in auditkit("review", *common)[1]
    assert auditkit("review", *common, "--csv", "out")[0] == 0
    with (tmp_path / "out" / "access_breakglass.csv").open() as file:
        emergency = next(csv.DictReader(file))
    assert (emergency["ticket"], emergency["reviewed_by"]) == ("'=INC", "")
    assert run(["access", "review", *common, "--since", "2999-01-01"]) == 2
    assert "in the future" in capsys.readouterr().err
    # max is not in this policy: what he was allowed would now be denied.
    code, out = auditkit("simulate", "access", *common)
    assert code == 10
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["max"]
    assert auditkit("grant", "max", "release-manager", "--by", "adam")[0] == 0
    assert auditkit("simulate", "access", *common) == (0, "")  # no header over nothing
    monkeypatch.setattr("sys.stdin", io.StringIO("a long enough password\n"))
    assert auditkit("user", "add", "ann")[0] == 0
    assert (tmp_path / "users.json").stat().st_mode & 0o777 == 0o600
    assert auditkit("user", "remove", "bob")[0] == 2


def test_a_log_that_somebody_rewrote_is_not_reviewed(tmp_path, logged):
    path, key, _ = logged
    with closing(sqlite3.connect(path)) as database, database:
        rewritten = "CAST(replace(CAST(body AS TEXT), '\"ann\"', '\"bob\"') AS BLOB)"
        database.execute(f"UPDATE payload SET body = {rewritten}")
    start_policy(tmp_path / "access")
    for command in (["review", "--policy"], ["simulate"]):
        arguments = ["access", *command, str(tmp_path / "access"), "--log", str(path), "--key", key]
        assert run(arguments) == 12


def test_what_was_refused_unjudged_is_no_decision_to_simulate(access):
    """As `registry approve` of a request that does not exist leaves it."""
    payload = {"user": "rita", "allowed": False, "endpoint": "x", "reason": "no such request"}
    entry = SimpleNamespace(index=0, kind="access.decision", time=NOW, payload=payload)
    assert replayed(access, [entry]) == ()


def test_a_grant_is_shown_in_the_domain_where_it_holds():
    extra = "p, role:lead, prod, models/**, model:promote, allow\ng, ann, role:lead, prod\n"
    found = review(access_with("ann, role:trainer", extra=extra), (), now=NOW)
    grants = [(row[1], row[2]) for row in found.table("grants").rows]
    assert grants == [("*", "role:trainer"), ("*", "role:viewer"), ("prod", "role:lead")]
    may = [(row[1], row[2]) for row in found.table("promoters").rows]
    assert may == [("*", "models/*/aliases/staging"), ("prod", "models/**")]
