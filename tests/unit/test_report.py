"""The report as a file: what is in it, what it survives, and that it is always the same."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pikepdf
import pypdf
import pytest

from auditkit.canonical import parse_json
from auditkit.errors import OutputError
from auditkit.evidence import Evidence, Measurement, Table
from auditkit.pdf.pages import page_texts
from auditkit.report import ReportOptions, check_figures, render
from auditkit.report.figures.figure_ledger import TracedText
from auditkit.report.sections.generic import telling_digits
from auditkit.report.typeset.fonts import font_files
from auditkit.report.typeset.pdf import Paper, dated_font
from auditkit.report.typeset.text import shown
from tests.fixtures import hostile, lending

ROOT = Path(__file__).parents[2]
OPTIONS = lending.OPTIONS


# Several foreign texts make one, as a whole report is rendered for each.
FOREIGN = [
    ("markup", "attribute", "mathtext"), ("scripts", "digits", "mixed"), ("invisible",),
    ("formula",), ("empty",),
]  # fmt: skip


@functools.cache
def unlogged() -> bytes:
    """A report that is in no log, with a check that nobody knows."""
    measured = Measurement(name="novel_measure", value=0.123456, n=321)
    novel = Evidence(
        check="novel.check", version="7", title="A new thing", area="novel", n=321,
        population="things", measurements=(measured,), notes=("Mind the gap.",),
    )  # fmt: skip
    return render(lending.judgement((*lending.evidence(), novel)))


@pytest.mark.parametrize("of", FOREIGN, ids="-".join)
def test_foreign_text_is_shown_and_does_nothing(of):
    assert {*hostile.TEXTS} == {one for several in FOREIGN for one in several}
    name = " ".join(hostile.TEXTS[one] for one in of)
    judged = hostile.judgement(name)
    options = ReportOptions(organisation=name, ran_by=name, reviewed_by=name, period=name)
    pdf = render(judged, receipt=lending.RECEIPT, options=options)
    with pikepdf.open(BytesIO(pdf)) as opened:
        names = {str(k) for o in opened.objects if isinstance(o, pikepdf.Dictionary) for k in o}
        assert not names & {"/JS", "/JavaScript", "/Launch", "/URI", "/GoToR", "/SubmitForm"}
        assert len(list(opened.attachments)) == 4 + 2 * 4 + 1
    text = "".join(page_texts(pdf))
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\x1b\x07]", text)
    assert fonts_of(pdf) <= OURS


OURS = {"SourceSans3", "IBMPlexMono"}


def fonts_of(pdf: bytes) -> set[str]:
    with pikepdf.open(BytesIO(pdf)) as opened:
        named = [
            str(o["/FontName"])
            for o in opened.objects
            if isinstance(o, pikepdf.Dictionary) and "/FontFile2" in o
        ]
    return {re.sub(r"-(Semi|Italic|Bold).*|[-,]", "", n.split("+")[1]) for n in named}


def test_only_the_reports_own_fonts_are_in_it():
    assert fonts_of(lending.report()) == OURS


def test_attachments_are_exactly_the_expected_ones():
    judged = lending.judgement()
    files = pypdf.PdfReader(BytesIO(lending.report())).attachments
    tables = {f"table-{t.name}.{kind}" for t in judged.tables for kind in ("json", "csv")}
    expected = {"statement.json", "statement.dsse.json", "receipt.json", "figures.json"}
    expected |= {"render.json", "verify_offline.py"}
    assert set(files) == expected | tables
    assert files["statement.json"] == [judged.statement]
    assert parse_json(files["receipt.json"][0]) == lending.RECEIPT
    for table in judged.tables:
        assert files[f"table-{table.name}.json"] == [table.to_bytes()]
        rows = list(csv.reader(io.StringIO(files[f"table-{table.name}.csv"][0].decode(), "")))
        assert len(rows) == 1 + len(table.rows)


def test_the_same_arguments_give_the_same_bytes_elsewhere_and_later():
    program = (
        "import sys, hashlib; sys.path.insert(0, '.')\n"
        "from tests.fixtures import lending\n"
        "print(hashlib.sha256(lending.report()).hexdigest())\n"
    )
    elsewhere = {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env=os.environ | elsewhere, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == hashlib.sha256(lending.report()).hexdigest()


@pytest.mark.parametrize("page_size", ["A4", "Letter"])
def test_page_one_is_one_page_however_much_went_wrong(page_size):
    policy = lending.policy()
    rule = policy.rules[2]
    many = tuple(
        rule.model_copy(update={"id": f"X-{i}", "title": "A long title of a condition " * 3})
        for i in range(40)
    )
    judged = lending.judgement(policy=policy.model_copy(update={"rules": many}))
    options = replace(OPTIONS, page_size=page_size, independence="Stated at length. " * 12)
    texts = page_texts(render(judged, receipt=lending.RECEIPT, options=options))
    assert "How to verify" in texts[0]
    assert "Not tested" in texts[0]
    assert "More exceptions" in texts[0]
    assert "Exceptions and open points" in texts[1]
    assert all(f"X-{i} " in "".join(texts) for i in range(40))


def test_page_one_says_what_was_not_tested_and_counts_all_six():
    text = page_texts(unlogged())[0]
    words = ("6 met", "3 exception", "1 uncertain", "1 not tested", "0 not applicable", "0 error")
    assert " ".join(words) in " ".join(text.split())
    assert "FL-5" in text
    assert "not logged" in text
    assert "not signed" in text


def test_a_check_that_did_not_run_says_why():
    text = "".join(page_texts(lending.report()))
    assert "Not tested: no scores were given, only decisions." in text


def test_an_unknown_check_is_shown_in_full():
    text = "".join(page_texts(unlogged()))
    for words in ("A new thing", "Novel measure", "0.12", "321", "things", "Mind the gap."):
        assert words in text


def test_a_plain_table_names_groups_and_measures_in_words_and_gives_one_n_once():
    group = (("race", "not African American"), ("marital_status", "single"))
    measured = tuple(
        Measurement(name=name, value=value, n=8765, group=of, compared_with=(group[1],))
        for name, value in (("smallest_ratio", 0.71), ("brier", 0.072))
        for of in (group, group[:1])
    )
    rows = Table(
        name="sweep", title="What else", columns=("group", measured[0].key),
        rows=(
            ("race=not African American,marital_status=single", 0.71),
            ("marital_status=single", 1),
        ),
    )  # fmt: skip
    case = Evidence(
        check="fairness.other", version="1", title="T", area="fairness", n=700,
        measurements=measured, tables=(rows,),
    )  # fmt: skip
    text = "".join(page_texts(render(lending.judgement((case,)))))
    told = " ".join(text[text.index("Smallest ratio and Brier score") :].split())
    assert told.startswith(
        "Smallest ratio and Brier score, n = 8,765 Group Smallest ratio Brier score "
        "not African American, single 0.71 0.072 not African American 0.71 0.072"
    )
    assert "Group Smallest ratio, not African American, single" in told
    assert "marital_status" not in told[: told.index("Control matrix")]


def test_a_few_numbers_are_a_sentence_and_no_table():
    group = (("race", "martian"),)
    case = Evidence(
        check="fairness.other", version="1", title="T", area="fairness", n=700,
        measurements=(
            Measurement(name="auc", value=0.8, lower=0.75, upper=0.85, level=0.95, n=700),
            Measurement(name="brier", value=0.072, n=650, unit="squared probability"),
            Measurement(name="selection_rate", value=0.5, n=64, group=group),
            Measurement(name="base_rate", value=0.25, n=64, group=group),
        ),
    )  # fmt: skip
    text = " ".join("".join(page_texts(render(lending.judgement((case,))))).split())
    assert (
        "Area under the ROC curve 0.80 (0.75 to 0.85), n = 700; "
        "Brier score 0.072 squared probability, n = 650."
    ) in text
    assert "martian: selection rate 0.50; base rate 0.25, n = 64." in text
    assert "What was measured" not in text


def test_small_groups_are_not_printed():
    few = Measurement(name="selection_rate", value=0.4321, n=7, group=(("race", "martian"),))
    case = Evidence(
        check="fairness.other", version="1", title="T", area="fairness", n=700,
        measurements=(few,),
    )  # fmt: skip
    text = "".join(page_texts(render(lending.judgement((case,)))))
    assert "0.43" not in text
    assert "suppressed" in text
    assert "< 11" in text


def test_a_number_without_an_address_stops_the_report(monkeypatch):
    monkeypatch.setattr(TracedText, "note", lambda _: None)
    with pytest.raises(OutputError, match=r"has no origin in the evidence"):
        render(lending.judgement())


def test_nothing_is_fetched():
    from weasyprint.urls import FatalURLFetchingError

    for source in ("file:///etc/passwd", "http://127.0.0.1/", "data:image/png;base64,", "x.svg"):
        for html in (f"<img src='{source}'>", f"<link rel=stylesheet href='{source}'>"):
            page = f"<html lang=en><title>t</title><body>{html}</body></html>"
            if source == "x.svg":
                continue  # a relative name without a base leads nowhere at all
            with pytest.raises(FatalURLFetchingError):
                Paper(page, {}, page_size="A4", day=None, identifier=b"0" * 16)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain", "plain"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb", "a\\nb"),
        ("caf\u00e9", "caf\u00e9"),
        ("\U0001f600", "\\U0001f600"),
        ("a" * 20, "a" * 9 + "\u2026"),
        ("abc 123456789", "abc\u2026"),
    ],
)
def test_what_cannot_be_printed_is_shown_as_an_escape(text, seen):
    assert shown(text, limit=10) == seen


def test_a_report_on_the_other_paper_says_the_same():
    judged = lending.judgement()
    letter = render(judged, options=replace(OPTIONS, page_size="Letter"))
    files = {n: c[0] for n, c in pypdf.PdfReader(BytesIO(letter)).attachments.items()}
    tables = {t.name: parse_json(t.to_bytes()) for t in judged.tables}
    figures, statement = parse_json(files["figures.json"]), parse_json(files["statement.json"])
    assert check_figures(page_texts(letter), figures, statement, tables) == []
    assert pypdf.PdfReader(BytesIO(letter)).pages[0].mediabox.width == 612


def test_rows_that_differ_are_printed_with_numbers_that_differ():
    assert telling_digits((0.7, 0.75, 0.8)) == 2
    assert telling_digits((0.75, 0.7524, 0.8)) == 3
    assert telling_digits((0.75, 0.75 + 1e-12)) == 2  # no number of decimals would tell
    assert telling_digits(("a", None, 3)) == 2


@pytest.mark.parametrize("name", list(font_files()))
def test_a_dated_font_is_sound(name):
    """By the sums that fontTools computes, which reads a font with a wrong one only to complain."""
    from fontTools.ttLib import TTFont
    from fontTools.ttLib.sfnt import calcChecksum

    moment = datetime(2026, 11, 24, tzinfo=UTC)
    given = font_files()[name].read_bytes()
    dated = dated_font(given, moment)
    font = TTFont(io.BytesIO(dated), checkChecksums=2, recalcTimestamp=False)
    assert all(font.reader[table] for table in font.reader.keys())  # noqa: SIM118 - no mapping
    assert font["head"].modified == (moment - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds()
    assert calcChecksum(dated) == calcChecksum(given) == 0xB1B0AFBA
    assert dated_font(dated, moment) == dated
