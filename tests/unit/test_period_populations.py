"""Populations of a period: every item, nothing else, the same by SQL on the log's tables."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

import auditkit
from auditkit.cli import run as command
from auditkit.errors import InputError, VerificationError
from auditkit.ledger import Ledger
from auditkit.ledger.keep.payload_jobs import destroy
from auditkit.period.extract import write_population
from auditkit.period.kinds import BY_NAME, KINDS, POPULATIONS, columns_of, kinds_of
from auditkit.period.populations import rows
from auditkit.period.window import Period
from tests.support.period_log import BEGIN, END, Book

PERIOD = Period(BEGIN, END)
PACKAGE = Path(auditkit.__file__).parent


@pytest.fixture
def book(tmp_path):
    made = Book(tmp_path / "audit.db")
    made.decision("ann")  # before the period
    made.change("1")
    made.at(0).decision("ann")  # its first moment
    made.at(3).reads("bob", "", "cy")
    made.change("2")
    made.decision("eve", allowed=False)
    made.at(20).change("3")
    made.at(30).add("policy.activated", policy_digest="sha256:1", author="ann", approver="bob",
                    approved="2026-07-31T00:00:00+00:00")  # fmt: skip
    made.add("disclosure.recorded", by="ann", date="2026-06-30", recipient="R", what="w")
    made.add(
        "disclosure.recorded", by="ann", date="2026-07-01", recipient="R", what="=cmd|' /C'!A0"
    )
    made.at(92).decision("late")  # the first moment after it
    made.add("disclosure.recorded", by="ann", date="2026-09-30", recipient="R", what="logged late")
    made.at(93).decision("later")
    yield made
    made.close()


def extracted(book, name, tmp_path, period=PERIOD):
    made = write_population(book.log, name, period, tmp_path / name, at=END)
    with (tmp_path / name / "population.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return made, rows, json.loads((tmp_path / name / "ipe.json").read_text())


# The second implementation: SQL on the log's tables, which knows nothing of the first.
LOGGED = f"e.time_ms >= {PERIOD.begin_ms} AND e.time_ms < {PERIOD.end_ms}"
PLAIN = "FROM entry e JOIN payload p ON p.idx = e.idx"
BODY = "CAST(p.body AS TEXT)"
SQL = {
    "changes": f"SELECT 'L' || e.idx {PLAIN} WHERE {LOGGED} AND e.kind IN "
    "('promotion.done', 'promotion.demoted') AND NOT EXISTS (SELECT 1 FROM entry f JOIN payload q "
    "ON q.idx = f.idx WHERE f.kind = e.kind AND f.idx < e.idx AND "
    f"json_extract(CAST(q.body AS TEXT), '$.claim') = json_extract({BODY}, '$.claim'))"
    " ORDER BY e.idx",
    "access": f"SELECT CASE WHEN e.kind = 'access.reads' THEN 'L' || e.idx || '.' || j.key "
    f"ELSE 'L' || e.idx END {PLAIN}, json_each(CASE WHEN e.kind = 'access.reads' THEN "
    f"json_extract({BODY}, '$.decisions') ELSE json_array({BODY}) END) j WHERE {LOGGED} AND e.kind "
    "IN ('access.decision', 'access.reads', 'dataset.served', 'data.exported') AND "
    "json_extract(j.value, '$.outcome_of') IS NULL ORDER BY e.idx, j.key",
    "grants": f"SELECT 'L' || e.idx {PLAIN} WHERE {LOGGED} AND e.kind = 'policy.activated'",
    "gates": f"SELECT 'L' || e.idx {PLAIN} WHERE {LOGGED} AND e.kind = 'gate.verdict'",
    "disclosures": f"SELECT 'L' || e.idx {PLAIN} WHERE e.kind = 'disclosure.recorded' AND "
    f"json_extract({BODY}, '$.date') BETWEEN '2026-07-01' AND '2026-09-30' ORDER BY e.idx",
}


@pytest.mark.parametrize("name", SQL)
def test_plain_sql_gives_the_same_items(book, name, tmp_path):
    _, rows, ipe = extracted(book, name, tmp_path)
    with sqlite3.connect(book.path) as connection:
        wanted = [item for (item,) in connection.execute(SQL[name])]
        queried = [row[0] for row in connection.execute(ipe["query_text"])]
    assert [row["item_id"] for row in rows] == wanted
    assert len(wanted) == ipe["row_count"] > 0
    assert list(dict.fromkeys(re.findall(r"\d+", i)[0] for i in wanted)) == list(map(str, queried))


def test_a_period_is_half_open_and_in_utc(book, tmp_path):
    made, rows, ipe = extracted(book, "access", tmp_path)
    assert [row["who"] for row in rows] == ["ann", "bob", "", "cy", "gate", "eve", "gate"]
    assert rows[0]["time"] == "2026-07-01T00:00:00Z"
    assert ipe["period"] == {"from": "2026-07-01T00:00:00Z", "to": "2026-10-01T00:00:00Z",
                             "zone": "UTC", "half_open": True}  # fmt: skip
    assert "the end not included" in str(made.period)
    east = Period.parse("2026-07-01T02:00:00+02:00", "2026-10-01")
    assert east.begin == BEGIN


def test_two_periods_that_follow_one_another_share_no_item_and_lose_none(book, tmp_path):
    middle = BEGIN + timedelta(days=20)
    parts = [extracted(book, "access", tmp_path / str(i), Period(*ends))[1]
             for i, ends in enumerate([(BEGIN, middle), (middle, END)])]  # fmt: skip
    assert [*parts[0], *parts[1]] == extracted(book, "access", tmp_path)[1]


def test_the_first_entry_of_a_move_counts(book, tmp_path):
    first = book.at(40).promote("4", claim="x" * 32)
    entry = next(e for e in book.log.entries() if e.index == first)
    book.at(41).add("promotion.done", **entry.payload, settled=True)
    _, rows, _ = extracted(book, "changes", tmp_path)
    assert [row["item_id"] for row in rows if row["version"] == "4"] == [f"L{first}"]


def test_an_empty_population_is_written_too(book, tmp_path):
    made, rows, ipe = extracted(book, "deid", tmp_path)
    assert (made.count, rows, ipe["row_count"]) == (0, [], 0)
    assert "deid.run" in ipe["query_text"]
    assert any("empty" in remark for remark in ipe["remarks"])
    assert openpyxl.load_workbook(tmp_path / "deid" / "population.xlsx")["Items"].max_row == 1


def test_a_period_before_the_log_says_so(book, tmp_path):
    before = Period.parse("2020-01-01", "2020-04-01")
    made, rows, _ = extracted(book, "changes", tmp_path, before)
    assert rows == []
    assert any("after the period: it says nothing about it" in r for r in made.remarks)


def test_the_files_say_the_same(book, tmp_path):
    made, rows, ipe = extracted(book, "changes", tmp_path)
    data = (tmp_path / "changes" / "population.csv").read_bytes()
    assert hashlib.sha256(data).hexdigest() == ipe["file_sha256"] == made.sha256
    sheet = openpyxl.load_workbook(tmp_path / "changes" / "population.xlsx")["Items"]
    cells = [
        ["" if c is None else str(c) for c in row] for row in sheet.iter_rows(values_only=True)
    ]
    assert cells == [list(rows[0]), *[list(row.values()) for row in rows]]
    facts = ipe["completeness"]
    assert facts["entries_of_these_kinds_read"] == facts["entries_of_these_kinds_counted_by_sql"]
    assert len(ipe["accuracy"]) == min(5, len(rows))
    again = write_population(book.log, "changes", PERIOD, tmp_path / "again", at=END)
    assert again == made
    for name in ("population.csv", "population.xlsx", "ipe.json"):
        assert (tmp_path / "again" / name).read_bytes() == (
            tmp_path / "changes" / name
        ).read_bytes()


def test_no_cell_is_a_formula(book, tmp_path):
    _, rows, _ = extracted(book, "disclosures", tmp_path)
    assert rows[0]["what"] == "'=cmd|' /C'!A0"
    book_ = openpyxl.load_workbook(tmp_path / "disclosures" / "population.xlsx")
    types = {cell.data_type for row in book_["Items"].iter_rows() for cell in row}
    assert types <= {"s", "n", "inlineStr"}


def test_a_destroyed_payload_stays_an_item(book, tmp_path):
    index = extracted(book, "gates", tmp_path)[1][0]["item_id"]
    destroy(book.log, [int(index[1:])], by="ann", reason="request", now=END, before_due=True)
    _, rows, ipe = extracted(book, "gates", tmp_path)
    assert (rows[0]["item_id"], rows[0]["payload"], rows[0]["decision"]) == (index, "destroyed", "")
    assert ipe["completeness"]["items_without_payload"] == 1


def test_a_payload_that_was_changed_in_the_database_is_noticed(book, tmp_path):
    book.log.close()
    with sqlite3.connect(book.path) as connection:
        connection.execute(
            "UPDATE payload SET body = CAST(replace(body, 'eve', 'bob') AS BLOB) "
            "WHERE idx IN (SELECT idx FROM entry WHERE kind = 'access.decision')"
        )
    book.log = Ledger.open(f"sqlite:///{book.path}", key=book.key.verifier)
    with pytest.raises(VerificationError, match="not what was logged"):
        extracted(book, "access", tmp_path)


def test_an_event_that_was_deleted_from_a_copy_is_noticed(book, tmp_path):
    book.log.close()
    with sqlite3.connect(book.path) as connection:
        for table in ("entry_DELETE", "entry_UPDATE"):
            connection.execute(f"DROP TRIGGER {table}")
        connection.execute("DELETE FROM entry WHERE kind = 'promotion.done' AND idx > 10")
    book.log = Ledger.open(f"sqlite:///{book.path}", key=book.key.verifier)
    made, _, ipe = extracted(book, "changes", tmp_path)
    assert ipe["completeness"]["missing_indexes"] == 2
    assert any("lacks 2 of its entries" in remark for remark in made.remarks)


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [
        ("2026-10-01", "2026-07-01", "empty"),
        ("2026-07-01", "2026-07-01", "empty"),
        ("yesterday", "2026-07-01", "no time"),
        ("2026-07-01", "0001-01-01", "no time"),
    ],
)
def test_a_period_that_is_none_is_refused(begin, end, words):
    with pytest.raises(InputError, match=words):
        Period.parse(begin, end)


def test_there_is_no_other_population(book, tmp_path):
    with pytest.raises(InputError, match="no population"):
        write_population(book.log, "others", PERIOD, tmp_path, at=END)


def test_the_command_writes_the_files(book, tmp_path, capsys):
    line = ["evidence", "population", "changes", "--from", "2026-07-01", "--to", "2026-10-01",
            "--log", str(book.path), "--key", str(book.pub),
            "-o", str(tmp_path / "out")]  # fmt: skip
    assert command(line) == 0
    told = capsys.readouterr()
    assert "2 items of changes, 2026-07-01T00:00:00Z to 2026-10-01T00:00:00Z, UTC" in told.err
    assert (tmp_path / "out" / "population.csv").exists()


def test_each_kind_has_one_line_and_a_population_that_exists():
    assert len(BY_NAME) == len(KINDS)
    assert {kind.population for kind in KINDS} - {""} <= POPULATIONS.keys()
    assert all(kind.what for kind in KINDS)
    assert all(kinds_of(name) for name in POPULATIONS)


# Names of files are none.
KIND = re.compile(r"[a-z_]+\.(?!json|txt|csv)[a-z._-]+")


def logged_kinds():
    """The kinds that the code gives to a log: constants and literals in the calls that write."""
    names, calls = {}, []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant):
                names.setdefault(getattr(node.target, "id", ""), set()).add(node.value.value)
            elif isinstance(node, ast.Call):
                calls.append(node)
    for node in calls:
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = [k.value for k in node.keywords if k.arg == "kind"]
        if called in {"now", "item", "note"} and len(node.args) >= 2:
            given.append(node.args[0])
        if called in {"append", "record", "now", "item", "note"}:
            for one in given:
                is_constant = isinstance(one, ast.Constant)
                for value in {one.value} if is_constant else names.get(getattr(one, "id", ""), ()):
                    if isinstance(value, str) and KIND.fullmatch(value):
                        yield value


def test_every_kind_that_the_code_writes_is_in_the_table():
    found = set(logged_kinds())
    assert {"access.decision", "promotion.done", "ledger.sealed", "letter.adverse_action"} <= found
    from auditkit.access.record import approvals, owners

    found |= {approvals.DEMOTED, approvals.DESCRIBED, owners.RENAMED, owners.VERSION_MADE,
              owners.MODEL_MADE, owners.RUN_MADE}  # fmt: skip
    assert found - BY_NAME.keys() == set()


def test_a_time_of_another_zone_is_the_same_moment():
    assert datetime(2026, 7, 1, tzinfo=UTC) == Period.parse("2026-07-01Z"[:10], "2026-07-02").begin


def test_who_looked_after_an_alert_is_in_its_population(book):
    """As the monitor writes its entries: the members that a row names are there."""
    facts = {"monitor": "m", "model": "credit", "alert": "A-1", "check": "drift.features",
             "actor": "ann", "note": "seen"}  # fmt: skip
    book.at(3).add("alert.acknowledged", **facts)
    book.at(4).add("silence.set", **{**facts, "until": "2026-08-01T00:00:00Z", "reason": "known"})
    book.at(5).add("fallback.entered", **{**facts, "serving": "rules", "reason": "A-1 is open"})
    found = list(rows(book.log.entries(), "alerts", PERIOD))[-3:]
    columns = columns_of("alerts")
    read = [dict(zip(columns, row, strict=True)) for row in found]
    assert [one["who"] for one in read] == ["ann"] * 3
    assert [one["serving"] for one in read] == ["", "", "rules"]
    assert read[1]["until"] == "2026-08-01T00:00:00Z"
