"""Measures of scores against scikit-learn and SciPy; their intervals by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve as sk_curve

from auditkit.measures.groups.ranking import (
    brier,
    calibration_curve,
    calibration_error,
    calibration_gap,
    kolmogorov_smirnov,
)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 200), st.integers(1, 100))
def test_ks_equals_scipy_with_ties(seed, n, levels):
    rng = np.random.default_rng(seed)
    labels, scores = rng.random(n) < 0.5, rng.integers(0, levels + 1, n) / levels
    found = kolmogorov_smirnov(labels, scores)
    if labels.all() or not labels.any():
        assert found.value is None
    else:
        want = stats.ks_2samp(scores[labels], scores[~labels], method="asymp").statistic
        assert found.value == pytest.approx(want, abs=1e-12)
        assert found.lower <= found.value <= found.upper


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(1, 15))
def test_the_curve_equals_scikit_learn(seed, n, bins):
    rng = np.random.default_rng(seed)
    scores = rng.random(n)
    labels = rng.random(n) < scores
    curve = [b for b in calibration_curve(labels, scores, bins=bins) if b.n]
    observed, predicted = sk_curve(labels, scores, n_bins=bins)
    assert [b.observed for b in curve] == pytest.approx(list(observed), abs=1e-12)
    assert [b.mean_score for b in curve] == pytest.approx(list(predicted), abs=1e-12)
    error = sum(b.n / n * abs(b.observed - b.mean_score) for b in curve)
    found = calibration_error(labels, scores, bins=bins, replicates=20)
    assert found.value == pytest.approx(error, abs=1e-12)


def test_a_score_of_one_is_in_the_last_bin():
    curve = calibration_curve(np.array([True, False]), np.array([1.0, 0.0]), bins=10)
    assert [b.n for b in curve] == [1, *[0] * 8, 1]


def covered(interval, truth, runs=400):
    hits = 0
    for run in range(runs):
        found = interval(run)
        hits += found.lower <= truth <= found.upper
    return hits / runs


@pytest.mark.parametrize(("m", "n"), [(50, 50), (300, 300), (100, 1000)])
@pytest.mark.parametrize("gap", [0, 0.5, 1.5])
def test_ks_covers_at_least_what_it_promises(m, n, gap):
    rng = np.random.default_rng(20261124)
    labels = np.arange(m + n) < m
    truth = 2 * stats.norm.cdf(gap / 2) - 1
    found = covered(
        lambda _: kolmogorov_smirnov(labels, rng.normal(size=m + n) + gap * labels), truth
    )
    assert found >= 0.93


@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("shift", [0, 0.1])
def test_calibration_error_covers_at_least_what_it_promises(n, shift):
    rng = np.random.default_rng(20261124)

    def interval(run):
        scores = rng.random(n) * 0.8
        labels = rng.random(n) < scores + shift
        return calibration_error(labels, scores, replicates=200, seed=run)

    assert covered(interval, shift) >= 0.92  # 0.95 less 2.7 errors


@pytest.mark.parametrize("n", [11, 30, 300])
@pytest.mark.parametrize(("a", "b", "shift"), [(6, 1, 0), (2, 2, 0.1), (0.3, 0.3, 0)])
def test_calibration_gap_covers_what_it_promises(n, a, b, shift):
    rng = np.random.default_rng(20261124)
    many = rng.beta(a, b, 10**6)

    def interval(_):
        scores = rng.beta(a, b, n)
        return calibration_gap(rng.random(n) < np.clip(scores + shift, 0, 1), scores)

    truth = float((np.clip(many + shift, 0, 1) - many).mean())
    # 93 % to 97.5 %, give or take what 1,000 samples may err.
    assert 0.92 <= covered(interval, truth, runs=1000) <= 0.98


def test_brier_has_no_interval_in_small_groups():
    found = brier(np.arange(99) % 2 == 0, np.full(99, 0.5))
    assert found.value == 0.25
    assert found.lower is None


@pytest.mark.parametrize("n", [100, 1000])
def test_brier_covers_what_it_promises(n):
    rng = np.random.default_rng(20261124)

    def interval(_):
        scores = rng.random(n)
        return brier(rng.random(n) < scores, scores)

    assert 0.92 <= covered(interval, 1 / 6, runs=1000) <= 0.975
