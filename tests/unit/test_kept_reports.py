"""Every claim that was true of a report stays true of it, whatever was changed since."""

from __future__ import annotations

import json
import re
from io import BytesIO

import pypdf
import pytest

from auditkit.canonical import parse_json
from auditkit.pdf.pages import page_texts
from auditkit.report import check_figures
from auditkit.report.figures import rules
from auditkit.report.figures.manifest import tokens
from auditkit.report.typeset import text
from tests.fixtures.keep_reports import REPORTS, claims_of, verified

KEPT = [
    (folder, name)
    for folder in sorted(REPORTS.iterdir())
    if folder.is_dir()
    for name in json.loads((folder / "claims.json").read_text())
]
IDS = [f"{folder.name}/{name}" for folder, name in KEPT]


def test_two_reports_of_each_state_are_kept_without_private_keys():
    assert len(KEPT) >= 2 * len({folder for folder, _ in KEPT}) > 0
    assert not [p for p in REPORTS.rglob("*.*") if b"PRIVATE KEY" in p.read_bytes()]


@pytest.mark.parametrize(("folder", "name"), KEPT, ids=IDS)
def test_what_was_true_is_true(folder, name):
    kept = json.loads((folder / "claims.json").read_text())[name]
    found = verified(folder / f"{name}.pdf")
    assert {key: claims_of(found)[key] for key in kept} == kept
    unasked = {"verdict", "pages"} - kept.keys()
    unchecked = {c.id for c in found.claims if c.asked and c.state != "true"}
    # Made before statements held all that the verdict follows from.
    assert unchecked == unasked
    assert found.exit_code == (11 if unasked else 0)
    assert verified(folder / f"{name}.pdf", accept_older=True).exit_code == 0
    assert sum(claim["state"] == "true" for claim in kept.values()) >= 10


@pytest.fixture(scope="module", params=KEPT, ids=IDS)
def parts(request):
    """A kept report as `check_figures` takes it."""
    folder, name = request.param
    data = (folder / f"{name}.pdf").read_bytes()
    found = pypdf.PdfReader(BytesIO(data)).attachments
    files = {name: parse_json(c[0]) for name, c in found.items() if name.endswith(".json")}
    return {
        "page_texts": page_texts(data),
        "figures": files["figures.json"],
        "statement": files["statement.json"],
        "tables": {
            name[len("table-") : -len(".json")]: content
            for name, content in files.items()
            if name.startswith("table-")
        },
        "receipt": files["receipt.json"],
    }


def test_its_numbers_hold_whatever_is_reworded(parts, monkeypatch):
    """Templates, outcomes, fonts and the ways of writing a number are other ones here."""
    monkeypatch.setattr(rules, "VOCABULARY", ("FIPS 140",))
    monkeypatch.setattr(rules, "SEVEREST_FIRST", ())
    monkeypatch.setattr(text, "_drawn", frozenset)
    for name in ("number", "number_against", "typeset", "written"):
        monkeypatch.setattr(f"auditkit.report.figures.manifest.{name}", lambda *_, **__: "reworded")
    assert check_figures(**parts) == []


def test_every_number_changed_on_its_pages_and_in_its_list_is_noticed(parts):
    """By one in its first digit."""
    figures = [
        figure
        | {"text": re.sub(r"\d", lambda d: str((int(d[0]) + 1) % 10), figure["text"], count=1)}
        for figure in parts["figures"]["figures"]
    ]
    changed = sum(bool(tokens(figure["text"])) for figure in figures)
    problems = check_figures(**parts | {"figures": parts["figures"] | {"figures": figures}})
    assert sum("on the page." in problem for problem in problems) == changed > 1000
