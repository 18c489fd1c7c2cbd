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

from auditkit.report import ReportOptions, check_figures, render
from auditkit.report.figures import resolve, tokens
from auditkit.report.pdf import page_texts
from auditkit.report.vocabulary import VOCABULARY
from tests.fixtures import lending

OPTIONS = ReportOptions(organisation="Example Bank 24", signer="demo key", fingerprint="ab12" * 16)


@pytest.fixture(scope="module")
def report():
    pdf = render(lending.judgement(), receipt=lending.RECEIPT, envelope=b"{}", options=OPTIONS)
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
    for position, figure in enumerate(report["figures"]["figures"]):
        old = figure["text"]
        changed = copy.deepcopy(report)
        new = re.sub(r"\d", lambda d: str((int(d[0]) + 1) % 10), old, count=1)
        page = next(i for i, text in enumerate(report["page_texts"]) if old in text)
        changed["page_texts"][page] = report["page_texts"][page].replace(old, new, 1)
        changed["figures"]["figures"][position]["text"] = new
        assert check_figures(**changed), figure


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
    assert any("leads nowhere" in p for p in check_figures(**changed))


def test_rounding_does_not_cross_a_threshold():
    statement = {
        "predicate": {
            "evidence": [
                {"id": "E-0001", "tables": [], "measurements": [{"key": "r", "value": 0.79962}]}
            ]
        }
    }
    figure = {"evidence": "E-0001", "key": "r", "field": "value", "digits": 2, "threshold": 0.8}
    assert resolve(figure, statement, {}) == "0.7996"


def test_the_vocabulary_is_that_of_the_templates():
    folder = Path(__file__).parents[2] / "report_templates"
    found = set()
    for path in folder.glob("*.j2"):
        text = re.sub(
            r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", path.read_text("utf-8"), flags=re.DOTALL
        )
        found |= set(tokens(text))
    assert found == set(VOCABULARY), "update auditkit/report/vocabulary.py"
