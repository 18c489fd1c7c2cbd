"""Intervals against exact coverage, published values and other code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score

from auditkit.measures.numbers.area import area_under_curve
from auditkit.measures.numbers.intervals import difference_interval, mean, ratio_of_rates, wilson


def every_outcome(n1, p1, n0, p0):
    """All pairs of counts of two binomials, with their probabilities."""
    x1, x0 = np.meshgrid(np.arange(n1 + 1.0), np.arange(n0 + 1.0), indexing="ij")
    weight = np.outer(
        scipy_stats.binom.pmf(np.arange(n1 + 1), n1, p1),
        scipy_stats.binom.pmf(np.arange(n0 + 1), n0, p0),
    )
    return x1, x0, weight


@given(st.integers(1, 500), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_equals_scipy(n, data, level):
    successes = data.draw(st.integers(0, n))
    low, high = wilson(successes, n, level=level)
    want = scipy_stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    assert float(low) == pytest.approx(want.low, abs=1e-12)
    assert float(high) == pytest.approx(want.high, abs=1e-12)


def test_newcombe_equals_the_published_example():
    # Newcombe 1998, table II: 56/70 less 48/80, method 10.
    low, high = difference_interval((56 / 70, *wilson(56, 70)), (48 / 80, *wilson(48, 80)))
    assert float(low) == pytest.approx(0.0524, abs=5e-5)
    assert float(high) == pytest.approx(0.3339, abs=5e-5)


PAIRS = [
    (30, 0.5, 30, 0.5),
    (30, 0.3, 100, 0.5),
    (100, 0.2, 100, 0.3),
    (300, 0.5, 300, 0.6),
    (300, 0.1, 1000, 0.15),
    (1000, 0.8, 2000, 0.9),
]


@pytest.mark.parametrize(("n1", "p1", "n0", "p0"), PAIRS)
def test_differences_and_ratios_cover_what_they_promise(n1, p1, n0, p0):
    if n1 * n0 > 10**5:  # by simulation where counting every outcome is long
        rng = np.random.default_rng(20261124)
        x1, x0 = rng.binomial(n1, p1, 40_000) * 1.0, rng.binomial(n0, p0, 40_000) * 1.0
        weight = np.full(40_000, 1 / 40_000)
    else:
        x1, x0, weight = every_outcome(n1, p1, n0, p0)
    low, high = difference_interval((x1 / n1, *wilson(x1, n1)), (x0 / n0, *wilson(x0, n0)))
    covered = float((weight * ((low <= p1 - p0) & (p1 - p0 <= high))).sum())
    assert 0.93 <= covered <= 0.975
    low, high, _ = ratio_of_rates(
        (x1, np.full(x1.shape, n1)), (x0, np.full(x0.shape, n0)), level=0.95
    )
    high = np.where(np.isnan(high), np.inf, high)
    covered = float((weight * ((low <= p1 / p0) & (p1 / p0 <= high))).sum())
    assert 0.93 <= covered <= 0.975


@pytest.mark.parametrize("n", [11, 30, 100, 1000])
def test_wilson_covers_on_average_over_p(n):
    covered = []
    for p in np.linspace(0.05, 0.95, 181):
        x = np.arange(n + 1)
        low, high = wilson(x, n)
        covered.append(scipy_stats.binom.pmf(x, n, p)[(low <= p) & (p <= high)].sum())
    assert 0.945 <= np.mean(covered) <= 0.975


@pytest.mark.parametrize(
    ("m", "n", "gap"), [(15, 15, 1.0), (40, 40, 0.5), (50, 400, 1.0), (300, 300, 2.0)]
)
def test_areas_cover_what_they_promise(m, n, gap):
    truth = float(scipy_stats.norm.cdf(gap / np.sqrt(2)))
    rng = np.random.default_rng(20261124)
    labels = np.arange(m + n) < m
    hits = 0
    for _ in range(1500):
        scores = rng.normal(size=m + n) + gap * labels
        found = area_under_curve(labels, scores, level=0.95)
        hits += found.lower <= truth <= found.upper
    assert 0.93 <= hits / 1500 <= 0.975


@given(st.integers(0, 10**6), st.integers(2, 60))
def test_area_equals_scikit_learn_with_ties(seed, n):
    rng = np.random.default_rng(seed)
    labels, scores = rng.random(n) < 0.5, rng.integers(0, 6, n) / 5
    found = area_under_curve(labels, scores, level=0.95)
    if labels.all() or not labels.any():
        assert found.value is None
        assert found.reason
    else:
        assert found.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert found.lower <= found.value <= found.upper


def test_a_perfect_ranking_of_few_is_not_certain():
    found = area_under_curve(np.arange(20) >= 10, np.arange(20.0), level=0.95)
    assert found.value == 1
    assert 0.6 < found.lower < 0.9
    assert found.upper == 1


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_an_interval_holds_its_value_and_has_a_width(x1, n1, x0, n0):
    x1, x0 = min(x1, n1), min(x0, n0)
    low, high = difference_interval((x1 / n1, *wilson(x1, n1)), (x0 / n0, *wilson(x0, n0)))
    assert low < high
    assert low <= x1 / n1 - x0 / n0 <= high
    one, other = (np.array([x1]), np.array([n1])), (np.array([x0]), np.array([n0]))
    low, high, _ = ratio_of_rates(one, other)
    if x0:
        assert 0 <= low[0] <= x1 / n1 / (x0 / n0) * (1 + 1e-12)
        assert high[0] >= x1 / n1 / (x0 / n0) * (1 - 1e-12)
        assert low[0] < high[0]


def test_means():
    found = mean(np.array([1.0, 2.0, 4.0]), level=0.95)
    want = scipy_stats.ttest_1samp([1.0, 2.0, 4.0], 0).confidence_interval(0.95)
    assert (found.lower, found.upper) == pytest.approx((want.low, want.high))
    assert mean(np.array([])).value is None
    assert mean(np.array([3.0])).lower is None
