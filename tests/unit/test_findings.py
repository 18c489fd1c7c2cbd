"""Findings and their ids: one a rule and one a condition, the same in every audit."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest

from auditkit.canonical import parse_json
from auditkit.documents import lines_of
from auditkit.errors import PolicyError
from auditkit.evidence import Evidence, Measurement, Outcome, worst
from auditkit.judgement.again import judged_again
from auditkit.judgement.audit import glossary_of
from auditkit.judgement.findings import every, finding_id, read_findings
from auditkit.judgement.gate import decide, judge
from auditkit.loading.places import source_of
from auditkit.policy import parse_policy
from auditkit.reperformance import differences
from tests.fixtures.lending import judgement

LENDING = judgement()
RULE = """
id: p
version: "1"
title: P
as_of: 2026-11-22
rules:
  - {id: R, title: Ratio, check: fairness.selection_rates, measure: impact_ratio, at_least: 0.8,
     judge: value, min_n: MIN_N, severity: high, citation: c, why: w}
"""


def policy(min_n=10, small_cell=11):
    return parse_policy(RULE.replace("MIN_N", str(min_n)) + f"small_cell: {small_cell}\n")


def ratio(value, n=50, **group):
    hidden = n is None
    return Measurement(
        name="impact_ratio", unit="ratio", n=n, value=None if hidden else value,
        group=tuple(group.items()), reason="a small cell" if hidden else "",
        suppressed="small" if hidden else "",
    )  # fmt: skip


def judged(*numbers, min_n=10, small_cell=11):
    made = Evidence(
        id="E-0001", check="fairness.selection_rates", version="1", title="Rates", area="fairness",
        measurements=numbers,
    )  # fmt: skip
    rules = policy(min_n, small_cell)
    (finding,) = judge((made,), rules, glossary_of((made,), rules))
    return finding


def test_an_id_is_made_as_it_is_said():
    rule = policy().rules[0]
    key = '["p","fairness.selection_rates","R","impact_ratio",[["race","Black"],["sex","F"]]]'
    digest = hashlib.sha256(b"auditkit/finding/v1\0" + key.encode()).digest()
    expected = "F-" + base64.b32encode(digest).decode()[:12]
    assert finding_id("p", rule, (("sex", "F"), ("race", "Black"))) == expected
    assert re.fullmatch("F-[A-Z2-7]{12}", expected)


def test_every_finding_has_its_own_id():
    listed = parse_json(LENDING.statement)["predicate"]["findings"]
    ids = [f["id"] for f in listed]
    assert len(set(ids)) == len(ids) == 26
    assert all(re.fullmatch("F-[A-Z2-7]{12}", i) for i in ids)


def test_ids_follow_neither_values_nor_positions():
    first = judged(ratio(0.9, race="A"), ratio(0.5, race="B"))
    again = judged(ratio(0.4, n=99, race="B"), ratio(0.1, race="C"), ratio(1.2, race="A"))
    ids = {c.group: c.id for c in first.conditions}
    assert ids.items() <= {c.group: c.id for c in again.conditions}.items()
    assert first.id == again.id


def test_a_rule_comes_out_as_the_worst_of_its_conditions():
    for rule in LENDING.findings:
        if rule.conditions:
            assert rule.outcome is worst([c.outcome for c in rule.conditions])
    for numbers in (
        (ratio(0.9, race="A"),),
        (ratio(0.9, race="A"), ratio(0.9, n=3, race="B")),
        (ratio(0.9, race="A"), ratio(0.1, n=None, race="B")),
        (ratio(0.9, n=3, race="A"), ratio(0.9, n=None, race="B")),
        (ratio(0.9, race="A"), ratio(0.7, race="B"), ratio(0.1, n=None, race="C")),
    ):
        for min_n in (5, 20):
            rule = judged(*numbers, min_n=min_n)
            assert rule.outcome is worst([c.outcome for c in rule.conditions]), (numbers, min_n)


def test_suppressed_groups_are_one_finding():
    rule = judged(ratio(0.9, race="A"), *(ratio(0, n=None, race=r) for r in "BCD"))
    hidden = [c for c in rule.conditions if c.group == "suppressed"]
    assert len(rule.conditions) == 2
    assert [c.outcome for c in hidden] == [Outcome.NOT_ASSESSED]
    assert "3 groups" in hidden[0].statement
    assert not hidden[0].key


def test_groups_below_the_rules_n_are_listed_and_decide_nothing():
    rule = judged(ratio(0.9, race="A"), ratio(0.1, n=9, race="B"))
    assert rule.outcome is Outcome.PASS
    assert [c.outcome for c in rule.conditions] == [Outcome.PASS, Outcome.NOT_APPLICABLE]
    assert "n = 9" in rule.conditions[1].statement


def test_the_verdict_counts_rules():
    conditions = sum(len(f.conditions) for f in LENDING.findings)
    assert sum(LENDING.counts().values()) == len(LENDING.policy.rules) < conditions
    bare = tuple(replace(f, conditions=()) for f in LENDING.findings)
    assert decide(bare) == LENDING.verdict


def test_a_statement_gives_its_findings_back():
    predicate = parse_json(LENDING.statement)["predicate"]
    found = read_findings(predicate)
    assert [f.to_json() for f in every(found)] == predicate["findings"]
    for read, made in zip(every(found), every(LENDING.findings), strict=True):
        assert (read.value, read.lower, read.n, read.title, read.threshold) == (
            made.value, made.lower, made.n, made.title, made.threshold,
        )  # fmt: skip


def test_a_forged_condition_is_named():
    predicate = json.loads(LENDING.statement)["predicate"]
    forged = next(f for f in predicate["findings"] if f["group"] and f["outcome"] == "fail")
    forged["outcome"] = "pass"
    (difference,) = judged_again(predicate).differences
    assert "FL-3 afam=yes,single=no" in difference
    assert "'pass'" in difference


def test_a_group_that_got_worse_regressed_although_its_rule_failed_before():
    before, after = (json.loads(LENDING.statement) for _ in range(2))
    worse = next(
        f for f in after["predicate"]["findings"]
        if f["rule"] == "FL-3" and f["group"] and f["outcome"] == "pass"
    )  # fmt: skip
    worse["outcome"] = "fail"
    found = differences(before, after)
    assert [c.name for c in found if c.regressed] == ["FL-3 afam=no,single=yes"]
    assert "n = 231" in found[0].after


def test_a_renamed_rule_is_found_by_its_former_id():
    before, after = (json.loads(LENDING.statement) for _ in range(2))
    for finding in after["predicate"]["findings"]:
        finding["rule"] = finding["rule"].replace("FL-3", "FL-30")
    for rule in after["predicate"]["policy"]["content"]["rules"]:
        if rule["id"] == "FL-3":
            rule |= {"id": "FL-30", "previously": ["FL-3"]}
    assert not [c for c in differences(before, after) if c.area == "condition"]


def test_two_rules_do_not_share_a_former_id():
    text = RULE.replace("MIN_N", "1")
    parse_policy(text.replace("why: w", "why: w, previously: [OLD]"))
    with pytest.raises(PolicyError, match="were called 'R'"):
        parse_policy(text.replace("why: w", "why: w, previously: [R]"))


def test_a_policy_knows_the_lines_of_its_rules(tmp_path):
    (tmp_path / "audit.yaml").write_text("# an audit\npolicy: policies/p.yaml\n")
    (tmp_path / "policies").mkdir()
    path = tmp_path / "policies" / "p.yaml"
    path.write_text(RULE.replace("MIN_N", "1"))
    source = source_of(path, tmp_path / "audit.yaml")
    assert (source.path, source.line_of("R")) == ("policies/p.yaml", 7)
    assert RULE.splitlines()[7 - 1].strip().startswith("- {id: R")
    (tmp_path / "audit.yaml").write_text("# an audit\npolicy: lending\n")
    packaged = source_of("lending", tmp_path / "audit.yaml")
    assert (packaged.path, packaged.line_of("FL-1")) == ("audit.yaml", 2)
    assert lines_of("a: 1\nb: [2]\n", [("b", 0), ("c",)]) == [2, 1]


def test_where_the_policy_stands_is_in_the_statement_and_is_no_part_of_its_digest(tmp_path):
    (tmp_path / "audit.yaml").write_text("policy: lending\n")
    source = source_of("lending", tmp_path / "audit.yaml")
    stated = json.loads(replace(LENDING, source=source).statement)["predicate"]
    assert stated["policy"]["source"] == {"path": "audit.yaml", "line": 1, "lines": {}}
    assert stated["policy"]["digest"] == str(LENDING.policy.digest)
    assert not judged_again(stated).differences
