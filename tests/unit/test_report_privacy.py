"""The report's privacy section, from a real de-identification: its numbers stand on the pages."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from auditkit.deid import Deidentifier, Plan
from auditkit.deid.detect.recall import Labelled, evaluate
from auditkit.evidence import Evidence
from auditkit.pdf.pages import page_texts
from auditkit.report import render
from tests.fixtures import lending

ROWS = 40


@pytest.fixture(scope="module")
def pages():
    """The pages of a report that is about privacy alone; `render` compares their numbers."""
    table = pd.DataFrame(
        {
            "patient_name": [f"Ann Lee{'son' * (i % 2)}" for i in range(ROWS)],
            "mrn": [f"44710{i:02}" for i in range(ROWS)],
            "sex": ["f", "m"] * (ROWS // 2),
            "age": [30 + i % 4 for i in range(ROWS)],
            "diagnosis": ["flu", "cold"] * (ROWS // 2),
            "note": ["Ann called from 617-555-0188."] * ROWS,
        }
    )
    deid = Deidentifier(model=False)
    note = "Call 617-555-0188 or the qwzzk"
    labels = ((5, 17, "PHONE_NUMBER"), (25, 30, "PERSON"))
    recall = evaluate([Labelled(text=note, spans=labels)] * 20, deid, about="made up")
    recall = Evidence.from_file(recall.to_file())  # where a recall of 1.0 has become 1
    plan = replace(Plan.propose(table), sensitive=("diagnosis",))
    made = plan.apply(table, deidentifier=deid, recall=recall).evidence
    judged = lending.judgement((made[0], made[1], recall, *made[2:]))
    return " ".join(" ".join(page_texts(render(judged, receipt=lending.RECEIPT))).split())


def test_recall_has_its_bound_and_its_sample(pages):
    assert "D Telephone numbers 20 20 0 1.000 0.861" in pages
    assert "A Names 20 0 20 0.000 0.000" in pages
    assert "The sample: made up" in pages


def test_the_eighteen_classes_say_what_was_measured(pages):
    assert "D Telephone numbers 40 40 1.000 (0.861) identifiers replaced in the text 0" in pages
    assert "H Medical record numbers 40 0 not measured replaced by its kind 0" in pages
    assert "Q Full-face photographs 0 0 not measured none found 0" in pages


def test_charts_show_classes_and_what_was_before_and_after(pages):
    assert "Rows in classes of this size" in pages
    assert "before after" in pages
    assert "5 to 10" in pages
