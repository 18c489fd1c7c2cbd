"""`fairness` as a whole against fairlearn and counting by hand; its intervals by simulation."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fairlearn import metrics as fl
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve as sk_curve

from auditkit.errors import InputError
from auditkit.measures.fairness.comparison import by_class, fairness, within
from auditkit.measures.groups.bootstrap import largest_gap
from auditkit.measures.groups.rates import Confusion, rates, values
from auditkit.measures.groups.replicates import replicate_counts, simulated
from auditkit.measures.groups.scores import SCORE_METRICS, at_level
from auditkit.measures.numbers.area import area_under_curve
from auditkit.measures.numbers.intervals import stack_estimates
from tests.support.decided import sample
from tests.support.repeated import between, times


@pytest.mark.repeated
@settings(max_examples=times(4, 100), deadline=None)
@given(st.integers(0, 10**6), st.integers(300, 600))
def test_largest_gaps_equal_fairlearn(seed, n):
    labels, decisions, groups = sample(seed, n)
    # Where a group has no favourable label, fairlearn's rate is 0 and ours is not estimable.
    assume(all(labels[groups[a] == v].any() for a in groups for v in set(groups[a])))
    found = fairness(labels, decisions, groups=groups, min_group=1, replicates=50)
    table = found.disparities.set_index(["attributes", "metric"])
    for attribute in groups:
        features = groups[attribute]
        of = {
            "selection_rate": (fl.demographic_parity_difference, fl.demographic_parity_ratio),
            "equalized_odds": (fl.equalized_odds_difference, fl.equalized_odds_ratio),
            "tpr": (fl.equal_opportunity_difference, fl.equal_opportunity_ratio),
        }
        for metric, (difference, ratio) in of.items():
            row = table.loc[(attribute, metric)]
            want = difference(labels, decisions, sensitive_features=features)
            assert row["largest_difference"] == pytest.approx(want, abs=1e-12)
            assert row["difference_lower"] <= want + 1e-12
            assert want <= row["difference_upper"] + 1e-12
            want = ratio(labels, decisions, sensitive_features=features)
            assert row["smallest_ratio"] == pytest.approx(want, abs=1e-12)


def test_a_weighted_sweep_is_a_sweep_of_rows_counted_again():
    labels, _, groups = sample(5, 200)
    rng = np.random.default_rng(0)
    scores, times = rng.random(200).round(2), rng.integers(0, 3, 200)
    again = np.repeat(np.arange(200), times)
    one = fairness(
        labels, scores >= 0.5, groups=groups, scores=scores, weights=times, depth=1
    ).sweep()
    two = fairness(
        labels[again],
        scores[again] >= 0.5,
        groups=groups.iloc[again],
        scores=scores[again],
        depth=1,
    ).sweep()
    np.testing.assert_allclose(one["selection_rate"], two["selection_rate"], atol=1e-12)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda df: df,
        lambda df: {name: df[name].to_list() for name in df},
        pl.from_pandas,
        pa.Table.from_pandas,
        lambda df: df.astype("category"),
        lambda df: df.astype(object),
    ],
    ids=["pandas", "mapping", "polars", "pyarrow", "category", "object"],
)
def test_tables_of_every_kind_give_the_same(wrap):
    labels, decisions, groups = sample(1, 300)
    want = fairness(labels, decisions, groups=groups).to_frame()
    columns = [(labels, decisions)]
    columns += [(pl.Series(labels), pl.Series(decisions)), (pa.array(labels), pa.array(decisions))]
    columns += [(labels.astype(float), pd.Series(decisions.astype(int)))]
    for y, p in columns:
        pd.testing.assert_frame_equal(fairness(y, p, groups=wrap(groups)).to_frame(), want)


def test_one_column_of_groups():
    labels, decisions, groups = sample(1, 300)
    for column in (groups["sex"], pl.Series("sex", groups["sex"].to_list())):
        assert fairness(labels, decisions, groups=column).groups[0] == (("sex", "f"),)
    assert fairness(labels, decisions, groups=groups["sex"].to_numpy(dtype=str)).groups[0] == (
        ("group", "f"),
    )


def test_many_sparse_attributes_agree_with_counting_by_hand():
    rng = np.random.default_rng(0)
    n = 3000
    groups = "v" + pd.DataFrame({f"a{i}": rng.integers(0, 60, n) for i in range(5)}).astype(str)
    found = fairness(rng.random(n) < 0.5, decisions := rng.random(n) < 0.5, groups=groups, depth=2)
    selection = found.estimates("selection_rate").value
    for position in rng.choice(len(found.groups), 200):
        rows = np.logical_and.reduce(
            [groups[a].astype(str) == v for a, v in found.groups[position]]
        )
        assert found.partition.rows[position] == rows.sum()
        assert selection[position] == pytest.approx(decisions[rows].mean())


def test_unknown_and_small_groups_are_kept_labelled_and_never_the_reference():
    labels, decisions, groups = sample(3, 400)
    groups = groups.astype(object)
    groups.loc[:39, "race"] = None
    groups.loc[40:44, "race"] = "tiny"
    decisions[:45] = True
    found = fairness(labels, decisions, groups=groups)
    status = found.by_group.set_index("group")["status"]
    assert status["race=(unknown)"] == "unknown"
    assert status["race=tiny"] == "small"
    reference = found.groups[found.reference[found.groups.index((("race", "tiny"),))]]
    assert reference[0][1] in {"a", "b"}
    assert (
        found.judge("impact_ratio", at_least=0.8).set_index("group")["outcome"]["race=(unknown)"]
        == "not_applicable"
    )
    row = found.disparities.set_index(["attributes", "metric"]).loc[("race", "selection_rate")]
    assert row["groups_left_out"] >= 2
    assert "suppressed" in repr(found)
    assert "< 11" in found._repr_html_().replace("&lt;", "<")


def test_a_named_reference():
    labels, decisions, groups = sample(3, 400)
    found = fairness(labels, decisions, groups=groups, reference={"sex": "m", "race": "a"})
    assert {found.groups[r] for r in found.reference[:2]} == {(("sex", "m"),)}
    for wrong in ({"sex": "m"}, {"sex": "x", "race": "a"}):
        with pytest.raises(InputError, match=r"reference group|No reference"):
            fairness(labels, decisions, groups=groups, reference=wrong)


def test_verdicts_follow_the_interval():
    labels = np.ones(3000, dtype=bool)
    group = np.repeat(["a", "b", "c"], 1000)
    decisions = np.concatenate([np.arange(1000) < k for k in (900, 500, 730)])
    found = fairness(labels, decisions, groups={"g": group})
    outcome = found.judge("impact_ratio", at_least=0.8).set_index("group")["outcome"]
    assert outcome.to_dict() == {"g=a": "not_applicable", "g=b": "fail", "g=c": "uncertain"}
    assert found.judge("tpr", at_most=0.95)["outcome"].to_list() == ["pass"] * 3
    assert found.judge("fpr", at_most=0.95)["outcome"].to_list() == ["not_assessed"] * 3
    with pytest.raises(InputError, match="exactly one"):
        found.judge("tpr")


def test_rounding_does_not_cross_the_four_fifths_line():
    group = np.repeat(["a", "b"], 100_000)
    decisions = np.concatenate([np.arange(100_000) < 50_000, np.arange(100_000) < 39_980])
    assert "0.7996" in repr(fairness(decisions, decisions, groups={"g": group}))


def coverage(tpr, fpr, positives, negatives, *, ratio, samples):
    rng = np.random.default_rng(20261124)
    truth = np.array(tpr).min() / max(tpr) if ratio else max(np.ptp(tpr), np.ptp(fpr))
    parts = ("tpr",) if ratio else ("tpr", "fpr")
    hits = 0
    for seed in range(samples):
        tp, fp = rng.binomial(positives, tpr), rng.binomial(negatives, fpr)
        counts = np.stack([negatives - fp, fp, positives - tp, tp], axis=1).astype(float)
        confusion = Confusion.of_counts(counts)
        gap = largest_gap(
            lambda name, level, c=confusion: rates(c, name, level=level),
            partial(values, replicate_counts(confusion, replicates=300, seed=seed)),
            parts,
            name="both",
            ratio=ratio,
        ).estimate
        hits += gap.lower <= truth + 1e-12 and truth - 1e-12 <= gap.upper
    return hits / samples


@pytest.mark.repeated
@pytest.mark.parametrize("ratio", [False, True], ids=["equalized odds", "smallest ratio"])
@pytest.mark.parametrize(
    ("tpr", "fpr", "sizes"),
    [
        ([0.8, 0.8], [0.2, 0.2], [200, 200]),  # no gap at all: where percentiles cover nothing
        ([0.8] * 5, [0.2] * 5, [200] * 5),
        ([0.8, 0.6], [0.2, 0.2], [100, 100]),
        ([0.8, 0.8, 0.8, 0.6], [0.2] * 4, [200] * 4),  # three pairs tie
        ([0.8, 0.7], [0.3, 0.2], [500, 500]),  # both rates tie
    ],
)
def test_largest_gaps_cover_what_they_promise(tpr, fpr, sizes, ratio):
    sizes = np.array(sizes)
    tries = times(60, 300)
    share = coverage(tpr, fpr, sizes, sizes, ratio=ratio, samples=tries)
    # 93 % to 97.5 %, give or take what 300 samples may err.
    assert between(0.92, share, 0.98, tries=tries)


def scored_sample(rng, sizes, separations):
    """Rows of groups whose scores tell the outcomes apart as well as said."""
    group = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    labels = rng.random(len(group)) < 0.5
    distance = np.repeat(separations, sizes) * (labels - 0.5)
    return labels, 1 / (1 + np.exp(-rng.normal(distance))), {"g": group}


def test_largest_gaps_of_scores_equal_counting_by_hand():
    labels, scores, groups = scored_sample(np.random.default_rng(5), [150, 200, 400], [1, 1.5, 3])
    found = fairness(labels, scores >= 0.5, groups=groups, scores=scores, replicates=100)
    table = found.disparities.set_index("metric")
    by_hand = {
        "auc": sk.roc_auc_score,
        "brier": sk.brier_score_loss,
        "mean_score": lambda _, s: s.mean(),
        "calibration_gap": lambda y, s: (y - s).mean(),
        "ks": lambda y, s: stats.ks_2samp(s[y], s[~y]).statistic,
    }
    assert {*by_hand, "calibration_error"} == set(SCORE_METRICS)
    for metric, number in by_hand.items():
        rows = {g: groups["g"] == g for g in ("g0", "g1", "g2")}
        values_of = {g: number(labels[r], scores[r]) for g, r in rows.items()}
        row = table.loc[metric]
        lowest, highest = min(values_of, key=values_of.get), max(values_of, key=values_of.get)
        assert (row["lowest"], row["highest"]) == (f"g={lowest}", f"g={highest}")
        gap, ratio = (
            values_of[highest] - values_of[lowest],
            values_of[lowest] / values_of[highest],
        )
        assert row["largest_difference"] == pytest.approx(gap, abs=1e-12)
        if metric == "calibration_gap":
            assert np.isnan(row["smallest_ratio"])
            assert row["status"] == "ratio not estimable: a difference has no ratio"
        else:
            assert row["smallest_ratio"] == pytest.approx(ratio, abs=1e-12)
        if metric != "ks":
            assert row["difference_lower"] <= gap <= row["difference_upper"] <= 1
            assert 0 <= row["p_value"] <= row["adjusted_p_value"] <= 1
    # What a sample overestimates has the gap, and no interval that would not cover.
    for metric in ("ks", "calibration_error"):
        row = table.loc[metric]
        assert row["largest_difference"] > 0
        assert row["status"].startswith("no interval")
        assert row[["difference_lower", "ratio_upper", "p_value"]].isna().all()


@pytest.mark.repeated
@pytest.mark.parametrize("separations", [[1.2, 1.2, 1.2], [1.2, 1.2, 2.2]])
@pytest.mark.parametrize("ratio", [False, True], ids=["difference", "ratio"])
def test_largest_gaps_of_scores_cover_what_they_promise(separations, ratio):
    rng = np.random.default_rng(20261127)
    areas = special.ndtr(np.array(separations) / np.sqrt(2))
    truth = areas.min() / areas.max() if ratio else np.ptp(areas)
    hits, tries = 0, times(60, 300)
    for seed in range(tries):
        labels, scores, groups = scored_sample(rng, [300] * 3, separations)
        rows = [groups["g"] == g for g in ("g0", "g1", "g2")]
        each = [area_under_curve(labels[r], scores[r], level=0.95) for r in rows]
        found = stack_estimates("auc", "probability", each, level=0.95)
        gap = largest_gap(
            lambda _, level, f=found: at_level(f, level),
            lambda _, f=found, seed=seed: simulated(f, replicates=300, seed=seed),
            ("auc",),
            name="an AUC",
            ratio=ratio,
        ).estimate
        hits += gap.lower <= truth + 1e-12 and truth - 1e-12 <= gap.upper
    # 93 % to 97.5 %, give or take what 300 samples may err.
    assert between(0.92, hits / tries, 0.985, tries=tries)


def test_gaps_of_scores_that_no_interval_would_cover_say_why():
    rng = np.random.default_rng(6)
    labels, scores, groups = scored_sample(rng, [50, 200], [1, 1])
    options = {"groups": groups, "scores": scores, "replicates": 20}
    table = fairness(labels, scores >= 0.5, **options).disparities.set_index("metric")
    assert table.loc["brier", "status"] == "no interval: a group has none"
    assert table.loc["brier", "largest_difference"] > 0
    homes = fairness(labels, scores >= 0.5, clusters=np.arange(250) // 2, **options)
    assert homes.estimates("auc").value.all()
    assert np.isnan(homes.estimates("auc").lower).all()
    assert homes.disparities.set_index("metric").loc["auc", "status"].endswith("rows are clustered")
    alike = fairness(labels, scores >= 0.5, **options | {"scores": np.full(250, 0.5)})
    assert "alike" in alike.disparities.set_index("metric").loc["mean_score", "status"]
    one = fairness(labels[:100], labels[:100], groups=["a"] * 100, scores=scores[:100])
    assert "fewer than two groups" in one.disparities.set_index("metric").loc["ks", "status"]


@pytest.mark.repeated
def test_small_gaps_are_covered_at_least_as_often_as_promised():
    sizes = np.full(4, 400)
    # No gap is shown here in most samples, and an interval that begins at 0 is the longer one.
    tries = times(60, 300)
    share = coverage([0.8, 0.78, 0.76, 0.74], [0.2] * 4, sizes, sizes, ratio=False, samples=tries)
    assert between(0.95, share, 1, tries=tries)


@pytest.mark.repeated
def test_bands_hold_for_all_groups_at_once():
    rng = np.random.default_rng(20261124)
    group = np.repeat(["a", "b", "c", "d"], 150)
    truth = np.repeat([0.2, 0.4, 0.6, 0.8], 150)
    labels = np.tile([True, False], 300)
    all_hold = one_holds = 0
    tries = times(60, 200)
    for seed in range(tries):
        found = fairness(
            labels,
            rng.random(600) < truth,
            groups={"g": group},
            metrics=("selection_rate", "tpr", "fpr"),
            replicates=200,
            seed=seed,
        )
        true = np.tile([0.2, 0.4, 0.6, 0.8], 3)
        band = found.bands()
        all_hold += ((band["lower"] <= true) & (true <= band["upper"])).all()
        plain = found.to_frame()
        one_holds += ((plain["lower"] <= true) & (true <= plain["upper"])).all()
    assert between(0.93, all_hold / tries, 0.995, tries=tries)
    assert one_holds / tries < 0.85  # what the bands are for


@pytest.mark.repeated
def test_clusters_make_intervals_that_cover():
    rng = np.random.default_rng(20261124)
    hits = plain_hits = 0
    tries = times(60, 200)
    for seed in range(tries):
        clusters = np.repeat(np.arange(120), 10)
        chance = np.clip(rng.normal(0.5, 0.25, 120), 0, 1)[clusters]
        decisions = rng.random(1200) < chance
        options = {"groups": {"g": np.repeat(["a"], 1200)}, "metrics": ("selection_rate",)}
        found = fairness(
            decisions, decisions, clusters=clusters, replicates=200, seed=seed, **options
        )
        low, high = (
            found.estimates("selection_rate").lower[0],
            found.estimates("selection_rate").upper[0],
        )
        hits += low <= 0.5 <= high
        plain = fairness(decisions, decisions, **options).estimates("selection_rate")
        plain_hits += plain.lower[0] <= 0.5 <= plain.upper[0]
    assert between(0.91, hits / tries, 0.99, tries=tries)
    assert plain_hits / tries < 0.85


def test_classes_against_all_others():
    rng = np.random.default_rng(0)
    y, p = rng.choice(["x", "y", "z"], 300), rng.choice(["x", "y", "z"], 300)
    groups = {"sex": rng.choice(["f", "m"], 300)}
    found = by_class(y, p, groups=groups)
    assert [c for c, _ in found] == ["x", "y", "z"]
    for name, result in found:
        rows = groups["sex"] == "f"
        want = sk.recall_score(y[rows] == name, p[rows] == name)
        assert result.estimates("tpr").value[0] == pytest.approx(want, abs=1e-12)


def test_within_strata():
    labels, decisions, groups = sample(3, 400)
    found = within(labels, decisions, groups=groups[["sex"]], control=groups[["race"]])
    assert [dict(s)["race"] for s, _ in found] == ["a", "b", "c"]
    frame = fl.MetricFrame(
        metrics=fl.selection_rate,
        y_true=labels,
        y_pred=decisions,
        sensitive_features=groups[["sex"]],
        control_features=groups[["race"]],
    )
    for stratum, result in found:
        want = frame.by_group.loc[dict(stratum)["race"]]
        np.testing.assert_allclose(result.estimates("selection_rate").value, want, atol=1e-12)


def test_sweep_equals_deciding_again():
    labels, _, groups = sample(3, 500)
    scores = np.round(np.random.default_rng(1).random(500), 2)
    found = fairness(labels, scores >= 0.5, groups=groups, scores=scores, depth=1)
    table = found.sweep([0.0, 0.25, 0.5, 1.0])
    for cut in (0.0, 0.25, 0.5, 1.0):
        part = table[table["threshold"] == cut].reset_index()
        want = fairness(labels, scores >= cut, groups=groups, depth=1)
        for metric in ("selection_rate", "tpr", "fpr", "ppv", "accuracy"):
            np.testing.assert_allclose(part[metric], want.estimates(metric).value, atol=1e-12)
    with pytest.raises(InputError, match="scores"):
        fairness(labels, labels, groups=groups).sweep()


def test_calibration_by_group():
    labels, _, groups = sample(3, 500)
    scores = np.random.default_rng(1).random(500)
    found = fairness(labels, scores >= 0.5, groups=groups, scores=scores, depth=1)
    table = found.calibration(bins=4)
    own = groups["race"] == "b"
    observed, predicted = sk_curve(labels[own], scores[own], n_bins=4)
    part = table[(table["group"] == "race=b") & (table["n"] > 0)]
    np.testing.assert_allclose(part["observed"], observed, atol=1e-12)
    np.testing.assert_allclose(part["mean_score"], predicted, atol=1e-12)
    assert len(table) == 5 * 4
    with pytest.raises(InputError, match="scores"):
        fairness(labels, labels, groups=groups).calibration()


OK = {"labels": [0, 1, 0, 1], "predictions": [0, 1, 1, 1], "groups": {"g": ["a", "a", "b", "b"]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictions": [0, 1, 1]}, "3 rows"),
        ({"groups": {"g": ["a", "b"]}}, "2 rows"),
        ({"labels": [], "predictions": [], "groups": {"g": []}}, "no rows"),
        ({"labels": [0, 1, 2, 1]}, "neither 0 and 1"),
        ({"labels": ["yes", "no", "no", "yes"]}, "favourable"),
        ({"labels": [0, 1, 2, 1], "favourable": 1}, "more than two classes"),
        ({"labels": [0, 1, np.nan, 1]}, "NaN"),
        ({"labels": [0, 1, None, 1]}, "missing"),
        ({"labels": [[0, 1], [1, 0]]}, "not one column"),
        ({"scores": [0.1, 0.2, 1.2, 0.3]}, "outside"),
        ({"scores": [0.1, np.nan, 0.2, 0.3]}, "NaN or infinities"),
        ({"scores": [0.1, np.inf, 0.2, 0.3]}, "NaN or infinities"),
        ({"scores": ["a", "b", "c", "d"]}, "are not numbers"),
        ({"weights": [1, 1, -1, 1]}, "negative"),
        ({"weights": [0, 0, 0, 0]}, "All weights"),
        ({"clusters": [1, 1, 1, 1]}, "one cluster"),
        ({"groups": {}}, "no column"),
        ({"groups": 3}, "not a table"),
        ({"depth": 0}, "depth"),
        ({"level": 1.0}, "level"),
        ({"metrics": ["recall"]}, "no metric"),
        ({"metrics": ["auc"]}, "needs scores="),
        ({"metrics": []}, "No metric"),
        ({"depth": 1.5}, "whole number"),
        ({"replicates": 0}, "replicates must be a whole number of at least 20"),
        ({"reference": "a"}, "not given by attribute"),
        ({"reference": {"g": "a", "h": "b"}}, "'h', which is no attribute"),
        ({"clusters": [1, 2, np.nan, 4]}, r"missing values in 1 of 4 rows, the first in row 2"),
        ({"scores": [0.1, 0.2, 1.2, 7]}, r"in 2 of 4 rows, the first in row 2"),
        ({"favourable": "yes", "labels": list("abab")}, "has no row with the value"),
    ],
    ids=str,
)
def test_bad_input_says_what_to_do(change, message):
    with pytest.raises(InputError, match=message):
        fairness(**{**OK, **change})


def test_weights_count_by_their_proportions_however_large_or_small():
    labels, decisions, groups = sample(0, 200)
    weights = np.random.default_rng(1).random(200) + 0.1
    plain = fairness(labels, decisions, groups=groups, weights=weights).to_frame()
    for scale in (1e-250, 1e250):
        scaled = fairness(labels, decisions, groups=groups, weights=weights * scale).to_frame()
        pd.testing.assert_frame_equal(scaled, plain, rtol=1e-9)


def test_metrics_are_chosen_by_name():
    labels, decisions, groups = sample(0, 300)
    scores = np.random.default_rng(1).random(300)
    chosen = {"groups": groups, "scores": scores, "metrics": ["auc", "tpr"]}
    found = fairness(labels, decisions, **chosen)
    assert set(found.to_frame().metric) == {"auc", "tpr"}
    assert {"auc_ratio", "tpr_ratio", "tpr_ratio_lower"} <= set(found.by_group)
    assert set(fairness(labels, decisions, groups=groups, metrics="tpr").to_frame().metric) == {
        "tpr"
    }


def test_a_difference_has_no_ratio():
    labels, decisions, groups = sample(0, 300)
    found = fairness(labels, decisions, groups=groups, scores=decisions * 0.9)
    gap = found.ratios("calibration_gap")
    assert np.isnan(gap.value).all()
    assert set(gap.reason) == {"a difference has no ratio"}


def test_a_gap_beyond_all_replicates_has_a_p_value_that_survives_adjustment():
    n = 2000
    groups = pd.DataFrame({c: np.arange(n) // k % 2 for c, k in (("a", 1), ("b", 2), ("c", 4))})
    decisions = groups["a"] == 1
    table = fairness(np.arange(n) % 3 == 0, decisions, groups=groups).disparities
    row = table[(table.attributes == "a") & (table.metric == "selection_rate")].iloc[0]
    assert len(table) > 50
    assert 0 < row.p_value < row.adjusted_p_value < 0.001
    other = table[(table.attributes == "b") & (table.metric == "base_rate")].iloc[0]
    assert other.adjusted_p_value > 0.05


def test_what_is_printed_labels_small_groups_and_hides_smaller_ones():
    groups = {"g": ["a"] * 40 + ["b"] * 20 + ["c"] * 10 + ["d"] * 15 + ["e"] * 5}
    text = repr(fairness([1, 0] * 45, [1, 1, 0, 1, 0] * 18, groups=groups))
    lines = {line.split()[0]: line for line in text.splitlines()[2:]}
    assert "small group" in lines["g=b"]
    assert all("suppressed" in lines[f"g={few}"] for few in "ce")
    assert "small group" in lines["g=d"]
    assert "small" not in lines["g=a"]
    assert repr(fairness([1], [1], groups=["a"])).startswith("Fairness of 1 decision, 1 group by")


def test_identifiers_are_no_group():
    n = 2000
    with pytest.raises(InputError, match="'id' has more than 100 different values"):
        fairness(np.ones(n), np.ones(n), groups={"id": np.arange(n)})


def test_decisions_all_alike_and_groups_of_one():
    found = fairness([1, 0, 1], [0, 0, 0], groups={"g": ["a", "b", "c"]}, min_group=1)
    assert np.isnan(found.ratios("selection_rate").value).all()
    assert (found.estimates("selection_rate").upper < 1).all()
    assert found.disparities["status"].str.contains("not estimable").any()
    assert not found.by_group["impact_ratio"].notna().any()
    assert (
        found.judge("impact_ratio", at_least=0.8)["outcome"]
        .isin(["not_assessed", "not_applicable"])
        .all()
    )


def test_a_gap_of_treatment_equality_may_exceed_one():
    # False negatives over false positives: 50 / 10 and 20 / 40.
    labels = np.tile(np.repeat([True, False], 100), 2)
    decisions = np.concatenate([np.arange(100) >= 50, np.arange(100) < 10])
    other = np.concatenate([np.arange(100) >= 20, np.arange(100) < 40])
    found = fairness(
        labels,
        np.concatenate([decisions, other]),
        groups={"g": np.repeat(["a", "b"], 200)},
        metrics=["treatment_equality"],
    )
    row = found.disparities.iloc[0]
    assert row["largest_difference"] == pytest.approx(4.5)
    assert 1 < row["difference_lower"] < 4.5 < row["difference_upper"]
    assert row["known_as"] == "treatment equality"
