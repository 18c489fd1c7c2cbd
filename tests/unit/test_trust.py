"""Trust measures: against sklearn, by hand, and on models whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from auditkit.checks import find_check
from auditkit.errors import InputError
from auditkit.evidence import Outcome
from auditkit.loading import prepare
from auditkit.measures.attribution.explain import explain
from auditkit.measures.attribution.explainer import Explainer
from auditkit.measures.attribution.faithfulness import faithfulness
from auditkit.measures.attribution.proxies import FeatureOrder
from auditkit.measures.attribution.ranks import rank_stability
from auditkit.measures.attribution.stability import random_blocks
from auditkit.subject import Inputs


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 4)), columns=list("abcd"))


def linear(rows: pd.DataFrame) -> np.ndarray:
    return 4 * rows.a.to_numpy() + 2 * rows.b.to_numpy() + 0.5 * rows.c.to_numpy()


def test_blocks_average_to_the_whole_reference():
    rows, reference = table(10, 1), table(200, 2)
    model = xgboost.XGBClassifier(n_estimators=9).fit(table(300), table(300).a > 0)
    blocks = random_blocks(200, blocks=10, seed=0)
    attribution, values = Explainer(model, reference).in_blocks(rows, blocks)
    whole = explain(model, rows, reference=reference).values
    np.testing.assert_allclose(values.mean(axis=0), whole, atol=1e-6)
    np.testing.assert_allclose(attribution.values, whole, atol=1e-6)
    with pytest.raises(InputError, match="too small"):
        random_blocks(15, blocks=10, seed=0)


def _ways():
    """A model of each way to explain, with the least that its values may be off by."""
    data, target = table(300), table(300).a > 0
    boosted = xgboost.XGBClassifier(n_estimators=9, max_depth=3).fit(data, target)
    deep = RandomForestClassifier(5, random_state=0).fit(table(300), target)
    return {
        "trees": (boosted, None, 1e-6),
        "deep trees": (deep, None, 1e-6),
        "coefficients": (LogisticRegression().fit(data, target), None, 1e-9),
        "coalitions": (linear, None, 1e-9),
        "shap": (GradientBoostingClassifier(n_estimators=5).fit(data, target), "probability", 1e-6),
    }


@pytest.mark.parametrize("way", list(_ways()))
def test_a_block_is_explained_as_a_reference_of_its_own(way):
    """Blocks of unequal sizes: their mean, weighed by rows, is the whole."""
    model, unit, tolerance = _ways()[way]
    rows, reference = table(30, 1), table(90, 2)
    blocks = np.repeat([0, 1, 2], [20, 30, 40])[np.random.default_rng(0).permutation(90)]
    attribution, values = Explainer(model, reference, unit=unit).in_blocks(rows, blocks)
    for number in range(3):
        block = reference[blocks == number]
        own = explain(model, rows, reference=block, unit=unit).values
        np.testing.assert_allclose(values[number], own, atol=tolerance)
    whole = explain(model, rows, reference=reference, unit=unit)
    assert attribution.method == whole.method
    np.testing.assert_allclose(attribution.values, whole.values, atol=tolerance)


def test_blocks_that_are_sampled_add_up_and_their_mean_is_the_whole():
    """Of an additive function a sample's error is in the reference rows alone."""
    rng = np.random.default_rng(0)
    rows, reference = (pd.DataFrame(rng.normal(size=(n, 12))) for n in (20, 400))

    def curved(table):
        return np.sin(table.to_numpy()) @ np.arange(12.0)

    blocks = random_blocks(400, blocks=8, seed=3)
    explainer = Explainer(curved, reference, permutation_pairs=64)
    attribution, values = explainer.in_blocks(rows, blocks)
    assert attribution.method.startswith("interventional SHAP, sampled")
    outputs = curved(rows)
    for number, of_block in enumerate(values):
        base = curved(reference[blocks == number]).mean()
        np.testing.assert_allclose(of_block.sum(axis=1), outputs - base)
    np.testing.assert_allclose(values.mean(axis=0).sum(axis=1), attribution.values.sum(axis=1))
    parts = np.sin(rows.to_numpy()) - np.sin(reference.to_numpy()).mean(axis=0)
    off = np.abs(attribution.values - parts * np.arange(12.0))
    assert (off[:, 1:] < 5 * attribution.standard_errors[:, 1:]).mean() > 0.95
    np.testing.assert_allclose(
        explainer.explain(rows).values.sum(axis=1), outputs - attribution.base
    )


def test_clear_ranks_hold_still_and_ties_do_not():
    blocks = random_blocks(200, blocks=10, seed=0)
    _, values = Explainer(linear, table(200, 2)).in_blocks(table(60, 1), blocks)
    importance = np.abs(values.mean(axis=0)).mean(axis=0)
    clear = rank_stability(values, importance=importance, top=2, replicates=200, seed=0)
    assert (clear.ranks[:, 0] == 1).all()
    assert (clear.ranks[:, 1] == 2).all()
    assert (clear.agreement == 1).all()
    noise = np.random.default_rng(0).normal(size=(10, 60, 4))
    tied = rank_stability(
        noise, importance=np.abs(noise.mean(axis=0)).mean(axis=0), top=2, replicates=200, seed=0
    )
    assert np.ptp(tied.ranks, axis=0).max() == 3
    assert tied.agreement.mean() < 0.9
    assert (np.sort(tied.ranks, axis=1) == np.arange(1, 5)).all()


