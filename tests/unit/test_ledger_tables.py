"""Rows outside the log, tables that the log did not make, and times of a clock that was wrong."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from auditkit.errors import LedgerError, VerificationError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.ledger.keep.export import export_lines, period, verify_export
from auditkit.ledger.keep.payload_jobs import destroy, due, expire
from auditkit.ledger.records.stamps import Stamps

KEY = NoteSigner.generate("example.com/audit")
START = datetime(2026, 1, 1, tzinfo=UTC)
FAR = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/audit.db"


def fill(url, times):
    """A log with one entry at each time."""
    now = iter(times)
    with Ledger.open(url, key=KEY, clock=lambda: next(now)) as log:
        for n in range(len(times)):
            log.append(kind="test.entry", payload={"n": n}, retention="ecoa-25m")


def execute(url, *statements):
    database = sqlite3.connect(url.removeprefix("sqlite:///"))
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


COPY = "INSERT INTO entry SELECT {}, time_ms, kind, retention, commitment FROM entry WHERE idx = 0"
QUIET = "CREATE TRIGGER {} {} BEGIN DELETE FROM payload WHERE idx = 0; END"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([COPY.format(-1)], "table entry holds row -1,"),
        ([COPY.format(-(2**62))], "table entry holds row .*outside"),
        (["INSERT INTO payload VALUES (4, x'', x'')"], "table payload holds row 4,"),
        (["INSERT INTO payload VALUES (-7, x'', x'')"], "table payload holds row -7,"),
        (["INSERT INTO meta VALUES ('owner', 'x')"], "table meta has missing or extra rows"),
        (["DROP TRIGGER entry_DELETE"], "trigger entry_DELETE is missing"),
        (["DROP INDEX entry_kind"], "index entry_kind is missing"),
        ([QUIET.format("quiet", "AFTER INSERT ON entry")], "trigger quiet does not belong"),
        (
            ["DROP TRIGGER node_UPDATE", QUIET.format("node_UPDATE", "AFTER INSERT ON node")],
            "trigger node_UPDATE was changed",
        ),
        (["CREATE TABLE shadow (a)"], "table shadow does not belong"),
        (["CREATE TABLE sqlitex (a)"], "table sqlitex does not belong"),
        (["CREATE VIEW shown AS SELECT * FROM entry"], "view shown does not belong"),
        (["CREATE UNIQUE INDEX one ON payload (body)"], "index one does not belong"),
        (["ALTER TABLE payload ADD COLUMN more"], "table payload was changed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_log_did_not_make_is_found(url, statements, message):
    fill(url, [START] * 4)
    with Ledger.open(url, key=KEY) as log:
        assert log.verify().size == 4
    execute(url, *statements)
    with Ledger.open(url, key=KEY.verifier) as log, pytest.raises(VerificationError, match=message):
        log.verify()


def test_what_sqlite_makes_by_itself_is_no_finding(url):
    fill(url, [START] * 4)
    execute(url, "ANALYZE")
    with Ledger.open(url, key=KEY) as log:
        log.reclaim()
        assert log.verify().size == 4


# The clock


def test_one_wrong_time_does_not_stamp_what_follows(url):
    later = START + timedelta(hours=1)
    fill(url, [START, FAR, later, later + timedelta(seconds=1)])
    with Ledger.open(url, key=KEY.verifier) as log:
        found = [(e.kind, e.time) for e in log.entries()]
        assert found == [
            ("test.entry", START),
            ("test.entry", FAR),
            ("ledger.clock-set-back", later),
            ("test.entry", later),
            ("test.entry", later + timedelta(seconds=1)),
        ]
        report = log.verify()
        assert report.clock_set_back == (2,)
        (note,) = log.entries(kind="ledger.clock-set-back")
        assert note.payload["last_entry_ms"] - note.payload["clock_ms"] > 10**14


def test_each_wrong_time_is_noted(url):
    fill(url, [FAR, START, FAR, START])
    with Ledger.open(url, key=KEY.verifier) as log:
        assert log.verify().clock_set_back == (1, 4)
        assert [e.time for e in log.entries()][-1] == START


def test_a_clock_that_is_a_little_behind_keeps_the_order(url):
    hours = [0, -1, -2, 0, 25, 24]
    fill(url, [START + timedelta(hours=h) for h in hours])
    with Ledger.open(url, key=KEY.verifier) as log:
        times = [e.time for e in log.entries()]
        assert times == sorted(times)
        assert len(log.verify().clock_set_back) == 2


def test_an_older_time_without_a_note_is_found(url, monkeypatch):
    """By whoever has the log's key and writes what they like."""
    monkeypatch.setattr(Stamps, "next", lambda self, _: (int(self._clock().timestamp()) * 1000, []))
    fill(url, [START, START - timedelta(days=3)])
    opened = Ledger.open(url, key=KEY.verifier)
    with opened as log, pytest.raises(VerificationError, match="Entry 1 is older"):
        log.verify()


def test_a_period_leaves_no_entry_out(url):
    day = timedelta(days=1)
    fill(url, [START, START + 2 * day, FAR, START + 4 * day, START + 9 * day])
    with Ledger.open(url, key=KEY.verifier) as log:
        found = period(log, since=START + day, until=START + 5 * day)
        assert found == (1, 5)
        exported = b"".join(export_lines(log, begin=1, end=5))
        assert len(verify_export(exported, KEY.verifier).entries) == 4


def test_a_payload_is_not_due_because_the_clock_was_wrong(url):
    """Stamped 1971 by a dead battery, it was logged after an entry of this year."""
    past = datetime(1971, 1, 1, tzinfo=UTC)
    fill(url, [START, past, START + timedelta(days=2)])
    now = START + timedelta(days=3)
    with Ledger.open(url, key=KEY) as log:
        assert due(log, now=now) == {}
        assert expire(log, by="x", now=now) == ()
        with pytest.raises(LedgerError, match="is not due"):
            destroy(log, [2], by="x", reason="y", now=now)
        assert due(log, now=START + timedelta(days=800)) == {"ecoa-25m": 3}
