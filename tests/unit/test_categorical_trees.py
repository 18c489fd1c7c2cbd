"""Trees that split on categories, against Shapley values by definition and the booster itself."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest
import sklearn.ensemble as se
import xgboost

from auditkit.errors import InputError
from auditkit.measures.attribution.explain import explain
from auditkit.measures.attribution.explainer import Explainer
from auditkit.measures.shapley import sampled, tree_ensembles
from auditkit.measures.shapley.tree_paths import TreePaths
from auditkit.measures.shapley.treelite_trees import treelite_trees
from auditkit.measures.shapley.trees import LeafPaths
from auditkit.model.categories import as_numbers, fitted_categories
from tests.support.coalitions import enumerated

PURPOSES, GRADES = ["boat", "car", "house", "study", "trip"], [3, 7, 11, 20]


def applicants(rows: int, seed: int) -> pd.DataFrame:
    """Numbers, words, and numbers that are names; some of each are missing."""
    rng = np.random.default_rng(seed)
    known = rng.random((3, rows)) < 0.85
    purpose, grade = rng.choice(PURPOSES, rows), rng.choice(GRADES, rows)
    return pd.DataFrame(
        {
            "income": np.where(known[0], rng.normal(50, 10, rows), np.nan),
            "purpose": pd.Categorical(pd.Series(purpose).where(known[1]), PURPOSES),
            "grade": pd.Categorical(pd.Series(grade).where(known[2]), GRADES),
            "owner": rng.random(rows) < 0.5,
        }
    )


TRAIN = applicants(500, 0)
TWO = (
    TRAIN.purpose.isin(["car", "trip"]) ^ (TRAIN.income.fillna(40) > 48) ^ (TRAIN.grade == 7)
) * 1
THREE = TWO + (TRAIN.grade == 20)
ROWS, REFERENCE = applicants(6, 1), applicants(25, 2)

XGB = {"enable_categorical": True, "max_depth": 4, "n_jobs": 1}
LGB = {"verbose": -1, "n_jobs": 1, "min_child_samples": 5, "min_data_per_group": 5}
FOREST = {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1}
XC, LC, HC = xgboost.XGBClassifier, lightgbm.LGBMClassifier, se.HistGradientBoostingClassifier
MODELS = {
    "xgboost": lambda: XC(n_estimators=12, **XGB).fit(TRAIN, TWO),
    "xgboost, a level against the rest": lambda: XC(
        n_estimators=12, max_cat_to_onehot=50, **XGB
    ).fit(TRAIN, TWO),
    "xgboost of three": lambda: XC(n_estimators=6, **XGB).fit(TRAIN, THREE),
    "xgboost with dropout": lambda: XC(n_estimators=8, booster="dart", rate_drop=0.5, **XGB).fit(
        TRAIN, TWO
    ),
    "xgboost that stopped early": lambda: XC(n_estimators=60, early_stopping_rounds=3, **XGB).fit(
        TRAIN, TWO, eval_set=[(TRAIN.head(90), 1 - TWO.head(90))], verbose=False
    ),
    "xgboost regression": lambda: xgboost.XGBRegressor(n_estimators=9, **XGB).fit(TRAIN, THREE),
    "xgboost booster": lambda: MODELS["xgboost"]().get_booster(),
    "lightgbm": lambda: LC(n_estimators=12, **LGB).fit(TRAIN, TWO),
    "lightgbm of three": lambda: LC(n_estimators=6, **LGB).fit(TRAIN, THREE),
    "lightgbm forest": lambda: LC(n_estimators=6, **FOREST, **LGB).fit(TRAIN, TWO),
    "lightgbm booster": lambda: MODELS["lightgbm"]().booster_,
    "histogram": lambda: HC(max_iter=12, categorical_features="from_dtype").fit(TRAIN, TWO),
    "histogram of three": lambda: HC(max_iter=6, categorical_features="from_dtype").fit(
        TRAIN, THREE
    ),
}


def margin(model, of=None):
    """What a model adds up, of one class of three where it tells three apart."""

    def predict(table):
        if isinstance(model, xgboost.Booster):
            out = model.predict(xgboost.DMatrix(table, enable_categorical=True), output_margin=True)
        elif isinstance(model, xgboost.XGBModel):
            out = model.predict(table, output_margin=True)
        elif isinstance(model, lightgbm.LGBMModel | lightgbm.Booster):
            out = model.predict(table, raw_score=True)
            if getattr(model, "boosting_type", "") == "rf":
                out = out / 6
        else:
            out = model.decision_function(table)
        return out if of is None else out[:, of]

    return predict


def in_other_order(table: pd.DataFrame) -> pd.DataFrame:
    """The same values, their levels declared the other way round."""
    return table.assign(
        purpose=table.purpose.cat.set_categories(PURPOSES[::-1]),
        grade=table.grade.cat.set_categories(GRADES[::-1]),
    )


@pytest.mark.parametrize("name", MODELS)
def test_splits_of_categories_are_exact(name):
    model, of = MODELS[name](), 2 if name.endswith("of three") else None
    e = explain(model, ROWS, reference=in_other_order(REFERENCE), target_class=of)
    assert e.method.startswith(tree_ensembles.METHOD)
    np.testing.assert_allclose(e.values, enumerated(margin(model, of), ROWS, REFERENCE), atol=3e-6)
    np.testing.assert_allclose(e.values.sum(axis=1) + e.base, margin(model, of)(ROWS), atol=3e-6)
    assert np.abs(e.values[:, 1:3]).max() > 0.01  # the categories count


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "histogram"])
def test_one_row_at_a_time_and_in_any_form(name):
    """As text, with other levels declared, with a level that no row of the reference has."""
    model = MODELS[name]()
    expected = enumerated(margin(model), ROWS, REFERENCE)
    explainer = Explainer(model, REFERENCE)
    for given in (
        ROWS,
        in_other_order(ROWS),
        ROWS.astype({"purpose": object}),
        ROWS.assign(purpose=ROWS.purpose.cat.add_categories(["rocket"])),
        ROWS.assign(purpose=ROWS.purpose.cat.remove_unused_categories()),
    ):
        for row in range(len(ROWS)):
            e = explainer.explain(given.iloc[[row]])
            assert e.method.startswith(tree_ensembles.METHOD)
            np.testing.assert_allclose(e.values[0], expected[row], atol=3e-6)


def with_new_level(level: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of which half have a purpose that no model was fitted on, and the reference."""
    purposes = [*PURPOSES, level]
    rows = ROWS.assign(purpose=pd.Categorical([level] * 3 + ["car"] * 3, purposes))
    return rows, REFERENCE.assign(purpose=REFERENCE.purpose.cat.set_categories(purposes))


