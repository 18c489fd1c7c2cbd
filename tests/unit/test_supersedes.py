"""A report that takes the place of another names it: in the statement, on page one, in the log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

import auditkit as ak
from auditkit.api import LOG_NAME
from auditkit.canonical import Digest, parse_json
from auditkit.cli.audit import _statement_digest
from auditkit.errors import InputError
from auditkit.judgement.restored import restored
from auditkit.ledger import Ledger
from auditkit.loading.audit_file import AuditFile
from auditkit.pdf.pages import page_texts
from auditkit.signing import KeyStore
from auditkit.verification import ClaimState, verify
from tests.fixtures.lending import judgement

FIRST = judgement()
SECOND = replace(FIRST, supersedes=FIRST.digest)


def test_the_statement_names_it_and_is_restored_with_it():
    assert "supersedes" not in parse_json(FIRST.statement)["predicate"]
    assert parse_json(SECOND.statement)["predicate"]["supersedes"] == str(FIRST.digest)
    rows = {table.name: parse_json(table.to_bytes())["rows"] for table in SECOND.tables}
    assert restored(SECOND.statement, rows).supersedes == FIRST.digest


def test_run_takes_a_digest():
    inputs = ak.Inputs(
        data=pd.DataFrame({"a": [1.0, 2.0] * 20}),
        labels=pd.Series([0, 1] * 20),
        scores=np.linspace(0, 1, 40),
        favourable=1,
    )
    audit = ak.run(inputs, log=None, supersedes=str(FIRST.digest))
    assert audit.supersedes == FIRST.digest
    assert ak.run(inputs, log=None).supersedes is None
    with pytest.raises(InputError, match="digest"):
        ak.run(inputs, log=None, supersedes="AK-1")


def test_report_log_and_verification_say_so(tmp_path):
    store = KeyStore(tmp_path / "keys")
    with Ledger.open(f"sqlite:///{tmp_path}/log.db", key=store.log_signer(LOG_NAME)) as log:
        for name, one in (("old", FIRST), ("new", SECOND)):
            ak.Audit.of(one).report(tmp_path / f"{name}.pdf", log=log, keys=store)
        old, new = (
            verify(
                (tmp_path / f"{name}.pdf").read_bytes(), trust=store.trusted(), log=log,
                log_keys=store.log_verifiers(LOG_NAME), render=name == "new",
            )
            for name in ("old", "new")
        )  # fmt: skip
    assert (old.exit_code, new.exit_code) == (0, 0)
    assert new.claim("pages").state is ClaimState.TRUE
    assert (old.supersedes, new.supersedes) == ("", str(FIRST.digest))
    assert new.to_json()["supersedes"] == str(FIRST.digest)
    assert f"{SECOND.report_id} supersedes this one" in old.claim("history").reason
    assert "supersedes" not in new.claim("history").reason
    page_one = " ".join(page_texts((tmp_path / "new.pdf").read_bytes())[0].split())
    assert "Supersedes" in page_one
    assert f"the report of statement {FIRST.digest.short}" in page_one
    for given in (str(tmp_path / "old.pdf"), str(FIRST.digest)):
        assert _statement_digest(given) == str(FIRST.digest)


def test_the_command_line_takes_a_report_or_a_whole_digest(tmp_path):
    (tmp_path / "statement.json").write_bytes(FIRST.statement)
    assert _statement_digest(str(tmp_path / "statement.json")) == str(FIRST.digest)
    (tmp_path / "other.txt").write_text("no report")
    for given in ("sha256:12", str(tmp_path / "other.txt"), str(tmp_path / "none.pdf")):
        with pytest.raises(InputError):
            _statement_digest(given)


def test_the_audit_file_takes_a_digest():
    known = {"data": "a.csv", "label": "y", "scores": "s", "policy": "starter"}
    digest = str(Digest.of(b"x"))
    assert AuditFile.model_validate(known | {"supersedes": digest}).supersedes == digest
    with pytest.raises(ValidationError):
        AuditFile.model_validate(known | {"supersedes": "report.pdf"})
