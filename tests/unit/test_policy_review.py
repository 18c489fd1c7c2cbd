"""`auditkit policy`: what is wrong with a policy is found before an audit finds it."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from scipy import stats

from auditkit.canonical import parse_json
from auditkit.checks import CHECKS, TERMS
from auditkit.cli import run
from auditkit.judgement.audit import glossary_of
from auditkit.judgement.gate import compare, judge
from auditkit.period.kinds import BY_NAME
from auditkit.period.terms import COUNTED
from auditkit.policy import parse_policy
from auditkit.policy_review.cases import PolicyCase, misjudged
from auditkit.policy_review.changes import changes
from auditkit.policy_review.lint import known_checks, lint
from auditkit.policy_review.ranges import range_of
from auditkit.resources import data_path
from auditkit.subject import Task
from auditkit.watching.terms import TERMS as WATCHED_TERMS
from auditkit.watching.terms import TITLES
from tests.fixtures.lending import judgement as small_judgement
from tests.support import waivers as signed_waivers
from tests.unit.test_check_conformance import MEASURING, assessed, drawn

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 12, 1)
KNOWN = known_checks(CHECKS, TITLES, WATCHED_TERMS, COUNTED, BY_NAME)
HEAD = 'id: p\nversion: "1"\ntitle: t\nas_of: 2026-11-30\n'
OWN = "severity: high, citation: c, why: w}\n"


def policy(*rules, head=HEAD):
    text = head + "rules:\n" + "".join(f"  - {{{rule}, {OWN}" for rule in rules)
    return parse_policy(text), text


def problems(*rules, head=HEAD, **given):
    read, text = policy(*rules, head=head)
    found = lint(read, text, file="p.yaml", known=KNOWN, today=TODAY, **given)
    return [(one.code, one.level, one.line, one.rule) for one in found]


GOOD = "id: A, title: a, check: performance.ranking, measure: auc, at_least: 0.7"


def test_a_sound_policy_has_no_problem():
    assert problems(GOOD, rows=100_000) == []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (GOOD.replace("ranking", "rankin"), "unknown-check"),
        (GOOD.replace("auc", "acu"), "unknown-measure"),
        (GOOD.replace("0.7", "0"), "decides-nothing"),
        (GOOD.replace("at_least: 0.7", "at_most: 1"), "decides-nothing"),
        (GOOD.replace("0.7", "70"), "decides-nothing"),
        (GOOD.replace("at_least: 0.7", "at_most: -0.1"), "decides-nothing"),
        ("id: A, title: a, check: privacy.leaks, measure: leaks, at_most: -1", "decides-nothing"),
        (f"{GOOD}, min_n: 200", "never-judged"),
    ],
)
def test_each_mistake_is_found_at_its_line(rule, code):
    other = GOOD.replace("A,", "B,").replace("auc", "ks")
    assert problems(other, rule, rows=100) == [(code, "error", 7, "A")]


def test_parameters_that_no_check_takes():
    head = HEAD + "checks:\n  performance.ranking: {levle: 0.9}\n  fairness.nothing: {}\n"
    assert [(code, line) for code, _, line, _ in problems(GOOD, head=head)] == [
        ("unknown-parameter", 6), ("unknown-check", 7),
    ]  # fmt: skip
    head = HEAD + "checks:\n  performance.ranking: {level: 9}\n"
    assert [code for code, *_ in problems(GOOD, head=head)] == ["unknown-parameter"]


@pytest.mark.parametrize(
    ("as_of", "stale"),
    [("2026-12-01", False), ("2026-06-04", False), ("2026-06-03", True), ("2026-12-02", True)],
)
def test_citations_that_are_out_of_date_or_of_tomorrow(as_of, stale):
    head = HEAD.replace("2026-11-30", as_of)
    assert problems(GOOD, head=head) == ([("stale", "warning", 4, "")] if stale else [])


def test_of_two_rules_on_one_number_the_looser_adds_nothing():
    looser = GOOD.replace("A,", "B,").replace("0.7", "0.6")
    assert problems(GOOD, looser) == [("said-twice", "warning", 7, "B")]
    assert problems(looser, GOOD) == [("said-twice", "warning", 6, "B")]
    assert problems(GOOD, looser.replace("at_least", "at_most")) == []


@pytest.mark.parametrize("rows", [40, 400, 4_000, 40_000])
def test_an_impact_ratio_that_so_few_rows_cannot_show(rows):
    rule = (
        "id: A, title: a, check: fairness.selection_rates, measure: impact_ratio, at_least: 0.8, "
        "min_n: 20"
    )
    warned = problems(rule, rows=rows) == [("too-few-rows", "warning", 6, "A")]
    # Power of the two-sample test at 80 %, by the textbook.
    n, p0, p1 = rows / 2, 0.5, 0.4
    pooled = (p0 + p1) / 2
    spread = (
        math.sqrt(2 * pooled * (1 - pooled) / n),
        math.sqrt((p0 * (1 - p0) + p1 * (1 - p1)) / n),
    )
    power = stats.norm.sf((1.96 * spread[0] - (p0 - p1)) / spread[1])
    assert warned == (power < 0.8)


def test_every_packaged_file_is_sound():
    files = sorted(data_path("policies").glob("*.yaml")) + sorted(
        data_path("policies", "controls").glob("*.yaml")
    )
    assert len(files) >= 10
    assert run(["policy", "lint", *map(str, files), "--today", "2026-12-02", "--strict"]) == 0


def test_a_range_holds_for_every_number_that_checks_give():
    """And every measure of a check is known, or open on purpose."""
    seen = set()
    for check in MEASURING:
        for task in check.tasks:
            for m in assessed(check, drawn(0, task)).measurements:
                least, most = range_of(m.name)
                seen.add(m.name)
                assert m.value is None or least - 1e-9 <= m.value <= most + 1e-9, m.key
    assert len(seen) > 60
    open_ones = {name for name in TERMS if range_of(name) == (-math.inf, math.inf)}
    assert open_ones == {
        "deletion_gain", "insertion_gain", "standard_deviations", "mean_error",
        "mean_error_difference", "mean_prediction_change", "mae_change", "rmse_change",
        "scaled_error_difference", "impact_ratio_change",
    }  # fmt: skip


def test_what_is_no_policy_is_one_error(tmp_path, capsys):
    for text in ("", "- a", "rules: 3", HEAD, "controls: [{id: a}]", "\x00", "a: &b [*b]"):
        (tmp_path / "p.yaml").write_text(text)
        assert run(["policy", "lint", str(tmp_path / "p.yaml"), "--json"]) == 10
        (found,) = json.loads(capsys.readouterr().out)
        assert (found["code"], found["level"]) == ("unreadable", "error")
    assert run(["policy", "lint", str(tmp_path / "none.yaml")]) == 2
    assert run(["policy", "lint", "no-such"]) == 2


def test_a_line_of_output_is_a_place_an_editor_finds(tmp_path, capsys):
    _, text = policy(GOOD.replace("auc", "\u202eacu"))
    (tmp_path / "p.yaml").write_text(text)
    assert run(["policy", "lint", str(tmp_path / "p.yaml")]) == 10
    out = capsys.readouterr().out
    assert re.fullmatch(r".*p\.yaml:6: error: A: .* To fix: .*\n", out)
    assert "\u202e" not in out


def test_waivers_that_end_soon(tmp_path, capsys):
    made = small_judgement()
    failed = [f for f in made.findings if f.outcome.value == "fail"][:1]
    waiver = signed_waivers.waiver_for(made.policy, failed, artifact=str(made.subject.digest))
    (tmp_path / "a.dsse.json").write_bytes(signed_waivers.signed(waiver, "ada", "bo"))
    (tmp_path / "b.json").write_text("{}")
    for day, ends in (("2027-01-14", 0), ("2027-01-15", 1), ("2027-02-15", 1)):
        asked = ["policy", "lint", "starter", "--waivers", str(tmp_path), "--today", day]
        assert run([*asked, "--json"]) == 0
        found = [p for p in json.loads(capsys.readouterr().out) if p["code"] == "waiver-ends"]
        assert len(found) == ends


def test_a_sentence_for_every_rule(capsys):
    for name in ("lending", "hospital", "starter-regression", "watch-lending"):
        assert run(["policy", "explain", name, "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        rules = yaml.safe_load(data_path("policies", f"{name}.yaml").read_text())["rules"]
        assert [row["rule"] for row in rows] == [rule["id"] for rule in rules]
        for row, rule in zip(rows, rules, strict=True):
            bound = rule.get("at_least", rule.get("at_most"))
            assert f"{bound:g} or {'more' if 'at_least' in rule else 'less'}" in row["says"]
            assert rule["measure"] not in row["says"] or "_" not in rule["measure"]
        assert run(["policy", "explain", name]) == 0
        assert rows[0]["says"] in capsys.readouterr().out


RULE = policy(GOOD)[0].rules[0]


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        ({"at_least": 0.6}, "looser"),
        ({"at_least": 0.8}, "stricter"),
        ({"min_n": 50}, "looser"),
        ({"judge": "value"}, "looser"),
        ({"severity": "low"}, "looser"),
        ({"citation": "other"}, "other"),
        ({"measure": "ks"}, "other"),
        ({"at_least": None, "at_most": 0.9}, "other"),
    ],
)
def test_the_effect_of_a_change(change, effect):
    before = policy(GOOD)[0]
    after = before.model_copy(update={"rules": (RULE.model_copy(update=change),)})
    assert [one.effect for one in changes(before, after)] == [effect]
    back = {"looser": "stricter", "stricter": "looser", "other": "other"}[effect]
    assert [one.effect for one in changes(after, before)] == [back]
    assert changes(after, after) == []


def test_what_is_called_looser_never_fails_where_the_earlier_one_passed():
    """By the gate itself, over the numbers of real checks."""
    ranking = next(c for c in MEASURING if c.id == "performance.ranking")
    numbers = assessed(ranking, drawn(0, Task.BINARY)).named("auc")
    assert numbers
    for was in (0.3, 0.5, 0.7):
        for now in (0.3, 0.5, 0.7):
            rules = [RULE.model_copy(update={"at_least": bound}) for bound in (was, now)]
            old, new = (policy(GOOD)[0].model_copy(update={"rules": (rule,)}) for rule in rules)
            loose = [one.effect for one in changes(old, new)] in ([], ["looser"])
            outcomes = [[compare(rule, m).value for m in numbers] for rule in rules]
            if loose:
                assert not any(a == "pass" and b == "fail" for a, b in zip(*outcomes, strict=True))


def test_rules_that_came_and_went_and_were_renamed(tmp_path, capsys):
    files = [tmp_path / name for name in ("a.yaml", "b.yaml")]
    files[0].write_text(policy(GOOD, GOOD.replace("A,", "B,").replace("auc", "ks"))[1])
    files[1].write_text(policy(GOOD.replace("id: A", "previously: [A], id: C"))[1])
    assert run(["policy", "diff", *map(str, files), "--json"]) == 10
    found = {(one["what"], one["effect"]) for one in json.loads(capsys.readouterr().out)}
    assert found == {("C", "other"), ("B", "looser")}
    assert run(["policy", "diff", *map(str, reversed(files))]) == 10  # the renamed one is gone
    assert run(["policy", "diff", str(files[0]), str(files[0])]) == 0
    assert run(["policy", "diff", str(files[0]), "soc2"]) == 2


def test_cases_are_judged_as_the_gate_judges(tmp_path, capsys):
    made = small_judgement()
    (tmp_path / "s.json").write_bytes(made.statement)
    outcomes = {f.rule: f.outcome.value for f in made.findings}
    (tmp_path / "p.yaml").write_text(json.dumps(made.policy.to_json()))
    case = {"statement": "s.json", "verdict": made.verdict.decision.value, "rules": outcomes}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({"cases": [case]}))
    asked = ["policy", "test", str(tmp_path / "p.yaml"), str(tmp_path / "cases.yaml")]
    assert run(asked) == 0
    rule, outcome = next(iter(outcomes.items()))
    wrong = {**case, "rules": {rule: "error" if outcome != "error" else "pass", "no-such": "pass"}}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({"cases": [case, wrong]}))
    capsys.readouterr()
    assert run([*asked, "--json"]) == 10
    found = json.loads(capsys.readouterr().out)
    assert [(one["case"], one["what"], one["found"]) for one in found] == [
        (2, rule, outcome), (2, "no-such", "no such rule"),
    ]  # fmt: skip
    for text in ("cases: []", "cases: [{statement: none.json}]", "cases: [{statement: p.yaml}]"):
        (tmp_path / "cases.yaml").write_text(text)
        assert run(asked) == 2


def test_a_bound_between_two_audits_is_a_case_of_its_own():
    made = small_judgement()
    statement = parse_json(made.statement)
    whole = made.policy.model_copy(update={"checks": {}})
    findings = judge(made.evidence, whole, glossary_of(made.evidence, whole))
    case = PolicyCase(statement="s", rules={f.rule: f.outcome.value for f in findings})
    assert list(misjudged(whole, case, statement, number=1)) == []


def test_the_hook_that_is_offered_lints_what_it_is_given(tmp_path):
    (hook,) = (
        one
        for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
        if one["id"] == "auditkit-policy"
    )
    files = ["policies/lending.yaml", "policies/controls/soc2.yaml", "policies/watch-lending.yaml"]
    assert all(re.search(hook["files"], name) for name in files)
    assert not re.search(hook["files"], "audit.yaml")
    _, wrong = policy(GOOD.replace("auc", "acu"))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "own.yaml").write_text(wrong)
    command = [sys.executable, "-m", *hook["entry"].split()]
    for names, code in (([str(ROOT / one) for one in files], 0), (["policies/own.yaml"], 10)):
        done = subprocess.run([*command, *names], cwd=tmp_path, check=False, capture_output=True)
        assert done.returncode == code, done.stderr
