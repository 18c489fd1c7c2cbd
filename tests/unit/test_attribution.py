"""Attributions against shap with the whole reference, and against every coalition enumerated."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
import shap
import xgboost

from auditkit.errors import InputError
from auditkit.measures.attribution.explain import explain
from auditkit.measures.attribution.result import feature_columns

FEATURES = ["income", "debt", "years", "age"]


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 4)), columns=FEATURES)


RENAMED = table(5).rename(columns={"debt": "loan"})


@pytest.fixture(scope="module")
def model() -> xgboost.XGBClassifier:
    rows = table(600)
    label = (rows.income - rows.debt * rows.years > 0).astype(int)
    return xgboost.XGBClassifier(n_estimators=20, max_depth=4, n_jobs=1).fit(rows, label)


def enumerated(predict, row: pd.Series, reference: pd.DataFrame) -> np.ndarray:
    """Shapley values by definition: every coalition, every row of the reference."""
    names = list(reference.columns)
    count = len(names)

    def worth(coalition: tuple[str, ...]) -> float:
        mixed = reference.copy()
        for name in coalition:
            mixed[name] = row[name]
        return float(np.mean(predict(mixed)))

    values = []
    for name in names:
        others = [n for n in names if n != name]
        total = 0.0
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for coalition in combinations(others, size):
                total += weight * (worth((*coalition, name)) - worth(coalition))
        values.append(total)
    return np.array(values)


def test_values_are_the_shapley_values_of_the_margin(model):
    rows, reference = table(5, seed=1), table(40, seed=2)
    e = explain(model, rows, reference=reference)
    for i in range(len(rows)):
        by_definition = enumerated(
            lambda t: model.predict(t, output_margin=True), rows.iloc[i], reference
        )
        np.testing.assert_allclose(e.values[i], by_definition, atol=1e-5)


def test_the_whole_reference_counts(model):
    rows, reference = table(30, seed=1), table(300, seed=2)
    e = explain(model, rows, reference=reference)
    whole = shap.maskers.Independent(reference, max_samples=len(reference))
    peer = shap.TreeExplainer(model, whole).shap_values(rows)
    np.testing.assert_allclose(e.values, peer, atol=1e-5)
    sampled = shap.TreeExplainer(model, reference).shap_values(rows)
    assert np.abs(peer - sampled).max() > 1e-3  # what shap does if one is not careful
    assert e.reference_rows == 300


def test_values_add_up_on_every_row(model):
    e = explain(model, table(200, seed=1), reference=table(100, seed=2))
    assert e.unit == "log-odds"
    assert e.residual.shape == (200,)
    assert e.residual.max() < 1e-5
    np.testing.assert_allclose(
        1 / (1 + np.exp(-e.outputs)), model.predict_proba(table(200, seed=1))[:, 1], atol=1e-6
    )


def test_the_other_class_is_the_mirror_image(model):
    rows, reference = table(10, seed=1), table(50, seed=2)
    second, first = (explain(model, rows, reference=reference, target_class=c) for c in (1, 0))
    np.testing.assert_allclose(first.values, -second.values)
    np.testing.assert_allclose(second.of_other_class().outputs, first.outputs)
    assert first.base == -second.base


def test_libraries_are_quiet(model, capfd):
    explain(model, table(10, seed=1), reference=table(50, seed=2))
    assert capfd.readouterr() == ("", "")


def test_another_reference_has_another_digest(model):
    rows = table(3, seed=1)
    one, two = (explain(model, rows, reference=table(50, seed=s)) for s in (2, 3))
    assert one.reference_digest != two.reference_digest
    assert np.abs(one.values - two.values).max() > 1e-3


def test_reasons_are_adverse_and_heaviest_first(model):
    e = explain(model, table(20, seed=1), reference=table(100, seed=2))
    for row in range(20):
        reasons = e.reasons(row)
        contributions = [r.contribution for r in reasons]
        assert all(c < 0 for c in contributions)
        assert contributions == sorted(contributions)
        assert [r.rank for r in reasons] == list(range(1, len(reasons) + 1))
    with pytest.raises(InputError, match="no row 20"):
        e.reasons(20)


@pytest.mark.parametrize(
    ("rows", "reference", "message"),
    [
        (table(0), table(5), "data has no rows"),
        (table(5), table(0), "reference has no rows"),
        (table(5), table(5).drop(columns="debt"), "reference lacks the column 'debt'"),
        (RENAMED, RENAMED, "data lacks the column"),
        (table(5)[FEATURES[::-1]], table(5), "is where the model was fitted on"),
    ],
)
def test_bad_tables_are_refused(model, rows, reference, message):
    with pytest.raises(InputError, match=message):
        explain(model, rows, reference=reference)


def test_a_model_with_nothing_to_explain_is_refused():
    with pytest.raises(InputError, match="nothing to explain"):
        explain(object(), table(5), reference=table(5))


def test_a_frame_takes_features_called_like_its_own_columns():
    names = ["output", "base", "output (feature)", "row", "a"]
    values = np.random.default_rng(0).normal(size=(4, 5))
    rows = pd.DataFrame(values, columns=names)
    e = explain(lambda t: t.to_numpy() @ np.arange(5.0), rows, reference=rows)
    frame = e.to_frame()
    assert list(frame.columns[:2]) == ["base", "output"]
    assert frame.columns.is_unique
    np.testing.assert_array_equal(frame.iloc[:, 2:], e.values)
    assert list(frame.columns[-2:]) == ["row", "a"]
    assert feature_columns(names, beside=("row", "base", "output")) == (
        "output (feature) (feature)",
        "base (feature)",
        "output (feature)",
        "row (feature)",
        "a",
    )
