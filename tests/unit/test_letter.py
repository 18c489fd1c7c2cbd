"""Letters: what is held back, what is printed, and the two commands, on a small case."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pypdfium2
import pytest
import xgboost

from auditkit.checks import find_check
from auditkit.cli import run as command
from auditkit.errors import InputError, OutputError, PolicyError
from auditkit.evidence import Table
from auditkit.loading import prepare
from auditkit.report.letters.letter import denied_rows, held_back, write_letter
from auditkit.report.letters.texts import parse_letter_texts
from auditkit.resources import data_path
from auditkit.subject import Inputs

DAY = date(2026, 11, 24)
YAML = data_path("policies", "reasons", "lending.yaml").read_text("utf-8")
REVIEWED = YAML.replace('reviewed_by: ""', 'reviewed_by: "A. Counsel"').replace(
    "reviewed_on: null", "reviewed_on: 2026-11-20"
)
NAMES = ["debt_to_income", "loan_to_value", "shoe_size"]


def applicants(rows: int, seed: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 3)), columns=NAMES)


def paid(table: pd.DataFrame) -> pd.Series:
    return (table.debt_to_income + table.loan_to_value + 0.2 * table.shoe_size < 0).astype(int)


@pytest.fixture(scope="module")
def model():
    train = applicants(600, 0)
    return xgboost.XGBClassifier(n_estimators=20, max_depth=3, n_jobs=1).fit(train, paid(train))


@pytest.fixture(scope="module")
def evidence(model):
    train, rows = applicants(600, 0), applicants(120, 1)
    case = prepare(Inputs(model=model, data=rows, labels=paid(rows), reference=train))
    check = find_check("explanation.denials")
    return check.assess(case, check.parameters())


@pytest.fixture(scope="module")
def texts():
    return parse_letter_texts(REVIEWED, source="lending.yaml")


def changed(evidence, **cells):
    table = evidence.table("denial_reasons")
    rows = [dict(zip(table.columns, r, strict=True)) | cells for r in table.rows]
    rows = tuple(tuple(r.values()) for r in rows)
    return replace(
        evidence,
        tables=(Table(name=table.name, title=table.title, columns=table.columns, rows=rows),),
    )


def printed(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    return " ".join(document[0].get_textpage().get_text_range().split())


def test_a_letter_says_the_reasons_in_reviewed_words(evidence, texts):
    sound = changed(evidence, stable=True)
    row = denied_rows(sound)[0]
    letter = write_letter(sound, row, texts, day=DAY, addressee=["Ann Example", "2 Example Road"])
    page = printed(letter.pdf)
    for text in ("Example Savings Bank", "Ann Example", "November 24, 2026", *letter.reasons):
        assert text in page
    assert "Draft" not in page
    assert "A. Counsel" in page
    assert (
        letter.pdf
        == write_letter(sound, row, texts, day=DAY, addressee=["Ann Example", "2 Example Road"]).pdf
    )
    assert letter.record["evidence"] == str(sound.digest)
    assert "Ann" not in json.dumps(letter.record)


def test_what_is_not_mapped_is_other_and_never_the_nearest(texts):
    assert texts.reason("debt_to_income", 0.5, 0.3) == (
        "Excessive obligations in relation to income",
        True,
    )
    # It spoke against the applicant for being low, which the table does not foresee.
    assert texts.reason("debt_to_income", 0.1, 0.3) == ("Other: debt to income", False)
    assert texts.reason("debt_to_incomes", 0.5, 0.3) == ("Other: debt to incomes", False)
    assert texts.reason("self_employed", "yes", "no")[1]
    assert texts.reason("debt_to_income", None, 0.3) == ("Other: debt to income", False)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"stable": False}, "are not stable in resamples"),
        ({"stable": True, "protected_principal": True}, "a protected attribute"),
    ],
)
def test_letters_are_held_back(evidence, texts, cells, reason):
    doubtful = changed(evidence, **cells)
    row = denied_rows(doubtful)[0]
    assert reason in held_back(doubtful, row, texts)
    with pytest.raises(InputError, match="held back"):
        write_letter(doubtful, row, texts, day=DAY)
    draft = write_letter(doubtful, row, texts, day=DAY, draft=True)
    assert reason in draft.draft
    assert "Draft, not to be sent" in printed(draft.pdf)


def test_words_that_nobody_reviewed_hold_every_letter_back(evidence):
    unreviewed = parse_letter_texts(YAML, source="lending.yaml")
    sound = changed(evidence, stable=True)
    assert "nobody has reviewed" in held_back(sound, denied_rows(sound)[0], unreviewed)


def test_rows_without_a_denial_have_no_letter(evidence, texts):
    approved = next(r for r in range(120) if r not in denied_rows(evidence))
    with pytest.raises(InputError, match=f"Row {approved} has no reasons"):
        write_letter(evidence, approved, texts, day=DAY)
    with pytest.raises(InputError, match="no reasons for denials"):
        write_letter(replace(evidence, tables=()), 0, texts, day=DAY)


def test_a_letter_that_does_not_fit_is_refused(evidence, texts):
    long = texts.model_copy(update={"notice": "word " * 3000})
    sound = changed(evidence, stable=True)
    with pytest.raises(OutputError, match="must fit on one"):
        write_letter(sound, denied_rows(sound)[0], long, day=DAY)


def test_a_table_of_words_with_a_mistake_is_refused():
    with pytest.raises(PolicyError, match="highr"):
        parse_letter_texts(YAML.replace("higher:", "highr:", 1), source="lending.yaml")


def test_text_of_applicants_is_no_markup(evidence, texts):
    sound = changed(evidence, stable=True)
    letter = write_letter(sound, denied_rows(sound)[0], texts, day=DAY, addressee=["<b>A & B</b>"])
    assert "<b>A & B</b>" in printed(letter.pdf)


def test_a_letter_names_whom_its_reasons_are_relative_to(evidence, texts):
    sound = changed(evidence, stable=True)
    row = denied_rows(sound)[0]
    said = printed(write_letter(sound, row, texts, day=DAY).pdf)
    assert "relative to those at or just above the cut-off" in said
    everyone = replace(sound, parameters={**sound.parameters, "relative_to": "all"})
    said = printed(write_letter(everyone, row, texts, day=DAY).pdf)
    assert "relative to all;" in said


@pytest.fixture
def audit_file(tmp_path, model, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    rows = applicants(120, 1).head(24)
    rows.assign(paid=paid(rows)).to_csv(tmp_path / "test.csv", index=False)
    applicants(600, 0).to_csv(tmp_path / "train.csv", index=False)
    model.save_model(tmp_path / "model.json")
    (tmp_path / "words.yaml").write_text(REVIEWED)
    file = tmp_path / "audit.yaml"
    file.write_text(
        "model: model.json\ndata: test.csv\nlabel: paid\nreference: train.csv\npolicy: lending\n"
    )
    return file


def test_the_commands(audit_file, evidence, capsys):
    denied = [row for row in denied_rows(evidence) if row < 24]
    folder, words = audit_file.parent / "letters", str(audit_file.parent / "words.yaml")
    common = ["letter", str(audit_file), "--words", words, "-o", str(folder)]
    code = command([*common, "--all"])
    out = capsys.readouterr()
    written = sorted(folder.glob("letter-*.pdf"))
    assert len(written) == len(out.out.splitlines())
    assert code == (11 if len(written) < len(denied) else 0)
    assert written  # not all of them were held back
    assert all(b"/ByteRange" in p.read_bytes() for p in written)  # signed
    assert (audit_file.parent / "home" / ".config" / "auditkit" / "log.db").is_file()
    row = denied[0]
    assert command(["letter", str(audit_file), "--row", str(row), "-o", str(folder)]) == 2
    assert "nobody has reviewed" in capsys.readouterr().err
    assert command(["letter", str(audit_file)]) == 2
    assert command(["explain", str(audit_file), "--row", str(row), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    total = told["base"] + sum(f["contribution"] for f in told["features"])
    assert total == pytest.approx(told["output"], abs=1e-5)
    assert told["decision"] == "unfavourable"
    # A denied applicant's numbers are the same wherever they are printed.
    assert told["relative_to"] == "those at or just above the cut-off"
    reasons = evidence.table("denial_reasons")
    moved = {f["feature"]: (f["contribution"], f["usual"]) for f in told["features"]}
    for one in (dict(zip(reasons.columns, r, strict=True)) for r in reasons.rows if r[0] == row):
        said = (one["contribution"], one["reference_value"])
        assert said == pytest.approx(moved[one["feature"]], abs=1e-5)
    assert command(["explain", str(audit_file), "--row", str(row)]) == 0
    out = capsys.readouterr().out
    assert "unfavourable" in out
    assert "over 50 rows: those at or just above the cut-off" in out
    approved = next(r for r in range(24) if r not in denied)
    assert command(["explain", str(audit_file), "--row", str(approved)]) == 0
    assert "over 600 rows: everyone in the reference" in capsys.readouterr().out
    assert command(["explain", str(audit_file), "--row", "24"]) == 2
