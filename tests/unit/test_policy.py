"""Policies and control packs: what is refused, and what the shipped ones hold."""

from __future__ import annotations

import pytest

from auditkit.checks import CHECKS, TERMS
from auditkit.errors import PolicyError
from auditkit.evidence import Finding, Outcome
from auditkit.glossary import Glossary
from auditkit.judgement.controls import assess, parse_pack
from auditkit.period.terms import COUNTED
from auditkit.policy import parse_policy
from auditkit.resources import data_path

RULE = "{id: R1, title: T, check: c, measure: m, at_least: 1, severity: high, citation: x, why: y}"
HEAD = 'id: p\nversion: "1"\ntitle: T\nas_of: 2026-01-01\n'
WHOLE = HEAD + f"rules: [{RULE}]"


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("", "empty", "as_of, rules"),
        ("rules: [", "not valid YAML at line 1", "indentation"),
        ("- a", "must be a mapping", None),
        (HEAD + "id: q\n", "line 5, column 1: the key 'id' is there twice", None),
        (HEAD + "rules: []", "rules", None),
        (HEAD, "'rules' is missing", "add 'rules'"),
        (HEAD + f"rules: [{RULE}]\nrulez: []", "unknown key 'rulez'", "did you mean 'rules'?"),
        (
            HEAD + f"rules: [{RULE.replace('at_least', 'at_leest')}]",
            "unknown key 'rules.0.at_leest'",
            "did you mean 'at_least'?",
        ),
        (HEAD + f"rules: [{RULE.replace('at_least: 1, ', '')}]", "exactly one of at_least", None),
        (HEAD + f"rules: [{RULE.replace('1', '.nan')}]", "at_least", None),
        (HEAD + f"rules: [{RULE}, {RULE}]", "two rules are called 'R1'", None),
    ],
)
def test_refuses_with_the_place_and_the_remedy(text, message, remedy):
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, source="my.yaml")
    assert message in caught.value.message
    assert "my.yaml" in caught.value.message
    if remedy is not None:
        assert remedy in caught.value.remedy


def test_yes_and_no_are_words_as_they_are_in_tables():
    policy = parse_policy(HEAD + f"rules: [{RULE.replace('title: T', 'title: no')}]")
    assert policy.rules[0].title == "no"


def test_the_digest_commits_to_thresholds():
    policy = parse_policy(HEAD + f"rules: [{RULE}]")
    other = parse_policy(HEAD + f"rules: [{RULE.replace('at_least: 1', 'at_least: 2')}]")
    assert policy.digest != other.digest


# Those of watching are read and used by test_watch.py.
SHIPPED = sorted(p.name for p in data_path("policies").glob("*.yaml") if "watch" not in p.name)
PACKS = sorted(p.stem for p in data_path("policies", "controls").glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_read_and_name_existing_checks_and_packs(name):
    policy = parse_policy(data_path("policies", name).read_text(), source=name)
    checks = {check.id for check in CHECKS} | COUNTED.keys()
    assert {rule.check for rule in policy.rules} <= checks
    assert set(policy.controls) <= set(PACKS)


def test_the_lending_policy_has_at_least_eight_cited_thresholds():
    policy = parse_policy(data_path("policies", "lending.yaml").read_text())
    assert len({(r.check, r.measure, r.threshold) for r in policy.rules}) >= 8
    assert all(len(rule.citation) > 5 and len(rule.why) > 20 for rule in policy.rules)


@pytest.mark.parametrize("name", PACKS)
def test_shipped_packs_cite_at_least_five_controls_of_existing_checks(name):
    pack = parse_pack(data_path("policies", "controls", f"{name}.yaml").read_text(), source=name)
    assert pack.id == name
    assert len(pack.controls) >= 5
    checks = {check.id for check in CHECKS} | COUNTED.keys()
    assert {check for control in pack.controls for check in control.checks} <= checks


def finding(check, outcome, rule="R1"):
    return Finding(
        rule=rule,
        title="T",
        outcome=outcome,
        statement="S.",
        evidence="E-0001",
        check=check,
        operator=">=",
        threshold=1,
        severity="high",
        citation="c",
    )


PACK = parse_pack(
    """
id: t
title: Test
as_of: 2026-01-01
author: test
controls:
  - {id: C1, citation: c, requirement: r, checks: [a, b], basis: primary, strength: direct}
"""
)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ({"a": Outcome.PASS, "b": Outcome.PASS}, Outcome.PASS),
        ({"a": Outcome.PASS, "b": Outcome.UNCERTAIN}, Outcome.UNCERTAIN),
        ({"a": Outcome.PASS}, Outcome.NOT_ASSESSED),
        ({"a": Outcome.FAIL}, Outcome.FAIL),
        ({}, Outcome.NOT_ASSESSED),
        ({"a": Outcome.FAIL, "b": Outcome.PASS}, Outcome.FAIL),
        ({"a": Outcome.NOT_APPLICABLE, "b": Outcome.PASS}, Outcome.PASS),
    ],
)
def test_a_control_is_as_good_as_its_worst_finding_and_needs_all_its_checks(outcomes, expected):
    (status,) = assess([finding(c, o) for c, o in outcomes.items()], PACK)
    assert status.outcome is expected
    assert bool(status.reason) is (len(outcomes) < 2)


def test_the_words_for_decisions_travel_with_the_policy():
    policy = parse_policy(
        f"decision: {{favourable: selected, unfavourable: not selected}}\n{WHOLE}"
    )
    assert policy.to_json()["decision"] == {
        "favourable": "selected",
        "unfavourable": "not selected",
    }
    words = Glossary(terms=TERMS, decision=policy.decision.words)
    assert words.in_words("stable_denials") == "Share of cases not selected with stable reasons"
    assert words.explained(["selection_rate"]) == [("Selection rate", "Share of cases selected.")]


def test_a_policy_without_words_for_decisions_keeps_its_digest():
    policy = parse_policy(WHOLE)
    assert "decision" not in policy.to_json()
    assert (
        Glossary(terms=TERMS, decision=policy.decision.words).in_words("denials")
        == "Cases decided unfavourably"
    )


@pytest.mark.parametrize("word", ["", "'12 denied'", "<b>", "'a\\nb'", "x" * 41, "5"])
def test_words_for_decisions_are_words(word):
    with pytest.raises(PolicyError, match=r"decision\.unfavourable"):
        parse_policy(f"decision: {{unfavourable: {word}}}\n{WHOLE}")
