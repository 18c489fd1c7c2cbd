"""What commands did is an entry, where a log is named; and the same as before, where none is."""

from __future__ import annotations

import pytest

from auditkit.cli import run as command
from auditkit.cli.shared.log_open import LOG_NAME
from auditkit.ledger import Ledger
from auditkit.period.extract import write_population
from auditkit.period.window import Period
from auditkit.signing import KeyStore
from tests.fixtures.lending import judgement

EVER = Period.parse("2020-01-01", "2100-01-01")


@pytest.fixture
def store(tmp_path):
    made = KeyStore(tmp_path / "keys")
    with opened(tmp_path, made):
        pass
    return made


def opened(tmp_path, store):
    return Ledger.open(f"sqlite:///{tmp_path}/own.db", key=store.log_signer(LOG_NAME))


def where(tmp_path):
    return ["--log", f"{tmp_path}/own.db"]


def logged(tmp_path, store):
    with opened(tmp_path, store) as log:
        return [(entry.kind, entry.payload) for entry in log.entries()]


def test_a_deidentification_is_logged(tmp_path, store):
    table = tmp_path / "visits.csv"
    table.write_text("name,age\nAnn Smith,41\nBob Jones,52\n")
    line = ["deid", "apply", str(table), str(tmp_path / "clean.csv"), "--no-model"]
    assert command(line) == 0
    assert logged(tmp_path, store) == []
    line = [*line, "--replace", *where(tmp_path), "--keys", str(tmp_path / "keys")]
    assert command(line) == 0
    ((kind, facts),) = logged(tmp_path, store)
    assert (kind, facts["rows"], facts["columns"]) == ("deid.run", 2, 2)
    assert facts["input"].startswith("sha256:")
    assert "Ann" not in str(facts)
    with opened(tmp_path, store) as log:
        made = write_population(log, "deid", EVER, tmp_path / "deid", at=EVER.end)
    assert made.count == 1


def test_an_export_is_logged(tmp_path, store):
    statement = tmp_path / "statement.json"
    statement.write_bytes(judgement().statement)
    line = ["export", str(statement), "--format", "csv", "-o", str(tmp_path / "out")]
    assert command(line) == 0
    assert logged(tmp_path, store) == []
    assert command([*line, *where(tmp_path), "--keys", str(tmp_path / "keys")]) == 0
    ((kind, facts),) = logged(tmp_path, store)
    assert (kind, facts["formats"]) == ("data.exported", ["csv"])
    assert command([*line, "--log", f"{tmp_path}/gone.db", "--keys", str(tmp_path / "keys")]) == 2


def test_a_run_of_the_gate_is_logged(tmp_path, store):
    rows = "\n".join(
        f"{i % 7},{i % 2},{'m' if i % 3 else 'f'},{(i * 37 % 100) / 100}" for i in range(400)
    )
    (tmp_path / "t.csv").write_text(f"a,y,sex,score\n{rows}\n")
    (tmp_path / "audit.yaml").write_text(
        "name: credit\npolicy: starter\ndata: t.csv\nlabel: y\n"
        "scores: score\ngroups: [sex]\nfavourable: 1\n"
    )
    line = ["gate", str(tmp_path / "audit.yaml"), "--json"]
    code = command(line)
    if code == 2:
        pytest.fail("the audit file of this test cannot be used")
    assert logged(tmp_path, store) == []
    assert command([*line, *where(tmp_path), "--keys", str(tmp_path / "keys")]) == code
    ((kind, facts),) = logged(tmp_path, store)
    assert kind == "gate.run"
    assert facts["decision"] == {0: "pass", 10: "fail", 11: "incomplete"}[code]
