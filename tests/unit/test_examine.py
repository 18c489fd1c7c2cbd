"""Checks of one's own stand beside those that are packaged; whatever a check does is an outcome."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.checks import CHECKS, Check, Result, find_check
from auditkit.errors import InputError
from auditkit.evidence import Measurement, Table
from auditkit.judgement.audit import examine
from auditkit.loading import prepare
from auditkit.policy import parse_policy
from auditkit.report.render import render
from auditkit.subject import Task

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, 400)
INPUTS = ak.Inputs(data=pd.DataFrame({"x": RNG.random(400)}), labels=LABELS, scores=RNG.random(400))
POLICY = """
id: own
version: "1"
title: Own
as_of: 2026-11-22
controls: []
small_cell: 11
rules:
  - id: R-1
    title: Enough rows
    check: own.rows
    measure: rows
    at_least: 100
    judge: value
    severity: low
    citation: house rule
    why: Few rows tell little.
"""


def own(**changes) -> Check:
    """A check that is not packaged: it counts the rows."""

    def run(case, parameters):
        rows = len(case.labels)
        measured = Measurement(name="rows", value=rows, n=rows, unit="count")
        return Result(n=rows, measurements=(measured,))

    check = Check(
        id="own.rows",
        version="1",
        title="Rows",
        area="performance",
        measures="How many rows there are.",
        misleads="Many rows can be bad rows.",
        source="none",
        run=run,
    )
    return replace(check, **changes)


def judged(*checks: Check):
    """The judgement of a small case by checks."""
    policy = parse_policy(POLICY)
    return examine(prepare(INPUTS), policy, (), today=None, versions={}, checks=checks)


PACKAGED = [c.id for c in CHECKS if Task.BINARY in c.tasks and not c.compares]


@pytest.mark.parametrize("before", [True, False])
def test_a_check_of_ones_own_is_run_and_numbered_after_the_packaged_ones(before):
    given = (own(), *CHECKS) if before else (*CHECKS, own())
    judgement = judged(*given)
    assert [e.check for e in judgement.evidence] == [*PACKAGED, "own.rows"]
    assert [e.id for e in judgement.evidence] == [f"E-{i:04d}" for i in range(1, len(PACKAGED) + 2)]
    assert judgement.findings[0].outcome is ak.Outcome.PASS
    assert json.loads(judgement.statement)["predicate"]["evidence"][-1]["check"] == "own.rows"


def test_a_report_holds_checks_of_ones_own():
    assert render(judged(own())).startswith(b"%PDF")


@pytest.mark.parametrize("area", ["performance", "robustness"])
def test_the_tables_of_an_area_of_ones_own_hide_small_groups_too(area):
    def run(case, parameters):
        counts = [(g, int((case.groups["g"] == g).sum())) for g in ("few", "many")]
        rows = tuple(("g", group, n) for group, n in counts)
        table = Table(name="own", title="Own", columns=("attribute", "group", "n"), rows=rows)
        return Result(n=len(case.labels), tables=(table,))

    groups = {"g": ["few"] * 5 + ["many"] * 395}
    case = prepare(replace(INPUTS, groups=groups))
    policy = parse_policy(POLICY)
    own_table = own(area=area, run=run)
    judgement = examine(case, policy, (), today=None, versions={}, checks=[own_table])
    (table,) = judgement.tables
    assert table.column("n") == (None, None)  # the large one would give the small one away


def test_two_checks_of_ones_own_keep_their_order():
    second = own(id="own.again", run=lambda case, parameters: Result())
    assert [e.check for e in judged(second, own()).evidence] == ["own.again", "own.rows"]


def test_evidence_of_another_check_is_an_error_outcome():
    """It would stand beside that check's own, under its id."""
    other = find_check("performance.ranking")
    stray = own(run=lambda case, parameters: other.evidence(parameters={}))
    found = judged(other, stray).evidence_of("own.rows")
    assert found.outcome is ak.Outcome.ERROR
    assert "performance.ranking" in found.reason


@pytest.mark.parametrize("given", [None, 3, {"check": "own.rows"}])
def test_a_check_that_gives_no_evidence_is_an_error_outcome(given):
    found = judged(own(run=lambda case, parameters: given)).evidence_of("own.rows")
    assert (found.outcome, found.reason) == (ak.Outcome.ERROR, "the check gave no evidence")


def test_a_crash_keeps_its_text_to_itself():
    def crash(case, parameters):
        raise ValueError("Ann Lee, 123-45-6789")

    judgement = judged(own(run=crash))
    assert judgement.evidence_of("own.rows").reason == "the check stopped with ValueError"
    assert b"Ann Lee" not in judgement.statement
    assert judgement.findings[0].outcome is ak.Outcome.ERROR


def test_one_id_twice_is_refused():
    with pytest.raises(InputError, match=r"Two checks have the id 'own\.rows'"):
        judged(own(), own())


def test_only_the_expected_inputs_are_audited(mortgage_inputs):
    """Digests as an earlier report names them: with any other nothing is measured."""
    inputs = mortgage_inputs
    found = ak.run(inputs, progress=False)
    datasets = {d.role: str(d.digest) for d in found.datasets}
    expect = {
        "model": str(found.subject.digest),
        "data": datasets["evaluation"],
        "reference": datasets["reference"],
        "policy": str(found.policy.digest),
    }
    ran = []
    assert ak.run(inputs, progress=False, expect=expect).digest == found.digest
    for name in expect:
        with pytest.raises(InputError, match=f"The {name} is not the expected one"):
            ak.run(inputs, progress=lambda *_: ran.append(1), expect={name: "sha256:" + "0" * 64})
    with pytest.raises(InputError, match="Nothing called"):
        ak.run(inputs, expect={"weights": expect["model"]})
    assert not ran
