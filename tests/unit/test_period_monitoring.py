"""Whether monitors operated in a period, and what served: counted from a log, and counted again."""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import statistics
from datetime import UTC, datetime, timedelta

import pytest

from auditkit.canonical import canonical_bytes, parse_json
from auditkit.cli import run
from auditkit.judgement.controls import parse_pack
from auditkit.period.fallback import use_of
from auditkit.period.monitoring import monitored, operation_of
from auditkit.period.reporting import operation
from auditkit.period.window import Period
from auditkit.resources import data_path
from tests.support.monitor_log import DAY, WEEK, MonitorBook, stamp
from tests.support.period_log import BEGIN, Book

SOC2 = parse_pack(data_path("policies", "controls", "soc2.yaml").read_text())
HOUR = timedelta(hours=1)
JULY, AUGUST, SEPTEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (7, 8, 9))


def evidence_of(book: Book, begin: datetime, end: datetime, **more):
    """Both evidences of a period."""
    ends = book.clock.now
    found = monitored(book.log, Period(begin, end), ends=ends, size=book.log.size, **more)
    return operation_of(found), use_of(found)


def numbers(evidence, monitor: str = "pricing") -> dict[str, float | None]:
    """The measurements of a monitor by name, and by what they are further about."""
    found = {}
    for m in evidence.measurements:
        (_, of), *rest = m.group
        if of == monitor:
            found[" ".join([m.name, *(value for _, value in rest)])] = m.value
    return found


def payloads(path):
    """Each entry's kind and payload, by plain SQL."""
    with sqlite3.connect(path) as sql:
        rows = sql.execute("SELECT kind, body FROM entry JOIN payload USING (idx) ORDER BY idx")
        return [(kind, json.loads(body)) for kind, body in rows]


def naive(path, begin: datetime, end: datetime, until: datetime) -> dict[str, float]:
    """The same numbers in plain Python, a loop over days, from the rows of the database."""
    a, b = stamp(begin), stamp(end)
    entries = [(kind, p) for kind, p in payloads(path) if p.get("monitor") == "pricing"]
    judged = {p["window"][0]: p for kind, p in entries if kind == "monitor.window"}
    said_missed = set()
    for kind, p in entries:
        if kind == "monitor.missed":
            day = datetime.fromisoformat(p["window"][0])
            said_missed |= {stamp(day + timedelta(days=i)) for i in range(p["windows"])}
    first = datetime.fromisoformat(entries[0][1]["window"][0])
    due, day = [], first
    while day < min(end, until):
        at = stamp(day)
        if day >= begin and (at in judged or at in said_missed or day + timedelta(days=2) <= until):
            due.append(at)
        day += timedelta(days=1)
    ran = {p["at"][:10] for _, p in entries}
    known = [(kind, p) for kind, p in entries if p["at"] < b]
    opened = {p["alert"]: p for kind, p in known if kind == "alert.opened"}

    def hours(kind: str) -> list[float]:
        return [
            (datetime.fromisoformat(p["at"]) - datetime.fromisoformat(opened[p["alert"]]["at"]))
            / HOUR
            for k, p in known
            if k == kind and p["at"] >= a
        ]

    found = {
        "judged_windows": sum(at in judged for at in due),
        "missed_windows": sum(at not in judged for at in due),
        "unlogged_windows": sum(at not in judged and at not in said_missed for at in due),
        "windows_without_run": sum(at[:10] not in ran for at in due),
        "breached_windows": sum(at in judged and judged[at]["outcome"] == "fail" for at in due),
        "heartbeats": sum(k == "monitor.heartbeat" and a <= p["at"] for k, p in known),
        "alerts_opened": sum(p["at"] >= a for p in opened.values()),
        "silences": sum(k == "silence.set" and a <= p["at"] for k, p in known),
    }
    for name, kind in (("acknowledge", "alert.acknowledged"), ("act", "alert.triaged")):
        times = hours(kind)
        found[f"median_hours {name}"] = round(statistics.median(times), 2) if times else None
    waits = [0.0]
    limit = min(end, until)
    for name, p in opened.items():
        taken = [
            q["at"] for k, q in known
            if k in ("alert.acknowledged", "alert.closed") and q["alert"] == name
        ]  # fmt: skip
        done = datetime.fromisoformat(min(taken)) if taken else limit
        if done >= begin:
            waits.append((min(done, limit) - datetime.fromisoformat(p["at"])) / HOUR)
    found["longest_unacknowledged"] = round(max(waits), 2)
    return found


