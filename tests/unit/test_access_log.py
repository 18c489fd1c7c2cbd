"""The guarded server's log outlives the rotation of its key, and a time without a disk."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from auditkit.access.record.log import READS, Recorder
from auditkit.cli import app
from auditkit.errors import InputError, LedgerError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.mlflow_guard.serve.server_log import LogOpener, open_log, refuse_lost_log
from auditkit.mlflow_guard.serve.settings import ServerSettings, read_settings
from auditkit.signing import KeyStore


class Failing:
    """A log that can be made to fail."""

    def __init__(self) -> None:
        self.works = True
        self.kept: list[dict[str, Any]] = []

    @property
    def size(self) -> int:
        if not self.works:
            raise LedgerError("gone", remedy="none")
        return len(self.kept)

    def record(self, *, kind: str, payload: Any) -> Any:
        if not self.works:
            raise OSError
        assert kind == READS
        self.kept += payload["decisions"]
        time = datetime(2026, 11, 1, tzinfo=UTC)
        return SimpleNamespace(index=len(self.kept) - 1, time=time)

    def entries(self, *, begin: int = 0) -> list[Any]:
        return self.kept[begin:]

    def check_in_place(self) -> None:
        pass

    def check_writable(self) -> None:
        if not self.works:
            raise LedgerError("gone", remedy="none")

    def close(self) -> None:
        pass


def wait_until(holds) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_reads_that_could_not_be_written_are_kept_and_written_later():
    log = Failing()
    recorder = Recorder(lambda: log)
    log.works = False
    recorder.soon({"number": 1})  # nobody knows yet that the log is gone
    wait_until(lambda: not recorder.ready)
    with pytest.raises(LedgerError):
        recorder.soon({"number": 2})  # refused, and so not done
    log.works = True
    recorder.soon({"number": 3})
    recorder.close()
    assert sorted(entry["number"] for entry in log.kept) == [1, 3]


def test_a_log_that_cannot_be_read_is_opened_anew():
    """As after a restart of its database: whoever only changes things reads it first."""
    lost, found = Failing(), Failing()
    logs = iter([lost, found])
    recorder = Recorder(lambda: next(logs))
    lost.works = False
    with pytest.raises(LedgerError):
        list(recorder.entries(0))
    assert list(recorder.entries(0)) == []
    assert recorder.log is found
    recorder.close()


def test_what_this_process_wrote_is_not_read_anew_and_what_others_wrote_is(tmp_path):
    signer = NoteSigner.generate("test.local/log")
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with Ledger.open(url, key=signer) as log, Ledger.open(url, key=signer) as other:
        recorder = Recorder(lambda: log)
        read_from = []
        whole = log.entries
        log.entries = lambda *, begin=0: (read_from.append(begin), whole(begin=begin))[1]
        seen = []
        for number in range(60):
            writer = other.append if number % 7 == 3 else recorder.now
            writer(kind="access.decision", payload={"number": number})
            if number % 5 == 0 or number > 40:
                seen += recorder.entries(len(seen))
        assert [entry.payload["number"] for entry in seen] == list(range(60))
        assert [entry.index for entry in seen] == list(range(60))
        assert list(recorder.entries(60)) == []
        assert [entry.index for entry in recorder.entries(60, until=60)] == []
        # Only where the other's entry was among what was new.
        assert read_from == [1, 6, 16, 21, 31, 36, 45, 52, 59]
        recorder.close()


def test_a_log_that_began_under_a_rotated_key_still_opens(tmp_path):
    keys = KeyStore(tmp_path / "keys")
    keys.make("log")
    settings = ServerSettings.model_validate(
        {
            "access": "access",
            "log": {"url": f"sqlite:///{tmp_path / 'log.db'}", "key": str(tmp_path / "keys")},
            "basic": {"users": "users.json"},
        }
    )
    with open_log(settings) as log:
        log.append(kind="access.decision", payload={"allowed": True})
    keys.make("log")
    with open_log(settings) as log:
        assert log.append(kind="access.decision", payload={"allowed": False}).index == 1


def test_a_log_that_cannot_be_written_is_noticed_before_anybody_writes():
    """Else a worker that has only reads to log would answer them."""
    log = Failing()
    recorder = Recorder(lambda: log)
    assert recorder.ready
    log.works = False
    wait_until(lambda: not recorder.ready)
    with pytest.raises(LedgerError):
        recorder.soon({"number": 1})
    log.works = True
    wait_until(lambda: recorder.ready)
    recorder.close()


@pytest.mark.parametrize("gone", ["ledger.db", "ledger.db.head", "both", "replaced"])
def test_a_log_whose_files_are_taken_away_is_neither_written_nor_begun_anew(tmp_path, gone):
    pem = NoteSigner.generate("auditkit.local/log").to_pem()
    (tmp_path / "log.pem").write_bytes(pem)
    (tmp_path / "server.yaml").write_text(
        "access: a\nbasic: {users: u}\nlog: {url: 'sqlite:///ledger.db', key: log.pem}\n"
    )
    settings = read_settings(tmp_path / "server.yaml")
    recorder = Recorder(LogOpener(settings))
    recorder.now("access.decision", {"number": 1})
    away = tmp_path / "away"
    away.mkdir()
    for path in list(tmp_path.glob("ledger.db*")):
        if gone in ("both", "replaced") or path.name == gone:
            path.rename(away / path.name)
    if gone == "replaced":
        with open_log(settings) as other:
            other.append(kind="access.decision", payload={"number": 7})
    for _ in range(3):
        with pytest.raises(LedgerError):
            recorder.now("access.decision", {"number": 2})
        with pytest.raises(LedgerError):
            list(recorder.entries(0))
    if gone != "replaced":
        assert not [p for p in tmp_path.glob("ledger.db") if gone in ("ledger.db", "both")]
    if gone == "replaced":
        for path in tmp_path.glob("ledger.db*"):
            path.unlink()
    for path in away.iterdir():
        path.rename(tmp_path / path.name)
    recorder.now("access.decision", {"number": 3})
    assert [entry.payload["number"] for entry in recorder.entries(0)] == [1, 3]
    recorder.close()


def test_an_empty_log_beside_a_guarded_registry_is_begun_only_on_purpose(tmp_path):
    (tmp_path / "log.pem").write_bytes(NoteSigner.generate("auditkit.local/log").to_pem())
    (tmp_path / "server.yaml").write_text(
        "access: a\nbasic: {users: u}\nlog: {url: 'sqlite:///ledger.db', key: log.pem}\n"
    )
    settings = read_settings(tmp_path / "server.yaml")
    with open_log(settings) as log:
        refuse_lost_log(log, settings, protected=lambda: False)
        with pytest.raises(InputError, match="new-log"):
            refuse_lost_log(log, settings, protected=lambda: True)
        (tmp_path / "approved" / ("0" * 64)).mkdir(parents=True)
        with pytest.raises(InputError, match="new-log"):
            refuse_lost_log(log, settings, protected=lambda: False)
    asked = ["registry", "new-log", str(tmp_path / "server.yaml"), "--by", "adam"]
    done = CliRunner().invoke(app, [*asked, "--reason", "the disk was lost"])
    assert done.exit_code == 0, done.output
    with open_log(settings) as log:
        refuse_lost_log(log, settings, protected=lambda: True)
        (entry,) = log.entries()
        assert (entry.kind, entry.payload["reason"]) == ("log.created", "the disk was lost")
    again = CliRunner().invoke(app, [*asked, "--reason", "again"])
    assert "has 1 entries already" in str(again.exception)
