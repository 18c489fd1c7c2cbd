"""Statistics of drift against published values, scipy, and their laws; and how often they err."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from auditkit.measures.numbers.area import area_under_curve
from auditkit.watching.drift.cells import js_divergence, psi, tvd
from auditkit.watching.drift.distances import auc, ks, ks_bound, wasserstein
from auditkit.watching.profile.fitting import fit_edges

MANY = 10**15
IQR = 2 * stats.norm.ppf(0.75)
STATISTICS: tuple[Callable[..., Any], ...] = (psi, js_divergence, tvd, ks, auc)


def counts(shares: Any) -> Any:
    return np.round(np.asarray(shares) * MANY).astype(np.int64)


def normal_shares(edges: Any, shift: float) -> Any:
    return np.diff(np.concatenate([[0.0], stats.norm.cdf(edges, shift), [1.0]]))


def cells_of(edges: Any, values: Any) -> Any:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def test_published_values_of_unordered_cells():
    one, other = counts([0.1, 0.2, 0.3, 0.4]), counts([0.2, 0.2, 0.2, 0.4])
    assert psi(one, other).value == pytest.approx(0.1 * np.log(2) + 0.1 * np.log(1.5), abs=1e-9)
    assert js_divergence(counts([0.5, 0.5]), counts([0.9, 0.1])).value == pytest.approx(
        0.1467931024, abs=1e-9
    )
    assert tvd(one, other).value == pytest.approx(0.1, abs=1e-9)


@pytest.mark.parametrize(("cells", "expected"), [(10, 0.237749), (20, 0.244671)])
def test_psi_of_half_a_standard_deviation(cells: int, expected: float) -> None:
    edges = stats.norm.ppf(np.arange(1, cells) / cells)
    found = psi(counts(normal_shares(edges, 0)), counts(normal_shares(edges, 0.5)))
    assert found.value == pytest.approx(expected, abs=1e-6)


def test_ks_wasserstein_and_auc_of_half_a_standard_deviation():
    edges = np.round(np.linspace(-9, 9.5, 7401), 6)
    assert 0.25 in edges
    one, other = counts(normal_shares(edges, 0)), counts(normal_shares(edges, 0.5))
    assert ks(one, other).value == pytest.approx(0.1974126514, abs=1e-9)
    assert wasserstein(one, other, edges).value == pytest.approx(0.5 / IQR, abs=1e-5)
    assert auc(one, other).value == pytest.approx(stats.norm.cdf(0.5 / np.sqrt(2)), abs=1e-5)


def test_numbers_on_edges_have_scipy_s_wasserstein_distance():
    edges = np.array([0.0, 1, 3, 5, 6, 8])
    one, other = cells_of(edges, [0, 1, 3]), cells_of(edges, [5, 6, 8])
    found = wasserstein(one, other, edges, atoms=True)
    assert found.value == pytest.approx(5 / 3)  # the quartiles of 0, 1, 3 are 0 and 3


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 8), min_size=4, max_size=60),
    st.lists(st.integers(0, 8), min_size=4, max_size=60),
)
def test_statistics_are_those_of_scipy(one: list[int], other: list[int]) -> None:
    edges = np.arange(9.0)
    a, b = cells_of(edges, one), cells_of(edges, other)
    p, q = a / a.sum(), b / b.sum()
    assert js_divergence(a, b).value == pytest.approx(distance.jensenshannon(p, q, 2) ** 2)
    assert tvd(a, b).value == pytest.approx(distance.cityblock(p, q) / 2)
    exact = stats.ks_2samp(one, other, method="asymp").statistic
    assert ks(a, b, atoms=True).value == pytest.approx(exact)
    u = stats.mannwhitneyu(other, one, method="asymptotic").statistic
    assert auc(a, b).value == pytest.approx(u / len(one) / len(other))
    found = wasserstein(a, b, edges, atoms=True)
    if found.value is not None:
        quartiles = np.quantile(one, (0.25, 0.75), method="inverted_cdf")
        unit = np.ptp(quartiles) or np.std(one)
        assert found.value * unit == pytest.approx(stats.wasserstein_distance(one, other))


def test_auc_has_delong_s_interval():
    draw = np.random.default_rng(0)
    one, other = draw.integers(0, 20, 300), draw.integers(3, 24, 200)
    edges = np.arange(24.0)
    found = auc(cells_of(edges, one), cells_of(edges, other))
    labels = np.repeat([False, True], (300, 200))
    scores = np.concatenate([one, other]).astype(float)
    expected = area_under_curve(labels, scores, level=0.95)
    assert found.lower == pytest.approx(expected.lower)
    assert found.upper == pytest.approx(expected.upper)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(-2, 2), st.integers(2, 30))
def test_the_ks_distance_of_the_rows_is_between_value_and_bound(
    seed: int, shift: float, cells: int
) -> None:
    draw = np.random.default_rng(seed)
    one, other = draw.normal(size=200), draw.normal(shift, 1, 150)
    edges = np.sort(draw.normal(size=cells))
    a, b = cells_of(edges, one), cells_of(edges, other)
    exact = stats.ks_2samp(one, other, method="asymp").statistic
    assert ks(a, b).value - 1e-12 <= exact <= ks_bound(a, b) + 1e-12


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=30),
    st.lists(st.integers(0, 500), min_size=30, max_size=30),
    st.sampled_from([0.5, 0.95, 1 - 1e-6]),
)
def test_every_estimate_is_finite_and_within_its_interval(
    one: list[int], other: list[int], level: float
) -> None:
    a, b = np.array(one), np.array(other[: len(one)])
    edges = np.arange(len(one) - 1.0)
    found = [statistic(a, b, level=level) for statistic in STATISTICS]
    found.append(wasserstein(a, b, edges, level=level))
    for estimate in found:
        if not a.sum() or not b.sum():
            assert estimate.value is None
        if estimate.value is None:
            assert estimate.reason
        else:
            assert np.isfinite(estimate.value)
            assert estimate.lower <= estimate.value <= estimate.upper


def test_psi_does_not_move_with_an_outlier():
    draw = np.random.default_rng(0)
    base, day = draw.normal(size=5000), draw.normal(1, 1, 2000)
    before = psi_of(base, day)
    base[0] = 1e6
    assert psi_of(base, day) == pytest.approx(before, rel=0.01)
    assert before > 0.9


def psi_of(base: Any, day: Any) -> float:
    edges = fit_edges(base, small_cell=11)[::25]
    value = psi(cells_of(edges, base), cells_of(edges, day)).value
    assert value is not None
    return value


def test_psi_without_change_is_as_large_as_theory_says():
    draw = np.random.default_rng(0)
    shares = np.full(10, 0.1)
    pairs = zip(
        draw.multinomial(1000, shares, 4000), draw.multinomial(1000, shares, 4000), strict=True
    )
    values = np.array([psi(a, b).value for a, b in pairs], dtype=float)
    assert values.mean() == pytest.approx(0.0180, abs=0.0005)
    assert np.quantile(values, 0.99) == pytest.approx(0.0433, abs=0.002)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.22, 0.5])
@pytest.mark.parametrize("sizes", [(500, 500), (2000, 300), (10_000, 10_000)])
def test_intervals_cover_the_true_psi(shift: float, sizes: tuple[int, int]) -> None:
    draw = np.random.default_rng(7)
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    p, q = normal_shares(edges, 0), normal_shares(edges, shift)
    true = float(((q - p) * np.log(q / p)).sum())
    pairs = [(draw.multinomial(sizes[0], p), draw.multinomial(sizes[1], q)) for _ in range(400)]
    covered = np.mean([e.lower <= true + 1e-12 <= e.upper for e in (psi(a, b) for a, b in pairs)])
    # From 93 to 97 %, within three standard errors of 400 draws. Without a change only the lower
    # end can miss, since no interval ends below its value. tests/soak/soak_watch.py draws more.
    error = 3 * np.sqrt(0.07 * 0.93 / 400)
    assert 0.93 - error <= covered <= (0.975 if shift == 0 else 0.97) + error


def test_two_samples_of_one_population_rarely_exceed_a_tolerance_of_nothing():
    """The lower end, of all: chi-squared of the window against the baseline as truth gives 31 %."""
    draw = np.random.default_rng(3)
    shares = np.full(5, 0.2)
    pairs = [(draw.multinomial(1000, shares), draw.multinomial(1000, shares)) for _ in range(2000)]
    wrong = np.mean([psi(a, b).lower > 0 for a, b in pairs])
    assert 0.015 <= wrong <= 0.035
    naive = np.mean([stats.chisquare(b, a * (b.sum() / a.sum())).pvalue < 0.05 for a, b in pairs])
    assert naive > 0.25