def written(path, seed: int) -> Book:
    """Two months of days: some late, some missed, some that nobody wrote of, alerts, a fallback."""
    draw = random.Random(seed)
    book = Book(path)
    book.at(-15)
    monitor = MonitorBook(book, datetime(2026, 6, 20, tzinfo=UTC))
    number, alerts = 0, 0
    while number < 60:
        what = draw.random()
        over = monitor.start(number + 1)
        if what < 0.1:
            number += draw.randint(1, 9)  # nothing at all: the monitor is dead
            continue
        if what < 0.2:
            count = draw.randint(1, 4)
            monitor.missed(number, count, at=monitor.start(number + count) + 6 * HOUR)
            number += count
            continue
        monitor.judged(number, broken="x" if what < 0.4 else "", rows=draw.randint(50, 200))
        if what < 0.4:
            alerts += 1
            name = f"A-{alerts}"
            monitor.alert(name, number, at=over + HOUR)
            if draw.random() < 0.7:
                monitor.person("acknowledged", name, at=over + draw.randint(2, 20) * HOUR)
            if draw.random() < 0.5:
                at = over + draw.randint(20, 23) * HOUR
                monitor.person("triaged", name, at=at, cause="data", decision="mend")
        elif what < 0.6:
            monitor.write("monitor.heartbeat", monitor.start(number), at=over + 2 * HOUR)
        number += 1
    return book


@pytest.mark.parametrize("seed", range(8))
def test_the_numbers_are_those_of_a_plain_recount(tmp_path, seed):
    book = written(tmp_path / "audit.db", seed)
    until = book.clock.now
    for begin, end in (
        (JULY, AUGUST),
        (datetime(2026, 6, 1, tzinfo=UTC), SEPTEMBER),
        (JULY + timedelta(days=3, hours=5), JULY + timedelta(days=17, hours=1)),
    ):
        found = numbers(evidence_of(book, begin, end)[0])
        wanted = naive(tmp_path / "audit.db", begin, end, until)
        assert {name: found[name] for name in wanted} == wanted
    book.close()


def test_adjoining_periods_share_nothing_and_lose_nothing_and_overlapping_ones_agree(tmp_path):
    book = written(tmp_path / "audit.db", 3)
    cuts = [JULY, JULY + timedelta(days=9, hours=3), JULY + timedelta(days=20), AUGUST]
    parts = [numbers(evidence_of(book, *cut)[0]) for cut in itertools.pairwise(cuts)]
    whole = numbers(evidence_of(book, JULY, AUGUST)[0])
    for name in ("judged_windows", "missed_windows", "alerts_opened", "heartbeats"):
        assert sum(part[name] for part in parts) == whole[name], name
    one, other = (
        evidence_of(book, JULY + timedelta(days=d), AUGUST)[0].table("monitoring_windows")
        for d in (0, 10)
    )
    assert other.rows == one.rows[10:]
    book.close()


def test_a_week_that_nobody_wrote_of_is_an_exception_in_the_periods_report(tmp_path):
    book = Book(tmp_path / "audit.db")
    book.at(-10)
    monitor = MonitorBook(book, datetime(2026, 6, 29, tzinfo=UTC), seconds=WEEK)
    for week in [0, 1, 2, 4, 5, 6, 7]:
        monitor.judged(week)
    found = operation(book.log, Period(JULY, datetime(2026, 8, 10, tzinfo=UTC)), pack=SOC2).evidence
    (watched,) = (e for e in found if e.check == "monitoring.operation")
    assert numbers(watched)["missed_windows"] == numbers(watched)["unlogged_windows"] == 1
    table = watched.table("monitoring_windows")
    states = dict(zip(table.column("window_from"), table.column("state"), strict=True))
    assert states["2026-07-20T00:00:00Z"] == "no entry"
    assert sorted(states.values()) == ["judged"] * 4 + ["no entry"]
    book.close()


