"""Control packs: what is packaged, what lies outside, and when citations are old."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from auditkit.canonical import parse_json
from auditkit.errors import PolicyError
from auditkit.evidence import Outcome
from auditkit.judgement.again import judged_again
from auditkit.judgement.controls import assess, parse_pack
from auditkit.pdf.pages import page_texts
from auditkit.policy_review.lint import lint
from auditkit.report import render
from auditkit.resources import data_path
from tests.fixtures.lending import judgement
from tests.support.small_report import small_judgement
from tests.unit.test_policy_review import KNOWN

PACKAGED = {
    "soc2", "hipaa", "fair-lending", "ll144", "mrm-sr26-2", "nist-ai-rmf", "eu-ai-act", "naic-ai",
    "co-sb26-189",
}  # fmt: skip
OF_A_PERIOD = ("period.", "monitoring.", "fallback.")
ROW = (
    "{id: O-1, citation: in-house, requirement: Waiting is short., basis: primary, "
    "strength: STRENGTHMORE}"
)
PACK = "{{id: own, title: Own, as_of: 2026-11-22, author: A. Author{more}, controls: [{rows}]}}"


def text_of(*rows, more=""):
    return PACK.format(rows=", ".join(rows), more=more)


def row(strength="outside", more="", name="O-1"):
    return ROW.replace("STRENGTH", strength).replace("MORE", more).replace("O-1", name)


def packaged():
    return sorted(p.stem for p in data_path("policies", "controls").glob("*.yaml"))


def test_the_packs_that_are_promised_are_there():
    assert set(packaged()) == PACKAGED


@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_a_packaged_pack_reads_and_nothing_is_wrong_with_it(name):
    text = data_path("policies", "controls", f"{name}.yaml").read_text()
    pack = parse_pack(text)
    assert pack.id == name
    assert lint(pack, text, file=name, known=KNOWN, today=pack.as_of) == []
    rows = {control.id: control for control in pack.controls}
    assert all(one.citation and one.requirement and one.basis for one in rows.values())
    for one in rows.values():
        assert one.is_outside or one.kind, f"{one.id} says neither design nor operation"
        assert one.is_outside or one.limits, f"{one.id} has no limits"
        periodic = {
            check.startswith(("period.", "monitoring.", "fallback.")) for check in one.checks
        }
        assert periodic <= {one.kind == "operation"}, one.id
    words = text.lower()
    for claim in ("compliant", "certified", "bias-free", "satisfied"):
        assert claim not in words


@pytest.mark.parametrize("name", ["soc2", "hipaa", "mrm-sr26-2", "eu-ai-act", "naic-ai"])
def test_what_nothing_speaks_to_stays_in_the_pack(name):
    pack = parse_pack(data_path("policies", "controls", f"{name}.yaml").read_text())
    outside = [control for control in pack.controls if control.is_outside]
    assert outside
    statuses = {s.control.id: s for s in assess(judgement().findings, pack)}
    assert all(statuses[c.id].outcome is Outcome.NOT_ASSESSED for c in outside)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((row(more=", checks: [a.b]"),), "outside has no checks"),
        ((row(more=", entries: [deid.run]"),), "outside has no checks"),
        ((row("partial"),), "name the checks"),
        ((row(), row()), "two requirements have the id 'O-1'"),
        ((row("strong", ", checks: [a.b]"),), "strength"),
        ((row("weak", ", checks: [a.b], kind: both"),), "kind"),
    ],
)
def test_a_pack_that_contradicts_itself_is_refused(rows, message):
    with pytest.raises(PolicyError, match=message):
        parse_pack(text_of(*rows))


def test_an_unknown_kind_of_entry_is_found():
    text = text_of(row("weak", ", checks: [privacy.leaks], entries: [deid.ran]"))
    (problem,) = lint(parse_pack(text), text, file="x", known=KNOWN, today=date(2026, 11, 22))
    assert (problem.code, problem.rule) == ("unknown-entry", "O-1")
    assert "deid.run" in problem.remedy


def with_pack(text, today=date(2026, 11, 24)):
    made, pack = small_judgement(), parse_pack(text)
    policy = made.policy.model_copy(update={"controls": (pack.id,)})
    return replace(
        made, policy=policy, packs=(pack,), controls=assess(made.findings, pack), as_of=today
    )


def pages_of(made):
    return " ".join(" ".join(page_texts(render(made))).split())


def test_an_outside_row_is_printed_and_changes_nothing_else():
    speaks = row("partial", ", checks: [fairness.selection_rates]", name="O-2")
    alone, both = with_pack(text_of(speaks)), with_pack(text_of(row(), speaks))
    assert alone.verdict == both.verdict
    assert alone.findings == both.findings
    assert judged_again(parse_json(both.statement)["predicate"]).differences == ()
    pages = pages_of(both)
    assert "Outside: nothing in this report speaks to the requirement" in pages
    assert "Outside:" not in pages_of(alone)


def test_the_facts_of_a_row_are_printed():
    facts = (
        ", checks: [fairness.selection_rates], kind: operation, population: gates, "
        "frequency: each week, entries: [gate.run], status: proposed, as_of: 2026-11-20, "
        "source: a letter, reviewed_by: B. Reviewer"
    )
    pages = pages_of(with_pack(text_of(row("weak", facts))))
    assert (
        "Operation; each week; population: gates; log entries: gate.run; status: proposed; "
        "read in a letter; checked 2026-11-20; reviewed by B. Reviewer."
    ) in pages


@pytest.mark.parametrize(
    ("more", "days", "old"),
    [
        ("", 180, False),
        ("", 181, True),
        (", stale_after_days: 10", 10, False),
        (", stale_after_days: 10", 11, True),
        ("", -1, True),
    ],
)
def test_old_citations_are_said_on_the_pages_by_the_day_of_the_audit(more, days, old):
    day = date(2026, 11, 22) + timedelta(days=days)
    pages = pages_of(with_pack(text_of(row(), more=more), today=day))
    assert ("Citations last checked on 2026-11-22, too long before" in pages) == old


def test_a_row_that_was_checked_earlier_makes_the_pack_old():
    pack = parse_pack(text_of(row(more=", as_of: 2026-01-01")))
    assert pack.checked_last() == date(2026, 1, 1)
    assert pack.is_stale(date(2026, 11, 22))


def test_a_row_says_which_report_would_test_it():
    rows = (
        row("weak", ", checks: [period.changes], kind: operation"),
        row("weak", ", checks: [lineage.model], kind: design", name="O-2"),
    )
    pack = parse_pack(text_of(*rows))
    of_version = judgement().findings
    of_period = [replace(of_version[0], check="period.log")]
    said = {
        (findings is of_period, status.control.id): status.reason
        for findings in (of_version, of_period)
        for status in assess(findings, pack)
    }
    assert "'auditkit period report'" in said[False, "O-1"]
    assert said[False, "O-2"] == "the policy sets no condition on lineage.model"
    assert said[True, "O-1"] == "the policy sets no condition on period.changes"
    assert "'auditkit run'" in said[True, "O-2"]


def test_a_pack_that_states_nothing_new_keeps_its_digest():
    """The content of a pack of before these members, as statements hold it."""
    text = text_of(row("weak", ", checks: [privacy.leaks], limits: None."))
    content = parse_pack(text).to_json()["content"]
    assert set(content["controls"][0]) == {
        "id", "citation", "requirement", "checks", "basis", "strength", "limits",
    }  # fmt: skip
    assert "stale_after_days" not in content
