"""What a log says of audits: begun before anything is measured, ended, reported, counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.audit_log.audits import BEGUN, ENDED, STATEMENT, logged_audits
from auditkit.cli import run as command
from auditkit.errors import InputError, LedgerError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.ledger.keep.payload_jobs import destroy
from auditkit.signing import KeyStore
from tests.fixtures.lending import judgement

KEY = NoteSigner.generate("example.com/audits")
ROWS = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0] * 10})
LABELS = pd.Series([0, 1, 0, 1] * 10)


def inputs(**changes):
    known = {"data": ROWS, "labels": LABELS, "scores": np.linspace(0, 1, 40), "favourable": 1}
    return ak.Inputs(**(known | {"name": "credit"} | changes))


@pytest.fixture
def log(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/log.db", key=KEY) as opened:
        yield opened


def kinds(log):
    return [entry.kind for entry in log.entries()]


def test_an_audit_is_logged_before_anything_is_measured(log, monkeypatch):
    seen = []

    def stop(position, count, title):
        seen.append(kinds(log))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ak.run(inputs(), log=log, progress=stop)
    assert seen == [[BEGUN]]
    (entry,) = log.entries()
    assert {"name", "model", "data", "policy"} <= entry.payload.keys()
    (audit,) = logged_audits(log).audits
    assert (audit.name, audit.decision, audit.statement) == ("credit", "", "")


def test_and_with_its_verdict_when_it_ended(log):
    audit = ak.run(inputs(), log=log)
    assert kinds(log) == [BEGUN, ENDED]
    (found,) = logged_audits(log).audits
    assert (found.decision, found.statement) == (audit.verdict.decision.value, str(audit.digest))
    assert found.model == str(audit.subject.digest)
    assert found.policy == str(audit.policy.digest)
    assert found.data == str(next(d.digest for d in audit.datasets if d.role == "evaluation"))
    assert found.reports == ()


def test_what_is_refused_was_not_begun(log):
    with pytest.raises(InputError):
        ak.run(inputs(), log=log, expect={"data": f"sha256:{'0' * 64}"})
    assert kinds(log) == []


def test_without_a_word_the_log_is_that_of_the_key_store(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("AUDITKIT_LOG", str(tmp_path / "for-the-command-line.db"))
    one, other = ak.run(inputs()), ak.run(inputs())
    assert one == other
    assert one.begun.origin == other.begun.origin
    assert not (tmp_path / "for-the-command-line.db").exists()
    store = KeyStore(tmp_path / "keys")
    key = store.log_verifiers("auditkit.local/log")[0]
    with Ledger.open(store.log_url, key=key) as log:
        assert kinds(log) == [BEGUN, ENDED] * 2


def test_a_log_of_none_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / "keys"))
    audit = ak.run(inputs(), log=None)
    assert (audit.log, audit.begun) == (None, None)
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_written_says_how_to_do_without(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / "keys"))
    ak.run(inputs())
    (tmp_path / "keys" / "log.db.head").unlink()
    with pytest.raises(LedgerError) as told:
        ak.run(inputs())
    assert "log=None for none" in told.value.remedy
    with pytest.raises(LedgerError) as told:
        ak.run(inputs(), log=tmp_path / "none" / "log.db")
    assert "log=None" not in told.value.remedy


def logged(log, *, name="credit", model="m", data="d", decision="fail", report=True):
    """An audit as it is logged, without making one."""
    facts = {"name": name, "version": "1", "model": model, "data": data, "policy": "p"}
    begun = log.append(kind=BEGUN, payload=facts).index
    if not decision:
        return begun
    result = {"decision": decision, "statement": f"sha256:{begun:064}"}
    log.append(kind=ENDED, payload={"begun": begun, **result})
    if not report:
        return begun
    return log.append(kind=STATEMENT, payload={**facts, **result, "begun": begun}).index


def test_audits_are_counted_by_what_they_share(log):
    logged(log)
    logged(log, decision="", report=False)
    logged(log, data="e", decision="incomplete", report=False)
    logged(log, name="renamed")
    logged(log, name="renamed", model="n", data="e", decision="pass")
    own = logged(log, decision="pass")
    found = logged_audits(log)
    zero = dict.fromkeys(("pass", "fail", "incomplete", "unended"), 0)
    counted = found.counted(found.reported_in(own))
    assert counted == {
        "size": log.size,
        "unknown": 0,
        "name": zero | {"audits": 4, "pass": 1, "fail": 1, "incomplete": 1, "unended": 1},
        "model": zero | {"audits": 5, "pass": 1, "fail": 2, "incomplete": 1, "unended": 1},
        "data": zero | {"audits": 4, "pass": 1, "fail": 2, "unended": 1},
    }
    earlier = logged_audits(log, size=3)
    assert [a.name for a in earlier.audits] == ["credit"]


def test_a_report_counts_once_however_often_it_is_made(log):
    audit = ak.run(inputs(), log=log)
    entry = {
        "statement": str(audit.digest), "decision": "fail", "begun": audit.begun.index,
        "name": "credit", "version": "1",
    }  # fmt: skip
    for _ in range(2):
        log.append(kind=STATEMENT, payload=entry)
    (found,) = logged_audits(log).audits
    assert found.reports == (2, 3)


def test_audits_of_earlier_versions_are_audits(log):
    """They left a verdict and a statement."""
    digest = f"sha256:{'a' * 64}"
    verdict = {
        "artifact_digest": "m", "policy": "lending", "policy_digest": "p", "decision": "fail",
        "statement": digest,
    }  # fmt: skip
    log.append(kind="gate.verdict", payload=verdict)
    log.append(kind=STATEMENT, payload={"statement": digest, "subject": "team/credit/7"})
    (found,) = logged_audits(log).audits
    assert (found.name, found.version, found.model) == ("team/credit", "7", "m")
    assert (found.policy, found.decision, found.reports) == ("p", "fail", (1,))


def test_what_was_destroyed_is_counted_apart(log):
    logged(log)
    own = logged(log)
    destroy(log, [0], by="x", reason="y", now=datetime.now(UTC), before_due=True)
    found = logged_audits(log)
    assert found.unknown == 1
    assert found.counted(found.reported_in(own))["name"]["audits"] == 2  # the report is left


def test_the_audits_are_listed(log, tmp_path, capsys):
    logged(log)
    logged(log, name="odd\x1b[31m\nname", decision="")
    (tmp_path / "log.pub").write_text(f"{KEY.verifier}\n")
    words = ["log", "audits", str(tmp_path / "log.db"), "--key", str(tmp_path / "log.pub")]
    assert command(words) == 0
    one, other = capsys.readouterr().out.splitlines()
    assert one.split()[0] == "0"
    assert "fail" in one
    assert "not ended" in other
    assert "\x1b" not in other
    assert command([*words, "--unended", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [a["index"] for a in told["audits"]] == [3]
    assert told["audits"][0]["decision"] is None


def test_a_report_says_how_many_audits_of_its_subject_there_are(tmp_path, log):
    from auditkit.pdf.reading import read_pdf

    store = KeyStore(tmp_path / "keys")
    audit = ak.Audit.of(judgement())
    for _ in range(2):
        audit.report(tmp_path / "a.pdf", log=log, keys=store)
    stated = json.loads(read_pdf((tmp_path / "a.pdf").read_bytes()).files["render.json"])
    counted = stated["options"]["logged"]
    assert counted["size"] == log.size == 4
    assert counted["name"]["audits"] == 2
    assert audit.report(tmp_path / "b.pdf", log=None, keys=store) is None
    read = read_pdf((tmp_path / "b.pdf").read_bytes()).files
    assert "receipt.json" not in read
    assert json.loads(read["render.json"])["options"]["logged"] is None
