"""A check that another package brings: run, printed and judged; refused where it cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pypdf
import pytest

from auditkit.errors import InputError
from auditkit.loading.checks import all_checks, installed_checks
from auditkit.pdf.pages import page_texts

MODULE = '''
"""How far scores lie from the cut-off."""

from dataclasses import dataclass

import numpy as np

from auditkit.checks import Check, NotApplicable, Result
from auditkit.evidence import Measurement, Term
from auditkit.parameters import SHARE


@dataclass(frozen=True, kw_only=True)
class Parameters:
    near: float = SHARE.field(0.05)


def _run(case, parameters):
    if case.scores is None:
        raise NotApplicable("decisions were given without scores")
    near = np.abs(case.scores - case.threshold) <= parameters.near
    n = len(near)
    return Result(
        n=n,
        population="scores",
        measurements=(
            Measurement(name="near_share", value=float(near.mean()), n=n),
            Measurement(name="near_top_10", value=int(near[:10].sum()), n=10, unit="count"),
        ),
    )


CHECK = Check(
    id="robustness.near_cut_off",
    version="3",
    title="Scores near the cut-off",
    area="robustness",
    measures="The share of scores that lie near the cut-off.",
    misleads="What is near depends on the spread of the scores.",
    source="house rule",
    terms={
        "near_share": Term("Close calls", "Share of cases {favourable} or not by a small margin."),
        "near_top_10": Term("Close calls of 10", "Scores near the cut-off among the first 10."),
    },
    parameters=Parameters,
    run=_run,
)
'''
POLICY = """
id: near
version: "1"
title: Close calls
as_of: 2026-11-22
decision: {favourable: approved, unfavourable: denied}
checks:
  robustness.near_cut_off: {near: 0.1}
rules:
  - {id: N-1, title: Few close calls, check: robustness.near_cut_off, measure: near_share,
     at_most: 0.5, judge: value, severity: high, citation: house rule, why: a hair decides}
