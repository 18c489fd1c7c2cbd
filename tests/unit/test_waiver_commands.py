"""`auditkit waiver`, from the request to the gate: two people with a key store each."""

from __future__ import annotations

import json
from datetime import date

import pytest

import auditkit as ak
from auditkit.api import open_log
from auditkit.cli import run
from auditkit.judgement.again import judged_again
from auditkit.ledger import Ledger
from auditkit.loading.audit_file import inputs_of, read_audit_file
from auditkit.signing import KeyStore

POLICY = """
id: mine
version: "1"
title: Mine
as_of: 2026-11-22
rules:
  - {{id: FL-1, title: Ratio, check: fairness.selection_rates, measure: impact_ratio, at_least: 0.8,
     judge: value, severity: high, citation: x, why: y}}
waiver_approvers: {{Ada Obi: ["{ada}"], Bo Li: ["{bo}"]}}
"""
AUDIT = """
name: credit
predictions: p
data: d.csv
label: y
favourable: 1
groups: [race]
policy: ./p.yaml
as_of: 2026-12-01
waivers: [waivers]
"""


DAY = date(2026, 12, 1)
REQUEST = (
    "waiver", "request", "FL-1", "--reason", "retrained by March", "--until", "2027-02-15",
    "--from", "2026-12-01",
)  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with an audit that fails for one group, and two people's key stores."""
    keys = {}
    for name in ("ada", "bo", "eve"):
        store = KeyStore(tmp_path / name)
        store.report_signer()
        keys[name] = next(r.fingerprint for r in store.records() if r.use == "statement")
    (tmp_path / "p.yaml").write_text(POLICY.format(**keys))
    rows = [
        (i % 2, int(i % 5 < (4 if race == "a" else 2)), race) for race in "ab" for i in range(90)
    ]
    (tmp_path / "d.csv").write_text("y,p,race\n" + "".join(f"{y},{p},{r}\n" for y, p, r in rows))
    (tmp_path / "audit.yaml").write_text(AUDIT)
    (tmp_path / "waivers").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDITKIT_LOG", raising=False)

    def as_(name, *arguments):
        monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / name))
        return run(list(arguments))

    assert as_("ada", "gate", "audit.yaml") == 10
    inputs = inputs_of(read_audit_file(tmp_path / "audit.yaml"), tmp_path)
    as_.again = lambda **more: ak.run(
        inputs, policy=tmp_path / "p.yaml", today=DAY, progress=False, **more
    )
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "statement.json").write_bytes(as_.again(log=None).statement)
    return as_


def test_from_request_to_gate_and_back(place, tmp_path, capsys):
    assert place("ada", *REQUEST, "--scope", "group=race=b") == 0
    path = capsys.readouterr().out.strip().splitlines()[-1]
    assert place("ada", "gate", "audit.yaml") == 10
    assert "only Ada Obi signed it" in capsys.readouterr().err
    assert place("ada", "waiver", "approve", path) == 10
    assert place("eve", "waiver", "approve", path) == 10
    assert "does not list your statement key" in capsys.readouterr().err
    assert place("bo", "waiver", "approve", path) == 0
    assert place("ada", "gate", "audit.yaml") == 0
    assert "ends in" not in capsys.readouterr().err
    assert place("ada", "gate", "audit.yaml", "--today", "2027-02-01") == 0
    assert "ends in 14 days, on 2027-02-15" in capsys.readouterr().err
    assert place("ada", "gate", "audit.yaml", "--today", "2027-02-16") == 10
    assert "It ended on 2027-02-15" in capsys.readouterr().err
    assert place("ada", "gate", "audit.yaml", "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)["waivers"]
    assert (told["rule"], told["groups"], told["approvers"]) == ("FL-1", ["race=b"], ["Bo Li"])
    assert place("ada", "waiver", "list", "--today", "2026-12-01") == 0
    assert "in force" in capsys.readouterr().out

    audit = place.again(waivers=[path], log=None)
    assert audit.verdict.decision.value == "pass"
    assert judged_again(json.loads(audit.statement)["predicate"]).differences == ()

    assert place("ada", "waiver", "revoke", path, "--reason", "not so") == 0
    revocation = capsys.readouterr().out.strip().splitlines()[-1]
    assert place("ada", "gate", "audit.yaml") == 10
    assert "Ada Obi revoked it" in capsys.readouterr().err
    # A named file brings the revocation beside it; the log knows of one that was removed.
    assert place.again(waivers=[path], log=None).verdict.decision.value == "fail"
    (tmp_path / revocation).unlink()
    assert place.again(waivers=[path], log=None).verdict.decision.value == "pass"
    store = KeyStore(tmp_path / "ada")
    assert place.again(waivers=[path], keys=store).verdict.decision.value == "fail"
    with open_log(store.log_url, store) as log:
        assert isinstance(log, Ledger)
        kinds = [entry.kind for entry in log.entries()]
    assert [k for k in kinds if k.startswith("waiver.")] == ["waiver.requested", "waiver.revoked"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--until", "2027-06-01"), "the policy allows 90"),
        (("--until", "2026-11-01"), "last day is before its first"),
        (("--scope", "group=race=z"), "no condition for"),
        (("--scope", "race=b"), "no condition for"),
        (("--subject", "all"), "digest, or name"),
        (("--reason", "a\nb"), "one line"),
        (("--report", "nowhere"), "nowhere"),
    ],
)
def test_a_wrong_request_says_what_is_wrong_and_leaves_nothing(place, tmp_path, capsys, more, said):
    assert place("ada", *REQUEST, *more) == 2
    assert said in capsys.readouterr().err
    assert not list((tmp_path / "waivers").iterdir())
    assert place("ada", "waiver", "request", "FL-9", *REQUEST[3:]) == 2
    assert "name one of FL-1" in capsys.readouterr().err


def test_a_waiver_is_asked_for_by_a_finding_for_every_version_of_a_name(place, capsys):
    audit = place.again(log=None)
    (bad,) = [c for c in audit.findings[0].conditions if c.outcome.value == "fail"]
    assert place("bo", "waiver", "request", bad.id, *REQUEST[3:], "--subject", "name") == 0
    path = capsys.readouterr().out.strip().splitlines()[-1]
    assert place("ada", "waiver", "approve", path) == 0
    assert "every version" in capsys.readouterr().err
    assert place("ada", "gate", "audit.yaml") == 0
