"""Intervals, adjusted p-values and power against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    power_proportions_2indep,
    proportion_confint,
    proportions_ztest,
)

from auditkit.measures.numbers.intervals import difference_interval, log_ratio_interval, wilson
from auditkit.measures.numbers.significance import (
    benjamini_hochberg,
    holm,
    pooled_z,
    significance,
)

COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
LEVELS = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@given(COUNTS, LEVELS)
def test_wilson(counts, level):
    x, n = counts
    want = proportion_confint(x, n, alpha=1 - level, method="wilson")
    assert wilson(x, n, level=level) == pytest.approx(want, abs=1e-12)


@given(COUNTS, COUNTS, LEVELS)
def test_newcombe(one, other, level):
    (x1, n1), (x0, n0) = one, other
    found = difference_interval(
        (x1 / n1, *wilson(x1, n1, level=level)), (x0 / n0, *wilson(x0, n0, level=level))
    )
    want = confint_proportions_2indep(
        x1, n1, x0, n0, alpha=1 - level, method="newcomb", compare="diff"
    )
    assert found == pytest.approx(want, abs=1e-12)


@given(COUNTS, COUNTS, LEVELS)
def test_katz(one, other, level):
    (x1, n1), (x0, n0) = one, other
    found = log_ratio_interval(x1, n1, x0, n0, level=level)
    if not x1 or not x0:
        assert np.isnan(found).all()
        return
    want = confint_proportions_2indep(
        x1, n1, x0, n0, alpha=1 - level, method="log", compare="ratio"
    )
    assert found == pytest.approx(want, rel=1e-9)


@given(COUNTS, COUNTS)
def test_pooled_z(one, other):
    (x1, n1), (x0, n0) = one, other
    found = float(pooled_z(*(np.array([v], dtype=float) for v in (x1, n1, x0, n0)))[0])
    if x1 + x0 in {0, n1 + n0}:
        assert np.isnan(found)
        return
    want, _ = proportions_ztest([x1, x0], [n1, n0])
    assert found == pytest.approx(float(want), rel=1e-9, abs=1e-9)


# Few lists: statsmodels takes a twentieth of a second for Holm's.
@settings(deadline=None, max_examples=12)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values(p_values):
    p = np.array(p_values)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)
    np.testing.assert_allclose(
        benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], atol=1e-12
    )


def power_at(ratio, *, base, n1, n0, alpha=0.05):
    """The power that `significance` gives a group of n1 against a reference of n0."""
    found = significance(
        np.array([base * n0, 0.0]),
        np.array([float(n0), float(n1)]),
        np.array([0, 0]),
        ratio=ratio,
        alpha=alpha,
    )
    return float(found.power[1]), float(found.detectable_ratio[1])


@settings(deadline=None)
@given(
    st.floats(0.05, 0.95),
    st.floats(0.3, 0.98),
    st.integers(20, 2000),
    st.integers(20, 2000),
    st.sampled_from([0.01, 0.05, 0.1]),
)
def test_power_of_the_pooled_test(base, ratio, n1, n0, alpha):
    want = power_proportions_2indep(
        base * ratio - base, base, n1, ratio=n0 / n1, alpha=alpha, return_results=False
    )
    found, _ = power_at(ratio, base=base, n1=n1, n0=n0, alpha=alpha)
    assert found == pytest.approx(float(want), abs=1e-9)


@pytest.mark.parametrize(("base", "n1", "n0"), [(0.5, 150, 400), (0.3, 300, 300), (0.8, 60, 900)])
def test_the_minimum_detectable_ratio_is_shown_with_a_power_of_eighty_percent(base, n1, n0):
    _, ratio = power_at(0.8, base=base, n1=n1, n0=n0)
    power = power_proportions_2indep(
        base * ratio - base, base, n1, ratio=n0 / n1, return_results=False
    )
    assert float(power) == pytest.approx(0.8, abs=1e-9)