def test_faithful_orders_gain_and_reversed_ones_lose():
    rows, reference = table(80, 1), table(200, 2)
    e = explain(linear, rows, reference=reference)
    given = {"base": e.base, "partners": 4, "orders": 5, "seed": 0}
    true = faithfulness(linear, rows, reference, e.values, **given)
    assert true.deletion_gain.mean() > 0.5
    assert true.insertion_gain.mean() > 0.5
    # Everything kept is the row's own output; everything taken away is the partners'.
    np.testing.assert_allclose(true.deletion[:, 0], np.abs(e.outputs - e.base))
    np.testing.assert_allclose(true.insertion[:, -1], true.deletion[:, 0])
    shuffled = e.values[:, np.random.default_rng(0).permuted(np.arange(4))][:, ::-1]
    assert faithfulness(linear, rows, reference, shuffled, **given).deletion_gain.mean() < (
        true.deletion_gain.mean()
    )


def separation(feature, member, *, seed, **given):
    return FeatureOrder(feature, seed=seed).separation(member, **given)


@pytest.mark.parametrize("direction", [1, -1])
def test_auc_is_scikit_learns(direction):
    rng = np.random.default_rng(0)
    member = rng.random(500) < 0.3
    values = pd.Series(direction * np.round(rng.normal(member * 0.8), 1))  # with ties
    found = separation(values, member, level=0.95, at_least=10, seed=0)
    expected = roc_auc_score(member, values)
    assert found.auc == pytest.approx(max(expected, 1 - expected))
    assert found.lower < found.auc < found.upper
    assert (found.members, found.others) == (member.sum(), (~member).sum())


@pytest.mark.parametrize("decimals", [1, 15])
def test_intervals_of_an_auc_are_those_of_every_pair_counted(decimals):
    """With ties and without, missing values, and rows whose membership is not known."""
    rng = np.random.default_rng(1)
    member, known = rng.random(200) < 0.4, rng.random(200) < 0.9
    values = pd.Series(np.round(rng.normal(member * 0.6), decimals)).where(rng.random(200) < 0.9)
    found = FeatureOrder(values, seed=0).separation(member, known, level=0.95, at_least=10)
    used = known & values.notna().to_numpy()
    ours, theirs = (values[used & which].to_numpy() for which in (member, ~member))
    wins = (ours[:, None] > theirs) + (ours[:, None] == theirs) / 2
    spread = sum(np.var(wins.mean(axis=a), ddof=1) / wins.shape[1 - a] for a in (0, 1))
    assert found.auc == pytest.approx(wins.mean())
    assert found.upper - found.auc == pytest.approx(1.959964 * np.sqrt(spread))


def test_auc_intervals_cover():
    """Two normals one apart: the AUC is Phi(1 / sqrt(2)); nominal 95 %."""
    rng = np.random.default_rng(0)
    truth, hits = 0.7602499389065233, 0
    for _ in range(400):
        member = np.arange(300) < 120
        values = pd.Series(rng.normal(member.astype(float)))
        found = separation(values, member, level=0.95, at_least=10, seed=0)
        hits += found.lower <= truth <= found.upper
    assert 0.92 <= hits / 400 <= 0.98


def test_categories_that_say_nothing_do_not_separate():
    rng = np.random.default_rng(0)
    member = rng.random(600) < 0.5
    random = pd.Series(rng.choice([f"zip {i}" for i in range(100)], 600))
    told = pd.Series(np.where(member, "north", "south"))
    given = {"level": 0.95, "at_least": 10, "seed": 0}
    assert separation(random, member, **given).auc < 0.56  # in-sample shares would give 0.7
    assert separation(told, member, **given).auc == 1
    few = separation(told, np.arange(600) < 3, **given)
    assert few.auc is None
    assert few.members == 3


@pytest.fixture(scope="module")
def case():
    train, rows = table(600, 0), table(300, 1)
    model = xgboost.XGBClassifier(n_estimators=15, max_depth=3, n_jobs=1)
    model.fit(train, (train.a - train.b > 0).astype(int))
    sex = np.where(rows.c + np.random.default_rng(0).normal(size=300) > 0, "f", "m")
    labels = (rows.a - rows.b > 0).astype(int)
    return prepare(
        Inputs(model=model, data=rows, labels=labels, groups={"sex": sex}, reference=train)
    )


def run(check_id, case):
    check = find_check(check_id)
    return check.assess(case, check.parameters())


def test_stability_check(case):
    e = run("explanation.stability", case)
    assert e.outcome is Outcome.PASS
    ranks = e.named("rank")
    assert [m.value for m in ranks] == [1, 2, 3, 4]
    assert {m.group[0][1] for m in ranks[:2]} == {"a", "b"}
    assert all(m.lower <= m.upper for m in ranks)
    assert all(m.upper <= 2 for m in ranks[:2])
    assert 0.9 <= e.measurement("top_agreement").value <= 1


def test_faithfulness_check(case):
    e = run("explanation.faithfulness", case)
    for name in ("deletion_gain", "insertion_gain"):
        assert e.measurement(name).lower > 0
        assert e.measurement(name).unit == "log-odds"


def test_proxies_check(case):
    e = run("explanation.proxies", case)
    assert e.measurement("proxy_auc[feature=c,sex=f]").lower > 0.6
    assert e.measurement("proxy_auc[feature=a,sex=f]").lower == 0.5
    assert len(e.measurements) == 4  # of two groups, one is told from the other


@pytest.mark.parametrize(
    "check", ["explanation.stability", "explanation.faithfulness", "explanation.proxies"]
)
def test_nothing_to_go_by_is_not_assessed(case, check):
    from dataclasses import replace

    e = run(check, replace(case, model=None, groups={}, _computed={}))
    assert e.outcome is Outcome.NOT_ASSESSED
    assert e.reason
