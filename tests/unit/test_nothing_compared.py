"""Where nothing is compared there is no number, and no condition is met."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

import auditkit as ak
from auditkit.errors import InputError
from auditkit.evidence import Outcome
from auditkit.measures.fairness.candidates import Alternatives, Candidate
from auditkit.measures.fairness.regression import regression_fairness
from auditkit.measures.groups.rates import METRICS
from auditkit.measures.numbers.area import area_under_curve
from auditkit.measures.numbers.intervals import Estimate
from auditkit.policy import parse_policy

RULES = """
id: t
version: "1"
title: t
as_of: 2026-11-22
rules:
  - {{id: R, title: t, check: {check}, measure: {measure}, {bound}, judge: {judge}, severity: high,
     citation: house rule, why: test}}
"""

# Every measure that compares groups, with a bound that no difference at all keeps.
COMPARISONS = (
    ("fairness.selection_rates", "impact_ratio", "at_least: 0.8", "interval"),
    ("fairness.selection_rates", "selection_rate_difference", "at_least: -0.1", "interval"),
    ("fairness.error_rates", "tpr_difference", "at_least: -0.1", "interval"),
    ("fairness.error_rates", "fpr_difference", "at_most: 0.1", "interval"),
    ("fairness.error_rates", "ppv_difference", "at_least: -0.1", "interval"),
    ("fairness.error_rates", "equalized_odds_difference", "at_most: 0.1", "interval"),
    ("fairness.significance", "adjusted_p_value", "at_least: 0.05", "value"),
    ("fairness.significance", "standard_deviations", "at_least: -2", "value"),
    ("fairness.local_law_144", "category_impact_ratio", "at_least: 0.8", "value"),
    ("fairness.threshold_sweep", "smallest_ratio", "at_least: 0.8", "value"),
)
CALIBRATION = ("fairness.calibration", "calibration_gap_difference", "at_most: 0.2", "interval")


def people(n=2000, seed=0, *, groups=("f", "m")):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    scores = np.clip(0.5 + 0.3 * (labels - 0.5) + rng.normal(0, 0.1, n), 0.01, 0.99)
    return {"labels": labels, "scores": scores, "sex": rng.choice(groups, n), "race": ["x"] * n}


def finding(rule, drawn, *, threshold=0.5):
    check, measure, bound, judged = rule
    audit = ak.run(
        ak.Inputs(
            data=pd.DataFrame({"x": drawn["scores"]}),
            labels=drawn["labels"],
            scores=drawn["scores"],
            groups=pd.DataFrame({"sex": drawn["sex"], "race": drawn["race"]}),
            threshold=threshold,
        ),
        policy=parse_policy(RULES.format(check=check, measure=measure, bound=bound, judge=judged)),
        today=date(2026, 11, 30),
    )
    return audit.findings[0]


def only(rule):
    """A rule of one check, with the name it has in a test's title."""
    return pytest.param(rule, id=rule[1])


@pytest.mark.parametrize("rule", [*map(only, COMPARISONS)])
def test_a_cut_off_that_selects_nobody_meets_nothing_and_is_named(rule):
    drawn = people()
    drawn["race"] = drawn["sex"]
    found = finding(rule, drawn, threshold=1.0)
    assert found.outcome is Outcome.NOT_ASSESSED
    if "ppv" not in found.key:
        assert "the cut-off of 1 selects nobody" in found.statement


@pytest.mark.parametrize("rule", [*map(only, (*COMPARISONS, CALIBRATION))])
def test_one_group_is_compared_with_nothing(rule):
    drawn = people(groups=("f",))
    assert finding(rule, drawn).outcome is Outcome.NOT_ASSESSED
    drawn["sex"][:300] = "(unknown)"
    assert finding(rule, drawn).outcome is Outcome.NOT_ASSESSED


@pytest.mark.parametrize("rule", [*map(only, (*COMPARISONS, CALIBRATION))])
def test_where_two_groups_are_compared_the_conditions_are_met(rule):
    """The same conditions on the same people: what meets none above is not out of reach."""
    assert finding(rule, people(20_000)).outcome in {Outcome.PASS, Outcome.NOT_ASSESSED}
    drawn = people(20_000)
    drawn["race"] = np.random.default_rng(1).choice(["x", "y"], 20_000)
    assert finding(rule, drawn).outcome is Outcome.PASS


