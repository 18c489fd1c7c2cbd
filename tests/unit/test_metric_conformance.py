"""Laws that every metric of `ak.fairness` keeps, each against a source that is not this package."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fl
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from auditkit import fairness
from auditkit.measures.groups.rates import METRICS
from auditkit.measures.groups.scores import SCORE_METRICS
from tests.support.decided import sample
from tests.support.repeated import times

NAN = float("nan")


def _share(of):
    """A function of scikit-learn that says what a missing denominator gives."""

    def oracle(y, p, _, w):
        return of(y, p, sample_weight=w, zero_division=np.nan)

    return oracle


def _negative(of):
    return _share(lambda y, p, **given: of(y, p, pos_label=False, **given))


def _false_rate(of, rows):
    """fairlearn's rate, which is 0 where it has no denominator."""
    return lambda y, p, _, w: of(y, p, sample_weight=w) if rows(y).any() else NAN


def _balanced(y, p, _, w):
    both = y.any() and not y.all()
    return sk.balanced_accuracy_score(y, p, sample_weight=w) if both else NAN


def _treatment_equality(y, p, _, w):
    false_positives = w[~y & p].sum()
    return w[y & ~p].sum() / false_positives if false_positives else NAN


def _ks(y, _, s, w):
    if y.all() or not y.any():
        return NAN
    fpr, tpr, _ = sk.roc_curve(y, s, sample_weight=w)
    return np.abs(tpr - fpr).max()


def _auc(y, _, s, w):
    return NAN if y.all() or not y.any() else sk.roc_auc_score(y, s, sample_weight=w)


def _calibration_error(y, _, s, w):
    """Naeini's, bin by bin."""
    place = np.minimum((s * 10).astype(int), 9)
    return sum(abs((w * (y - s))[place == b].sum()) for b in range(10)) / w.sum()


# By labels, decisions, scores and weights, none of which is 0; NaN: not estimable.
ORACLES = {
    "selection_rate": lambda y, p, _, w: fl.selection_rate(y, p, sample_weight=w),
    "base_rate": lambda y, _, __, w: np.average(y, weights=w),
    "accuracy": lambda y, p, _, w: sk.accuracy_score(y, p, sample_weight=w),
    "tpr": _share(sk.recall_score),
    "fnr": _false_rate(fl.false_negative_rate, lambda y: y),
    "fpr": _false_rate(fl.false_positive_rate, lambda y: ~y),
    "tnr": _negative(sk.recall_score),
    "ppv": _share(sk.precision_score),
    "fdr": lambda *given: 1 - _share(sk.precision_score)(*given),
    "npv": _negative(sk.precision_score),
    "for": lambda *given: 1 - _negative(sk.precision_score)(*given),
    "balanced_accuracy": _balanced,
    "f1": lambda y, p, _, w: sk.f1_score(y, p, sample_weight=w) if (y | p).any() else NAN,
    "treatment_equality": _treatment_equality,
    "mean_score": lambda _, __, s, w: np.average(s, weights=w),
    "calibration_gap": lambda y, _, s, w: np.average(y - s, weights=w),
    "auc": _auc,
    "ks": _ks,
    "brier": lambda y, _, s, w: sk.brier_score_loss(y, s, sample_weight=w),
    "calibration_error": _calibration_error,
}
BEYOND_ONE = {"treatment_equality"}
BELOW_ZERO = {"calibration_gap"}
EVERY = (*METRICS, *SCORE_METRICS)


def drawn(seed, n, *, skew=0.5):
    """Labels, decisions, groups, and scores with ties."""
    scores = np.random.default_rng(seed + 1).integers(0, 12, n) / 11
    return *sample(seed, n, skew=skew), scores


def measured(labels, decisions, groups, scores, **options):
    options = {"replicates": 50, **options}
    return fairness(labels, decisions, groups=groups, scores=scores, **options)


def test_every_metric_has_an_oracle():
    assert set(ORACLES) == set(EVERY)
    assert len(EVERY) == len(set(EVERY)) == 20


