"""How the pages look: nothing over or off anything, no page half empty, no heading alone."""

from __future__ import annotations

from functools import cache

import pytest

from auditkit.pdf.pages import page_texts
from auditkit.report import ReportOptions, render
from auditkit.report.typeset.text import shown
from tests.fixtures import hostile, lending
from tests.support.laid_out import faults
from tests.support.repeated import IN_SOAK

LONG = {
    "word": "rindfleischetikettierungsueberwachungsaufgabenuebertragung",
    "wide": "WAHLKREISMOMENTUMWAHRNEHMUNGSWOMMEN" * 2,
    "name": "models/credit_risk_eu_west_1_2026_candidate_with_reject_inference.v12",
    "address": "https://mlflow.example.com/#/experiments/17/runs/0f3c?tab=artifacts&path=model",
    "sentence": "applicants of the second programme for first homes outside of large towns " * 2,
    "mixed": hostile.TEXTS["mixed"],
    "digits": hostile.TEXTS["digits"],
    "markup": hostile.TEXTS["markup"],
}


@cache
def report(page_size: str, name: str = "") -> bytes:
    """The lending fixture, or one in which everything that has a name has this one."""
    judged = hostile.judgement(name) if name else lending.judgement()
    options = ReportOptions(
        page_size=page_size,
        organisation=name or "Example Bank",
        ran_by=name,
        signer=name,
        independence=name,
    )
    return render(judged, receipt=lending.RECEIPT, options=options)


@pytest.mark.parametrize("page_size", ["A4", "Letter"])
def test_every_page_is_well_filled_and_legible(page_size):
    assert faults(report(page_size)) == []


@pytest.mark.parametrize("page_size", ["A4", "Letter"])
def test_decisions_are_called_what_the_policy_calls_them(page_size):
    """The fixture's policy names none, so nobody is denied; what a condition is titled stays."""
    text = " ".join(" ".join(page_texts(report(page_size))).split())
    assert "Share of cases decided favourably" in text
    assert "Cases decided unfavourably" in text
    assert "denied case" not in text


TRIED = LONG if IN_SOAK else ("word", "address", "mixed", "markup")


@pytest.mark.repeated
@pytest.mark.parametrize("name", [LONG[name] for name in TRIED], ids=TRIED)
def test_long_names_run_over_nothing_and_off_nothing(name):
    assert shown(name)
    assert faults(report("A4", name)) == []


def test_long_names_fit_the_other_paper_too():
    assert faults(report("Letter", LONG["wide"])) == []


STYLE = "@page { size: A4; margin: 20mm } body { font: 9pt sans-serif } h2 { font-size: 13pt }"
FULL = "<p>Line after line.</p>" * 25
FAULTY = {
    "characters beyond the paper": "<p style='margin-left: 150mm; white-space: nowrap'>" + "m" * 30,
    "characters over others": "<p>One sentence here.</p><p style='margin-top: -16pt'>Another one.",
    "it ends above its half": "<p>Little.</p><p style='break-before: page'>More.",
    "it ends with the heading": f"{FULL}<h2>Alone</h2><p style='break-before: page'>Its text.",
}


@pytest.mark.parametrize("problem", FAULTY)
def test_each_fault_is_found_where_there_is_one(problem):
    from weasyprint import HTML

    made = HTML(string=f"<style>{STYLE}</style>{FAULTY[problem]}").write_pdf()
    (found,) = faults(made)
    assert problem in found
    sound = HTML(string=f"<style>{STYLE}</style>{FULL * 3}<h2>One</h2><p>More.").write_pdf()
    assert faults(sound) == []
