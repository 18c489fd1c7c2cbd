"""Following a log: every entry once, in order, checked; and how far each follower has got."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from auditkit.cli.log.commands import app
from auditkit.errors import InputError, VerificationError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.ledger.keep.payload_jobs import destroy
from auditkit.ledger.keep.rotation import rotate
from auditkit.ledger.keep.tail import LogTail, entry_line
from auditkit.ledger.store.databases import open_database
from auditkit.ledger.store.followers import Followers
from auditkit.signing.keys import KeyStore

KEY = NoteSigner.generate("example.com/audit")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
NAME = "auditkit.local/log"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/a.db"


def fill(log, count, begin=0):
    for n in range(begin, begin + count):
        log.append(kind="test.entry", payload={"n": n})


def tamper(url, *statements):
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        for trigger in ("entry_UPDATE", "entry_DELETE", "node_UPDATE", "node_DELETE"):
            database.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            database.execute(statement)
        database.commit()


@settings(max_examples=15, deadline=None)
@given(
    parts=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    most=st.integers(1, 12),
    begin=st.integers(0, 9),
)
def test_every_entry_is_read_once_in_order_whatever_the_parts(tmp_path_factory, parts, most, begin):
    url = f"sqlite:///{tmp_path_factory.mktemp('log')}/a.db"
    seen = []
    with Ledger.open(url, key=KEY) as log, Ledger.open(url, key=KEY.verifier) as reader:
        fill(log, begin)
        tail = LogTail(reader, begin)
        for part in parts:
            fill(log, part, log.size)
            while found := tail.read(most):
                assert len(found) <= most
                seen += found
    assert [entry.index for entry in seen] == list(range(begin, begin + sum(parts)))
    assert [entry.payload["n"] for entry in seen] == list(range(begin, begin + sum(parts)))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET kind = 'other.kind' WHERE idx = 6",
        "UPDATE payload SET body = '{\"n\":60}' WHERE idx = 6",
        "DELETE FROM entry WHERE idx = 6",
        "UPDATE node SET hash = zeroblob(32) WHERE id = 2",
        "UPDATE head SET note = replace(note, 'a', 'b')",
        "UPDATE head SET size = 7",
    ],
)
def test_what_was_changed_is_not_read(url, statement):
    with Ledger.open(url, key=KEY) as log:
        fill(log, 9)
    with Ledger.open(url, key=KEY.verifier) as reader:
        tamper(url, statement)
        tail = LogTail(reader, 3)
        with pytest.raises(VerificationError):
            tail.read()
        assert tail.next_index == 3


def test_another_history_is_not_read_on(url, tmp_path):
    """The same log restored from a copy, and continued by whoever has its key."""
    with Ledger.open(url, key=KEY) as log:
        fill(log, 4)
    old = (tmp_path / "a.db").read_bytes()
    with Ledger.open(url, key=KEY) as log:
        fill(log, 4, 4)
    with Ledger.open(url, key=KEY.verifier) as reader:
        tail = LogTail(reader)
        assert len(tail.read()) == 8
    for name in ("a.db", "a.db-wal", "a.db-shm", "a.db.head"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "a.db").write_bytes(old)
    with Ledger.open(url, key=KEY, accept_missing_head=True) as log:
        tail.log = log
        with pytest.raises(VerificationError, match="rolled back"):
            tail.read()
        fill(log, 9, 100)
        with pytest.raises(VerificationError, match="not those"):
            tail.read()


def test_nobody_reads_on_from_beyond_the_end(url):
    with Ledger.open(url, key=KEY) as log:
        fill(log, 2)
        assert LogTail(log, 2).read() == []
        with pytest.raises(InputError, match="2 entries"):
            LogTail(log, 3)


def test_a_destroyed_payload_is_null_in_its_line(url):
    with Ledger.open(url, key=KEY) as log:
        fill(log, 2)
        destroy(log, [0], by="x", reason="y", now=NOW, before_due=True)
        first, second, third = LogTail(log).read()
    line = json.loads(entry_line("example.com/audit", first))
    assert (line["index"], line["payload"]) == (0, None)
    assert json.loads(entry_line("l", second)) == {
        "log": "l", "index": 1, "time": second.time.isoformat(timespec="milliseconds"),
        "kind": "test.entry", "retention": "standard", "payload": {"n": 1},
    }  # fmt: skip
    assert third.kind == "ledger.payload-destroyed"


# The table of followers


def test_a_log_verifies_with_and_without_the_table_and_not_with_another_of_its_name(url):
    with Ledger.open(url, key=KEY) as log:
        fill(log, 3)
        assert log.verify().size == 3
        Followers(open_database(url, lock_timeout_s=5)).close()
        assert log.verify().size == 3
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            database.execute("ALTER TABLE follower ADD COLUMN more")
        with pytest.raises(VerificationError, match="table follower was changed"):
            log.verify()


def test_one_holder_at_a_time_and_no_way_back(url):
    with Ledger.open(url, key=KEY):
        pass
    table, other = (Followers(open_database(url, lock_timeout_s=5)) for _ in range(2))
    table.add("siem", 4)
    other.add("siem", 9)
    assert table.take("nobody", "a", now_ms=0, lease_ms=10) is None
    held = table.take("siem", "a", now_ms=1000, lease_ms=100)
    assert (held.next_index, held.held_until_ms) == (4, 1100)
    assert other.take("siem", "b", now_ms=1099, lease_ms=100) is None
    later = other.take("siem", "b", now_ms=1100, lease_ms=100)
    assert later.holder == "b"
    assert not table.keep(held, "a"), "it is no longer a's"
    assert other.keep(replace(later, next_index=2, holder="", problem="p"), "b")
    again = table.take("siem", "a", now_ms=1101, lease_ms=1)
    assert (again.next_index, again.problem) == (4, "p")
    table.close()
    other.close()


def test_of_many_threads_one_takes_hold(url):
    with Ledger.open(url, key=KEY):
        pass
    tables = [Followers(open_database(url, lock_timeout_s=20)) for _ in range(4)]
    tables[0].add("siem", 0)
    start, got = threading.Barrier(4), []

    def take(number):
        start.wait()
        if tables[number].take("siem", f"t{number}", now_ms=1, lease_ms=1000):
            got.append(number)

    threads = [threading.Thread(target=take, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    for table in tables:
        table.close()


# The command


def run(*words):
    result = CliRunner().invoke(app, list(map(str, words)), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def place(tmp_path):
    """A folder with keys and a log of six entries."""
    key = KeyStore(tmp_path / "keys").log_signer(NAME)
    with Ledger.open(f"sqlite:///{tmp_path}/a.db", key=key, origin=NAME) as log:
        fill(log, 5)
        log.append(kind="test.other", payload={})
    (tmp_path / "log.pub").write_text(f"{key.verifier}\n")
    return tmp_path


def test_tail_prints_lines_from_an_index_and_of_a_kind(place):
    words = ("tail", place / "a.db", "--key", place / "log.pub")
    assert [json.loads(line)["index"] for line in run(*words).splitlines()] == list(range(6))
    assert [json.loads(line)["index"] for line in run(*words, "--from", 4).splitlines()] == [4, 5]
    (other,) = run(*words, "--kind", "test.other").splitlines()
    assert json.loads(other)["log"] == NAME
    assert len(run(*words, "--kind", "test.other", "--kind", "test.entry").splitlines()) == 6
    with pytest.raises(InputError):
        run(*words, "--from", 7)


def test_stats_say_who_follows(place):
    words = ("stats", place / "a.db", "--key", place / "log.pub")
    assert json.loads(run(*words))["followers"] == []
    table = Followers(open_database(f"sqlite:///{place}/a.db", lock_timeout_s=5))
    table.add("hook", 2)
    held = table.take("hook", "a", now_ms=0, lease_ms=10)
    table.keep(replace(held, tries=3, problem="status 500", retry_ms=60_000), "a")
    table.close()
    assert json.loads(run(*words))["followers"] == [
        {
            "name": "hook", "next": 2, "waiting": 4, "failed": 3, "problem": "status 500",
            "tries_again": "1970-01-01T00:01:00+00:00",
        }
    ]  # fmt: skip


def test_tail_follows_over_a_new_key_and_a_new_segment_and_stops_at_ctrl_c(place):
    store = KeyStore(place / "keys")
    process = subprocess.Popen(
        [sys.executable, "-m", "auditkit", "ledger", "tail", place / "a.db", "--keys",
         place / "keys", "--from", "5", "--follow"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    try:
        assert json.loads(process.stdout.readline())["index"] == 5
        store.make("log")
        key, former = store.log_signer(NAME), store.log_verifiers(NAME)
        url = f"sqlite:///{place}/a.db"
        with Ledger.open(url, key=key, former_keys=former) as log:
            fill(log, 1)
            assert json.loads(process.stdout.readline())["index"] == 6
            with Ledger.open(
                f"sqlite:///{place}/b.db", key=key, former_keys=former, origin=f"{NAME}/2"
            ) as new:
                rotate(log, new, by="ops", now=NOW)
        assert json.loads(process.stdout.readline())["kind"] == "ledger.sealed"
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=20)
        assert (process.returncode, rest) == (0, "")
        assert said == "Entry 7: the log is sealed; follow the next segment.\n"
    finally:
        process.kill()
        process.wait()
