"""Two models side by side: paired intervals, who is decided anew, and what a report says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels

import auditkit as ak
from auditkit.canonical import parse_json
from auditkit.errors import AuditkitError
from auditkit.evidence import Outcome
from auditkit.judgement.again import judged_again
from auditkit.judgement.restored import restored
from auditkit.measures.numbers.paired import mcnemar, paired_areas, paired_difference

RNG = np.random.default_rng(3)
N = 600
X = pd.DataFrame(RNG.normal(size=(N, 4)), columns=list("abcd"))
Y = (X.a + 0.5 * X.b + RNG.normal(size=N) > 0).astype(int)
GROUPS = pd.DataFrame(
    {"sex": RNG.choice(["f", "m"], N), "race": RNG.choice(["v", "w", "z"], N, p=[0.62, 0.35, 0.03])}
)
CHAMPION = LogisticRegression().fit(X[["a"]], Y)
CHALLENGER = LogisticRegression().fit(X, Y)
GIVEN = {"data": X, "labels": Y, "groups": GROUPS, "reference": X.iloc[:200], "progress": False}
OPTIONS = {"log": None}


@pytest.fixture(scope="module")
def audit():
    return ak.compare(CHAMPION, CHALLENGER, **GIVEN, **OPTIONS)


def value(audit, check, key):
    return audit.evidence_of(check).measurement(key)


@pytest.mark.parametrize(("b", "c"), [(12, 2), (0, 0), (1, 0), (40, 55), (3, 3), (0, 9)])
def test_mcnemar_is_that_of_statsmodels(b, c):
    expected = mcnemar_of_statsmodels([[50, b], [c, 30]], exact=True).pvalue
    assert mcnemar(b, c) == pytest.approx(expected, rel=1e-12)


def test_paired_intervals_cover_and_are_shorter_than_those_of_independent_samples():
    """Of two models that mostly agree, whose true difference is 0.05."""
    rng, chances = np.random.default_rng(1), [0.6, 0.1, 0.05, 0.25]
    drawn = rng.multinomial(150, chances, size=2000)
    found = [paired_difference(*map(int, row)) for row in drawn]
    covered = np.mean([f.lower <= 0.05 <= f.upper for f in found])
    assert 0.935 <= covered <= 0.975
    independent = 2 * 1.96 * np.sqrt((0.7 * 0.3 + 0.65 * 0.35) / 150)
    assert np.mean([f.upper - f.lower for f in found]) < 0.8 * independent


def test_areas_by_delong_are_those_of_the_kernel_of_all_pairs():
    rng = np.random.default_rng(2)
    labels = rng.random(80) < 0.4
    first, second = (np.round(rng.normal(size=80) + labels, 1) for _ in range(2))
    m, n = labels.sum(), (~labels).sum()
    kernels = [np.sign(s[labels][:, None] - s[~labels][None, :]) / 2 + 0.5 for s in (first, second)]
    gap = kernels[1] - kernels[0]
    error = np.sqrt(gap.mean(1).var(ddof=1) / m + gap.mean(0).var(ddof=1) / n)
    found = paired_areas(labels, first, second)
    assert found.value == pytest.approx(gap.mean())
    assert found.upper - found.value == pytest.approx(1.959964 * error, rel=1e-6)


def test_changes_are_the_differences_of_two_audits(audit):
    """Each model audited alone gives the numbers whose difference the comparison has."""
    own = {k: v for k, v in GIVEN.items() if k != "progress"}
    alone = [
        ak.run(
            ak.Inputs(model=model, **own | {"data": X[columns], "reference": X[columns]}),
            policy="starter",
            progress=False,
            log=None,
        )
        for model, columns in ((CHAMPION, ["a"]), (CHALLENGER, list("abcd")))
    ]
    for check, names in {
        "performance.classification": ("accuracy", "balanced_accuracy", "tpr", "fpr", "ppv"),
        "performance.ranking": ("auc",),
    }.items():
        for name in names:
            first, second = (value(a, check, name).value for a in alone)
            change = value(audit, "comparison.performance", f"{name}_change")
            assert change.value == pytest.approx(second - first, abs=1e-12)
            assert change.lower <= change.value <= change.upper
    for name in ("selection_rate", "impact_ratio"):
        first, second = (value(a, "fairness.selection_rates", f"{name}[sex=f]") for a in alone)
        change = value(audit, "comparison.groups", f"{name}_change[sex=f]")
        assert change.value == pytest.approx(second.value - first.value, abs=1e-12)


def test_the_audit_is_of_the_challenger_and_names_the_champion(audit):
    alone = ak.run(ak.Inputs(model=CHALLENGER, **{k: GIVEN[k] for k in ("data", "labels")}),
                   progress=False, log=None)  # fmt: skip
    assert audit.subject.digest == alone.subject.digest
    assert audit.subject.champion.name == "LogisticRegression"
    assert "comparison.performance" not in {e.check for e in alone.evidence}


def test_ids_of_evidence_without_a_champion_are_as_before(audit):
    own = ak.Inputs(model=CHALLENGER, **{k: v for k, v in GIVEN.items() if k != "progress"})
    alone = ak.run(own, progress=False, log=None)
    beside = {e.check: e.id for e in audit.evidence}
    assert [e.id for e in alone.evidence] == [
        f"E-{i:04d}" for i in range(1, len(alone.evidence) + 1)
    ]
    before_comparison = [e for e in alone.evidence if e.id < beside["comparison.performance"]]
    assert all(beside[e.check] == e.id for e in before_comparison)


def test_who_is_decided_anew_is_counted_and_small_counts_do_not_follow(audit):
    first, second = CHAMPION.predict(X[["a"]]), CHALLENGER.predict(X)
    numbers = {m.key: m for m in audit.evidence_of("comparison.decisions").measurements}
    assert numbers["newly_favourable"].value == int(((first == 0) & (second == 1)).sum())
    shown = {}
    for group in {m.group for m in numbers.values() if len(m.group) == 1}:
        ((name, level),) = group
        member = GROUPS[name] == level
        forth = int(((first == 0) & (second == 1) & member).sum())
        back = int(((first == 1) & (second == 0) & member).sum())
        pair = [numbers[f"{k}[{name}={level}]"] for k in ("newly_favourable", "newly_unfavourable")]
        assert bool(pair[0].suppressed) == bool(pair[1].suppressed)  # one follows from the other
        if 0 < min(forth, back) < 11:
            assert pair[0].value is None
        if pair[0].value is not None:
            assert [m.value for m in pair] == [forth, back]
            shown[level] = pair
    # A hidden small count is not the total less the shown ones.
    assert "z" not in shown
    assert len({"v", "w"} & set(shown)) <= 1
    assert len(shown) > 0


def test_attributions_of_both_models_differ_by_what_their_scores_do(audit):
    numbers = {m.key: m for m in audit.evidence_of("comparison.explanations").measurements}
    first, second = (
        ak.Explainer(m, X[c].iloc[:200]).explain(X[c])
        for m, c in ((CHAMPION, ["a"]), (CHALLENGER, list("abcd")))
    )
    moved = np.abs(second.values[:, 0] - first.values[:, 0]).mean()
    assert numbers["attribution_change[feature=a]"].value == pytest.approx(moved)
    weights = [v.value for k, v in numbers.items() if k.startswith("weight_change")]
    assert sum(weights) == pytest.approx(0, abs=1e-12)
    assert numbers["weight_change[feature=a]"].value < 0  # it carried everything before


def test_a_worse_model_is_an_exception_and_the_same_one_is_not_inferior():
    rng = np.random.default_rng(5)
    noise = DecisionTreeClassifier(max_depth=3).fit(X, rng.permutation(Y))
    worse = ak.compare(CHALLENGER, noise, **GIVEN, **OPTIONS)
    assert {f.rule: f.outcome for f in worse.findings}["CO-1"] is Outcome.FAIL
    same = ak.compare(CHALLENGER, CHALLENGER, **GIVEN, **OPTIONS)
    assert {f.outcome for f in same.findings} <= {Outcome.PASS, Outcome.UNCERTAIN}
    assert value(same, "comparison.decisions", "newly_favourable").value == 0


def test_a_condition_on_a_comparison_without_one_is_not_tested():
    alone = ak.run(
        ak.Inputs(model=CHALLENGER, data=X, labels=Y, groups=GROUPS),
        policy="starter-challenger", progress=False, log=None,
    )  # fmt: skip
    assert {f.outcome for f in alone.findings} == {Outcome.NOT_ASSESSED}
    assert alone.verdict.decision.value == "incomplete"


def test_numbers_and_classes_and_rows_without_labels_are_compared():
    target = X.a * 3 + RNG.normal(size=N)
    models = [LinearRegression().fit(X[c], target) for c in (["b"], list("abcd"))]
    found = ak.compare(*models, data=X, labels=target, groups=GROUPS, progress=False, log=None)
    errors = [
        np.abs(m.predict(X[c]) - target) for m, c in zip(models, (["b"], list("abcd")), strict=True)
    ]
    change = value(found, "comparison.performance", "mae_change")
    assert change.value == pytest.approx(np.mean(errors[1] - errors[0]))
    assert change.upper < 0
    words = np.array(["x", "y", "z"])[np.digitize(X.a, [-0.4, 0.4])]
    trees = [DecisionTreeClassifier(max_depth=d, random_state=0).fit(X, words) for d in (1, 3)]
    several = ak.compare(*trees, data=X, labels=words, groups=GROUPS, progress=False, log=None)
    gained = np.mean(trees[1].predict(X) == words) - np.mean(trees[0].predict(X) == words)
    assert value(several, "comparison.performance", "accuracy_change").value == pytest.approx(
        gained
    )
    blind = ak.compare(CHAMPION, CHALLENGER, data=X, groups=GROUPS, progress=False, log=None)
    assert (
        value(blind, "comparison.performance", "accuracy_change").reason == "no labels were given"
    )
    assert value(blind, "comparison.performance", "selection_rate_change").value is not None


def test_models_on_other_scales_are_compared_by_weights():
    forest = RandomForestClassifier(n_estimators=3, max_depth=3, random_state=0).fit(X, Y)
    found = ak.compare(CHALLENGER, forest, **GIVEN, **OPTIONS)
    numbers = found.evidence_of("comparison.explanations")
    assert "log-odds" in numbers.named("attribution_change")[0].reason
    assert numbers.named("weight_change")[0].value is not None


def test_the_statement_is_judged_again_and_restored_and_says_both_digests(audit):
    predicate = parse_json(audit.statement)["predicate"]
    assert predicate["subject"]["champion"]["digest"] == str(audit.subject.champion.digest)
    assert not judged_again(predicate).differences
    rows = {table.name: parse_json(table.to_bytes())["rows"] for table in audit.tables}
    assert restored(audit.statement, rows).statement == audit.statement


def test_expected_digests_of_both_models_are_checked(audit):
    wanted = {"champion": str(audit.subject.champion.digest), "model": str(audit.subject.digest)}
    ak.compare(CHAMPION, CHALLENGER, **GIVEN, **OPTIONS, expect=wanted)
    with pytest.raises(AuditkitError, match="champion is not the expected one"):
        ak.compare(CHALLENGER, CHALLENGER, **GIVEN, **OPTIONS, expect=wanted)


@pytest.mark.parametrize("change", [{"scores": [0.5] * N}, {"model": None}])
def test_anything_but_two_models_is_refused(change):
    own = ak.Inputs(model=CHALLENGER, data=X, labels=Y, champion=ak.Inputs(model=None, data=None))
    given = replace(own, champion=ak.Inputs(model=CHAMPION, data=None), **change)
    for inputs in (own, given):
        with pytest.raises(AuditkitError, match="Two models are compared"):
            ak.run(inputs, progress=False, log=None)