def test_a_monitor_that_stopped_is_noticed_if_the_log_goes_on(tmp_path):
    book = Book(tmp_path / "audit.db")
    book.at(-10)
    monitor = MonitorBook(book, JULY)
    for day in range(5):
        monitor.judged(day)
    before = numbers(evidence_of(book, JULY, AUGUST)[0])
    assert (before["judged_windows"], before["missed_windows"]) == (5, 0)
    book.at(20).decision("ann")  # somebody else's entry
    after = numbers(evidence_of(book, JULY, AUGUST)[0])
    assert (after["judged_windows"], after["missed_windows"]) == (5, 14)
    book.close()


def test_rows_that_come_late_end_a_missed_window_in_the_middle_of_others(tmp_path):
    book = Book(tmp_path / "audit.db")
    book.at(-10)
    monitor = MonitorBook(book, JULY)
    monitor.judged(0)
    monitor.missed(1, 5, at=monitor.start(6) + 6 * HOUR)
    for number in (1, 3):
        monitor.judged(number)
    monitor.judged(6)
    found = numbers(evidence_of(book, JULY, AUGUST)[0])
    assert (found["judged_windows"], found["missed_windows"]) == (4, 3)
    assert found["unlogged_windows"] == 0
    book.close()


def test_an_alert_that_nobody_takes_waits_on_over_the_periods(tmp_path):
    book = Book(tmp_path / "audit.db")
    book.at(-10)
    monitor = MonitorBook(book, JULY)
    for number in range(40):
        monitor.judged(number)
        if number == 25:
            monitor.alert("A-1", 25, at=monitor.start(26) + HOUR)
    opened = monitor.start(26) + HOUR
    waited = [
        numbers(evidence_of(book, *p)[0])["longest_unacknowledged"]
        for p in ((JULY, JULY + timedelta(days=20)), (JULY, AUGUST), (AUGUST, SEPTEMBER))
    ]
    assert waited == [0, (AUGUST - opened) / HOUR, round((book.clock.now - opened) / HOUR, 2)]
    monitor.person("acknowledged", "A-1", at=book.clock.now + HOUR)
    july, august = (numbers(evidence_of(book, a, b)[0])
                    for a, b in ((JULY, AUGUST), (AUGUST, SEPTEMBER)))  # fmt: skip
    assert july["median_hours acknowledge"] is None  # done in August
    assert august["median_hours acknowledge"] == august["longest_unacknowledged"]
    assert august["alerts_opened"] == 0
    book.close()


def test_what_served_and_why(tmp_path):
    book = Book(tmp_path / "audit.db")
    book.at(-10)
    monitor = MonitorBook(book, JULY)
    moves = {
        5: ("entered", "previous-approved", "A-1"),
        9: ("entered", "rules", "A-1"),
        19: ("on-trial", "", "A-1"),
        21: ("left", "", "A-1"),
        25: ("entered", "previous-approved", "A-9"),
    }
    for number in range(34):
        if number in moves:
            monitor.moved(*moves[number], at=monitor.start(number))
        named = {"3": {"": 9}, "rules": {"A-1": 1}} if number < 20 else {}
        monitor.judged(number, rows=10, served=named)
        if number == 3:
            monitor.alert("A-1", 3, at=monitor.start(4) + HOUR)
    found = numbers(evidence_of(book, JULY, AUGUST)[1])
    served = {
        "the model, version 3": 5 + 4, "previous-approved": 4 + 6, "rules": 10,
        "the model, version 3, on trial": 2,
    }  # fmt: skip
    for name, days in served.items():
        assert found[f"hours_served {name}"] == 24 * days
        assert found[f"share_served {name}"] == pytest.approx(days / 31)
        assert found[f"rows_served {name}"] == 10 * days
    assert found["rows_decided 3 none"] == 9 * 20
    assert found["rows_decided rules A-1"] == 20
    assert found["longest_fallback"] == 14 * 24
    counts = ("fallback_moves", "trials", "recoveries", "unexplained_moves")
    assert [found[name] for name in counts] == [3, 1, 1, 1]
    # A period in the middle knows what served before it.
    middle = numbers(evidence_of(book, monitor.start(11), monitor.start(13))[1])
    assert middle["share_served rules"] == 1
    assert middle["longest_fallback"] == 8 * 24
    assert middle["fallback_moves"] == 0
    book.close()


