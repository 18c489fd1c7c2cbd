"""Every kind of task runs end to end: what is measured, and what is not tested and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from fairlearn.metrics import MetricFrame
from sklearn import metrics
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor

import auditkit as ak
from auditkit.errors import InputError
from auditkit.evidence import Outcome
from auditkit.measures.fairness.regression import error_estimates
from auditkit.measures.fairness.several_classes import class_counts, macro
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


LEVEL = np.array(["low", "middle", "high"])[
    np.digitize(X.income + RNG.normal(size=N) / 2, [-0.5, 0.6])
]
CLASSIFIER = RandomForestClassifier(20, max_depth=4, random_state=0).fit(X, LEVEL)
CHANCES = CLASSIFIER.predict_proba(X)
DECIDED = CLASSIFIER.predict(X)


def several(**given):
    chosen = {"model": CLASSIFIER, "labels": LEVEL, "reference": X} | given
    return audited("starter-multiclass", **chosen)


def test_classes_are_measured_as_scikit_learn_does():
    found = several().evidence_of("performance.multiclass")
    p, r, f, _ = metrics.precision_recall_fscore_support(LEVEL, DECIDED, average="macro")
    wanted = {
        "accuracy": metrics.accuracy_score(LEVEL, DECIDED),
        "macro_precision": p,
        "macro_recall": r,
        "macro_f1": f,
        "log_loss": metrics.log_loss(LEVEL, CHANCES, labels=list(CLASSIFIER.classes_)),
    }
    for name, value in wanted.items():
        number = found.measurement(name)
        assert number.value == pytest.approx(value)
        assert number.lower < number.value < number.upper
    for i, name in enumerate(CLASSIFIER.classes_):
        one, own = name == LEVEL, name == DECIDED
        assert found.measurement(f"class_recall[class={name}]").value == pytest.approx(
            metrics.recall_score(one, own)
        )
        assert found.measurement(f"class_precision[class={name}]").value == pytest.approx(
            metrics.precision_score(one, own)
        )
        assert found.measurement(f"class_auc[class={name}]").value == pytest.approx(
            metrics.roc_auc_score(one, CHANCES[:, i])
        )
    shares = {row[:2]: row[3] for row in found.table("confusion").rows}
    matrix = metrics.confusion_matrix(LEVEL, DECIDED, normalize="true")
    for (i, j), value in np.ndenumerate(matrix):
        names = (CLASSIFIER.classes_[i], CLASSIFIER.classes_[j])
        assert shares[names] == pytest.approx(value)


def test_classes_by_group_equal_fairlearn():
    found = several().evidence_of("fairness.multiclass")
    sex = GROUPS["sex"]
    frame = MetricFrame(
        metrics={
            "accuracy": metrics.accuracy_score,
            "macro_recall": metrics.balanced_accuracy_score,
        },
        y_true=LEVEL,
        y_pred=DECIDED,
        sensitive_features=sex,
    ).by_group
    for group in ("f", "m"):
        own = sex == group
        for name in frame:
            number = found.measurement(f"{name}[sex={group}]")
            assert number.value == pytest.approx(frame.loc[group, name])
        for name in CLASSIFIER.classes_:
            rate = found.measurement(f"class_selection_rate[sex={group},class={name}]")
            assert rate.value == pytest.approx((DECIDED[own] == name).mean())
            recall = found.measurement(f"class_recall[sex={group},class={name}]")
            assert recall.n == (own & (name == LEVEL)).sum()
    (gap,) = found.named("accuracy_difference")
    (other,) = (v for a, v in gap.group if a == "sex")
    largest = next(v for a, v in gap.compared_with if a == "sex")
    assert gap.value == pytest.approx(frame.accuracy[other] - frame.accuracy[largest])


def test_a_favourable_class_is_laid_against_the_rest():
    audit = several(favourable="high")
    rates = audit.evidence_of("fairness.error_rates")
    one, own, of = LEVEL == "high", DECIDED == "high", GROUPS["sex"] == "f"
    assert rates.measurement("tpr[sex=f]").value == pytest.approx((own & of)[one & of].mean())
    said = audit.evidence_of("explanation.global").parameters["explained"]
    assert said == "chance of the class high"
    assert "no cut-off decides" in outcome_of(audit, "explanation.denials")[1]
    cut = several(favourable="high", threshold=0.4)
    denied = (CHANCES[:, list(CLASSIFIER.classes_).index("high")] < 0.4).sum()
    assert cut.evidence_of("explanation.denials").n == denied


@pytest.mark.parametrize(
    "given",
    [
        {"model": None, "reference": None, "predictions": DECIDED},
        {"model": None, "reference": None, "task": "classes",
         "scores": pd.DataFrame(CHANCES, columns=CLASSIFIER.classes_)},
        {"labels": None},
        {"model": CLASSIFIER.predict_proba, "task": "classes",
         "labels": np.searchsorted(CLASSIFIER.classes_, LEVEL), "digest": "sha256:" + "0" * 64},
    ],
    ids=["predictions", "chances", "no labels", "function"],
)  # fmt: skip
def test_classes_are_audited_with_less(given):
    audit = several(**given)
    found = audit.evidence_of("performance.multiclass")
    if "labels" in given and given["labels"] is None:
        assert found.reason == "no labels were given"
        by_group = audit.evidence_of("fairness.multiclass")
        assert by_group.named("class_selection_rate")
        assert not by_group.named("accuracy")
    else:
        whole = several().evidence_of("performance.multiclass")
        number = whole.measurement("accuracy")
        assert found.measurement("accuracy") == number
    assert {f.outcome for f in audit.findings} <= set(Outcome) - {Outcome.ERROR}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"labels": np.where(LEVEL == "low", "none", LEVEL)}, "labels has 1 values, in .* none of"),
        ({"labels": [None, *LEVEL[1:]]}, "1 of 240 labels are missing"),
        ({"favourable": "top"}, "The favourable class is none of the classes"),
        ({"threshold": 0.5}, "There is a threshold, and no class that it is about"),
        ({"model": MultiOutputClassifier(SCORER)}, "predicts several outputs"),
        ({"model": lambda rows: np.ones((len(rows), 3)), "task": "classes"}, "no chances"),
        ({"model": lambda rows: np.ones(len(rows)), "task": "classes"}, "an output of shape"),
    ],
)
def test_classes_that_cannot_be_audited_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        several(**given)


def test_a_class_that_a_group_lacks_leaves_its_mean_undefined():
    whole = partition({"sex": np.array(["f"] * 5 + ["m"] * 5)}, depth=1)
    truth = np.array([0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    counts = class_counts(whole, truth, truth, 2)
    recall = macro(counts, "macro_recall", replicates=50)
    assert recall.value[0] == 1.0
    assert np.isnan(recall.value[1])
    assert recall.reason[1]


WORDS = np.where(Y == 1, "good", "bad")


def test_labels_in_words_are_taken_for_what_the_model_knows():
    named = audited(model=SCORER, labels=WORDS, label_values={"good": 1, "bad": 0}, reference=X)
    assert named.evidence == audited(model=SCORER, labels=Y, reference=X).evidence


def test_labels_in_words_are_refused_with_what_to_paste():
    with pytest.raises(InputError) as caught:
        audited(model=SCORER, labels=WORDS, favourable="good")
    assert caught.value.message == 'The model\'s classes are 0, 1; the labels are "good", "bad".'
    pasted = caught.value.remedy.partition("label_values=")[2]
    assert yaml.safe_load(pasted) == {"good": 1, "bad": 0}
    with pytest.raises(InputError, match=r"values, in .* rows, that label_values= does not name"):
        audited(model=SCORER, labels=WORDS, label_values={"good": 1, "worse": 0})