@pytest.mark.parametrize("name", ["lightgbm", "histogram"])
def test_a_level_that_the_model_never_saw_is_missing_to_it(name):
    model, (rows, reference) = MODELS[name](), with_new_level("rocket")
    e = explain(model, rows, reference=reference)
    assert e.method.startswith(tree_ensembles.METHOD)
    np.testing.assert_allclose(e.values, enumerated(margin(model), rows, reference), atol=3e-6)


@pytest.mark.parametrize("level", ["rocket", "zebra"])
def test_a_level_that_xgboost_never_saw_is_left_to_xgboost(level):
    """Some releases refuse it, and some take it for the next of their own in alphabetical order."""
    model, (rows, reference) = MODELS["xgboost"](), with_new_level(level)
    explainer = Explainer(model, REFERENCE)
    assert explainer.explain(ROWS).method.startswith(tree_ensembles.METHOD)
    try:
        expected = enumerated(margin(model), rows, reference)
    except xgboost.core.XGBoostError:
        with pytest.raises(InputError, match="cannot score"):
            explain(model, rows, reference=reference)
        return
    for e in (explain(model, rows, reference=reference), explainer.explain(rows)):
        np.testing.assert_allclose(e.values, expected, atol=3e-6)
        assert e.method == sampled.ENUMERATED


CODED = pd.DataFrame({name: as_numbers(TRAIN, {})[:, i] for i, name in enumerate(TRAIN)})
BY_CODE = {
    "xgboost": lambda: XC(n_estimators=9, feature_types=["q", "c", "c", "q"], **XGB).fit(
        CODED, TWO
    ),
    "lightgbm": lambda: LC(n_estimators=9, **LGB).fit(CODED, TWO, categorical_feature=[1, 2]),
    "histogram": lambda: HC(max_iter=9, categorical_features=[1, 2]).fit(CODED, TWO),
}


@pytest.mark.parametrize("name", BY_CODE)
def test_categories_given_as_codes(name):
    """Those that training had, others, and missing ones."""
    model, rows, reference = BY_CODE[name](), CODED.head(6).copy(), CODED.tail(25)
    rows.loc[0, "purpose"], rows.loc[1, "grade"], rows.loc[2, "grade"] = 9.0, 77.0, np.nan
    e = explain(model, rows, reference=reference)
    assert e.method.startswith(tree_ensembles.METHOD)
    np.testing.assert_allclose(e.values, enumerated(margin(model), rows, reference), atol=3e-6)


@pytest.mark.parametrize("family", ["xgboost", "lightgbm"])
def test_sums_equal_the_booster_on_mixed_rows(family):
    """Trees read by themselves, without what is tried if they fail."""
    model = MODELS[family]()
    categories = fitted_categories(model, TRAIN)
    assert [list(categories[i]) for i in (1, 2)] == [PURPOSES, GRADES]
    trees = treelite_trees(model, family=family, output=0)
    assert any(tree.levels for tree in trees)
    paths = [LeafPaths.of(tree, range(4)) for tree in trees]
    mixed = pd.DataFrame(
        {c: TRAIN[c].sample(400, random_state=i).to_numpy() for i, c in enumerate(TRAIN)}
    ).astype(TRAIN.dtypes)
    single = {"xgboost": np.float32, "lightgbm": np.float64}[family]
    numbers = as_numbers(mixed, categories).astype(single).astype(np.float64)
    own = margin(model)(mixed)
    found = TreePaths(paths, players=4, reference=numbers).outputs(numbers)
    np.testing.assert_allclose(found, own - own.mean(), atol=3e-6)
