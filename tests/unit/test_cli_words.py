"""What the command line says: its own options, one set of words, and nothing written over."""

from __future__ import annotations

import csv
import hashlib
import json

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.cli import run
from auditkit.errors import AuditkitError, InputError, argument
from auditkit.evidence import Outcome
from auditkit.loading.audit_file import read_audit_file
from auditkit.signing.dsse import open_envelope

WORDS = {"met", "exception", "uncertain", "not applicable", "not tested", "error"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({
        "x": rng.normal(size=80).round(3), "s": rng.uniform(size=80).round(3),
        "g": ["a", "b"] * 40, "y": rng.choice(["yes", "no"], 80),
    })  # fmt: skip
    table["d"] = np.where(table["s"] > 0.5, "yes", "no")
    table.to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


INIT = ["init", "--data", "t.csv", "--label", "y"]


# Arguments, as the reader gives them


def test_an_argument_is_spelled_as_its_reader_gives_it():
    error = InputError(f"Give {argument('scores')}.", remedy=f"not {argument('label')} alone")
    assert str(error) == "Give scores=.\nTo fix: not label= alone"
    assert error.spelled("--{}".format) == ("Give --scores.", "not --label alone")
    assert AuditkitError("plain", remedy=None).spelled(str.upper) == ("plain", None)


def test_init_names_its_options(folder, capsys):
    assert run([*INIT, "--scores", "s"]) == 2
    said = capsys.readouterr().err
    assert "give --favourable, the" in said
    assert "favourable=" not in said
    assert not (folder / "audit.yaml").exists()


def test_gate_names_the_keys_of_the_audit_file(folder, capsys):
    text = "scores: s\ndata: t.csv\nlabel: y\npolicy: starter\n"
    (folder / "audit.yaml").write_text(text)
    assert run(["gate", "audit.yaml"]) == 2
    assert "give 'favourable' in the audit file, the" in capsys.readouterr().err
    decisions = text + "favourable: 'yes'\npredictions: x\n"
    (folder / "audit.yaml").write_text(decisions)
    assert run(["gate", "audit.yaml"]) == 2
    said = capsys.readouterr().err
    assert "scores=" not in said


def test_python_is_told_in_python(folder):
    table = pd.read_csv(folder / "t.csv")
    with pytest.raises(InputError, match="give favourable=, the"):
        ak.run(ak.Inputs(data=table[["x"]], labels=table["y"], scores=table["s"]), policy="starter")


# init


def test_init_takes_scores(folder, capsys):
    words = ["--scores", "s", "--favourable", "yes", "--groups", "g"]
    assert run([*INIT, *words]) == 0, capsys.readouterr().err
    made = read_audit_file(folder / "audit.yaml")
    assert (made.model, made.scores, made.predictions) == (None, "s", None)
    assert run(["gate", "audit.yaml"]) in (0, 10, 11)


def test_init_takes_decisions(folder, capsys):
    assert run([*INIT, "--predictions", "d", "--favourable", "yes"]) == 0, capsys.readouterr().err
    assert read_audit_file(folder / "audit.yaml").predictions == "d"
    assert run(["gate", "audit.yaml"]) in (0, 10, 11)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give --model, --scores or --predictions"),
        (["--model", ".", "--scores", "s"], "leave out --model or --scores"),
        (["--model", ".", "--favourable", "yes"], "is not in a known model format"),
        (["--model", "none.json"], "There is no model at"),
        (["--scores", "none"], "has no column 'none'"),
    ],
)
def test_init_says_what_to_give_and_leaves_nothing(folder, capsys, words, message):
    assert run([*INIT, *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "To fix:" in said
    assert sorted(p.name for p in folder.iterdir()) == ["t.csv"]


# One set of words for outcomes


def test_a_person_reads_six_words_and_no_others(folder, capsys):
    assert {outcome.words for outcome in Outcome} == WORDS
    assert {repr(outcome) for outcome in Outcome} == {f"<Outcome: {word}>" for word in WORDS}
    text = "scores: s\ndata: t.csv\nlabel: y\ngroups: [g]\nfavourable: 'yes'\npolicy: lending\n"
    (folder / "audit.yaml").write_text(text)
    code = run(["run", "audit.yaml", "-o", "out", "--also", "sarif,svr"])
    said = capsys.readouterr().err
    assert code in (10, 11), said
    with (folder / "out" / "findings.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["finding_id"]: row for row in csv.DictReader(file)}
    assert {row["outcome"] for row in rows.values()} <= WORDS
    (sarif,) = json.loads((folder / "out" / "auditkit.sarif").read_bytes())["runs"]
    assert {r["partialFingerprints"]["auditkitFinding/v1"] for r in sarif["results"]} == set(rows)
    place = sarif["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "audit.yaml"
    assert place["region"]["startLine"] == text.splitlines().index("policy: lending") + 1
    attested = open_envelope((folder / "out" / "svr.dsse.json").read_bytes())
    report = hashlib.sha256((folder / "out" / "report.pdf").read_bytes()).hexdigest()
    assert json.loads(attested.payload)["subject"][1]["digest"] == {"sha256": report}
    for value in ("not_assessed", "not_applicable", "not assessed"):
        assert value not in said


def test_the_repr_of_an_audit_holds_the_words(folder):
    table = pd.read_csv(folder / "t.csv")
    inputs = ak.Inputs(
        data=table[["x"]], labels=table["y"], scores=table["s"], groups=table[["g"]],
        favourable="yes",
    )  # fmt: skip
    audit = ak.run(inputs, policy="lending")
    shown = repr(audit) + audit._repr_html_() + repr(audit.findings)
    assert "not tested" in shown
    for value in ("not_assessed", "not_applicable", "NOT_ASSESSED", "not assessed"):
        assert value not in shown


# Nothing is written over unasked


def test_apply_writes_over_nothing_unasked(folder, capsys):
    (folder / "clean.csv").write_text("precious")
    words = ["deid", "apply", "t.csv", "clean.csv", "--no-model"]
    assert run(words) == 2
    assert "--replace" in capsys.readouterr().err
    assert (folder / "clean.csv").read_text() == "precious"
    assert run([*words, "--replace"]) == 0
    assert (folder / "clean.csv").read_text() != "precious"


def test_generalizing_twice_keeps_the_first_plan(folder, capsys):
    assert run(["deid", "scan", "t.csv", "--plan", "plan.yaml"]) == 0
    first = (folder / "plan.yaml").read_text()
    for k in ("2", "3"):
        words = ["deid", "generalize", "t.csv", "--plan", "plan.yaml", "--columns", "g", "--k", k]
        assert run(words) == 0, capsys.readouterr().err
    assert (folder / "plan.yaml~").read_text() == first
    assert (folder / "plan.yaml~~").exists()
