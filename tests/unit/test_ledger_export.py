"""Stretches of a log that verify alone, and logs that go on in segments."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.errors import InputError, LedgerError, VerificationError
from auditkit.ledger import Ledger, NoteSigner, verify_receipt
from auditkit.ledger.keep.export import export_lines, period, verify_export
from auditkit.ledger.keep.payload_jobs import destroy
from auditkit.ledger.keep.rotation import next_origin, rotate, verify_segments

KEY = NoteSigner.generate("example.com/audit")
START = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 37


def opened(folder, **options):
    return Ledger.open(f"sqlite:///{folder}/a.db", key=KEY, **options)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    now = [START]
    with opened(tmp_path_factory.mktemp("log"), clock=lambda: now[0]) as made:
        for n in range(SIZE):
            made.append(kind="test.entry", payload={"n": n})
            now[0] += timedelta(days=1)
        yield made


def test_every_stretch_verifies_alone(log):
    for begin in range(SIZE):
        for end in range(begin + 1, SIZE + 1):
            data = b"".join(export_lines(log, begin=begin, end=end))
            found = verify_export(data, KEY.verifier)
            assert [e.payload["n"] for e in found.entries] == list(range(begin, end))
            assert (found.begin, found.end, found.size) == (begin, end, SIZE)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_was_changed_in_any_byte_is_rejected_or_the_same(log, data):
    whole = b"".join(export_lines(log, begin=3, end=9))
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = verify_export(bytes(changed), KEY.verifier)
    except VerificationError:
        return
    assert found == verify_export(whole, KEY.verifier)  # A change of spelling, not of content.


def test_entries_dropped_doubled_swapped_or_moved_are_found(log):
    header, *lines = list(export_lines(log, begin=3, end=9))
    for wrong in (
        lines[:-1],
        lines[1:],
        [*lines, lines[-1]],
        [lines[1], lines[0], *lines[2:]],
        [],
    ):
        with pytest.raises(VerificationError):
            verify_export(header + b"".join(wrong), KEY.verifier)
    for name, value in [
        ("begin", 4),
        ("end", 8),
        ("begin", True),
        ("left", []),
        ("right", "x"),
        ("origin", "x"),
        ("type", "x"),
        ("checkpoint", ""),
    ]:
        other = json.loads(header) | {name: value}
        with pytest.raises(VerificationError):
            verify_export(json.dumps(other).encode() + b"\n" + b"".join(lines), KEY.verifier)
    for junk in (b"", b"[]", b"{}", b"\xff", b"null\nnull"):
        with pytest.raises(VerificationError):
            verify_export(junk, KEY.verifier)
    with pytest.raises(VerificationError):
        verify_export(header + b"".join(lines), NoteSigner.generate(KEY.name).verifier)


def test_a_period_is_one_stretch(log):
    day = timedelta(days=1)
    assert period(log, since=START + 3 * day, until=START + 9 * day) == (3, 9)
    assert period(log, since=START - day, until=START + 999 * day) == (0, SIZE)
    with pytest.raises(InputError, match="Nothing was logged"):
        period(log, since=START + 3 * day + day / 2, until=START + 3 * day + day * 2 / 3)


def test_stretches_that_are_not_there(log):
    for begin, end in [(0, 0), (5, 4), (-1, 3), (0, SIZE + 1)]:
        with pytest.raises(InputError, match="none in that range"):
            list(export_lines(log, begin=begin, end=end))


def test_a_destroyed_payload_leaves_the_export_whole(tmp_path):
    with opened(tmp_path) as log:
        for n in range(8):
            log.append(kind="test.entry", payload={"n": n})
        destroy(log, [3], by="x", reason="request", now=START, before_due=True)
        found = verify_export(b"".join(export_lines(log, begin=2, end=6)), KEY.verifier)
        assert found.destroyed == 1
        assert found.entries[1].payload is None


def test_segments_follow_each_other(tmp_path):
    second = f"sqlite:///{tmp_path}/b.db"
    with (
        opened(tmp_path, origin=KEY.name) as old,
        Ledger.open(second, key=KEY, origin=f"{KEY.name}/2") as new,
    ):
        for n in range(5):
            old.append(kind="test.entry", payload={"n": n})
        note = rotate(old, new, by="ops", now=START)
        with pytest.raises(LedgerError, match="sealed"):
            old.append(kind="test.entry", payload={})
        receipt = new.append(kind="test.entry", payload={})
        verify_receipt(receipt, KEY.verifier)
        assert (old.origin, new.origin, receipt.index) == (KEY.name, f"{KEY.name}/2", 1)
        # What is destroyed in a sealed segment is still recorded in it.
        destroy(old, [2], by="x", reason="request", now=START, before_due=True)
        verify_segments(old, new)
        old.verify(checkpoint=note)
        new.verify()
        with pytest.raises(VerificationError, match="do not follow"):
            verify_segments(new, old)
        with pytest.raises(InputError, match="already has entries"):
            rotate(old, new, by="ops", now=START)
    with opened(tmp_path) as again, pytest.raises(LedgerError, match="sealed"):
        again.append(kind="test.entry", payload={})


def test_an_interrupted_rotation_is_finished_by_calling_again(tmp_path):
    second = f"sqlite:///{tmp_path}/b.db"
    with (
        opened(tmp_path, origin=KEY.name) as old,
        Ledger.open(second, key=KEY, origin=f"{KEY.name}/2") as new,
    ):
        old.append(kind="test.entry", payload={})
        real, new.add = new.add, lambda *_: 1 / 0
        with pytest.raises(ZeroDivisionError):
            rotate(old, new, by="ops", now=START)
        new.add = real
        rotate(old, new, by="ops", now=START)
        verify_segments(old, new)
        assert old.size == 2


def test_names_of_segments():
    assert next_origin("example.com/audit") == "example.com/audit/2"
    assert next_origin("example.com/audit/2") == "example.com/audit/3"
    assert next_origin("log") == "log/2"
    assert next_origin("example.com/audit/abcdefghijkl") == "example.com/audit/abcdefghijkl/2"
