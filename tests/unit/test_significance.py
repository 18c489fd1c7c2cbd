"""Tests against SciPy, published examples and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from auditkit.measures.numbers.significance import benjamini_hochberg, holm, pooled_z, significance


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(1, 200), st.integers(0, 200), st.integers(1, 200))
@example(102, 112, 112, 112)  # five are expected, neither more nor fewer
def test_each_test_equals_scipy(x1, n1, x0, n0):
    x1, x0 = min(x1, n1), min(x0, n0)
    found = significance(
        np.array([x0, x1], dtype=float),
        np.array([n0, n1], dtype=float),
        np.array([0, 0]),
        ratio=0.8,
        alpha=0.05,
    )
    table = [[x1, n1 - x1], [x0, n0 - x0]]
    if x1 + x0 in {0, n1 + n0}:
        assert np.isnan(found.standard_deviations[1])
        assert np.isnan(found.p_value[1])  # scipy has 1 here, which any bound would be met by
        return
    chi2, p, _, expected = stats.chi2_contingency(table, correction=False)
    assert found.standard_deviations[1] ** 2 == pytest.approx(chi2, rel=1e-9, abs=1e-12)
    assert found.exact[1] == (expected.min() < 5)
    want = stats.fisher_exact(table)[1] if expected.min() < 5 else p
    assert found.p_value[1] == pytest.approx(want, rel=1e-9, abs=1e-300)
    assert np.isnan(found.p_value[0])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_equals_scipy(p_values):
    p = np.array(p_values)
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.001, 0.5))
def test_holm_rejects_as_its_step_down_procedure_does(p_values, alpha):
    p = np.array(p_values)
    rejected = np.zeros(len(p), dtype=bool)
    for step, i in enumerate(np.argsort(p, kind="stable")):  # the procedure as Holm wrote it
        if p[i] * (len(p) - step) > alpha:
            break
        rejected[i] = True
    assert ((holm(p) <= alpha) == rejected).all()


def test_what_cannot_be_compared_is_no_comparison():
    p = np.array([np.nan, 0.01, 0.04])
    np.testing.assert_allclose(holm(p), [np.nan, 0.02, 0.04])


def test_standard_deviations_are_those_of_the_pooled_sample():
    z = pooled_z(np.array([30.0]), np.array([100.0]), np.array([50.0]), np.array([100.0]))
    assert z[0] == pytest.approx(-0.2 / np.sqrt(0.4 * 0.6 * 0.02))


def test_power_is_how_often_the_test_says_so():
    rng = np.random.default_rng(20261124)
    n1, n0, base = 150, 400, 0.5
    x1, x0 = rng.binomial(n1, 0.8 * base, 20_000) * 1.0, rng.binomial(n0, base, 20_000) * 1.0
    z = pooled_z(x1, np.full(20_000, n1), x0, np.full(20_000, n0))
    found = significance(
        np.array([base * n0, 0.0]),
        np.array([float(n0), n1]),
        np.array([0, 0]),
        ratio=0.8,
        alpha=0.05,
    )
    assert found.power[1] == pytest.approx((np.abs(z) > 1.96).mean(), abs=0.02)


def test_the_detectable_ratio_has_a_power_of_eighty_percent():
    selected, n = np.array([200.0, 0.0]), np.array([400.0, 150.0])
    reference = np.array([0, 0])
    found = significance(selected, n, reference, ratio=0.8, alpha=0.05)
    again = significance(selected, n, reference, ratio=float(found.detectable_ratio[1]), alpha=0.05)
    assert again.power[1] == pytest.approx(0.8, abs=1e-6)
    few = significance(np.array([1.0, 0.0]), np.array([4.0, 3.0]), reference, ratio=0.8, alpha=0.05)
    assert np.isnan(few.detectable_ratio[1])


def test_one_person_more_or_less():
    found = significance(
        np.array([10.0, 7.0]), np.array([20.0, 20.0]), np.array([0, 0]), ratio=0.8, alpha=0.05
    )
    assert found.flipped_ratio[1] == pytest.approx(8 / 9)  # from 0.7, below four fifths
    everyone = significance(
        np.array([20.0, 20.0]), np.array([20.0, 20.0]), np.array([0, 0]), ratio=0.8, alpha=0.05
    )
    assert np.isnan(everyone.flipped_ratio[1])
