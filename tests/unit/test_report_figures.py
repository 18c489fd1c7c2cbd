"""The numbers of a report against its statement: what must hold, and what must be noticed."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditkit.errors import UnverifiableError
from auditkit.pdf.pages import page_texts
from auditkit.report import check_figures
from auditkit.report.figures import rules as report_rules
from auditkit.report.figures.manifest import is_printed, tokens, value_at
from auditkit.report.figures.rounding import prints, prints_percent
from auditkit.report.figures.rules import ReadingRules
from auditkit.report.figures.vocabulary import VOCABULARY, is_standard
from auditkit.report.typeset import text as report_text
from auditkit.wording import exact, number, number_against, typeset
from tests.fixtures import lending


@pytest.fixture(scope="module")
def report():
    pdf = lending.report()
    files = {
        name: content[0] for name, content in pypdf.PdfReader(BytesIO(pdf)).attachments.items()
    }
    tables = {
        name.removeprefix("table-").removesuffix(".json"): json.loads(content)
        for name, content in files.items()
        if name.startswith("table-") and name.endswith(".json")
    }
    return {
        "page_texts": page_texts(pdf),
        "figures": json.loads(files["figures.json"]),
        "statement": json.loads(files["statement.json"]),
        "tables": tables,
        "receipt": json.loads(files["receipt.json"]),
    }


def test_an_untouched_report_holds(report):
    assert check_figures(**report) == []
    assert len(report["figures"]["figures"]) > 150


def test_an_independent_reader_sees_the_same_numbers(report):
    """Counts the tokens without any of our bookkeeping."""
    listed = Counter()
    for record in report["figures"]["figures"] + report["figures"]["fixed"]:
        for token in re.findall(r"\u2212?\d+(?:[.,]\d+)*", record["text"]):
            listed[token] += record.get("count", 1)
    assert listed == Counter(re.findall(r"\u2212?\d+(?:[.,]\d+)*", "\n".join(report["page_texts"])))


@pytest.mark.parametrize("new", ["0.99", "0.71", "12", "1", "\u22120.77", "7"])
def test_a_number_changed_on_the_page_is_noticed(report, new):
    changed = copy.deepcopy(report)
    changed["page_texts"][0] = changed["page_texts"][0].replace("0.77", new, 1)
    assert check_figures(**changed)


def test_every_figure_changed_together_with_its_list_is_noticed(report):
    """Each on its own: a change is found at the figure's address, whatever the others say."""
    changed = copy.deepcopy(report)
    for figure in changed["figures"]["figures"]:
        figure["text"] = re.sub(r"\d", lambda d: str((int(d[0]) + 1) % 10), figure["text"], count=1)
    changed["page_texts"] = [" ".join(f["text"] for f in changed["figures"]["figures"])]
    problems = check_figures(**changed)
    assert sum("on the page." in p for p in problems) == len(report["figures"]["figures"])


@pytest.mark.parametrize(
    "source", ["statement", "digest", "receipt", "stated", "axis", "number", "template", "repeat"]
)
def test_a_false_number_cannot_hide_among_the_fixed(report, source):
    changed = copy.deepcopy(report)
    changed["page_texts"][0] += " 0.4321"
    changed["figures"]["fixed"].append({"text": "0.4321", "source": source})
    assert check_figures(**changed)


def test_a_changed_statement_is_noticed(report):
    for evidence in report["statement"]["predicate"]["evidence"]:
        for place, measured in enumerate(evidence["measurements"]):
            if not isinstance(measured["value"], float):
                continue
            changed = copy.deepcopy(report)
            other = changed["statement"]["predicate"]["evidence"]
            position = report["statement"]["predicate"]["evidence"].index(evidence)
            other[position]["measurements"][place]["value"] += 0.1
            assert check_figures(**changed), measured["key"]


def test_a_finding_that_is_left_out_is_noticed(report):
    sentence = report["statement"]["predicate"]["findings"][0]["statement"]
    changed = copy.deepcopy(report)
    for page, text in enumerate(report["page_texts"]):
        changed["page_texts"][page] = text.replace("0.82 (95% interval 0.72 to 0.92), n = 93", "")
    fixed = [f for f in report["figures"]["fixed"] if f["text"] != sentence]
    changed["figures"]["fixed"] = fixed
    assert any("FL-1" in problem for problem in check_figures(**changed))


