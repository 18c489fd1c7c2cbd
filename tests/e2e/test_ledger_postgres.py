"""The log in a real PostgreSQL server, started for the tests, and killed in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "soak"))
from soak_ledger import KEY, Place, kill_rounds, many_processes

from auditkit import merkle
from auditkit.errors import InputError, LedgerError, VerificationError
from auditkit.ledger import Ledger, verify_receipt
from auditkit.ledger.keep.export import export_lines, verify_export
from auditkit.ledger.keep.payload_jobs import destroy, expire
from auditkit.ledger.keep.tail import LogTail, followers
from auditkit.ledger.store.databases import open_database
from auditkit.ledger.store.followers import Followers

pytestmark = pytest.mark.server
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Server:
    """A PostgreSQL server on a socket in a folder of its own."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        path = os.pathsep.join([os.environ["PATH"], *map(str, reversed(found))])
        programs = {name: shutil.which(name, path=path) for name in ("initdb", "pg_ctl")}
        if None in programs.values():
            pytest.skip("PostgreSQL is not installed: the log in PostgreSQL is NOT tested here")
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="ak-pg-"))
        self.as_owner = []
        if os.geteuid() == 0:  # The server refuses to run as root.
            shutil.chown(self.folder, "postgres", "postgres")
            self.as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self.run("initdb", "-D", "data", "-A", "trust", "-U", "postgres", "--no-sync")
        self.start()

    def run(self, program, *words):
        subprocess.run(
            [*self.as_owner, self.programs[program], *words],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self, *options):
        settings = " ".join([f"-k {self.folder}", "-c listen_addresses=''", *options])
        self.run("pg_ctl", "-D", "data", "-w", "-l", "server.log", "-o", settings, "start")

    def stop(self, mode="fast"):
        self.run("pg_ctl", "-D", "data", "-m", mode, "stop")

    def url(self, database="postgres"):
        return f"postgresql://postgres@/{database}?host={self.folder}"


@pytest.fixture(scope="module")
def server():
    running = Server()
    yield running
    running.stop("immediate")
    shutil.rmtree(running.folder)


@pytest.fixture
def place(server, tmp_path):
    import psycopg

    name = f"t{abs(hash(tmp_path))}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return Place(tmp_path, server.url(name))


