"""Every kind of task runs end to end: what is measured, and what is not tested and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from sklearn import metrics
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputRegressor

import auditkit as ak
from auditkit.errors import InputError
from auditkit.evidence import Outcome
from auditkit.measures.fairness.regression import error_estimates
from auditkit.measures.groups.membership import partition

N = 240
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(N, 3)), columns=["income", "debt", "years"])
GROUPS = {"sex": RNG.choice(["f", "m"], N)}
Y = (X.income - X.debt + RNG.normal(size=N) > 0).astype(int)
SCORER = LogisticRegression().fit(X, Y)
SCORES = SCORER.predict_proba(X)[:, 1]
NEED_LABELS = (
    "performance.classification",
    "performance.ranking",
    "fairness.error_rates",
    "fairness.calibration",
    "fairness.threshold_sweep",
)


def audited(policy="starter", **given):
    return ak.run(ak.Inputs(data=X, groups=GROUPS, **given), policy=policy, progress=False)


def outcome_of(audit, check):
    found = audit.evidence_of(check)
    return found.outcome, found.reason


@pytest.mark.parametrize(
    "given",
    [{"model": SCORER, "reference": X}, {"scores": SCORES}, {"predictions": SCORES >= 0.5}],
    ids=["model", "scores", "decisions"],
)
def test_without_labels_what_needs_them_is_not_tested_and_the_rest_as_with_them(given):
    without, beside = audited(**given), audited(**given, labels=Y)
    for check in NEED_LABELS:
        outcome, reason = outcome_of(without, check)
        if "scores" not in reason:
            assert (outcome, reason) == (Outcome.NOT_ASSESSED, "no labels were given")
    needing = {e.check for e in without.evidence if e.check in NEED_LABELS}
    for one, other in zip(without.evidence, beside.evidence, strict=True):
        if one.check not in needing:
            assert one.to_json() == other.to_json()
    assert without.verdict.decision.value in ("fail", "incomplete")
    assert "None" not in repr(ak.Inputs(data=X, **given))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"predictions": np.arange(N) % 3}, "predictions has 3 distinct values; decisions have"),
        ({"predictions": np.where(Y, "yes", "no")}, "the favourable one is unknown"),
        ({"predictions": np.where(Y, "yes", "no"), "favourable": "Yes"}, "No decision has the"),
    ],
)
def test_decisions_without_labels_that_say_nothing_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        audited(**given)


AMOUNT = 1000 * (X.income - 0.5 * X.debt) + 500 * RNG.normal(size=N) + 4000
REGRESSOR = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, AMOUNT)
PREDICTED = REGRESSOR.predict(X)


def numbers(**given):
    chosen = {"model": REGRESSOR, "labels": AMOUNT, "reference": X} | given
    return audited("starter-regression", **chosen)


def test_errors_of_numbers_equal_scikit_learn_overall_and_by_group():
    audit = numbers()
    sex = GROUPS["sex"]
    wanted = {
        "mean_error": lambda y, p: np.mean(p - y),
        "mae": metrics.mean_absolute_error,
        "rmse": metrics.root_mean_squared_error,
        "r2": metrics.r2_score,
    }
    overall, by_group = (audit.evidence_of(f"{a}.regression") for a in ("performance", "fairness"))
    frame = MetricFrame(
        metrics=wanted, y_true=AMOUNT, y_pred=PREDICTED, sensitive_features=sex
    ).by_group
    for name, score in wanted.items():
        number = overall.measurement(name)
        assert number.value == pytest.approx(score(AMOUNT, PREDICTED))
        assert number.lower < number.value < number.upper
        for group in ("f", "m"):
            number = by_group.measurement(f"{name}[sex={group}]")
            assert number.value == pytest.approx(frame.loc[group, name])
            assert number.n == (sex == group).sum()
    (gap,) = by_group.named("scaled_error_difference")
    other, largest = gap.group[0][1], gap.compared_with[0][1]
    gaps = frame["mean_error"]
    assert gap.value == pytest.approx((gaps[other] - gaps[largest]) / AMOUNT.std(ddof=0))
    (ratio,) = by_group.named("mae_ratio")
    assert ratio.value == pytest.approx(frame["mae"][other] / frame["mae"][largest])
    assert audit.evidence_of("explanation.global").parameters["explained"] == "predicted number"
    assert audit.evidence_of("performance.classification") is None


def test_r2_covers_what_it_promises():
    rng = np.random.default_rng(5)
    hits, tries = 0, 150
    whole = partition({"all": np.full(200, "all")}, depth=1)
    for _ in range(tries):
        y = rng.normal(size=200)
        p = 0.8 * y + 0.5 * rng.normal(size=200)
        r2 = {e.name: e for e in error_estimates(whole, y, p)}["r2"]
        # Mean square error 0.04 + 0.25, variance 1.
        hits += r2.lower[0] <= 0.71 <= r2.upper[0]
    assert 0.89 <= hits / tries <= 0.995


def test_a_threshold_makes_decisions_of_numbers_with_reasons():
    audit = numbers(threshold=4000)
    decided = PREDICTED >= 4000
    rates = audit.evidence_of("fairness.selection_rates")
    for group in ("f", "m"):
        number = rates.measurement(f"selection_rate[sex={group}]")
        assert number.value == pytest.approx(decided[GROUPS["sex"] == group].mean())
    assert audit.evidence_of("explanation.denials").n == (~decided).sum()
    assert audit.evidence_of("fairness.error_rates") is None
    without = numbers()
    assert outcome_of(without, "explanation.denials") == (
        Outcome.NOT_APPLICABLE,
        "nothing is decided: the model predicts numbers",
    )


def test_intervals_of_the_model_are_held_against_the_truth():
    audit = numbers(intervals={"low": PREDICTED - 400, "high": PREDICTED + 400})
    inside = np.abs(AMOUNT - PREDICTED) <= 400
    found = audit.evidence_of("performance.regression")
    assert found.measurement("interval_coverage").value == pytest.approx(inside.mean())
    assert found.measurement("interval_width").value == pytest.approx(800)
    by_group = audit.evidence_of("fairness.regression")
    of_f = by_group.measurement("interval_coverage[sex=f]")
    assert of_f.value == pytest.approx(inside[GROUPS["sex"] == "f"].mean())


@pytest.mark.parametrize(
    "given",
    [{"model": None, "reference": None, "predictions": PREDICTED}, {"labels": None}],
    ids=["predictions", "no labels"],
)
def test_numbers_are_audited_with_less(given):
    audit = numbers(**given)
    tested = audit.evidence_of("performance.regression").outcome is Outcome.PASS
    assert tested == ("labels" not in given)
    assert {f.outcome for f in audit.findings} <= set(Outcome) - {Outcome.ERROR}


def test_a_target_that_does_not_vary_has_no_r2_and_says_so():
    found = numbers(labels=np.full(N, 7.5)).evidence_of("performance.regression")
    assert found.measurement("r2").reason == "the truth does not vary in the group"
    assert found.measurement("mae").estimable


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"labels": [np.nan, *AMOUNT[1:]]}, "1 of 240 labels are missing, the first in row 0"),
        ({"labels": np.full(N, "much")}, "labels holds values that are not numbers"),
        ({"favourable": 1}, "Numbers are predicted, and favourable"),
        ({"task": "classes"}, "The task is 'classes', and the model predicts numbers"),
        ({"task": "regression"}, "There is no task 'regression'"),
        ({"intervals": {"a": PREDICTED}}, "intervals has 1 columns"),
        ({"intervals": {"a": PREDICTED, "b": PREDICTED - 1}}, "lower ends above the upper"),
        ({"model": MultiOutputRegressor(LinearRegression())}, "predicts several outputs"),
    ],
)
def test_numbers_that_cannot_be_audited_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        numbers(**given)
