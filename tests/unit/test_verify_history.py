"""A report against its log: how many audits of its subject there were, and how they ended."""

from __future__ import annotations

import json

import pytest

import auditkit as ak
from auditkit.api import LOG_NAME
from auditkit.audit_log.audits import BEGUN, STATEMENT, LoggedAudits
from auditkit.cli import run as command
from auditkit.ledger import Ledger
from auditkit.ledger.keep.payload_jobs import destroy
from auditkit.signing import KeyStore
from auditkit.verification import ClaimState, verify
from tests.fixtures.lending import judgement
from tests.support.whole_report import SIGNED_AT

SECOND = {"name": judgement().subject.name, "version": "9", "model": "m", "data": "d"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store, its log with an audit begun, and a report of a second."""
    folder = tmp_path_factory.mktemp("history")
    store = KeyStore(folder / "keys")
    with Ledger.open(f"sqlite:///{folder}/log.db", key=store.log_signer(LOG_NAME)) as log:
        log.append(kind=BEGUN, payload=SECOND)
        ak.Audit.of(judgement()).report(folder / "report.pdf", log=log, keys=store)
    return folder, store


@pytest.fixture
def log(made, tmp_path):
    """A copy of that log."""
    folder, store = made
    for name in ("log.db", "log.db.head"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with Ledger.open(f"sqlite:///{tmp_path}/log.db", key=store.log_signer(LOG_NAME)) as opened:
        yield opened


def history(made, log):
    folder, store = made
    found = verify(
        (folder / "report.pdf").read_bytes(), trust=store.trusted(),
        log_keys=store.log_verifiers(LOG_NAME), render=False, log=log,
    )  # fmt: skip
    return found, found.claim("history")


def test_the_log_is_not_asked_for_by_itself(made):
    found, claim = history(made, None)
    assert (claim.state, claim.asked, found.exit_code) == (ClaimState.UNCHECKED, False, 0)
    assert "audits" not in found.to_json()


def test_the_audits_are_counted_again_and_listed(made, log):
    log.append(kind=BEGUN, payload=SECOND | {"name": "another"})
    log.append(kind=BEGUN, payload=SECOND)
    found, claim = history(made, log)
    assert (claim.state, found.exit_code) == (ClaimState.TRUE, 0), claim.reason
    assert "2 audits of this name (" in claim.reason
    assert [a.index for a in found.audits] == [0, 2, 4]
    assert [a["decision"] for a in found.to_json()["audits"]][::2] == [None, None]


def test_another_log_is_not_the_reports(made, tmp_path):
    _, store = made
    with Ledger.open(f"sqlite:///{tmp_path}/o.db", key=store.log_signer(LOG_NAME)) as other:
        found, claim = history(made, other)
    assert (claim.state, found.exit_code) == (ClaimState.FALSE, 12)
    assert "the report's is" in claim.reason


def test_a_log_without_the_earlier_audit_is_not_the_one_that_was(made, tmp_path):
    """Begun anew under the same name, by whoever has the key."""
    folder, store = made
    with Ledger.open(f"sqlite:///{folder}/log.db", key=store.log_verifiers(LOG_NAME)[0]) as real:
        origin, entries = real.origin, list(real.entries())
    own = {"key": store.log_signer(LOG_NAME), "origin": origin}
    with Ledger.open(f"sqlite:///{tmp_path}/new.db", **own) as log:
        for entry in entries[1:]:
            log.append(kind=entry.kind, payload=entry.payload)
        log.append(kind="other", payload={})
        _, claim = history(made, log)
    assert claim.state is ClaimState.FALSE
    assert "not those of" in claim.reason


def test_who_counts_fewer_is_believed_until_the_log_is_read(made, log, monkeypatch):
    """The tool is made to count fewer, and all that it writes follows from that."""
    folder, store = made
    count = LoggedAudits.counted

    def fewer(self, own):
        counted = count(self, own)
        return counted | {"name": counted["name"] | {"audits": 1, "unended": 0}}

    with monkeypatch.context() as patch:
        patch.setattr(LoggedAudits, "counted", fewer)
        ak.Audit.of(judgement()).report(folder / "fewer.pdf", log=log, keys=store)
    given = {"trust": store.trusted(), "log_keys": store.log_verifiers(LOG_NAME)}
    report = (folder / "fewer.pdf").read_bytes()
    alone = verify(report, **given)
    assert (alone.claim("pages").state, alone.exit_code) == (ClaimState.TRUE, 0)
    assert not alone.claim("history").asked
    assert "the signer's word" in alone.claim("history").reason
    found = verify(report, log=log, render=False, **given)
    claim = found.claim("history")
    assert (claim.state, found.audits, found.exit_code) == (ClaimState.FALSE, (), 12)
    assert "not 1 audit of this name" in claim.reason


def test_after_payloads_were_destroyed_nobody_can_count(made, log):
    destroy(log, [0], by="x", reason="y", now=SIGNED_AT, before_due=True)
    _, claim = history(made, log)
    assert claim.state is ClaimState.UNCHECKED
    assert "1 of the log's entries" in claim.reason


def test_on_the_command_line(made, log, tmp_path, monkeypatch, capsys):
    folder, _ = made
    monkeypatch.setenv("AUDITKIT_KEYS", str(folder / "keys"))
    log.append(kind=STATEMENT, payload=SECOND | {"statement": f"sha256:{'b' * 64}"})
    words = ["verify", str(folder / "report.pdf"), "--no-render"]
    assert command([*words, "--log", str(tmp_path / "log.db")]) == 0
    told = capsys.readouterr().out
    assert "not ended" in told.splitlines()[-3]
    assert "AK-bbbbbbbbbbbb" in told.splitlines()[-1]
    assert command([*words, "--log", str(tmp_path / "log.db"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["audits"]) == 3
    assert command([*words, "--no-own-keys", "--log", str(tmp_path / "log.db")]) == 2
    assert "--log-key" in capsys.readouterr().err