@pytest.mark.parametrize("junk", [{}, {"format": 2}, {"format": 1, "figures": 3, "fixed": []}])
def test_unreadable_figures_are_a_problem_not_a_crash(report, junk):
    assert check_figures(**report | {"figures": junk})


def test_an_address_that_leads_nowhere_is_named(report):
    changed = copy.deepcopy(report)
    changed["figures"]["figures"][0]["evidence"] = "E-9999"
    changed["figures"]["figures"][0].pop("pointer", None)
    assert any("does not exist" in p for p in check_figures(**changed))


def test_rounding_does_not_cross_a_threshold():
    statement = {
        "predicate": {
            "evidence": [
                {"id": "E-0001", "tables": [], "measurements": [{"key": "r", "value": 0.79962}]}
            ]
        }
    }
    figure = {"evidence": "E-0001", "key": "r", "field": "value", "digits": 2, "threshold": 0.8}
    rules = ReadingRules.of({"format": 1})
    value = value_at(figure, statement, {})
    said = {
        text: is_printed(figure | {"text": text}, value, statement, rules)
        for text in ("0.7996", "0.80", "0.8", "0.7997", "0.79")
    }
    assert said == {"0.7996": True, "0.80": False, "0.8": False, "0.7997": False, "0.79": False}


@given(st.floats(-1e12, 1e12), st.integers(0, 6), st.floats(-2, 2) | st.none())
@example(0.13104142743753178, 0, 0.13104142743753178)
def test_what_is_written_is_read_as_its_value_and_as_no_other(value, digits, threshold):
    text = (
        number(value, digits=digits)
        if threshold is None
        else number_against(value, threshold, digits=digits)
    )
    text = typeset(text)
    assert prints(text, value, digits=digits, threshold=threshold)
    unit = 10.0**-digits if "e" not in text else abs(value)
    assert not prints(text, value + 1.6 * unit + 1e-9 * abs(value), digits=digits)
    assert not prints(text, value - 1.6 * unit - 1e-9 * abs(value), digits=digits)
    assert "e" in text or not prints(text, value, digits=digits + 40)
    assert prints(typeset(exact(value)), value, digits="exact")


@given(st.integers(-(2**53), 2**53))
def test_whole_numbers_are_whole(value):
    text = typeset(f"{value:,}")
    assert prints(text, value, digits=None)
    assert not prints(text, value + 1, digits=None)
    assert not prints(text, value + 0.25, digits=None) or abs(value) > 2**50


@pytest.mark.parametrize(
    ("text", "value", "digits"),
    [
        ("0.8", 0.77, 2),
        ("1", 0.77, None),
        ("0", 0.77, None),
        ("1e3", 1000, None),
        ("12,34", 1234, None),
        ("\u06f5", 5, None),
        ("5", True, None),
        ("-0.50", -0.5, 2),
        ("0.50 ", 0.5, 2),
        ("nan", float("nan"), 2),
        ("0.5e0", 0.5, 2),
    ],
)
def test_a_text_that_only_looks_like_the_value_is_not_it(text, value, digits):
    assert not prints(text, value, digits=digits)


def test_a_percentage_is_a_proportion():
    assert prints_percent("95%", 0.95, digits=0)
    assert not prints_percent("95%", 0.97, digits=0)
    assert not prints_percent("95", 0.95, digits=0)
    assert not prints_percent("95%", 0.951, digits=1)


# The rules that a report carries


def test_a_report_holds_after_templates_fonts_and_ways_of_writing_changed(report, monkeypatch):
    """Everything that today's code could say otherwise tomorrow says something else here."""
    monkeypatch.setattr(report_rules, "VOCABULARY", ())
    monkeypatch.setattr(report_rules, "SEVEREST_FIRST", ())
    monkeypatch.setattr(report_text, "_drawn", frozenset)
    monkeypatch.setattr(report_text, "LIMIT", 7)
    for name in ("number", "number_against", "typeset", "written"):
        monkeypatch.setattr(f"auditkit.report.figures.manifest.{name}", lambda *_, **__: "reworded")
    monkeypatch.setattr("auditkit.charts.style.RATIO_TICKS", ())
    assert check_figures(**report) == []


def first_state(report):
    """The report as the first state wrote it: without rules."""
    found = copy.deepcopy(report)
    del found["figures"]["rules"]
    found["figures"]["format"] = 1
    return found