"""
AUDIT = "data: rows.csv\nlabel: y\nscores: s\npolicy: policy.yaml\nname: near\n"


def install(site: Path, *, module: str = "near_check", code: str | None = MODULE, **points: str):
    """Lays a distribution into a folder as pip does: its module, and its entry points."""
    if code is not None:
        site.mkdir(parents=True, exist_ok=True)
        (site / f"{module}.py").write_text(code)
    info = site / f"{module}-1.2.dist-info"
    info.mkdir(parents=True)
    name = module.replace("_", "-")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = [f"{key} = {value}" for key, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[auditkit.checks]", *lines, ""]))


def auditkit(folder: Path, *arguments: str, site: Path | None = None):
    """The command in a process of its own, with or without the other package."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, str(site)] if site else [root])
    return subprocess.run(
        [sys.executable, "-m", "auditkit", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """An audit with a check of another package: its folder, and the site folder."""
    folder, site = tmp_path_factory.mktemp("audit"), tmp_path_factory.mktemp("site")
    install(site, **{"robustness.near_cut_off": "near_check:CHECK"})
    rng = np.random.default_rng(5)
    pd.DataFrame({"x": rng.random(300), "y": rng.integers(0, 2, 300), "s": rng.random(300)}).to_csv(
        folder / "rows.csv", index=False
    )
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "audit.yaml").write_text(AUDIT)
    done = auditkit(folder, "run", "audit.yaml", "--output", "out", site=site)
    assert done.returncode == 0, done.stderr
    return folder, site


def test_it_gives_evidence_a_finding_and_its_version(ran):
    folder, _ = ran
    pdf = (folder / "out" / "report.pdf").read_bytes()
    statement = json.loads(pypdf.PdfReader(BytesIO(pdf)).attachments["statement.json"][0])
    predicate = statement["predicate"]
    evidence = predicate["evidence"][-1]
    assert (evidence["check"], evidence["version"]) == ("robustness.near_cut_off", "3")
    assert evidence["parameters"] == {"near": 0.1}
    assert evidence["terms"]["near_share"] == {
        "words": "Close calls",
        "definition": "Share of cases approved or not by a small margin.",
    }
    assert [e for e in predicate["evidence"] if "terms" in e] == [evidence]
    finding, condition = predicate["findings"]  # the rule's own, and that of its one number
    assert (finding["outcome"], finding["evidence"]) == ("pass", evidence["id"])
    assert (condition["outcome"], condition["evidence"]) == ("pass", evidence["id"])
    assert finding["statement"].startswith("Close calls is 0.")
    assert predicate["versions"]["near-check"] == "1.2"


def test_the_report_prints_its_section_and_its_words(ran):
    folder, _ = ran
    pages = " ".join(" ".join(page_texts((folder / "out" / "report.pdf").read_bytes())).split())
    for text in (
        "Robustness", "Scores near the cut-off", "Close calls of 10",
        "Share of cases approved or not by a small margin.",
        "Scores near the cut-off among the first 10.",
    ):  # fmt: skip
        assert text in pages
    assert "Scores near the cut-off" in (folder / "out" / "report.html").read_text()


def test_who_lacks_the_package_can_verify_the_report(ran):
    folder, _ = ran
    done = auditkit(folder, "verify", "out/report.pdf", "--json")
    claims = {c["id"]: c["state"] for c in json.loads(done.stdout)["claims"]}
    assert {claims[c] for c in ("signature", "attachments", "statement", "numbers")} == {"true"}
    assert "near_cut_off" not in auditkit(folder, "checks").stdout


def test_it_is_listed_beside_the_packaged_ones(ran):
    folder, site = ran
    assert "robustness.near_cut_off" in auditkit(folder, "checks", site=site).stdout
    told = auditkit(folder, "checks", "robustness.near_cut_off", site=site).stdout
    assert "near = 0.05  (a number of at least 0 and at most 1)" in told


def test_a_policy_that_names_it_is_refused_without_the_package(ran):
    folder, _ = ran
    done = auditkit(folder, "gate", "audit.yaml")
    assert done.returncode == 2
    assert "'robustness.near_cut_off', which does not exist" in done.stderr


OWN = "from auditkit.checks import Check, find_check\n"
WRONG = {
    "fails": ("import no_such_module", "there is no module 'no_such_module'"),
    "crashes": ("1 / 0", "it stopped with ZeroDivisionError"),
    "is_none": ("CHECK = None", "is a NoneType, not a Check"),
    "lacks": ("OTHER = None", "it stopped with AttributeError"),
    "takes": (
        f"{OWN}CHECK = find_check('performance.ranking')",
        "the id 'performance.ranking', which is that of a check of auditkit",
    ),
    "has_no_default": (
        MODULE.replace("SHARE.field(0.05)", "SHARE.field(7.5)"),
        "has a parameter without a default in its range",
    ),
    "lacks_a_default": (
        MODULE.replace("near: float = SHARE.field(0.05)", "near: float"),
        "has a parameter without a default in its range",
    ),
    "has_no_dataclass": (
        MODULE.replace("parameters=Parameters", "parameters=dict"),
        "has parameters that are not a dataclass",
    ),
    "has_no_title": (
        MODULE.replace('title="Scores near the cut-off"', 'title=""'), "lacks one of its texts"
    ),
    "has_no_terms": (MODULE.replace("Term(", "("), "has terms that are not of the class Term"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_one_that_cannot_be_used_is_refused_by_the_name_of_its_package(name, tmp_path, monkeypatch):
    code, message = WRONG[name]
    install(tmp_path, module=f"check_{name}", code=code, own=f"check_{name}:CHECK")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError) as caught:
        all_checks()
    assert message in caught.value.message
    assert f"check-{name.replace('_', '-')}" in caught.value.message
    assert "uninstall" in caught.value.remedy


def test_two_packages_with_one_id_are_refused(tmp_path, monkeypatch):
    for module in ("first_of_two", "second_of_two"):
        install(tmp_path, module=module, own=f"{module}:CHECK")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"first-of-two and second-of-two both have"):
        installed_checks()


def test_without_other_packages_there_are_only_the_packaged_ones():
    assert installed_checks() == ()
