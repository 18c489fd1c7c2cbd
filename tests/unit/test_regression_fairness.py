"""Errors of predicted numbers by group, against scikit-learn and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from auditkit.errors import InputError
from auditkit.measures.fairness.regression import regression_fairness
from tests.support.repeated import between, times


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(10, 200), st.sampled_from([0.0, 1e4]))
def test_values_equal_scikit_learn(seed, n, offset):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n) + offset
    p = y + rng.normal(size=n) + 0.3
    sex = rng.choice(["f", "m"], n)
    found = regression_fairness(y, p, groups={"sex": sex}, threshold=offset)
    found = found.set_index(["group", "metric"])
    for name in set(sex):
        own = sex == name
        want = {
            "mean_error": np.mean(p[own] - y[own]),
            "mae": metrics.mean_absolute_error(y[own], p[own]),
            "rmse": metrics.root_mean_squared_error(y[own], p[own]),
            "selection_rate": np.mean(p[own] >= offset),
        }
        if own.sum() > 1:
            want["r2"] = metrics.r2_score(y[own], p[own])
        for metric, value in want.items():
            row = found.loc[(f"sex={name}", metric)]
            assert row["value"] == pytest.approx(value, rel=1e-7, abs=1e-9)
            assert row["n"] == own.sum()
        if own.sum() > 2:
            row = found.loc[(f"sex={name}", "mean_error")]
            ends = stats.ttest_1samp(p[own] - y[own], 0).confidence_interval(0.95)
            assert (row["lower"], row["upper"]) == pytest.approx((ends.low, ends.high), abs=1e-7)


@pytest.mark.repeated
@pytest.mark.parametrize("n", [30, 100, 300])
def test_intervals_cover_what_they_promise(n):
    rng = np.random.default_rng(20261124)
    truth = {"mean_error": 0.5, "mae": stats.foldnorm(0.5).mean()}
    if n >= 100:  # below, RMSE has no interval
        truth["rmse"] = np.sqrt(1.25)
    hits = dict.fromkeys(truth, 0)
    tries = times(80, 400)
    for _ in range(tries):
        y = rng.normal(size=n)
        p = y + rng.normal(size=n) + 0.5
        rows = regression_fairness(y, p, groups=np.full(n, "a")).set_index("metric")
        for metric, value in truth.items():
            hits[metric] += rows.loc[metric, "lower"] <= value <= rows.loc[metric, "upper"]
    for count in hits.values():
        assert between(0.92, count / tries, 0.975, tries=tries)


def test_a_group_that_does_not_vary_and_a_group_of_one():
    y, p = [5.0, 5.0, 5.0, 1.0], [4.0, 5.0, 6.0, 2.0]
    rows = regression_fairness(y, p, groups={"g": ["a", "a", "a", "b"]}, min_group=1)
    rows = rows.set_index(["group", "metric"])
    assert rows.loc[("g=a", "r2"), "status"].startswith("not estimable")
    assert np.isnan(rows.loc[("g=b", "mean_error"), "lower"])
    assert rows.loc[("g=b", "mean_error"), "difference"] == pytest.approx(1.0)


def test_a_named_reference_and_bad_input():
    y = np.arange(4.0)
    groups = {"g": ["a", "a", "b", "b"]}
    rows = regression_fairness(y, y, groups=groups, reference="g=b")
    assert set(rows["reference"]) == {"g=b"}
    with pytest.raises(InputError, match="no member"):
        regression_fairness(y, y, groups=groups, reference="g=c")
    with pytest.raises(InputError, match="NaN"):
        regression_fairness(y, [1, 2, 3, np.nan], groups=groups)
    with pytest.raises(InputError, match="3 rows"):
        regression_fairness(y, y[:3], groups=groups)