def test_everybody_selected_is_a_rate_and_no_error_rate():
    drawn = people()
    drawn["race"] = drawn["sex"]
    met = {rule[1] for rule in COMPARISONS if finding(rule, drawn, threshold=0.0).outcome == "pass"}
    assert {"impact_ratio", "selection_rate_difference", "category_impact_ratio"} <= met
    assert not met & {"tpr_difference", "equalized_odds_difference", "adjusted_p_value"}
    told = finding(COMPARISONS[5], drawn, threshold=0.0).statement
    assert "the cut-off of 0 selects everybody" in told


def test_a_perfect_model_is_compared():
    """Its false positive rate is 0 in every group, which is no rate that nobody has."""
    drawn = people()
    drawn["race"] = drawn["sex"]
    drawn["scores"] = np.where(drawn["labels"] == 1, 0.9, 0.1)
    assert finding(COMPARISONS[5], drawn).outcome is Outcome.PASS


def test_decisions_that_no_cut_off_made_are_told_without_one():
    drawn = people()
    audit = ak.run(
        ak.Inputs(
            data=pd.DataFrame({"x": drawn["scores"]}),
            labels=drawn["labels"],
            predictions=np.zeros(2000, dtype=int),
            groups={"sex": drawn["sex"]},
        ),
        policy=parse_policy(
            RULES.format(
                check="fairness.error_rates",
                measure="equalized_odds_difference",
                bound="at_most: 0.1",
                judge="value",
            )
        ),
    )
    assert "(nobody is selected)" in audit.findings[0].statement


