"""What coalitions score: rows mixed of both tables, where a way to read a model may be wrong."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest
import sklearn.ensemble as se
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from auditkit.measures.attribution.explain import explain
from auditkit.measures.attribution.explainer import Explainer
from auditkit.measures.shapley import sampled, tree_ensembles
from auditkit.measures.shapley.mixtures import MIXTURES, alike, mixed, mixtures, special_values
from tests.support.coalitions import enumerated

RNG = np.random.default_rng(3)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def _same_rows():
    """Every test draws the same rows, whichever test came before it."""
    RNG.bit_generator.state = START


def whole(rows: int, *, zeros: bool = True, holes: float = 0.0) -> pd.DataFrame:
    """Columns of small numbers, with or without zeros and missing values."""
    table = pd.DataFrame(
        {
            "a": RNG.integers(0 if zeros else 1, 4, rows) * 1.0,
            "b": RNG.choice([-2.0, -1.0, 1.0, 2.0] + [0.0] * 3 * zeros, rows),
            "c": RNG.normal(size=rows),
        }
    )
    return table.mask(RNG.random(table.shape) < holes)


def label(table: pd.DataFrame) -> pd.Series:
    wanted = (table.a == 0) & (table.b > 0) | (table.c > 1) | (table.b == 0) & (table.a > 0)
    return (wanted | table.a.isna()).astype(int)


LIGHT = {"n_estimators": 15, "num_leaves": 12, "n_jobs": 1, "verbose": -1, "min_child_samples": 5}
KINDS = {
    "zero as missing": lambda: lightgbm.LGBMClassifier(zero_as_missing=True, **LIGHT),
    "nothing missing": lambda: lightgbm.LGBMClassifier(use_missing=False, **LIGHT),
    "as it is": lambda: lightgbm.LGBMClassifier(**LIGHT),
    "zero is missing": lambda: xgboost.XGBClassifier(n_estimators=8, max_depth=3, missing=0.0),
    "two are missing": lambda: xgboost.XGBClassifier(n_estimators=8, max_depth=3, missing=2.0),
}


def own(model):
    """What a boosted model adds up."""
    if isinstance(model, lightgbm.LGBMModel):
        return lambda t: model.predict(t, raw_score=True)
    return lambda t: model.predict(t, output_margin=True)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_zeros_and_missing_values_are_what_the_model_takes_them_for(name, holes):
    """The explained rows have zeros and the reference none: only what is mixed has both."""
    train = whole(400, holes=holes)
    model = KINDS[name]().fit(train, label(train))
    rows, reference = whole(4, holes=holes), whole(30, zeros=False)
    e = explain(model, rows, reference=reference)
    np.testing.assert_allclose(e.values, enumerated(own(model), rows, reference), atol=3e-5)
    if name != "zero as missing":
        assert e.method.startswith(tree_ensembles.METHOD)


def test_a_later_row_with_a_zero_is_no_exception():
    """The trees were right on every mixture that was tested before it came."""
    train = whole(400)
    model = KINDS["zero as missing"]().fit(train, label(train))
    reference = whole(30, zeros=False)
    explainer = Explainer(model, reference)
    rows = pd.concat([whole(3, zeros=False), whole(6)], ignore_index=True)
    expected = enumerated(own(model), rows, reference)
    methods = []
    for row in range(len(rows)):
        e = explainer.explain(rows.iloc[[row]])
        np.testing.assert_allclose(e.values[0], expected[row], atol=3e-5)
        methods.append(e.method)
    assert methods[0].startswith(tree_ensembles.METHOD)
    assert methods[-1] == sampled.ENUMERATED


def test_shap_is_held_to_mixtures_as_well(monkeypatch):
    """Its values may add up on the rows that are explained, and nowhere between."""
    train = whole(400)
    model = KINDS["zero as missing"]().fit(train, label(train))
    rows, reference = whole(4), whole(30, zeros=False)
    monkeypatch.setattr(tree_ensembles, "prepared_trees", lambda *_, **__: None)
    asked = []
    right = tree_ensembles.shap_values
    monkeypatch.setattr(
        tree_ensembles, "shap_values", lambda *given: asked.append(1) or right(*given)
    )
    e = explain(model, rows, reference=reference)
    assert asked
    assert e.method == sampled.ENUMERATED
    np.testing.assert_allclose(e.values, enumerated(own(model), rows, reference), atol=3e-5)


def levels(rows: int, kind: str = "category") -> pd.DataFrame:
    """A number, and a category as one of several kinds of column."""
    table = pd.DataFrame({"a": RNG.normal(size=rows), "c": RNG.choice(["u", "v", "w"], rows)})
    return table.astype({"c": kind})


def two(table: pd.DataFrame) -> pd.Series:
    return ((table.c.astype(str) == "u") ^ (table.a > 0)).astype(int)


CATEGORICAL = {
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=5, enable_categorical=True),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=5, verbose=-1),
    "histogram": lambda: se.HistGradientBoostingClassifier(
        max_iter=5, categorical_features="from_dtype"
    ),
    "pipeline": lambda: make_pipeline(
        ColumnTransformer([("c", OneHotEncoder(), ["c"])], remainder="passthrough"),
        LogisticRegression(),
    ),
}


@pytest.mark.parametrize("name", CATEGORICAL)
def test_rows_that_lack_a_level_are_explained_as_if_it_were_declared(name):
    train = levels(300)
    model = CATEGORICAL[name]().fit(train, two(train))
    rows, reference = train.head(3), train.tail(40)
    expected = explain(model, rows, reference=reference)
    lacking = {
        "its own level": rows.assign(c=rows.c.cat.remove_unused_categories()),
        "another order": rows.assign(c=rows.c.cat.set_categories(["w", "v", "u"])),
        "a level more": rows.assign(c=rows.c.cat.add_categories(["x"])),
        "text": rows.astype({"c": object}),
    }
    for given_as, given_rows in lacking.items():
        e = explain(model, given_rows, reference=reference)
        np.testing.assert_allclose(e.values, expected.values, atol=1e-6, err_msg=given_as)
    fewer = reference[reference.c != "w"]
    fewer = fewer.assign(c=fewer.c.cat.remove_unused_categories())
    declared = fewer.assign(c=fewer.c.cat.set_categories(["u", "v", "w"]))
    a, b = (explain(model, rows, reference=r) for r in (fewer, declared))
    np.testing.assert_allclose(a.values, b.values, atol=1e-6)


@pytest.mark.parametrize("name", ["lightgbm", "histogram"])
def test_levels_that_are_missing_or_new_are_explained_as_the_model_takes_them(name):
    train = levels(300)
    train.loc[::7, "c"] = np.nan
    model = CATEGORICAL[name]().fit(train, two(train))
    rows = train.iloc[[0, 1, 2]].assign(c=pd.Categorical([None, "x", "u"]))
    e = explain(model, rows, reference=train.tail(40))
    known = rows.assign(c=rows.c.cat.set_categories(["u", "v", "w"]))
    np.testing.assert_allclose(e.probabilities, model.predict_proba(known)[:, 1], atol=1e-6)


def test_no_number_is_cut_where_the_tables_differ_in_kind():
    """Whole numbers in one table and fractions in the other; booleans and numbers; and missing."""
    reference = pd.DataFrame(
        {"a": [0.5, 1.5, np.nan, 2.25], "b": [1, 2, 3, 4], "c": [0.0, 1, 1, 0]}
    )
    rows = pd.DataFrame({"a": [3, 1], "b": [0.5, -0.5], "c": [True, False]})
    model = lambda t: np.nan_to_num(t.a.astype(float)) * t.b.astype(float) + t.c.astype(float)  # noqa: E731
    e = explain(model, rows, reference=reference)
    as_floats = [t.astype(float) for t in (rows, reference)]
    np.testing.assert_allclose(e.values, enumerated(model, *as_floats), atol=1e-12)
    linear = Ridge().fit(as_floats[0].assign(y=0)[["a", "b", "c"]], [1.0, 2.0])
    e = explain(linear, rows, reference=reference.fillna(0.0))
    np.testing.assert_allclose(
        e.values, enumerated(linear.predict, as_floats[0], as_floats[1].fillna(0.0)), atol=1e-9
    )


DTYPES = [
    "int64",
    "float64",
    "float32",
    "bool",
    "Int64",
    "Float64",
    "boolean",
    "category",
    "object",
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DTYPES), st.sampled_from(DTYPES), st.integers(0, 2**16))
def test_mixing_loses_no_value_of_either_table(one, other, seed):
    rng = np.random.default_rng(seed)
    ours = pd.DataFrame({"x": rng.integers(0, 2, 6)}).astype({"x": one})
    theirs = pd.DataFrame({"x": rng.integers(0, 2, 6)}).astype({"x": other})
    taken = rng.random((6, 1)) < 0.5
    found = mixed(ours, theirs, taken)["x"]
    expected = np.where(taken[:, 0], ours.x.astype(int), theirs.x.astype(int))
    assert found.astype(float).tolist() == expected.tolist()
    a, b = alike(ours, theirs)
    assert a.x.dtype == b.x.dtype == found.dtype


def test_every_kind_of_value_is_mixed_in():
    table = pd.DataFrame(RNG.normal(size=(5000, 6)), columns=list("abcdef"))
    table.iloc[4321, 2] = 0.0
    table.iloc[1234, 4] = np.nan
    mixture = mixtures(
        table, pd.DataFrame(RNG.normal(size=(90, 6)), columns=list("abcdef")), seed=0
    )
    zeros, missing = special_values(mixture)
    assert len(mixture) >= MIXTURES
    assert zeros[:, 2].any()
    assert missing[:, 4].any()


def test_zeros_are_found_beside_words_and_missing_numbers():
    table = pd.DataFrame(
        {"a": pd.array([0, None, 3], dtype="Int64"), "b": np.array(["x", None, "0"], dtype=object)}
    )
    zeros, missing = special_values(table)
    assert zeros.tolist() == [[True, False], [False, False], [False, False]]
    assert missing.tolist() == [[False, False], [True, True], [False, False]]