def execute(place, *statements):
    import psycopg

    with psycopg.connect(place.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_it_is_the_same_log(place):
    with place.open() as log:
        receipts = [log.append(kind="test.entry", payload={"n": n}) for n in range(30)]
        for n, receipt in enumerate(receipts):
            verify_receipt(receipt, KEY.verifier, payload={"n": n})
        leaves = [entry.leaf_hash() for entry in log.entries()]
        report = log.verify(checkpoint=log.checkpoint())
        assert (report.root, report.kept_head) == (merkle.root(leaves), 30)
        for n in range(30):
            assert log.prove(n).proof == merkle.inclusion_proof(leaves, n)
        found = verify_export(b"".join(export_lines(log, begin=3, end=8)), KEY.verifier)
        assert [entry.payload["n"] for entry in found.entries] == [3, 4, 5, 6, 7]
    assert "PostgreSQL" in repr(log)
    assert str(place.folder) not in repr(log)


def test_payloads_are_destroyed(place):
    with place.open() as log:
        for n in range(6):
            log.append(kind="test.entry", payload={"n": n})
        destroy(log, [2], by="x", reason="request", now=NOW, before_due=True)
        assert expire(log, by="x", now=datetime(2100, 1, 1, tzinfo=UTC))[0].count == 5
        log.reclaim()
        assert sum(one.count for one in log.verify().destroyed) == 6


def test_many_processes_one_order(place):
    assert many_processes(place, 4, 40) == 4 * 40 + 1


def test_killed_writers(place):
    assert kill_rounds(place, 6) >= 6


def test_what_was_changed_is_found(place):
    with place.open() as log:
        for n in range(6):
            log.append(kind="test.entry", payload={"n": n})
    with pytest.raises(Exception, match="only ever added to"):
        execute(place, "DELETE FROM entry WHERE idx = 3")
    execute(
        place,
        "ALTER TABLE entry DISABLE TRIGGER ALL",
        "UPDATE entry SET kind = 'other.kind' WHERE idx = 3",
        "ALTER TABLE entry ENABLE TRIGGER ALL",
    )
    with place.open() as log, pytest.raises(VerificationError, match="not those of its entries"):
        log.verify()


def test_tables_that_the_log_did_not_make_so_are_found(place):
    """Each change is undone before the next, after which the log verifies again."""
    with place.open() as log:
        for n in range(3):
            log.append(kind="test.entry", payload={"n": n})

    def function(name, does):
        made = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        return f"{made} AS $$ BEGIN {does}; END $$"

    refuses = "RAISE EXCEPTION 'the log is only ever added to'"
    kept = (
        "CREATE TRIGGER entry_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION {}()"
    )
    redone = ["DROP TRIGGER entry_kept ON entry", kept.format("only_added_to")]
    row = "INSERT INTO entry SELECT -1, time_ms, kind, retention, commitment FROM entry LIMIT 1"
    unkept = ["ALTER TABLE entry DISABLE TRIGGER ALL", "DELETE FROM entry WHERE idx < 0"]
    changes = [
        ("table entry was changed", ["ALTER TABLE entry DISABLE TRIGGER entry_kept"],
         ["ALTER TABLE entry ENABLE TRIGGER entry_kept"]),
        ("table node was changed", ["ALTER TABLE node ENABLE REPLICA TRIGGER node_kept"],
         ["ALTER TABLE node ENABLE TRIGGER node_kept"]),
        ("table entry was changed", ["DROP TRIGGER entry_kept ON entry"], redone[1:]),
        ("table entry was changed",
         [function("quiet", "RETURN NULL"), redone[0], kept.format("quiet")],
         [*redone, "DROP FUNCTION quiet"]),
        ("table payload was changed",
         [function("quiet", "DELETE FROM payload WHERE idx < new.idx; RETURN new"),
          "CREATE TRIGGER a AFTER INSERT ON payload FOR EACH ROW EXECUTE FUNCTION quiet()"],
         ["DROP TRIGGER a ON payload", "DROP FUNCTION quiet"]),
        ("was changed",
         [function("only_added_to", "RETURN NULL")], [function("only_added_to", refuses)]),
        ("table payload was changed", ["CREATE RULE r AS ON INSERT TO payload DO ALSO NOTHING"],
         ["DROP RULE r ON payload"]),
        ("table node was changed", ["ALTER TABLE node ENABLE ROW LEVEL SECURITY"],
         ["ALTER TABLE node DISABLE ROW LEVEL SECURITY"]),
        ("table checkpoint was changed", ["CREATE TABLE child () INHERITS (checkpoint)"],
         ["DROP TABLE child"]),
        ("table meta was changed", ["ALTER TABLE meta ADD COLUMN more text"],
         ["ALTER TABLE meta DROP COLUMN more"]),
        ("table entry was changed", ["CREATE UNIQUE INDEX one ON entry (commitment)"],
         ["DROP INDEX one"]),
        ("table head was changed", ["ALTER TABLE head DROP CONSTRAINT head_id_check"],
         ["ALTER TABLE head ADD CHECK (id = 1)"]),
        ("table entry holds row -1,", [row], [*unkept, "ALTER TABLE entry ENABLE TRIGGER ALL"]),
        ("table payload holds row 9,", ["INSERT INTO payload VALUES (9, '', '')"],
         ["DELETE FROM payload WHERE idx = 9"]),
    ]  # fmt: skip
    for message, change, undo in changes:
        execute(place, *change)
        with place.open() as log, pytest.raises(VerificationError, match=message):
            log.verify()
        execute(place, *undo)
        with place.open() as log:
            assert log.verify().size == 3, change


def test_a_restored_old_database_is_detected(place, server):
    with place.open() as log:
        log.append(kind="test.entry", payload={})
    name = place.url.partition("?")[0].rpartition("/")[2]
    import psycopg

    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_old TEMPLATE {name}")
    with place.open() as log:
        log.append(kind="test.entry", payload={})
    place.url = server.url(f"{name}_old")
    with pytest.raises(VerificationError, match="rolled back"):
        place.open()


def test_a_server_that_forgets_is_refused(place):
    execute(
        place, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.3)"
    )
    try:
        with pytest.raises(LedgerError, match="fsync is off"):
            place.open()
    finally:
        execute(
            place, "ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.3)"
        )


def test_a_crashed_server_keeps_what_was_acknowledged(place, server):
    with place.open() as log:
        for n in range(20):
            receipt = log.append(kind="test.entry", payload={"w": "crash", "n": n})
            place.acknowledged[receipt.index] = ("crash", n)
        server.stop("immediate")
        with pytest.raises(LedgerError, match="cannot be used"):
            log.append(kind="test.entry", payload={})
        server.start()
        with pytest.raises(LedgerError):
            log.append(kind="test.entry", payload={})
    assert place.check() >= 20


def test_it_is_followed_as_in_a_file(place):
    with place.open() as log:
        for n in range(5):
            log.append(kind="test.entry", payload={"n": n})
        table, other = (Followers(open_database(place.url, lock_timeout_s=5)) for _ in range(2))
        table.add("siem", 2)
        held = table.take("siem", "a", now_ms=0, lease_ms=10)
        assert other.take("siem", "b", now_ms=9, lease_ms=10) is None
        tail = LogTail(log, held.next_index)
        assert [entry.payload["n"] for entry in tail.read(2)] == [2, 3]
        assert table.keep(replace(held, next_index=tail.next_index, holder=""), "a")
        assert other.take("siem", "b", now_ms=9, lease_ms=10).next_index == 4
        table.close()
        other.close()
        assert [one["waiting"] for one in followers(log)] == [1]
        assert log.verify().size == 5
        execute(place, "ALTER TABLE follower ADD COLUMN more text")
        with pytest.raises(VerificationError, match="table follower was changed"):
            log.verify()


def test_no_server_and_no_password_in_the_message(tmp_path):
    url = f"postgresql://me:hunter2@/db?host={tmp_path}"
    with pytest.raises(LedgerError) as error:
        Ledger.open(url, key=KEY, head=tmp_path / "h", lock_timeout_s=2)
    assert "hunter2" not in f"{error.value} {error.value!r}"
    with pytest.raises(InputError):
        Ledger.open("postgres:db", key=KEY)