@pytest.mark.repeated
@settings(max_examples=times(6, 100), deadline=None)
@given(
    st.integers(0, 10**6), st.integers(2, 300), st.sampled_from([0.02, 0.5, 0.98]), st.booleans()
)
def test_every_metric_of_every_group_equals_its_oracle(seed, n, skew, weighted):
    labels, decisions, groups, scores = drawn(seed, n, skew=skew)
    weights = np.random.default_rng(seed + 2).integers(1, 5, n) * 0.5 if weighted else np.ones(n)
    found = measured(labels, decisions, groups, scores, weights=weights if weighted else None)
    assert len(found.groups) >= 2
    for position, group in enumerate(found.groups):
        rows = np.logical_and.reduce([groups[a] == v for a, v in group])
        assert found.partition.rows[position] == rows.sum()
        own = labels[rows], decisions[rows], scores[rows], weights[rows]
        for metric, oracle in ORACLES.items():
            estimate = found.estimates(metric).at(position)
            want = oracle(*own)
            if np.isnan(want):
                assert estimate.value is None, metric
                assert estimate.reason
                continue
            assert estimate.value == pytest.approx(want, rel=1e-12, abs=1e-12), metric
            assert estimate.value >= 0 or metric in BELOW_ZERO
            assert abs(estimate.value) <= 1 + 1e-12 or metric in BEYOND_ONE
            assert estimate.n > 0
            assert estimate.lower is None or estimate.lower <= estimate.value + 1e-12
            assert estimate.upper is None or estimate.value <= estimate.upper + 1e-12


@pytest.mark.repeated
@settings(max_examples=times(3, 50), deadline=None)
@given(st.integers(0, 10**6), st.integers(20, 120))
def test_rows_without_weight_count_for_nothing(seed, n):
    labels, decisions, _, scores = drawn(seed, n)
    weights = np.random.default_rng(seed + 2).integers(0, 4, n) * 0.5
    used = weights > 0
    found = measured(labels, decisions, {"g": ["a"] * n}, scores, weights=weights)
    for metric, oracle in ORACLES.items():
        want = oracle(labels[used], decisions[used], scores[used], weights[used])
        got = found.estimates(metric).value[0]
        assert got == pytest.approx(want, rel=1e-12, abs=1e-12, nan_ok=True), metric


@pytest.fixture(scope="module")
def rows():
    return drawn(5, 400)


@pytest.fixture(scope="module")
def once(rows):
    return measured(*rows)


def same(one, other, **tolerance):
    """Whether two estimates are the same, interval and all."""
    for name in ("value", "lower", "upper", "n"):
        a, b = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(a, b, **{"rtol": 0, "atol": 0, **tolerance}, err_msg=name)
    assert one.unit == other.unit


@pytest.fixture(scope="module")
def again(rows):
    return measured(*rows)


@pytest.fixture(scope="module")
def with_ones(rows):
    return measured(*rows, weights=np.ones(400))


@pytest.fixture(scope="module")
def shuffled(rows):
    order = np.random.default_rng(0).permutation(400)
    labels, decisions, groups, scores = rows
    return measured(labels[order], decisions[order], groups.iloc[order], scores[order])


@pytest.fixture(scope="module")
def counted(rows):
    """With whole weights, and with each row as often as it weighs."""
    weights = np.random.default_rng(2).integers(1, 4, 400)
    labels, decisions, groups, scores = rows
    often = np.repeat(np.arange(400), weights)
    return (
        measured(*rows, weights=weights),
        measured(labels[often], decisions[often], groups.iloc[often], scores[often]),
    )


# Intervals by resampling are of other resamples where the rows stand in another order.
RESAMPLED = {"calibration_error", "calibration_gap", "ks", "auc", "brier"}


@pytest.mark.parametrize("metric", EVERY)
def test_the_same_rows_give_the_same(metric, once, again):
    same(once.estimates(metric), again.estimates(metric))


@pytest.mark.parametrize("metric", EVERY)
def test_the_order_of_rows_does_not_matter(metric, once, shuffled):
    one, other = once.estimates(metric), shuffled.estimates(metric)
    np.testing.assert_allclose(one.value, other.value, rtol=0, atol=1e-12)
    if metric not in RESAMPLED:
        same(one, other, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_weights_of_one_change_nothing(metric, once, with_ones):
    same(once.estimates(metric), with_ones.estimates(metric), atol=1e-12)


@pytest.mark.parametrize("metric", EVERY)
def test_whole_weights_are_rows_counted_again_in_value_and_less_certain(metric, counted):
    """The same value from fewer people: repeating rows is no information."""
    weighted, repeated = (found.estimates(metric) for found in counted)
    np.testing.assert_allclose(weighted.value, repeated.value, rtol=0, atol=1e-12)
    known = ~np.isnan(weighted.lower) & ~np.isnan(repeated.lower)
    width, narrower = ((e.upper - e.lower)[known] for e in (weighted, repeated))
    assert (width >= narrower - (0.01 if metric in RESAMPLED else 0)).all()


def test_no_argument_is_changed(rows, once):
    labels, decisions, groups, scores = drawn(5, 400)
    assert (rows[0] == labels).all()
    assert (rows[1] == decisions).all()
    pd.testing.assert_frame_equal(rows[2], groups)
    assert (rows[3] == scores).all()
