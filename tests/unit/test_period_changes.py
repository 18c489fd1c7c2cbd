"""Attributes of changes: each deviation is found, and nothing else is called one."""

from __future__ import annotations

import json
import re

import pytest

from auditkit.cli import run as command
from auditkit.cli.shared.log_open import LOG_NAME
from auditkit.errors import InputError
from auditkit.ledger import Ledger, Receipt, verify_receipt
from auditkit.period.attributes import ATTRIBUTES, attributes_of, deviations, exception_id
from auditkit.period.changes import ChangeBook
from auditkit.period.extract import write_population
from auditkit.period.record import record_disclosure, record_disposal, respond
from auditkit.period.window import Period
from auditkit.signing import KeyStore
from tests.support.period_log import BEGIN, END, FILES, Book

PERIOD = Period(BEGIN, END)
OTHER = "sha256:" + "ef" * 32


@pytest.fixture
def book(tmp_path):
    made = Book(tmp_path / "audit.db")
    made.at(1).change("1")
    yield made
    made.close()


def found(book):
    read = ChangeBook()
    read.read(book.log.entries())
    every = deviations(read.changes(), PERIOD, ends=read.ends, pack="soc2", control="CC8.1")
    return [(d.item, d.attribute) for d in every]


def of_last(book):
    read = ChangeBook()
    read.read(book.log.entries())
    outcomes = attributes_of([*read.changes()][-1], ends=read.ends)
    return "".join(test.outcome[0] for test in outcomes.values())


def emergency(book, version="2", *, digest=OTHER):
    number = book.new()
    book.add("breakglass.invoked", id=number, user="eve", object="x", reason="r", ticket="t",
             valid_minutes=60, review_hours=72, domain="default")  # fmt: skip
    return number, book.promote(version, digest=digest, how="break-glass", breakglass=number,
                                user="eve")  # fmt: skip


def review(book, number, user="ann", **changes):
    facts = {"id": number, "user": user, "findings": "f", "outcome": "accepted", **changes}
    book.add("breakglass.reviewed", **facts)


def test_changes_as_they_should_be_have_no_deviation(book):
    for version in range(2, 9):
        book.at(version).change(str(version), digest=f"sha256:{version:064}")
    assert found(book) == []
    assert of_last(book) == "yyynynn"


def test_an_approval_after_the_move(book):
    book.at(3).verdict("2")
    number = book.request("2")
    index = book.promote("2", request=number)
    book.at(4).approve(number)
    assert found(book) == [(f"L{index}", "a")]


def test_no_request_at_all(book):
    book.at(3).verdict("2")
    index = book.promote("2")
    assert found(book) == [(f"L{index}", "a")]


@pytest.mark.parametrize("who", ["rita", "RITA"])
def test_the_requester_approved(book, who):
    number = book.request("2")
    book.approve(number, who)
    index = book.promote("2", request=number)
    assert found(book) == [(f"L{index}", "a")]


@pytest.mark.parametrize("who", ["max", "paul"])
def test_the_maker_or_the_mover_approved(book, who):
    number = book.request("2")
    book.approve(number, who)
    index = book.promote("2", request=number)
    assert found(book) == [(f"L{index}", "b")]


def test_other_files_than_approved(book):
    book.verdict("2", digest=OTHER)
    number = book.request("2")
    book.approve(number)
    index = book.promote("2", request=number, digest=OTHER)
    assert found(book) == [(f"L{index}", "e")]


@pytest.mark.parametrize("decision", ["fail", "incomplete", None])
def test_no_gate_passed(book, decision):
    if decision:
        book.verdict("2", digest=OTHER)
        book.verdict("2", digest=OTHER, decision=decision)
    number = book.request("2", digest=OTHER)
    book.approve(number)
    index = book.promote("2", request=number, digest=OTHER)
    assert found(book) == [(f"L{index}", "c")]
    book.verdict("2", digest=OTHER)
    read = ChangeBook()
    read.read(book.log.entries())
    (one,) = deviations(read.changes(), PERIOD, ends=END, pack="soc2", control="CC8.1")
    assert one.retest == "retested"


@pytest.mark.parametrize(("until", "expired"), [("2026-07-11", False), ("2026-07-10", True)])
def test_an_expired_waiver(book, until, expired):
    book.at(2).verdict("2", waived=["r1", "r2"], waivers_expire=["2026-12-31", until])
    number = book.request("2")
    book.approve(number)
    index = book.at(10.5).promote("2", request=number)
    assert found(book) == ([(f"L{index}", "d")] if expired else [])


def test_an_emergency_reviewed_in_time_and_tested(book):
    number, _ = emergency(book.at(10))
    assert of_last(book) == "nnnnnoo"
    review(book.at(12), number)
    book.verdict("2", digest=OTHER)
    book.at(60).decision("ann")
    assert found(book) == []
    assert of_last(book) == "nnnnnyy"


def test_an_emergency_reviewed_late(book):
    number, index = emergency(book.at(10))
    book.verdict("2", digest=OTHER)
    review(book.at(13.5), number)
    assert found(book) == [(f"L{index}", "f")]


def test_an_emergency_that_only_its_user_reviewed_and_nobody_tested(book):
    number, index = emergency(book.at(10))
    review(book.at(11), number, user="Eve")
    book.at(20).decision("ann")
    assert found(book) == [(f"L{index}", "f"), (f"L{index}", "g")]