def test_before_a_new_version_served_the_former_one_did(tmp_path):
    """A baseline of another version, without a fallback: what served before it is not renamed."""
    book = Book(tmp_path / "log.db")
    watched = MonitorBook(book, JULY)
    for number in range(10):
        watched.judged(number)
    watched.version = "4"
    at = JULY + timedelta(days=10, hours=6)
    watched.write("monitor.baseline", watched.first, at=at, baseline="sha256:" + "d" * 64,
                  first=stamp(JULY + timedelta(days=10)), seconds=DAY)  # fmt: skip
    for number in range(10, 31):
        watched.judged(number)
    _, use = evidence_of(book, JULY, AUGUST)
    found = numbers(use)
    assert found["hours_served the model, version 3"] == 246
    assert found["hours_served the model, version 4"] == 31 * 24 - 246
    assert found["share_served the model, version 3"] == pytest.approx(246 / (31 * 24))
    assert found["fallback_moves"] == 0


def test_two_monitors_are_kept_apart(tmp_path):
    book = Book(tmp_path / "audit.db")
    book.at(-10)
    one, other = (MonitorBook(book, JULY, name=name, seconds=DAY) for name in ("pricing", "fraud"))
    for number in range(6):
        one.judged(number)
        if number != 2:
            other.judged(number)
    both = evidence_of(book, JULY, AUGUST)[0]
    assert numbers(both)["missed_windows"] == 0
    assert numbers(both, "fraud")["missed_windows"] == 1
    only = evidence_of(book, JULY, AUGUST, only="fraud")[0]
    assert numbers(only, "fraud") == numbers(both, "fraud")
    assert numbers(only) == {}
    book.close()


def test_before_the_monitor_or_without_one_nothing_is_met(tmp_path):
    book = Book(tmp_path / "audit.db")
    book.at(-5).decision("ann")
    book.at(5)
    for made in evidence_of(book, JULY, AUGUST):
        assert made.outcome.value == "not_assessed"
    MonitorBook(book, BEGIN + timedelta(days=5)).judged(0)
    for made in evidence_of(book, datetime(2026, 1, 1, tzinfo=UTC), JULY):
        assert made.outcome.value == "not_assessed"
        assert "no monitor" in made.reason
    # Between two windows there is nothing to judge, and nothing is met.
    begin = BEGIN + timedelta(days=5, hours=3)
    (due,) = {m.n for m in evidence_of(book, begin, begin + HOUR)[0].named("missed_windows")}
    assert due == 0
    book.close()


@pytest.fixture
def reported(tmp_path, monkeypatch):
    """A log, and the period's report of it."""
    monkeypatch.setenv("AUDITKIT_HOME", str(tmp_path / "home"))
    book = written(tmp_path / "audit.db", 1)
    book.close()
    log = ["--log", str(tmp_path / "audit.db"), "--key", str(tmp_path / "log.pub")]
    asked = ["--from", "2026-07-01", "--to", "2026-08-01", *log, "-o", str(tmp_path / "out")]
    assert run(["period", "report", *asked]) == 10
    return tmp_path, log


@pytest.mark.parametrize(
    ("check", "forge"),
    [
        ("monitoring.operation", lambda m: m["name"] == "missed_windows"),
        ("monitoring.operation", lambda m: m["name"] == "longest_unacknowledged"),
        ("fallback.use", lambda m: m["name"] == "longest_fallback"),
    ],
)
def test_a_forged_number_is_noticed(reported, check, forge, capsys):
    folder, log = reported
    statement = parse_json((folder / "out" / "statement.json").read_bytes())
    for evidence in statement["predicate"]["evidence"]:
        if evidence["check"] == check:
            (number,) = filter(forge, evidence["measurements"])
            number["value"] += 1
    (folder / "forged.json").write_bytes(canonical_bytes(statement))
    honest = run(["period", "reperform", str(folder / "out" / "report.pdf"), *log])
    capsys.readouterr()
    assert honest == 0
    assert run(["period", "reperform", str(folder / "forged.json"), *log]) == 12
    assert check in capsys.readouterr().out
