"""The report of a period: counted from the log, judged and verified as any report."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pypdf
import pytest

from auditkit.canonical import canonical_bytes, parse_json
from auditkit.cli import run
from auditkit.judgement.controls import parse_pack
from auditkit.ledger import Ledger
from auditkit.period.attributes import exception_id
from auditkit.period.record import respond
from auditkit.period.reporting import operation
from auditkit.period.window import Period
from auditkit.resources import data_path
from tests.support.period_log import BEGIN, END, Book

SOC2 = parse_pack(data_path("policies", "controls", "soc2.yaml").read_text())
FROM, TO = "2026-07-01", "2026-10-01"
CHANGES = 9
OTHERS = "sha256:" + "1" * 64


def written(folder):
    """A log of a quarter: one change before it, nine in it, and one that nobody approved."""
    book = Book(folder / "audit.db")
    book.at(-5).change("1")
    for i in range(CHANGES):
        book.at(1 + i).change(str(2 + i), digest=f"sha256:{i:064x}")
    number = book.at(62).request("20", digest=OTHERS)
    book.promote("20", digest=OTHERS, request=number)
    book.at(64).decision("ann")
    book.decision("eve", allowed=False)
    book.at(95).decision("ann")
    return book


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """The folder of a log, and what the command made of it."""
    folder = tmp_path_factory.mktemp("period")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDITKIT_HOME", str(folder / "home"))
        book = written(folder)
        book.close()
        code = run(["period", "report", "--from", FROM, "--to", TO, *log_of(folder),
                    "--output", str(folder / "q3")])  # fmt: skip
        yield folder, code


@pytest.fixture(autouse=True)
def _home(reported, monkeypatch):
    monkeypatch.setenv("AUDITKIT_HOME", str(reported[0] / "home"))


def log_of(folder):
    return ["--log", str(folder / "audit.db"), "--key", str(folder / "log.pub")]


def predicate(folder):
    return parse_json((folder / "q3" / "statement.json").read_bytes())["predicate"]


def number(of, check, key):
    (evidence,) = (e for e in of["evidence"] if e["check"] == check)
    return next(m["value"] for m in evidence["measurements"] if m["key"] == key)


def test_what_is_counted_is_what_plain_sql_counts(reported):
    folder, code = reported
    found = predicate(folder)
    assert code == 10
    begin, end = (round(moment.timestamp() * 1000) for moment in (BEGIN, END))
    with sqlite3.connect(folder / "audit.db") as sql:
        where = f"time_ms >= {begin} AND time_ms < {end}"
        (inside,) = sql.execute(f"SELECT COUNT(*) FROM entry WHERE {where}").fetchone()
        (moved,) = sql.execute(
            f"SELECT COUNT(*) FROM entry WHERE kind = 'promotion.done' AND {where}"
        ).fetchone()
        (every,) = sql.execute("SELECT COUNT(*) FROM entry").fetchone()
    assert moved == CHANGES + 1
    assert number(found, "period.changes", "changes") == moved
    assert number(found, "period.log", "entries") == inside
    assert found["rows"] == every
    assert number(found, "period.populations", "items[population=changes]") == moved


def test_the_planted_exceptions_are_found_and_nothing_else(reported):
    folder, _ = reported
    files = pypdf.PdfReader(folder / "q3" / "report.pdf").attachments
    table = parse_json(files["table-period_exceptions.json"][0])
    found = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert {(one["attribute"], one["found"]) for one in found} == {
        ("a", "nobody approved it"), ("c", "no gate judged these files before the move")
    }  # fmt: skip
    assert len({one["item"] for one in found}) == 1
    pages = "".join(p.extract_text() for p in pypdf.PdfReader(folder / "q3" / "report.pdf").pages)
    pages = "".join(pages.split())
    assert all(one["exception"] in pages for one in found)
    outcomes = {
        f["rule"]: f["outcome"] for f in predicate(folder)["findings"] if f["group"] is None
    }
    untested = {f"OP-{n}": "not_assessed" for n in range(5, 12)}  # no registry, no monitor
    assert outcomes == untested | {
        "OP-1": "fail", "OP-2": "pass", "OP-3": "pass", "OP-4": "pass"
    }  # fmt: skip


def test_a_response_is_printed_and_changes_nothing(reported, tmp_path):
    book = written(tmp_path)
    period = Period.parse(FROM, TO)
    before = operation(book.log, period, pack=SOC2).evidence[0]
    row = dict(zip(before.tables[0].columns, before.tables[0].rows[0], strict=True))
    assert row["response"] == "none"
    respond(book.log, row["exception"], by="mia", text="Approved by telephone.")
    after = operation(book.log, period, pack=SOC2).evidence[0]
    book.close()
    assert "Approved by telephone." in after.tables[0].column("response")
    assert after.measurements == before.measurements


def test_it_is_verified_as_any_report(reported, capsys):
    folder, _ = reported
    run(["verify", str(folder / "q3" / "report.pdf"), "--json"])
    claims = {c["id"]: c["state"] for c in json.loads(capsys.readouterr().out)["claims"]}
    for claim in (
        "signature",
        "attachments",
        "statement",
        "envelope",
        "verdict",
        "pages",
        "numbers",
    ):
        assert claims[claim] == "true", claim
    assert "false" not in claims.values()


def again(folder, report, *more):
    return run(["period", "reperform", str(report), *log_of(folder), *more])


def test_the_log_gives_it_again_also_when_it_has_grown(reported, tmp_path, capsys):
    folder, _ = reported
    assert again(folder, folder / "q3" / "report.pdf") == 0
    book = written(tmp_path)
    asked = ["--from", FROM, "--to", TO, *log_of(tmp_path), "--output", str(tmp_path / "q3")]
    assert run(["period", "report", *asked]) == 10
    book.at(120).change("30")
    book.close()
    capsys.readouterr()
    assert again(tmp_path, tmp_path / "q3" / "statement.json", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["differences"] == []
    assert found["left_out"] == ["period.registry"]
    assert found["numbers"] > 25


@pytest.mark.parametrize(
    "forge",
    [
        lambda e: e["measurements"][0].update(value=5),
        lambda e: e["measurements"].pop(),
        lambda e: e.update(n=1),
        lambda e: e["tables"][0].update(digest="sha256:" + "0" * 64),
        lambda e: e["parameters"].update(known_until="2026-01-01T00:00:00Z"),
        lambda e: e.update(check="period.other"),
    ],
)
def test_a_number_that_the_log_does_not_give_is_found(reported, tmp_path, forge, capsys):
    folder, _ = reported
    statement = parse_json((folder / "q3" / "statement.json").read_bytes())
    forge(statement["predicate"]["evidence"][0])
    (tmp_path / "s.json").write_bytes(canonical_bytes(statement))
    assert again(folder, tmp_path / "s.json") == 12
    assert "period." in capsys.readouterr().out


def test_another_log_or_none_of_a_period_is_told(reported, tmp_path):
    folder, _ = reported
    other = Book(tmp_path / "audit.db")
    other.at(1).change("1")
    other.close()
    assert again(tmp_path, folder / "q3" / "statement.json") == 2  # it has fewer entries
    statement = parse_json((folder / "q3" / "statement.json").read_bytes())
    for change in (lambda p: p["subject"].pop("period"), lambda p: p.update(rows="x"),
                   lambda p: p.update(packs=[])):  # fmt: skip
        changed = parse_json(canonical_bytes(statement))
        change(changed["predicate"])
        (tmp_path / "s.json").write_bytes(canonical_bytes(changed))
        assert again(folder, tmp_path / "s.json") == 2


def test_a_rewritten_log_gives_no_report(reported, tmp_path):
    folder, _ = reported
    for file in ("audit.db", "audit.db.head", "log.pub"):
        shutil.copy(folder / file, tmp_path / file)
    with sqlite3.connect(tmp_path / "audit.db") as sql:
        names = sql.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            sql.execute(f'DROP TRIGGER "{name}"')
        sql.execute("DELETE FROM entry WHERE kind = 'promotion.approved' AND idx > 20")
    asked = ["period", "report", "--from", FROM, "--to", TO, *log_of(tmp_path)]
    assert run([*asked, "--output", str(tmp_path / "out")]) == 12
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(
    ("begin", "end", "changes", "uncovered"),
    [
        ("2026-08-20", "2026-08-21", 0, 0),  # nothing happened
        ("2025-01-01", "2025-04-01", 0, 1),  # before the log
        ("2027-01-01", "2027-04-01", 0, 1),  # after it
        ("2026-01-01", "2027-01-01", CHANGES + 2, 2),
    ],
)
def test_periods_that_the_log_says_little_of(reported, begin, end, changes, uncovered):
    folder, _ = reported
    from auditkit.cli.shared.log_open import reading

    with reading(str(folder / "audit.db"), [str(folder / "log.pub")], None, "") as log:
        found = operation(log, Period.parse(begin, end), pack=SOC2)
    by_check = {e.check: e for e in found.evidence}
    assert by_check["period.changes"].measurement("changes").value == changes
    assert by_check["period.log"].measurement("uncovered_ends").value == uncovered


def test_an_empty_log_says_so(tmp_path):
    book = Book(tmp_path / "audit.db")
    found = operation(book.log, Period.parse(FROM, TO), pack=SOC2)
    assert isinstance(book.log, Ledger)
    book.close()
    by_check = {e.check: e for e in found.evidence}
    assert found.size == 0
    assert by_check["period.log"].measurement("uncovered_ends").value == 2


@pytest.mark.parametrize(
    "wrong",
    [["--from", TO, "--to", FROM], ["--from", "x", "--to", TO],
     ["--from", FROM, "--to", TO, "--pack", "none"],
     ["--from", FROM, "--to", TO, "--policy", "none"]],
)  # fmt: skip
def test_wrong_questions_are_refused(reported, tmp_path, wrong):
    asked = ["period", "report", *wrong, *log_of(reported[0]), "--output", str(tmp_path / "o")]
    assert run(asked) == 2
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("pack", "control"),
    [("soc2", "CC8.1"), ("mrm-sr26-2", "change"), ("hipaa", "period.changes")],
)
def test_exceptions_are_numbered_under_the_requirement_of_the_pack(tmp_path, pack, control):
    """The id is of pack, control, item and attribute, as RFC 4648 base32 of a digest."""
    book = written(tmp_path)
    chosen = parse_pack(data_path("policies", "controls", f"{pack}.yaml").read_text())
    evidence = operation(book.log, Period.parse(FROM, TO), pack=chosen).evidence[0]
    table = evidence.table("period_exceptions")
    for row in table.rows:
        one = dict(zip(table.columns, row, strict=True))
        assert f"{pack} {control}" in row
        assert one["exception"] == exception_id(pack, control, one["item"], one["attribute"])
    book.close()