def test_a_rollback_makes_an_emergency_good(book):
    number, _ = emergency(book.at(10))
    book.at(11).promote("1", how="rolled back")
    review(book, number, outcome="rejected")
    book.at(60).decision("ann")
    assert found(book) == []
    assert of_last(book) == "nnynynn"


def test_a_rollback_to_files_that_were_never_there(book):
    book.verdict("1", digest=OTHER)
    index = book.promote("1", how="rolled back", digest=OTHER)
    assert found(book) == [(f"L{index}", "e")]


def test_only_changes_of_the_period_are_tested(book):
    book.at(100).promote("2")
    assert found(book) == []


def test_the_changes_are_those_of_the_population(book, tmp_path):
    emergency(book.at(10))
    book.promote("3", done=False)
    book.at(12).add("promotion.demoted", model="credit", version="2", kind="alias",
                    name="champion", domain="default", user="ann", how="demoted")  # fmt: skip
    read = ChangeBook()
    read.read(book.log.entries())
    made = write_population(book.log, "changes", PERIOD, tmp_path / "c", at=END)
    assert made.count == len([*read.changes()]) == 3


def test_all_entries_about_a_version_are_found(book):
    kinds = [e.kind for e in traced(book, "credit", "1")]
    assert kinds == ["version.created", "gate.verdict", "promotion.requested",
                     "promotion.approved", "promotion.claimed", "promotion.done"]  # fmt: skip
    assert traced(book, "credit", "9") == []


def traced(book, model, version):
    read = ChangeBook()
    read.read(book.log.entries())
    return read.about(model, version)


def test_ids_last_and_differ():
    one = exception_id("soc2", "CC8.1", "L7", "a")
    assert re.fullmatch(r"EX-[A-Z2-7]{12}", one)
    assert one == exception_id("soc2", "CC8.1", "L7", "a")
    others = {exception_id("soc2", "CC8.1", f"L{i}", x) for i in range(50) for x in ATTRIBUTES}
    assert len(others) == 50 * len(ATTRIBUTES)


def test_a_response_changes_no_finding(book):
    index = book.promote("2")
    before = found(book)
    number = exception_id("soc2", "CC8.1", f"L{index}", "a")
    receipt = respond(book.log, number, by="mia", text="The policy was not in force yet.")
    assert receipt.entry.payload["status"] == "not examined"
    assert found(book) == before != []
    for wrong in ("EX-1", "", "ex-aaaaaaaaaaaa"):
        with pytest.raises(InputError, match="not the id"):
            respond(book.log, wrong, by="mia", text="t")
    with pytest.raises(InputError, match="text is missing"):
        respond(book.log, number, by="mia", text=" ")


def test_disposals_and_disclosures_are_in_their_populations(book, tmp_path):
    record_disposal(book.log, by="ann", on=BEGIN.date(), what="disk 7", method="shredded")
    record_disclosure(book.log, by="ann", on=END.date(), recipient="R", what="w", purpose="p")
    for name, count in (("disposals", 1), ("disclosures", 0)):
        assert write_population(book.log, name, PERIOD, tmp_path / name, at=END).count == count
    assert FILES != OTHER


def test_the_commands_trace_and_record(book, tmp_path, capsys, monkeypatch):
    where = ["--log", str(book.path), "--key", str(book.pub)]
    out = tmp_path / "trace.json"
    assert command(["evidence", "trace", "credit/1", *where, "-o", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "promotion.approved" in shown
    assert "a          yes" in shown
    trace = json.loads(out.read_text())
    for one in trace["receipts"]:
        verify_receipt(Receipt.from_json(one), book.key.verifier)
    assert len(trace["receipts"]) == len(trace["entries"]) == 6
    assert command(["evidence", "trace", "credit/9", *where]) == 3
    assert command(["evidence", "trace", "credit", *where]) == 2


def test_what_people_record_is_logged_by_the_commands(tmp_path, capsys):
    store = KeyStore(tmp_path / "keys")
    with Ledger.open(f"sqlite:///{tmp_path}/own.db", key=store.log_signer(LOG_NAME)):
        pass
    where = ["--log", f"{tmp_path}/own.db", "--keys", str(tmp_path / "keys"), "--by", "ann"]
    day = ["--date", "2026-08-14"]
    lines = [
        ["record", "disposal", "--object", "disk", "--method", "shredded", *day],
        ["record", "disclosure", "--recipient", "R", "--what", "w", "--purpose", "p", *day],
        ["respond", "EX-ABCDEFGHIJ23", "--text", "It was approved by telephone."],
    ]
    for line in lines:
        assert command(["evidence", *line, *where]) == 0
    assert "not examined" in capsys.readouterr().err
    with Ledger.open(f"sqlite:///{tmp_path}/own.db", key=store.log_signer(LOG_NAME)) as log:
        kinds = [entry.kind for entry in log.entries()]
    assert kinds == ["disposal.recorded", "disclosure.recorded", "exception.answered"]
    assert command(["evidence", "respond", "EX-1", "--text", "t", *where]) == 2


def test_an_independent_approval_after_the_move_does_not_stand_for_one_before_it(book):
    book.at(3).verdict("2")
    number = book.request("2")
    book.approve(number, "max")  # who made it
    index = book.promote("2", request=number)
    book.at(4).approve(number, "ann")
    assert found(book) == [(f"L{index}", "b")]