def three(n=1500, seed=0, *, last_share=0.0):
    """Three groups; the last has favourable labels in a share of its people."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(["a", "b", "c"], n)
    labels = rng.random(3 * n) < np.where(groups == "c", last_share, 0.5)
    return rng, groups, labels


def test_a_group_that_lacks_a_rate_is_counted_out_and_said():
    rng, groups, labels = three()
    decided = rng.random(len(labels)) < np.where(labels, 0.7, 0.3)
    rows = ak.fairness(labels, decided, groups={"g": groups}).disparities.set_index("metric")
    for metric in METRICS:
        lacks = metric in {"tpr", "fnr", "balanced_accuracy"}
        row = rows.loc[metric]
        assert (row["groups_compared"], row["groups_left_out"]) == ((2, 1) if lacks else (3, 0))
        assert ("1 of 3 groups is left out" in row["status"]) == lacks
        assert np.isfinite(row["largest_difference"])
    assert rows.loc["equalized_odds", "groups_left_out"] == 1


@pytest.mark.parametrize(("gap", "outcome"), [(0.0, "not_assessed"), (0.4, "fail")])
def test_a_gap_that_leaves_a_group_out_can_still_be_too_large(gap, outcome):
    rng, groups, labels = three()
    decided = rng.random(len(labels)) < np.where(labels, 0.7 - gap * (groups == "b"), 0.3)
    found = finding(
        COMPARISONS[5],
        {"labels": labels.astype(int), "scores": decided * 1.0, "sex": groups, "race": groups},
    )
    assert found.outcome == outcome
    assert "left out: no favourable label in the group" in found.statement


def test_one_rate_of_two_can_show_a_gap_where_the_other_does_not_exist():
    """Nobody of one group has an unfavourable label: only true positive rates are compared."""
    rng = np.random.default_rng(0)
    groups = np.repeat(["a", "b"], 1000)
    labels = (groups == "a") | (rng.random(2000) < 0.5)
    decided = rng.random(2000) < np.where(groups == "a", 0.9, 0.4)
    found = finding(
        COMPARISONS[5],
        {"labels": labels.astype(int), "scores": decided * 1.0, "sex": groups, "race": groups},
    )
    assert found.outcome is Outcome.FAIL
    assert "left out: no unfavourable label in the group" in found.statement


@pytest.mark.parametrize("metric", ["auc", "ks"])
def test_scores_that_are_all_alike_rank_nobody(metric):
    drawn = people()
    flat = np.full(2000, 0.4)
    one_flat = np.where(drawn["sex"] == "f", 0.4, drawn["scores"])
    decided = drawn["scores"] > 0.5
    for scores, compared in ((flat, False), (one_flat, True), (drawn["scores"], True)):
        found = ak.fairness(
            drawn["labels"], decided, groups={"sex": drawn["sex"]}, scores=scores, metrics=[metric]
        )
        row = found.disparities.iloc[0]
        assert np.isfinite(row["largest_difference"]) == compared
        assert np.isfinite(found.differences(metric).value).any() == compared
        assert ("not estimable: all scores are alike" in row["status"]) != compared


def test_an_area_of_scores_that_are_all_alike_is_not_certain():
    labels = np.arange(400) % 2 == 0
    found = area_under_curve(labels, np.full(400, 0.3), level=0.95)
    assert found.value == 0.5
    assert found.lower < 0.46
    assert found.upper > 0.54


@pytest.mark.parametrize("scored", [False, True])
def test_a_group_whose_weights_are_all_0_is_shown_without_a_number(scored):
    labels, decided = np.array([0, 1] * 50), np.array([0, 1, 1, 0] * 25)
    group = np.array(["a"] * 50 + ["b"] * 50)
    found = ak.fairness(
        labels,
        decided,
        groups={"g": group},
        weights=np.where(group == "b", 0.0, 2.0),
        scores=np.linspace(0, 1, 100) if scored else None,
    )
    for text in (str(found), found._repr_html_()):
        assert "its weights are all 0" in text
    row = found.by_group.set_index("group").loc["g=b"]
    assert row["n"] == 50
    assert np.isnan(row["selection_rate"])
    assert not (found.disparities["groups_compared"] > 1).any()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -1.0])
def test_weights_that_are_no_weights_are_refused(wrong):
    weights = np.ones(4)
    weights[2] = wrong
    with pytest.raises(InputError, match="row 2"):
        ak.fairness([1, 0, 1, 0], [1, 0, 0, 1], groups=["a", "a", "b", "b"], weights=weights)


def test_regression_errors_of_one_group_are_compared_with_nothing():
    truth = np.arange(100.0)
    frame = regression_fairness(truth, truth + 1, groups={"g": ["a"] * 100})
    assert frame["difference"].isna().all()
    assert (frame["reference"] == "").all()


def candidate(name, *, ratio=0.9, accuracy=0.7, uses_group=False):
    def number(value):
        return Estimate.undefined(9, "why not") if value is None else Estimate(value=value, n=9)

    return Candidate(
        name=name,
        uses_group=uses_group,
        balanced_accuracy=number(accuracy),
        selection_rate=number(0.5),
        ratio=number(ratio),
    )


@pytest.mark.parametrize(
    ("candidates", "value"),
    [
        ((candidate("now"), candidate("other", ratio=0.91)), 0),
        ((candidate("now"), candidate("other", ratio=0.99)), 1),
        ((candidate("now", ratio=None), candidate("other")), None),
        ((candidate("now", accuracy=None), candidate("other")), None),
        ((candidate("now"), candidate("other", ratio=None)), None),
        ((candidate("now"), candidate("other", uses_group=True)), None),
        ((candidate("now"),), None),
    ],
)
def test_no_alternative_is_found_only_where_one_was_looked_at(candidates, value):
    found = Alternatives(
        candidates=candidates, attribute="g", loss=0.01, min_gain=0.05, parameters={}, n=9
    )
    number = found.evidence().measurement("less_disparate_alternatives[g=(all)]")
    assert number.value == value
    assert bool(number.reason) == (value is None)


@pytest.mark.parametrize(
    "rule",
    [
        only(("explanation.stability", "top_agreement", "at_least: 0.8", "interval")),
        only(("explanation.faithfulness", "deletion_gain", "at_least: 0", "interval")),
    ],
)
def test_a_model_that_gives_every_row_the_same_has_no_order_of_features(rule):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 6)), columns=list("abcdef"))
    labels = (table.a + rng.normal(size=120) > 0).astype(int)
    outcomes = []
    for model in (DummyClassifier(), LogisticRegression()):
        check, measure, bound, judged = rule
        found = ak.run(
            ak.Inputs(model=model.fit(table, labels), data=table, labels=labels, reference=table),
            policy=parse_policy(
                RULES.format(check=check, measure=measure, bound=bound, judge=judged)
            ),
        ).findings[0]
        outcomes.append((found.outcome, found.statement))
    assert outcomes[0][0] is Outcome.NOT_ASSESSED
    assert "every row the same" in outcomes[0][1]
    assert outcomes[1][0] in {Outcome.PASS, Outcome.UNCERTAIN}
