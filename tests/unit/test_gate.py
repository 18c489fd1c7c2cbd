"""The gate: comparisons against a naive reference, and laws over random evidence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.errors import InputError
from auditkit.evidence import Evidence, Measurement, Outcome
from auditkit.glossary import Glossary
from auditkit.judgement.gate import Decision, decide, judge
from auditkit.policy import parse_policy

POLICY = """
id: p
version: "1"
title: Test
as_of: 2026-01-01
rules:
  - {id: R1, title: Rate, check: a.b, measure: rate, at_least: 0.8, severity: high,
     citation: none, why: test}
  - {id: R2, title: Gap, check: a.c, measure: gap, at_most: 0.1, severity: low, judge: value,
     citation: none, why: test}
"""


def rate(value, lower=None, upper=None, *, n=100, group=(), name="rate", **more):
    level = 0.95 if lower is not None else None
    return Measurement(
        name=name, value=value, lower=lower, upper=upper, level=level, n=n, group=group, **more
    )


def evidence(*measurements, check="a.b", **more):
    return Evidence(
        check=check, version="1", title="T", area="fairness", measurements=measurements, **more
    )


def findings(*pieces, policy=POLICY):
    return judge(pieces, parse_policy(policy), Glossary(terms={}))


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (rate(0.9, 0.8, 0.95), Outcome.PASS),
        (rate(0.9, 0.7999999999, 0.95), Outcome.UNCERTAIN),
        (rate(0.7, 0.6, 0.7999999999), Outcome.FAIL),
        (rate(0.7, 0.6, 0.8), Outcome.UNCERTAIN),
        (rate(0.9), Outcome.NOT_ASSESSED),
        (rate(None, reason="no members"), Outcome.NOT_ASSESSED),
    ],
)
def test_an_interval_is_compared_whole(number, outcome):
    assert findings(evidence(number))[0].outcome is outcome


def test_an_upper_bound_includes_itself_and_is_compared_unrounded():
    for value, outcome in ((0.1, Outcome.PASS), (0.1 + 1e-12, Outcome.FAIL)):
        finding = findings(evidence(rate(value, name="gap"), check="a.c"))[1]
        assert finding.outcome is outcome
    assert "0.100000000001" in finding.statement


def test_the_worst_group_decides_and_the_reference_is_left_out():
    reference = (("sex", "m"),)
    found = findings(
        evidence(
            rate(1.0, group=reference, compared_with=reference),
            rate(0.9, 0.85, 0.95, group=(("sex", "f"),), compared_with=reference),
            rate(0.5, 0.4, 0.6, group=(("sex", "x"),), compared_with=reference),
        )
    )[0]
    assert found.outcome is Outcome.FAIL
    assert found.key == "rate[sex=x]"
    assert (found.tested, found.exceptions) == (2, ("rate[sex=x]",))
    assert found.statement == (
        "Rate for sex x is 0.50 (95% interval 0.40 to 0.60), n = 100; the condition is at least "
        "0.8; exception in 1 of 2 tested."
    )


def test_groups_below_the_smallest_n_are_counted_and_not_judged():
    policy = POLICY.replace("at_least: 0.8,", "at_least: 0.8, min_n: 30,")
    small = rate(0.1, 0.0, 0.2, n=29, group=(("sex", "x"),))
    large = rate(0.9, 0.85, 0.95, n=30, group=(("sex", "f"),))
    found = findings(evidence(small, large), policy=policy)[0]
    assert found.outcome is Outcome.PASS
    assert "1 group below n = 30 not judged" in found.statement
    assert findings(evidence(small), policy=policy)[0].outcome is Outcome.NOT_ASSESSED


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.NOT_ASSESSED, Outcome.NOT_APPLICABLE])
def test_a_check_that_did_not_run_gives_its_outcome(outcome):
    found = findings(evidence(outcome=outcome, reason="it broke"))[0]
    assert found.outcome is outcome
    assert "it broke" in found.statement


def test_missing_evidence_is_never_a_pass():
    found = findings()
    assert {f.outcome for f in found} == {Outcome.NOT_ASSESSED}
    assert decide(found).decision is Decision.INCOMPLETE
    assert decide([]).decision is Decision.FAIL


def test_nothing_applicable_is_not_a_pass():
    pieces = [
        evidence(check=c, outcome=Outcome.NOT_APPLICABLE, reason="no") for c in ("a.b", "a.c")
    ]
    assert decide(findings(*pieces)).decision is Decision.INCOMPLETE


numbers = st.builds(
    lambda a, b, c, n: (sorted((a, b, c)), n),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 1000),
)


def naive(lower, upper, threshold):
    """The comparison as the policy's documentation says it, in three lines."""
    if lower >= threshold:
        return Outcome.PASS
    return Outcome.FAIL if upper < threshold else Outcome.UNCERTAIN


@given(numbers)
def test_equals_the_naive_comparison(drawn):
    (lower, value, upper), n = drawn
    finding = findings(evidence(rate(value, lower, upper, n=n)))[0]
    assert finding.outcome is (naive(lower, upper, 0.8) if n else Outcome.NOT_ASSESSED)


@pytest.mark.parametrize(
    ("upper", "outcome"),
    [(0.95, Outcome.NOT_ASSESSED), (0.85, Outcome.NOT_ASSESSED), (0.79, Outcome.FAIL)],
)
def test_a_number_that_leaves_a_group_out_may_break_a_condition_and_meets_none(upper, outcome):
    left_out = "1 of 3 groups is left out: no favourable label in the group"
    finding = findings(evidence(rate(0.75, 0.7, upper, reason=left_out)))[0]
    assert finding.outcome is outcome
    assert left_out in finding.statement
    assert "0.75" in finding.statement
    whole = findings(evidence(rate(0.75, 0.7, upper)))[0]
    assert (whole.outcome is Outcome.FAIL) == (outcome is Outcome.FAIL)


def test_none_of_nothing_meets_no_condition():
    finding = findings(evidence(rate(0, n=0, name="gap"), check="a.c"))[1]
    assert finding.outcome is Outcome.NOT_ASSESSED
    assert "is based on no observations" in finding.statement


def test_a_number_outside_its_interval_is_refused():
    with pytest.raises(InputError, match="outside its own interval"):
        rate(0.995, 1.0, 1.0)


def test_a_level_is_written_in_full():
    number = Measurement(name="rate", value=0.9, lower=0.8, upper=0.95, level=0.999, n=9)
    assert "99.9% interval" in findings(evidence(number))[0].statement


@given(st.lists(numbers, min_size=1, max_size=4), st.floats(0, 1))
def test_ignoring_evidence_never_turns_another_verdict_into_a_pass(drawn, gap):
    groups = [
        rate(v, lo, hi, n=n, group=(("g", str(i)),)) for i, ((lo, v, hi), n) in enumerate(drawn)
    ]
    pieces = [evidence(*groups), evidence(rate(gap, name="gap"), check="a.c")]
    if decide(findings(*pieces)).decision is not Decision.PASS:
        for left_out in range(2):
            rest = [p for i, p in enumerate(pieces) if i != left_out]
            assert decide(findings(*rest)).decision is not Decision.PASS