def test_a_report_without_rules_is_read_by_those_of_the_first_state(report):
    assert check_figures(**first_state(report)) == []


@pytest.mark.parametrize(
    "phrase", ["0.4321", "Impact ratio 0.4321", "AUC-99", "SHA-0.43", "SHA-256 0.4321", "4321", ""]
)
@pytest.mark.parametrize("first", [False, True])
def test_a_false_number_cannot_hide_in_the_vocabulary(report, phrase, first):
    changed = first_state(report) if first else copy.deepcopy(report)
    changed["page_texts"][0] += f" {phrase or '0.4321'}"
    changed["figures"].setdefault("rules", {}).setdefault("vocabulary", []).append(phrase)
    for token in tokens(phrase or "0.4321"):
        changed["figures"]["fixed"].append({"text": token, "source": "template"})
    assert check_figures(**changed)


def test_a_number_of_the_templates_counts_as_often_as_its_standard_is_named(report):
    """`256` alone, or once more than "SHA-256" stands there, is a number without an address."""
    changed = copy.deepcopy(report)
    changed["page_texts"][0] += " Selected: 256"
    (listed,) = (f for f in changed["figures"]["fixed"] if f["source"] == "template")
    listed["count"] += 1
    assert check_figures(**changed)
    named = copy.deepcopy(report)
    named["page_texts"][0] += " SHA\u2010\n256"
    (listed,) = (f for f in named["figures"]["fixed"] if f["source"] == "template")
    listed["count"] += 1
    assert check_figures(**named) == []


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 1},
        {"limit": 10**9},
        {"limit": True},
        {"marks": 60},
        {"plain": "\u202e"},
        {"plain": "\u0665"},
        {"plain": "\u00ad"},
        {"plain": "0"},
        {"plain": ["ab"]},
        {"vocabulary": "SHA-256"},
        {"vocabulary": ["SHA-256"] * 51},
        {"outcomes": [1]},
        {"version": None},
    ],
    ids=str,
)
def test_rules_that_no_report_has_are_a_problem(report, change):
    changed = copy.deepcopy(report)
    changed["figures"]["rules"] |= change
    assert check_figures(**changed)


def test_an_outcome_that_occurs_is_counted_whatever_the_rules_say(report):
    changed = copy.deepcopy(report)
    changed["figures"]["rules"]["outcomes"] = []
    fixed = changed["figures"]["fixed"]
    (failed,) = (f for f in fixed if f.get("where") == {"outcome": "fail"})
    failed["where"] = {"outcome": "pass"}
    assert any("conditions are fail" in problem for problem in check_figures(**changed))


@pytest.mark.parametrize("change", [{"version": "3"}, {"version": "41"}])
def test_rules_of_a_later_version_cannot_be_checked_here(report, change):
    changed = copy.deepcopy(report)
    changed["figures"]["rules"] |= change
    with pytest.raises(UnverifiableError, match="newer version"):
        check_figures(**changed)


@pytest.mark.parametrize(
    "labels", ["0.4321 0.5", "0.4321", "0.1 0.4321 1", "0.4 0.4321", "0.43 0.44 0.47"]
)
def test_a_false_number_cannot_hide_among_the_ticks_of_an_axis(report, labels):
    changed = copy.deepcopy(report)
    changed["page_texts"][0] += f" {labels}"
    changed["figures"]["fixed"].append({"text": labels, "source": "axis"})
    assert check_figures(**changed)


@pytest.mark.parametrize("text", ["1.25", "77", "3.99", "0.77", "1.0"])
def test_a_false_number_cannot_hide_as_a_section(report, text):
    changed = copy.deepcopy(report)
    changed["page_texts"][0] += f" {text}"
    changed["figures"]["fixed"].append({"text": text, "source": "number"})
    assert check_figures(**changed)


def test_the_vocabulary_is_that_of_the_templates():
    folder = Path(__file__).parents[2] / "report_templates"
    text = "\n".join(
        re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", path.read_text("utf-8"), flags=re.DOTALL)
        for path in folder.glob("*.j2")
    )
    for phrase in VOCABULARY:
        assert is_standard(phrase)
        assert phrase in text, "update auditkit/report/figures/vocabulary.py"
        text = text.replace(phrase, "")
    assert tokens(text) == [], "name the standard in auditkit/report/figures/vocabulary.py"
