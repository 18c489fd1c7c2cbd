"""The report for a browser, as a file: it says what the PDF says, and nothing in it obeys."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from io import BytesIO

import pypdf
import pytest

from auditkit.report import ReportOptions, render_twin
from tests.fixtures import hostile, lending

OPTIONS = lending.OPTIONS
VOID = {"meta", "img", "br", "wbr"}


class Elements(HTMLParser):
    """What a browser would make of the page: elements with their attributes, texts by element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: Counter[str] = Counter()
        self.inside: dict[str, str] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in {"style", "script"}:
            self.inside[self.open[-1]] = self.inside.get(self.open[-1], "") + data
        elif self.open and self.open[-1] != "title":
            self.texts[data.strip()] += 1


@pytest.fixture(scope="module")
def page() -> str:
    return render_twin(lending.judgement(), receipt=lending.RECEIPT, options=OPTIONS).decode()


def test_every_finding_has_its_place_and_its_outcome(page):
    rows = re.findall(r'<tr[^>]* id="(F-[A-Z2-7]{12})">.*?class="status (\w+)"', page, re.DOTALL)
    stated = json.loads(lending.judgement().statement)["predicate"]["findings"]
    assert len(rows) == len(stated)
    assert dict(rows) == {f["id"]: f["outcome"] for f in stated}


def test_the_pdf_prints_the_ids_of_rules_and_of_what_is_open():
    text = "".join(p.extract_text() for p in pypdf.PdfReader(BytesIO(lending.report())).pages)
    stated = json.loads(lending.judgement().statement)["predicate"]["findings"]
    shown = {f["id"] for f in stated if f["group"] is None}
    shown |= {f["id"] for f in stated if f["group"] and f["outcome"] in {"fail", "uncertain"}}
    assert {i for i in shown if i not in text} == set()


def test_every_figure_of_the_pdf_stands_on_it(page):
    listed = json.loads(pypdf.PdfReader(BytesIO(lending.report())).attachments["figures.json"][0])[
        "figures"
    ]
    drawn = "".join(
        base64.b64decode(found).decode()
        for found in re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', page)
    )
    seen = Counter(re.findall(r"\u2212?\d+(?:[.,]\d+)*", " ".join(Elements(page).texts.elements())))
    seen += Counter(
        token
        for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
        for token in re.findall(r"\u2212?\d+(?:[.,]\d+)*", text)
    )
    wanted = Counter(
        token for f in listed for token in re.findall(r"\u2212?\d+(?:[.,]\d+)*", f["text"])
    )
    assert wanted.total() > 150
    assert not wanted - seen


def test_the_same_arguments_give_the_same_bytes(page):
    again = render_twin(lending.judgement(), receipt=lending.RECEIPT, options=OPTIONS)
    assert again.decode() == page


def test_its_policy_lets_in_its_own_style_and_script_alone(page):
    elements = Elements(page)
    [policy] = [a["content"] for t, a in elements.found if a.get("http-equiv")]
    for name in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(elements.inside[name].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", hostile.TEXTS.values(), ids=hostile.TEXTS.keys())
def test_foreign_text_is_shown_and_does_nothing(name):
    options = ReportOptions(organisation=name, ran_by=name, reviewed_by=name, period=name)
    page = render_twin(hostile.judgement(name), receipt=lending.RECEIPT, options=options).decode()
    elements = Elements(page)
    tags = Counter(tag for tag, _ in elements.found)
    assert tags["script"] == tags["style"] == tags["html"] == 1
    assert not set(tags) & {"iframe", "object", "embed", "form", "link", "base", "svg"}
    for tag, attributes in elements.found:
        assert not [a for a in attributes if a.startswith("on") or a == "style"], tag
        for target in (attributes.get("href"), attributes.get("src")):
            assert target is None or target.startswith(("#", "data:image/svg+xml;base64,"))
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\x1b\x07]", page)
