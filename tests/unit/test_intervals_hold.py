"""lower <= value <= upper in every number, over random inputs: each way of making an interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditkit as ak
from auditkit.measures.attribution.ranks import rank_intervals
from auditkit.measures.fairness.regression import regression_fairness
from auditkit.measures.numbers.intervals import Estimate, contain_value, percentile_interval
from tests.support.repeated import times


def triples(frame, value, lower="", upper=""):
    lower, upper = lower or f"{value}_lower", upper or f"{value}_upper"
    return frame[[value, lower, upper]].to_numpy(float)


def hold(found):
    """Every interval holds its value, and there is none with one end, or without a value."""
    ends = np.isfinite(found[:, 1:])
    assert (ends[:, 0] == ends[:, 1]).all()
    whole = found[ends[:, 0]]
    assert np.isfinite(whole[:, 0]).all()
    assert (whole[:, 1] <= whole[:, 0]).all()
    assert (whole[:, 0] <= whole[:, 2]).all()
    return len(whole)


def drawn(seed):
    """Rows of random size, rates near 0 and 1, ties, weights of nought, and clusters."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([4, 12, 60, 400]))
    labels = rng.random(n) < rng.choice([0.02, 0.5, 0.98])
    scores = np.clip(rng.normal(0.4, 0.2, n) + 0.3 * labels, 0, 1)
    scores = np.round(scores, int(rng.choice([0, 1, 9])))
    weights = rng.random(n) * rng.choice([1e-6, 1.0, 1e6]) * (rng.random(n) < rng.random())
    weighted = rng.random() < 0.5 and weights.any()
    return rng, {
        "labels": labels,
        "predictions": scores >= rng.choice([0.0, 0.1, 0.5, 0.9, 1.1]),
        "groups": {"g": rng.choice(list("abc"), n), "h": rng.choice(["x", "y"], n)},
        "scores": scores,
        "weights": weights if weighted else None,
        "clusters": np.arange(n) // 2 if rng.random() < 0.3 else None,
        "min_group": int(rng.choice([1, 3, 30])),
        "level": float(rng.choice([0.5, 0.95, 0.999])),
    }


@pytest.mark.repeated
@settings(max_examples=times(15, 500), deadline=None)
@given(st.integers(0, 10**6))
def test_every_interval_of_a_comparison_holds_its_value(seed):
    rng, rows = drawn(seed)
    found = ak.fairness(**rows, replicates=40, seed=seed)
    frame = found.to_frame()
    hold(triples(frame, "value", "lower", "upper"))
    for name in ("difference", "ratio"):
        hold(triples(frame, name))
    table = found.disparities
    hold(triples(table, "largest_difference", "difference_lower", "difference_upper"))
    hold(triples(table, "smallest_ratio", "ratio_lower", "ratio_upper"))
    hold(triples(found.bands(), "value", "lower", "upper"))
    hold(triples(found.calibration(), "observed", "lower", "upper"))
    # What is not estimable was taken over no group, and says why.
    none = table["largest_difference"].isna()
    assert (table["groups_compared"][none] == 0).all()
    assert table["status"][none].str.startswith("not estimable: ").all()
    truth = rng.normal(size=len(rows["scores"])) * rng.choice([0.0, 1.0, 1e8])
    errors = regression_fairness(truth, rows["scores"], groups=rows["groups"], min_group=1)
    hold(triples(errors, "value", "lower", "upper"))
    hold(triples(errors, "difference"))


@given(
    st.lists(st.floats(0, 1, width=16), min_size=2, max_size=8),
    st.integers(0, 999),
    st.floats(0, 2),
)
def test_a_features_rank_is_one_of_those_it_may_have(importance, seed, noise):
    """Resampling adds to what is near 0, so that its rank is not among the resampled ones."""
    known = np.array(importance)
    rng = np.random.default_rng(seed)
    resampled = np.abs(known + noise * rng.normal(size=(50, len(known))))
    lowest, highest = rank_intervals(known, resampled, level=0.9)
    ranks = np.argsort(np.argsort(-known, kind="stable"), kind="stable") + 1
    assert (lowest <= ranks).all()
    assert (ranks <= highest).all()
    if noise == 0:
        # Nothing strays: a feature may have the ranks of those as important as it is.
        assert (lowest == [1 + (known > own).sum() for own in known]).all()
        assert (highest == [(known >= own).sum() for own in known]).all()


def test_rank_intervals_cover():
    """Naive simulation: the true rank is among those left open at least as often as promised."""
    rng = np.random.default_rng(0)
    true = np.array([0.5, 0.45, 0.2, 0.2, 0.01])
    hits = np.zeros(5)
    for _ in range(200):
        rows = np.abs(true + rng.normal(0, 0.3, (150, 5)))
        weights = rng.multinomial(150, np.full(150, 1 / 150), size=200) / 150
        lowest, highest = rank_intervals(rows.mean(axis=0), weights @ rows, level=0.9)
        expected = np.array([1, 2, 3, 3, 5])
        hits += (lowest <= expected) & (expected <= highest)
    assert (hits / 200 >= 0.87).all()


def test_a_percentile_interval_is_widened_to_hold_its_value():
    lower, upper = percentile_interval(0.995, np.ones(200), level=0.95)
    assert (lower, upper) == (0.995, 1.0)
    draws = np.random.default_rng(0).normal(size=(500, 2))
    lower, upper = percentile_interval(np.zeros(2), draws, level=0.9)
    np.testing.assert_allclose([lower, upper], np.quantile(draws, (0.05, 0.95), axis=0))


def test_rounding_is_taken_up_and_nothing_more():
    assert Estimate.of(0.1, 9, (0.1 + 1e-16, 0.2), level=0.95, method="").lower == 0.1
    value = np.array([0.1, 0.1, np.nan])
    lower, upper = contain_value(value, [0.1 + 1e-15, 0.2, np.nan], [0.1 - 1e-15, 0.3, np.nan])
    np.testing.assert_array_equal(lower, [0.1, 0.2, np.nan])
    np.testing.assert_array_equal(upper, [0.1, 0.3, np.nan])
