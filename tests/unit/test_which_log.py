"""Which log an audit goes into: the option, the audit file, the environment, the key store."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditkit.cli import run
from auditkit.cli.shared.log_open import log_url
from auditkit.errors import PolicyError
from auditkit.loading.audit_file import AuditFile, log_of
from auditkit.signing import KeyStore


def test_the_first_that_names_one_decides(tmp_path, monkeypatch):
    store = KeyStore(tmp_path / "keys")

    def chosen(option=None, audit_file=None):
        return log_url(option, keys=lambda: store, audit_file=audit_file)

    monkeypatch.delenv("AUDITKIT_LOG", raising=False)
    assert chosen() == f"sqlite:///{tmp_path}/keys/log.db"
    monkeypatch.setenv("AUDITKIT_LOG", "")
    assert chosen() == f"sqlite:///{tmp_path}/keys/log.db"
    monkeypatch.setenv("AUDITKIT_LOG", "postgresql://ci@db/audits")
    assert chosen() == "postgresql://ci@db/audits"
    assert chosen(audit_file="/b.db") == "sqlite:////b.db"
    assert chosen("c.db", audit_file="/b.db") == "sqlite:///c.db"
    assert not (tmp_path / "keys").exists()


def audit_file(log):
    return AuditFile.model_validate(
        {"data": "a.csv", "label": "y", "scores": "s", "policy": "starter", "log": log}
    )


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (None, None),
        ("log.db", "/audits/log.db"),
        ("sqlite:///logs/log.db", "/audits/logs/log.db"),
        ("postgresql://ci@db/audits", "postgresql://ci@db/audits"),
        ("mysql://ci@db/audits", "mysql://ci@db/audits"),  # refused when it is opened
    ],
)
def test_a_path_in_the_audit_file_is_relative_to_it(named, found):
    assert log_of(audit_file(named), Path("/audits")) == found


@pytest.mark.parametrize("named", ["../log.db", "/elsewhere/log.db", "sqlite:////elsewhere/l.db"])
def test_a_log_outside_the_folder_has_to_be_allowed(named):
    with pytest.raises(PolicyError, match="leads outside"):
        log_of(audit_file(named), Path("/audits"))
    assert log_of(audit_file(named), Path("/audits"), outside=[Path("/")])


@pytest.mark.parametrize("command", ["run", "letter"])
def test_the_former_option_names_the_new_one(command, capsys):
    assert run([command, "audit.yaml", "--ledger", "log.db"]) == 2
    told = capsys.readouterr().err
    assert "no option --ledger" in told
    assert "write --log" in told


def test_the_former_command_is_the_new_one(capsys):
    assert run(["log", "classes"]) == 0
    now = capsys.readouterr().out
    assert run(["ledger", "classes"]) == 0
    assert capsys.readouterr().out == now
    assert run(["--help"]) == 0
    assert " ledger " not in capsys.readouterr().out
