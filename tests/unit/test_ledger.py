"""The log: what it promises, and every way of breaking it that its owner's disk allows."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from auditkit import merkle
from auditkit.canonical import canonical_bytes
from auditkit.errors import InputError, LedgerError, UnverifiableError, VerificationError
from auditkit.ledger import (
    Ledger,
    NoteSigner,
    Receipt,
    open_checkpoint,
    verify_proof_text,
    verify_receipt,
)
from auditkit.ledger.records.entry import Entry

KEY = NoteSigner.generate("example.com/audit")
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/audit.db"


def fill(url, count, **options):
    with Ledger.open(url, key=KEY, **options) as log:
        return [log.append(kind="test.entry", payload={"n": n}) for n in range(count)]


def test_every_receipt_verifies_alone_and_says_what_was_logged(url):
    receipts = fill(url, 40)
    for n, receipt in enumerate(receipts):
        assert receipt.index == n
        verify_receipt(receipt, KEY.verifier, payload={"n": n})
        again = Receipt.from_json(receipt.to_json())
        assert again == receipt
        with pytest.raises(VerificationError, match="not hold the expected payload"):
            verify_receipt(receipt, KEY.verifier, payload={"n": n + 1})


def test_the_root_is_that_of_the_leaves_that_a_reader_makes(url):
    with Ledger.open(url, key=KEY) as log:
        for n in range(70):
            log.append(kind="test.entry", payload={"n": n})
        leaves = [merkle.leaf_hash(canonical_bytes(entry.leaf())) for entry in log.entries()]
        checkpoint = open_checkpoint(log.checkpoint(), [KEY.verifier])
        assert checkpoint.root == merkle.root(leaves)
        assert checkpoint.size == len(leaves) == log.size == 70
        for n in range(70):
            assert log.prove(n).proof == merkle.inclusion_proof(leaves, n)
            assert log.prove_consistency(n + 1) == merkle.consistency_proof(leaves, n + 1)
            verify_receipt(log.prove(n), KEY.verifier)
        report = log.verify()
        assert (report.size, report.root, report.kept_head) == (70, checkpoint.root, 70)
        assert report.is_anchored


@pytest.mark.parametrize("count", [0, 1, 2, 1023, 1024, 1025, 2048, 3000])
def test_whole_logs_of_any_length_verify(url, count):
    with Ledger.open(url, key=KEY) as log:
        _fill_fast(log, count)
        assert log.verify().size == count


def _fill_fast(log, count):
    items = [("test.entry", "standard", bytes(32), b'{"n":%d}' % n) for n in range(count)]
    if items:
        with log.writing() as session:
            log.add(session, items)


def test_the_portable_proof_is_read_by_its_own_rules(url):
    receipt = fill(url, 9)[5]
    text = receipt.to_proof_text()
    leaf = receipt.entry.leaf_bytes()
    index, checkpoint = verify_proof_text(text, leaf, KEY.verifier)
    assert (index, checkpoint.size) == (5, 6)
    with pytest.raises(VerificationError):
        verify_proof_text(text, leaf + b" ", KEY.verifier)
    for wrong in ("", text.replace("v1", "v2"), text.replace("index 5", "index 05"), text[:80]):
        with pytest.raises(VerificationError):
            verify_proof_text(wrong, leaf, KEY.verifier)


def test_a_closed_log_goes_on_where_it_was(url):
    fill(url, 5)
    fill(url, 5)
    with Ledger.open(url, key=KEY) as log:
        assert [e.index for e in log.entries()] == list(range(10))
        assert log.verify().size == 10


def test_entries_by_kind_and_time(url):
    now = [START]
    with Ledger.open(url, key=KEY, clock=lambda: now[0]) as log:
        for day in range(4):
            now[0] = START + timedelta(days=day)
            log.append(kind="even" if day % 2 == 0 else "odd", payload={"day": day})
        assert [e.payload for e in log.entries(kind="odd")] == [{"day": 1}, {"day": 3}]
        assert [e.index for e in log.entries(since=START + timedelta(days=2))] == [2, 3]
        assert [e.time for e in log.entries()][3] == START + timedelta(days=3)


def test_threads_share_one_order(url):
    with Ledger.open(url, key=KEY) as log:

        def write(writer):
            return [log.append(kind="test.entry", payload={"w": writer, "n": n}) for n in range(30)]

        with ThreadPoolExecutor(8) as pool:
            receipts = [receipt for done in pool.map(write, range(8)) for receipt in done]
        assert sorted(r.index for r in receipts) == list(range(240))
        for receipt in receipts:
            verify_receipt(receipt, KEY.verifier)
        assert log.verify().size == 240


def test_a_clock_set_back_leaves_the_order_and_a_note(url):
    now = [START]
    with Ledger.open(url, key=KEY, clock=lambda: now[0]) as log:
        log.append(kind="test.entry", payload={})
        now[0] = START - timedelta(days=1)
        first = log.append(kind="test.entry", payload={})
        log.append(kind="test.entry", payload={})
        kinds = [e.kind for e in log.entries()]
        assert kinds == ["test.entry", "ledger.clock-set-back", "test.entry", "test.entry"]
        assert first.index == 2
        assert [e.time for e in log.entries()] == [START] * 4
        assert log.verify().size == 4


# What is not accepted.


@pytest.mark.parametrize("kind", ["", "Upper", "a b", "a..b", "x" * 65, "é", 'a"b', None, 7])
def test_kinds_that_are_no_names(url, kind):
    with Ledger.open(url, key=KEY) as log, pytest.raises(InputError):
        log.append(kind=kind, payload={})


@pytest.mark.parametrize(
    "payload", [{"x": "y" * (1 << 20)}, None, [], "text", {"x": float("nan")}, {1: 2}, {"x": b""}]
)
def test_payloads_that_are_no_json_objects(url, payload):
    with Ledger.open(url, key=KEY) as log:
        with pytest.raises(InputError):
            log.append(kind="test.entry", payload=payload)
        assert log.size == 0


def test_the_logs_own_kinds_are_refused(url):
    with Ledger.open(url, key=KEY) as log, pytest.raises(InputError, match="reserved for the log"):
        log.append(kind="ledger.sealed", payload={})


@pytest.mark.parametrize("url", ["audit.db", "sqlite://", "sqlite:///", "mysql://h/d", ""])
def test_addresses_that_are_none(url):
    with pytest.raises(InputError, match="address"):
        Ledger.open(url, key=KEY)


def test_its_files_are_their_owners_alone(url, tmp_path):
    with Ledger.open(url, key=KEY) as log:
        log.append(kind="test.entry", payload={})
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes) >= {"audit.db", "audit.db-wal", "audit.db.head"}
    assert set(modes.values()) == {0o600}


def test_a_missing_folder_and_another_programs_file(tmp_path):
    with pytest.raises(LedgerError, match="folder"):
        Ledger.open(f"sqlite:///{tmp_path}/no/audit.db", key=KEY)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE stuff (x)")
    other.commit()
    other.close()
    with pytest.raises(InputError, match="another program"):
        Ledger.open(f"sqlite:///{tmp_path}/other.db", key=KEY)
    (tmp_path / "text.db").write_text("not a database, but long enough to be read as one" * 40)
    with pytest.raises(LedgerError, match="SQLite cannot use"):
        Ledger.open(f"sqlite:///{tmp_path}/text.db", key=KEY)


def test_a_public_key_reads_and_does_not_write(url, tmp_path):
    with pytest.raises(LedgerError, match="no log"):
        Ledger.open(url, key=KEY.verifier)
    assert list(tmp_path.iterdir()) == []
    fill(url, 3)
    with Ledger.open(url, key=KEY.verifier) as log:
        assert log.verify().size == 3
        verify_receipt(log.prove(1), KEY.verifier)
        with pytest.raises(LedgerError, match="reading only"):
            log.append(kind="test.entry", payload={})


def test_another_key_does_not_open_the_log(url):
    fill(url, 3)
    other = NoteSigner.generate(KEY.name)
    with pytest.raises(VerificationError, match="not signed by any of the trusted keys"):
        Ledger.open(url, key=other)
    with Ledger.open(url, key=other, former_keys=[KEY.verifier]) as log:
        receipt = log.append(kind="test.entry", payload={})
        verify_receipt(receipt, [KEY.verifier, other.verifier])
        assert log.verify().size == 4
    with pytest.raises(VerificationError):
        Ledger.open(url, key=KEY)


def test_indexes_that_are_not_there(url):
    fill(url, 3)
    with Ledger.open(url, key=KEY) as log:
        for index in (-1, 3):
            with pytest.raises(InputError, match="not in a log of 3"):
                log.prove(index)
        with pytest.raises(InputError, match="keeps no checkpoint of 2"):
            log.prove(0, size=2)


# The disk changes under it.


def tamper(tmp_path, *statements):
    database = sqlite3.connect(tmp_path / "audit.db")
    triggers = database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    triggers = triggers.fetchall()
    assert len(triggers) == 4
    for name, _ in triggers:
        database.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        database.execute(statement)
    for _, trigger in triggers:  # They are back: only what was changed tells.
        database.execute(trigger)
    database.commit()
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET kind = 'other.kind' WHERE idx = 5",
        "UPDATE entry SET time_ms = time_ms + 1 WHERE idx = 5",
        "UPDATE entry SET retention = 'permanent' WHERE idx = 5",
        "UPDATE entry SET commitment = zeroblob(32) WHERE idx = 5",
        "UPDATE payload SET body = '{\"n\":6}' WHERE idx = 5",
        "UPDATE payload SET salt = zeroblob(32) WHERE idx = 5",
        "UPDATE payload SET salt = 7 WHERE idx = 5",
        "UPDATE entry SET commitment = 'text' WHERE idx = 5",
        "UPDATE entry SET time_ms = 'text' WHERE idx = 5",
        "UPDATE entry SET kind = x'00' WHERE idx = 5",
        "UPDATE node SET hash = 'text' WHERE id = 9",
        "DELETE FROM payload WHERE idx = 5",
        "DELETE FROM entry WHERE idx = 5",
        "DELETE FROM node WHERE id = 9",
        "UPDATE node SET hash = zeroblob(32) WHERE id = 9",
        "INSERT INTO node VALUES (999, zeroblob(32))",
        "INSERT INTO checkpoint SELECT size - 1, note FROM head",
        "UPDATE entry SET idx = -idx WHERE idx IN (5, 6); ",
    ],
)
def test_every_changed_row_is_found(url, tmp_path, statement):
    fill(url, 12)
    tamper(tmp_path, statement)
    with Ledger.open(url, key=KEY) as log, pytest.raises((VerificationError, LedgerError)):
        log.verify()


def swapped(table):
    return [
        f"UPDATE {table} SET idx = {to} WHERE idx = {at}" for at, to in [(5, -1), (6, 5), (-1, 6)]
    ]


def test_entries_that_changed_places_are_found(url, tmp_path):
    fill(url, 12, clock=lambda: START)  # At one time, so that only the hashes tell.
    tamper(tmp_path, *swapped("entry"), *swapped("payload"))
    with Ledger.open(url, key=KEY) as log, pytest.raises(VerificationError, match="not those of"):
        log.verify()


def test_entries_of_another_log_by_the_same_key_are_found(url, tmp_path):
    (tmp_path / "other").mkdir()
    fill(f"sqlite:///{tmp_path}/other/audit.db", 12, clock=lambda: START)
    fill(url, 12)
    both = [
        f"INSERT INTO {table} SELECT * FROM other.{table} WHERE idx = 5"
        for table in ("entry", "payload")
    ]
    gone = [f"DELETE FROM {table} WHERE idx = 5" for table in ("entry", "payload")]
    attach = f"ATTACH '{tmp_path}/other/audit.db' AS other"
    tamper(tmp_path, attach, *gone, *both)
    with Ledger.open(url, key=KEY) as log, pytest.raises(VerificationError):
        log.verify()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry WHERE idx = 11",
        "INSERT INTO entry SELECT 12, time_ms, kind, retention, commitment FROM entry LIMIT 1",
        "UPDATE head SET size = 11",
        "UPDATE head SET note = (SELECT replace(note, 'audit', 'other') FROM head)",
        "DELETE FROM head",
        "UPDATE head SET size = 'text'",
        "UPDATE head SET note = x'00'",
        "UPDATE entry SET kind = 'other.kind' WHERE idx = 11",
        "UPDATE meta SET value = 'other' WHERE name = 'origin'",
        "UPDATE meta SET value = 'v9' WHERE name = 'format'",
    ],
)
def test_a_changed_head_is_not_opened(url, tmp_path, statement):
    fill(url, 12)
    tamper(tmp_path, statement)
    with pytest.raises((VerificationError, LedgerError)):
        Ledger.open(url, key=KEY)


def test_the_tables_refuse_slips(url, tmp_path):
    fill(url, 3)
    database = sqlite3.connect(tmp_path / "audit.db")
    for statement in ("UPDATE entry SET kind = 'x'", "DELETE FROM node"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
            database.execute(statement)
    database.close()


def test_a_restored_old_database_is_detected(url, tmp_path):
    fill(url, 5)
    shutil.copy(tmp_path / "audit.db", tmp_path / "old.db")
    fill(url, 5)
    shutil.copy(tmp_path / "old.db", tmp_path / "audit.db")
    with pytest.raises(VerificationError, match="5 entries, but the kept head covers 10: it was"):
        Ledger.open(url, key=KEY)
    (tmp_path / "audit.db").unlink()
    with pytest.raises(VerificationError, match="database is empty"):
        Ledger.open(url, key=KEY)


def test_a_log_written_anew_is_detected(url, tmp_path):
    kept = fill(url, 10, origin=KEY.name)[-1].checkpoint
    for origin, told in ((KEY.name, "not those of"), (None, "of another log")):
        for name in ("audit.db", "audit.db.head"):
            (tmp_path / name).unlink()
        fill(url, 20, origin=origin)
        with Ledger.open(url, key=KEY) as log, pytest.raises(VerificationError, match=told):
            log.verify(checkpoint=kept)


def test_no_two_logs_of_one_key_have_one_name(tmp_path):
    names = set()
    for number in range(20):
        with Ledger.open(f"sqlite:///{tmp_path}/{number}.db", key=KEY) as log:
            names.add(log.origin)
            verify_receipt(log.append(kind="test.entry", payload={}), KEY.verifier)
    assert len(names) == 20
    with Ledger.open(f"sqlite:///{tmp_path}/0.db", key=KEY) as again:
        assert again.origin in names


def test_without_the_kept_head_a_log_is_opened_only_when_told(url, tmp_path):
    fill(url, 5)
    (tmp_path / "audit.db.head").unlink()
    with pytest.raises(LedgerError, match="is missing"):
        Ledger.open(url, key=KEY)
    (tmp_path / "audit.db.head").unlink()
    with Ledger.open(url, key=KEY, accept_missing_head=True) as log:
        log.append(kind="test.entry", payload={})
    with Ledger.open(url, key=KEY) as log:
        assert log.verify().kept_head == 6


def test_a_damaged_head_is_not_passed_over(url, tmp_path):
    fill(url, 5)
    whole = (tmp_path / "audit.db.head").read_bytes()
    torn = bytearray(whole)
    torn[4096 + 100] ^= 1
    (tmp_path / "audit.db.head").write_bytes(torn)
    with Ledger.open(url, key=KEY) as log:  # One slot of two is torn, as a power failure leaves it.
        assert log.size == 5
    (tmp_path / "audit.db.head").write_bytes(bytes(len(whole)))
    with pytest.raises(LedgerError, match="damaged"):
        Ledger.open(url, key=KEY)


def test_a_rollback_under_an_open_log_is_detected(url, tmp_path):
    with Ledger.open(url, key=KEY) as log:
        for n in range(6):
            log.append(kind="test.entry", payload={"n": n})
        tamper(tmp_path, "UPDATE head SET size = 3")
        with pytest.raises(VerificationError, match="rolled back"):
            log.append(kind="test.entry", payload={})


def test_another_log_of_the_same_length_under_an_open_log_is_detected(url, tmp_path):
    (tmp_path / "other").mkdir()
    fill(f"sqlite:///{tmp_path}/other/audit.db", 4)
    with Ledger.open(url, key=KEY) as log:
        for n in range(4):
            log.append(kind="test.entry", payload={"n": n})
        other = sqlite3.connect(tmp_path / "other" / "audit.db")
        (note,) = other.execute("SELECT note FROM head").fetchone()
        other.close()
        tamper(tmp_path, f"UPDATE head SET note = '{note}'")
        with pytest.raises(VerificationError, match="not those that were logged"):
            log.append(kind="test.entry", payload={})


def test_a_receipt_whose_payload_was_destroyed_proves_the_rest(url):
    receipt = fill(url, 4)[2]
    entry = receipt.entry
    bare = Entry(**{f: getattr(entry, f) for f in entry.__slots__} | {"salt": None, "body": None})
    without = Receipt(
        origin=receipt.origin, entry=bare, proof=receipt.proof, checkpoint=receipt.checkpoint
    )
    verify_receipt(without, KEY.verifier)
    assert Receipt.from_json(without.to_json()) == without
    with pytest.raises(UnverifiableError, match="destroyed"):
        verify_receipt(without, KEY.verifier, payload={"n": 2})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("origin",), "example.com/other"),
        (("index",), 3),
        (("index",), True),
        (("entry", "index"), 1),
        (("entry", "kind"), "test.other"),
        (("entry", "time_ms"), 0),
        (("entry", "time_ms"), None),
        (("entry", "payload"), "sha256:" + "0" * 64),
        (("entry", "extra"), 1),
        (("entry",), None),
        (("salt",), "0" * 64),
        (("salt",), None),
        (("payload",), {"n": 5}),
        (("payload",), None),
        (("proof",), []),
        (("proof",), ["0" * 64]),
        (("proof",), "text"),
        (("checkpoint",), ""),
        (("type",), "other"),
    ],
)
def test_any_change_to_a_receipt_is_rejected(url, path, value):
    document = fill(url, 7)[4].to_json()
    target = document
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    with pytest.raises(VerificationError):
        verify_receipt(Receipt.from_json(document), KEY.verifier)
