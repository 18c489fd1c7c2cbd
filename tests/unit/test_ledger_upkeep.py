"""Payloads that go and what stays: retention, erasure, holds, and the bytes on the disk."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.errors import InputError, LedgerError, UnverifiableError, VerificationError
from auditkit.ledger import Ledger, NoteSigner, verify_receipt
from auditkit.ledger.keep.payload_jobs import destroy, due, expire, holds, place_hold, release_hold
from auditkit.ledger.records.retention import CLASSES, Hold, RetentionClass, as_ranges

KEY = NoteSigner.generate("example.com/audit")
START = datetime(2020, 1, 31, 12, tzinfo=UTC)
LATE = datetime(2030, 1, 1, tzinfo=UTC)
TOKEN = "canary-7f3a91"
BY = {"by": "dpo@example", "reason": "erasure request 17"}


@pytest.fixture
def log(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/a.db", key=KEY, clock=lambda: START) as opened:
        for n in range(20):
            kept = "hipaa-6y" if n % 2 else "ecoa-business-12m"
            opened.append(
                kind="odd.entry" if n % 2 else "even.entry",
                payload={"n": n, "token": f"{TOKEN}-{n:02}"},
                retention=kept,
            )
        yield opened


def on_disk(tmp_path, token):
    return any(token.encode() in file.read_bytes() for file in tmp_path.iterdir())


def test_a_destroyed_payload_is_gone_and_the_log_says_by_whom(log, tmp_path):
    before = log.prove(4)
    assert on_disk(tmp_path, f"{TOKEN}-04")
    done = destroy(log, [4], now=LATE, **BY)
    assert (done.ranges, done.by, done.before_due, done.count) == (((4, 5),), BY["by"], False, 1)
    assert not on_disk(tmp_path, f"{TOKEN}-04")
    assert on_disk(tmp_path, f"{TOKEN}-05")
    report = log.verify()
    assert [(d.by, d.reason, d.ranges) for d in report.destroyed] == [
        (BY["by"], BY["reason"], ((4, 5),))
    ]
    after = log.prove(4)
    verify_receipt(after, KEY.verifier)
    assert (after.entry.payload, after.entry.salt) == (None, None)
    with pytest.raises(UnverifiableError):
        verify_receipt(after, KEY.verifier, payload=before.entry.payload)
    verify_receipt(before, KEY.verifier)  # Who holds an old receipt can still show it.
    with pytest.raises(InputError, match="already destroyed"):
        destroy(log, [4], now=LATE, **BY)


def test_nothing_goes_before_its_time_unless_said_so(log):
    with pytest.raises(LedgerError, match=r"hipaa-6y \(45 CFR 164.316\(b\)\(2\)\(i\)\)"):
        destroy(log, [4, 5], now=START + timedelta(days=800), **BY)
    assert log.size == 20
    assert log.entries  # Nothing of the refused deed is left.
    assert all(entry.body for entry in log.entries())
    done = destroy(log, [4, 5], now=START + timedelta(days=800), before_due=True, **BY)
    assert done.before_due
    assert log.verify().destroyed[0].before_due


def test_expiry_takes_what_is_due_and_no_more(log):
    assert due(log, now=START + timedelta(days=365)) == {}
    now = START + timedelta(days=366)  # 2021-01-31: 2020 is a leap year.
    assert due(log, now=now) == {"ecoa-business-12m": 10}
    (done,) = expire(log, by="nightly", now=now)
    assert done.count == 10
    assert done.reason == "retention class ecoa-business-12m: 12 months, 12 CFR 1002.12(b)"
    assert expire(log, by="nightly", now=now) == ()
    assert [e.index for e in log.entries() if e.body is None] == list(range(0, 20, 2))
    assert log.verify().size == 21
    expire(log, by="nightly", now=LATE)
    # What the log says about itself stays, for ever.
    assert [e.kind for e in log.entries() if e.body] == ["ledger.payload-destroyed"] * 2


def test_a_hold_keeps_what_it_covers(log):
    hold = Hold(name="matter-1", by="legal", reason="suit", kinds=("even.entry",), begin=4, end=10)
    place_hold(log, hold)
    assert holds(log) == (hold,)
    with pytest.raises(InputError, match="already in force"):
        place_hold(log, hold)
    for early in (True, False):
        with pytest.raises(LedgerError, match="legal hold 'matter-1'"):
            destroy(log, [2, 4], now=LATE, before_due=early, **BY)
    expire(log, by="nightly", now=LATE)
    kept = [e.index for e in log.entries() if e.body and not e.kind.startswith("ledger.")]
    assert kept == [4, 6, 8]
    release_hold(log, "matter-1", by="legal", reason="settled")
    assert holds(log) == ()
    with pytest.raises(InputError, match="No hold"):
        release_hold(log, "matter-1", by="legal", reason="settled")
    expire(log, by="nightly", now=LATE)
    assert log.verify().size == log.size


def test_a_hold_without_an_end_covers_what_comes(log):
    place_hold(log, Hold(name="m", by="legal", reason="suit"))
    receipt = log.append(kind="new.entry", payload={})
    with pytest.raises(LedgerError, match="legal hold"):
        destroy(log, [receipt.index], now=LATE, before_due=True, **BY)


def test_the_logs_own_records_are_not_destroyed(log):
    own = destroy(log, [2], now=LATE, **BY).index
    with pytest.raises(InputError, match="permanent"):
        destroy(log, [own], now=LATE, before_due=True, **BY)


@pytest.mark.parametrize(
    ("indexes", "changes", "match"),
    [
        ([], {}, "No entry"),
        ([99], {}, "not in a log of 20"),
        ([-1], {}, "not in a log of 20"),
        ([1], {"by": " "}, "is empty"),
        ([1], {"reason": ""}, "is empty"),
    ],
)
def test_deeds_that_are_none(log, indexes, changes, match):
    with pytest.raises(InputError, match=match):
        destroy(log, indexes, now=LATE, **(BY | changes))
    assert log.size == 20


def test_a_payload_put_back_is_found(log, tmp_path):
    import sqlite3

    entry = log.prove(4).entry
    destroy(log, [4], now=LATE, **BY)
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("INSERT INTO payload VALUES (4, ?, ?)", (entry.salt, entry.body))
    database.close()
    with pytest.raises(VerificationError, match="entry 4 exists, although"):
        log.verify()


def test_unknown_classes_are_refused_and_own_ones_are_kept(tmp_path, log):
    with pytest.raises(InputError, match="no retention class") as refused:
        log.append(kind="test.entry", payload={}, retention="hipaa-7y")
    assert "hipaa-6y" in str(refused.value)
    own = RetentionClass(name="house-1m", months=1, law="house rule 4")
    url = f"sqlite:///{tmp_path}/a.db"
    with Ledger.open(url, key=KEY, clock=lambda: START, retention=[own]) as other:
        other.append(kind="test.entry", payload={}, retention="house-1m")
        assert due(other, now=LATE) == {"ecoa-business-12m": 10, "hipaa-6y": 10}
        assert due(other, now=LATE, classes=[own]) == {"house-1m": 1}


def test_room_is_given_back(log):
    for _n in range(200):
        log.append(kind="big.entry", payload={"x": "y" * 2000})
    expire(log, by="nightly", now=LATE)
    with log.snapshot() as session:
        before = session.stored_bytes()
    log.reclaim()
    with log.snapshot() as session:
        assert session.stored_bytes() < before / 4
    assert log.verify().size == log.size


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1)).map(lambda t: t.replace(tzinfo=UTC)),  # noqa: DTZ001
    st.integers(1, 150),
)
def test_months_are_calendar_months(now, months):
    cutoff = RetentionClass(name="x", months=months, law="-").cutoff(now)
    assert (now.year - cutoff.year) * 12 + now.month - cutoff.month == months
    assert cutoff.day <= now.day
    assert cutoff.day == now.day or (cutoff + timedelta(days=1)).day == 1


@given(st.sets(st.integers(0, 60)))
def test_ranges_hold_the_same_indexes(indexes):
    ranges = as_ranges(indexes)
    assert {i for b, e in ranges for i in range(b, e)} == indexes
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))


def test_the_class_that_is_not_chosen_keeps_longest():
    standard = next(one for one in CLASSES if one.name == "standard")
    assert all(one.months is None or one.months <= standard.months for one in CLASSES)


def test_each_class_names_its_reason():
    assert len({one.name for one in CLASSES}) == len(CLASSES) == 7
    assert all(one.law for one in CLASSES)
