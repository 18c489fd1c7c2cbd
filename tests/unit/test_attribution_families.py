"""Every family of models against Shapley values by definition, enumerated coalition by coalition.

The oracle knows nothing of trees, encoders or coefficients: it calls the model's own function on
every mixture of the row with every row of the reference.
"""

from __future__ import annotations

from dataclasses import replace

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import shap
import sklearn.ensemble as se
import sklearn.linear_model as sl
import sklearn.tree as st
import treelite
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st_
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from auditkit.errors import InputError
from auditkit.measures.attribution.explain import explain
from auditkit.measures.shapley import leaf_games, linear, sampled, tree_ensembles
from auditkit.measures.shapley.tree_paths import TreePaths
from auditkit.measures.shapley.trees import LeafPaths, Tree
from auditkit.model.output import explained_output
from tests.support.coalitions import enumerated


def numbers(rows: int, seed: int = 0, *, missing: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(rows, 4)), columns=["a", "b", "c", "d"])
    return table.mask(rng.random(table.shape) < missing)


TRAIN, HOLES = numbers(400), numbers(400, missing=0.2)
TWO = (TRAIN.a - TRAIN.b * TRAIN.c > 0).astype(int)
THREE = TWO + (TRAIN.d > 0.5).astype(int)
SIZE = TRAIN.a * 3 - TRAIN.b * TRAIN.c

MARGIN = "decision_function"
EXACT = (tree_ensembles.METHOD, linear.METHOD)
MODELS = {
    "xgboost": (xgboost.XGBClassifier(n_estimators=9, max_depth=3), TWO, None, "xgb"),
    "xgboost of three": (xgboost.XGBClassifier(n_estimators=5, max_depth=3), THREE, 2, "xgb"),
    "xgboost regression": (xgboost.XGBRegressor(n_estimators=9, max_depth=3), SIZE, None, "xgb"),
    "lightgbm": (lightgbm.LGBMClassifier(n_estimators=9, verbose=-1), TWO, None, "lgb"),
    "lightgbm of three": (lightgbm.LGBMClassifier(n_estimators=5, verbose=-1), THREE, 1, "lgb"),
    "lightgbm regression": (lightgbm.LGBMRegressor(n_estimators=9, verbose=-1), SIZE, None, "lgb"),
    "histogram boosting": (se.HistGradientBoostingClassifier(max_iter=9), TWO, None, MARGIN),
    "histogram regression": (se.HistGradientBoostingRegressor(max_iter=9), SIZE, None, "predict"),
    "catboost": (
        catboost.CatBoostClassifier(
            iterations=9, depth=3, verbose=0, thread_count=1, allow_writing_files=False
        ),
        TWO,
        None,
        "cat",
    ),
    # shap ends the process with this one, which has several outputs.
    "catboost of three": (
        catboost.CatBoostClassifier(
            iterations=5, depth=3, verbose=0, thread_count=1, allow_writing_files=False
        ),
        THREE,
        2,
        "cat",
    ),
    "catboost, leaf by leaf": (
        catboost.CatBoostRegressor(
            iterations=9,
            grow_policy="Lossguide",
            verbose=0,
            thread_count=1,
            allow_writing_files=False,
        ),
        SIZE,
        None,
        "cat",
    ),
    # shap forgets how much each of these trees counts.
    "xgboost with dropout": (
        xgboost.XGBClassifier(n_estimators=9, max_depth=3, booster="dart", rate_drop=0.5),
        TWO,
        None,
        "xgb",
    ),
    "xgboost, linear": (
        xgboost.XGBClassifier(n_estimators=9, booster="gblinear", updater="coord_descent"),
        THREE,
        2,
        "xgb",
    ),
}
WITHOUT_HOLES = {
    # shap's values of these do not add up to their output.
    "histogram boosting": (se.HistGradientBoostingClassifier(max_iter=9), TWO, None, MARGIN),
    "histogram of three": (se.HistGradientBoostingClassifier(max_iter=5), THREE, 2, MARGIN),
    "gradient boosting": (se.GradientBoostingClassifier(n_estimators=9), TWO, None, MARGIN),
    "boosting of three": (se.GradientBoostingClassifier(n_estimators=5), THREE, 0, MARGIN),
    "forest": (se.RandomForestClassifier(9, random_state=0), TWO, None, "proba"),
    "forest of three": (se.RandomForestClassifier(9, random_state=0), THREE, 2, "proba"),
    "forest regression": (se.RandomForestRegressor(9, random_state=0), SIZE, None, "predict"),
    "extra trees": (se.ExtraTreesClassifier(9, random_state=0), TWO, 0, "proba"),
    "a tree": (st.DecisionTreeClassifier(max_depth=5), TWO, None, "proba"),
    "logistic": (sl.LogisticRegression(), TWO, None, MARGIN),
    "logistic of three": (sl.LogisticRegression(), THREE, 1, MARGIN),
    "ridge": (sl.Ridge(), SIZE, None, "predict"),
}


def own_output(model, how, of):
    column = 1 if of is None else of

    def predict(table):
        if how == "xgb":
            out = model.predict(table, output_margin=True)
        elif how == "lgb":
            out = model.predict(table, raw_score=True)
        elif how == "cat":
            out = model.predict(table, prediction_type="RawFormulaVal")
        elif how == "proba":
            out = model.predict_proba(table)
        else:
            out = getattr(model, how)(table)
        return out if np.ndim(out) == 1 else out[:, column]

    return predict


@pytest.mark.parametrize("name", MODELS)
def test_families_that_take_missing_values(name):
    model, label, of, how = MODELS[name]
    model.fit(HOLES, label)
    rows, reference = numbers(4, 1, missing=0.2), numbers(30, 2, missing=0.2)
    e = explain(model, rows, reference=reference, target_class=of)
    expected = enumerated(own_output(model, how, of), rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=2e-5)
    assert e.method.startswith(EXACT)


@pytest.mark.parametrize("name", WITHOUT_HOLES)
def test_families_that_do_not(name):
    model, label, of, how = WITHOUT_HOLES[name]
    model.fit(TRAIN, label)
    rows, reference = numbers(4, 1), numbers(30, 2)
    e = explain(model, rows, reference=reference, target_class=of)
    expected = enumerated(own_output(model, how, of), rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=1e-6)
    assert e.method.startswith(EXACT)
    assert e.standard_errors is None


def test_a_number_that_stands_for_a_missing_value():
    model = xgboost.XGBClassifier(n_estimators=9, max_depth=3, missing=-1.0)
    model.fit(HOLES.fillna(-1.0), TWO)
    rows, reference = (numbers(n, n, missing=0.2).fillna(-1.0) for n in (4, 30))
    e = explain(model, rows, reference=reference)
    expected = enumerated(own_output(model, "xgb", None), rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=2e-5)
    assert e.method == tree_ensembles.METHOD


def test_trees_that_are_misread_are_not_used(monkeypatch):
    """Rows mixed as coalitions mix them show the mistake."""
    model = se.HistGradientBoostingClassifier(max_iter=9).fit(TRAIN, TWO)
    right, used = tree_ensembles.treelite_trees, []

    def wrong(*given, **options):
        trees = right(*given, **options)
        used.append(len(trees))
        return [
            replace(tree, weights=tree.weights + np.arange(len(tree.weights))) for tree in trees
        ]

    monkeypatch.setattr(tree_ensembles, "treelite_trees", wrong)
    rows, reference = numbers(4, 1), numbers(30, 2)
    e = explain(model, rows, reference=reference)
    assert used
    assert not e.method.startswith(tree_ensembles.METHOD)
    expected = enumerated(own_output(model, MARGIN, None), rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=1e-6)


def applicants(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(50, 10, rows)),
            "purpose": rng.choice(["car", "house", "study"], rows),
            "owner": rng.random(rows) < 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
        }
    )


def days(table: pd.DataFrame) -> pd.DataFrame:
    return table.apply(lambda c: (c - pd.Timestamp("2020-01-01")).dt.days.astype(float))


def encoder() -> ColumnTransformer:
    filled = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    return ColumnTransformer(
        [
            ("income", filled, ["income"]),
            ("purpose", OneHotEncoder(), ["purpose"]),
            ("owner", "passthrough", ["owner"]),
            ("since", FunctionTransformer(days), ["since"]),
        ]
    )


@pytest.mark.parametrize(
    ("end", "method"),
    [
        (xgboost.XGBClassifier(n_estimators=15, max_depth=4), tree_ensembles.METHOD),
        (se.RandomForestClassifier(9, random_state=0), tree_ensembles.METHOD),
        (sl.LogisticRegression(max_iter=500), linear.METHOD),
        (MLPClassifier((4,), random_state=0), sampled.ENUMERATED),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_pipelines_are_explained_in_source_columns(end, method):
    """Mixed kinds, missing values and categories; the values are those of the whole pipeline."""
    train = applicants(400)
    label = ((train.income.fillna(40) > 48) ^ (train.purpose == "car")).astype(int)
    model = make_pipeline(encoder(), end).fit(train, label)
    rows, reference = applicants(4, 1), applicants(30, 2)
    e = explain(model, rows, reference=reference)
    output = {
        "log-odds": lambda t: np.log(model.predict_proba(t)[:, 1] / model.predict_proba(t)[:, 0]),
        "probability": lambda t: model.predict_proba(t)[:, 1],
    }[e.unit]
    np.testing.assert_allclose(e.values, enumerated(output, rows, reference), atol=1e-4)
    assert e.feature_names == ("income", "purpose", "owner", "since")
    assert e.data.purpose.tolist() == rows.purpose.tolist()
    assert e.method.startswith(method)


@pytest.mark.parametrize(
    "end", [xgboost.XGBClassifier(n_estimators=9), sl.LogisticRegression()], ids=["trees", "linear"]
)
def test_columns_that_a_selection_leaves_out_have_no_share(end):
    model = make_pipeline(SelectKBest(k=2), end).fit(TRAIN[["b", "a", "d", "c"]], TRAIN.a > 0)
    rows, reference = numbers(4, 1)[["b", "a", "d", "c"]], numbers(30, 2)[["b", "a", "d", "c"]]
    kept = model[0].get_support()
    assert not kept[-1]
    e = explain(model, rows, reference=reference)
    assert e.values.shape == rows.shape
    assert e.method in EXACT
    assert (e.values[:, ~kept] == 0).all()
    assert (e.values[:, 1] != 0).all()


def test_columns_in_another_order_are_refused_where_the_model_would_not():
    """LightGBM takes columns by their position, and CatBoost by their name."""
    models = [
        lightgbm.LGBMClassifier(n_estimators=3, verbose=-1),
        catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False),
        xgboost.XGBClassifier(n_estimators=3),
        sl.LogisticRegression(),
    ]
    rows, reference = numbers(4, 1), numbers(30, 2)
    for model in models:
        model.fit(TRAIN, TWO)
        with pytest.raises(InputError, match="data has its columns in another order: 'b'"):
            explain(model, rows[list("bacd")], reference=reference)
        with pytest.raises(InputError, match="data lacks the column 'd'"):
            explain(model, rows[list("abc")], reference=reference)
        with pytest.raises(InputError, match="data has the column 'e'"):
            explain(model, rows.assign(e=1.0), reference=reference.assign(e=1.0))
    booster = models[0].booster_
    with pytest.raises(InputError, match="'b' is where the model was fitted on 'a'"):
        explain(booster, rows[list("bacd")], reference=reference)
    nameless = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(TRAIN.to_numpy(), TWO)
    assert explain(nameless, rows, reference=reference).values.shape == (4, 4)


def test_what_a_model_cannot_score_is_located():
    model = make_pipeline(encoder(), sl.LogisticRegression(max_iter=500))
    train, rows = applicants(200), applicants(4, 1)
    model.fit(train, train.owner)
    rows.loc[2, "purpose"] = "boat"
    with pytest.raises(InputError, match="'purpose' holds values in 1 of 4 rows"):
        explain(model, rows, reference=applicants(30, 2))
    plain = sl.LogisticRegression().fit(TRAIN, TWO)
    holes = numbers(4, 1).mask(numbers(4, 1) > 1)
    holes.loc[0, "b"] = np.inf
    with pytest.raises(InputError, match="'b' is infinite in 1 of 4 rows"):
        explain(plain, holes, reference=TRAIN)
    gone = numbers(30, 2)
    gone.loc[0, "a"] = np.nan
    with pytest.raises(InputError, match=r"'a' is missing in 1 of 30 rows"):
        explain(plain, TRAIN.head(2), reference=gone)
    with pytest.raises(InputError, match="cannot be read: NotFittedError"):
        explain(xgboost.XGBClassifier(), TRAIN.head(2), reference=TRAIN)


def test_models_without_names_are_quiet(recwarn):
    model = se.GradientBoostingClassifier(n_estimators=3).fit(TRAIN.to_numpy(), TWO)
    explain(model, TRAIN.head(3).to_numpy(), reference=TRAIN.tail(20).to_numpy())
    assert not recwarn.list


def test_an_encoder_that_mixes_columns_is_explained_as_one_function():
    model = make_pipeline(PCA(3), se.RandomForestClassifier(9, random_state=0)).fit(TRAIN, TWO)
    rows, reference = numbers(3, 1), numbers(30, 2)
    e = explain(model, rows, reference=reference)
    expected = enumerated(lambda t: model.predict_proba(t)[:, 1], rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=1e-10)
    assert e.method == sampled.ENUMERATED


@pytest.mark.parametrize("model", [xgboost.XGBClassifier(n_estimators=9), sl.LogisticRegression()])
def test_groups_are_players(model):
    model.fit(TRAIN, TWO)
    rows, reference = numbers(4, 1), numbers(30, 2)
    e = explain(model, rows, reference=reference, feature_groups={"a and b": ["a", "b"]})
    how = "xgb" if isinstance(model, xgboost.XGBClassifier) else MARGIN
    expected = enumerated(
        own_output(model, how, None), rows, reference, groups=[["a", "b"], ["c"], ["d"]]
    )
    np.testing.assert_allclose(e.values, expected, atol=1e-5)
    assert e.feature_names == ("a and b", "c", "d")
    assert e.data["a and b"][0] == f"a={rows.a[0]}, b={rows.b[0]}"
    with pytest.raises(InputError, match="'z' of the group"):
        explain(model, rows, reference=reference, feature_groups={"a and z": ["a", "z"]})


def test_sampled_values_lie_within_their_standard_errors():
    columns = [f"x{i}" for i in range(10)]
    rng = np.random.default_rng(0)
    rows, reference = (pd.DataFrame(rng.normal(size=(n, 10)), columns=columns) for n in (6, 400))

    def function(table):
        x = table.to_numpy()
        return x[:, 0] * x[:, 1] + np.maximum(x[:, 2], 0) + 0.5 * x[:, 3] * x[:, 4]

    e = explain(function, rows, reference=reference, permutation_pairs=400)
    assert e.method == sampled.SAMPLED
    assert e.evaluations == 400 * 2 * 11 * 6
    assert e.residual.max() < 1e-12
    # By hand: E over the reference of the two-player games x0*x1, x3*x4 and of max(x2, 0).
    x, r = rows.to_numpy(), reference.to_numpy()
    expected = np.zeros((6, 10))
    for i, j, weight in ((0, 1, 1.0), (3, 4, 0.5)):
        alone_i, alone_j = x[:, i] * r[:, j].mean(), x[:, j] * r[:, i].mean()
        both, none = x[:, i] * x[:, j], (r[:, i] * r[:, j]).mean()
        expected[:, i] = weight * ((alone_i - none) + (both - alone_j)) / 2
        expected[:, j] = weight * ((alone_j - none) + (both - alone_i)) / 2
    expected[:, 2] = np.maximum(x[:, 2], 0) - np.maximum(r[:, 2], 0).mean()
    off = np.abs(e.values - expected) / np.maximum(e.standard_errors, 1e-3)
    assert np.mean(off < 2) > 0.9
    assert off.max() < 6
    np.testing.assert_array_equal(
        e.values, explain(function, rows, reference=reference, permutation_pairs=400).values
    )


def test_deep_forests_agree_with_shap():
    """Paths of more than twelve players, where patterns are sorted and not counted."""
    rng = np.random.default_rng(0)
    train = pd.DataFrame(rng.normal(size=(600, 24)), columns=[f"x{i}" for i in range(24)])
    label = (train.to_numpy() @ rng.normal(size=24) + rng.normal(size=600) > 0).astype(int)
    model = se.ExtraTreesClassifier(4, max_features=1, random_state=0).fit(train, label)
    assert max(tree.get_depth() for tree in model.estimators_) > 15
    rows, reference = train.head(40), train.tail(60)
    e = explain(model, rows, reference=reference)
    masker = shap.maskers.Independent(reference, max_samples=len(reference))
    peer = shap.TreeExplainer(model, masker).shap_values(rows, check_additivity=False)[:, :, 1]
    np.testing.assert_allclose(e.values, peer, atol=1e-7)
    assert e.method == tree_ensembles.METHOD


class Node:
    """A tree as nodes within nodes, which compare a number or a level."""

    def __init__(self, *, column=0, by=0.0, equal=False, missing=True, left=None, right=None):
        self.column, self.by, self.equal, self.missing = column, by, equal, missing
        self.left, self.right = left, right

    def goes_left(self, value) -> bool:
        if np.isnan(value):
            return self.missing
        if isinstance(self.by, list):
            return self.by[int(value)] if 0 <= value < len(self.by) else self.by[-1]
        return value < self.by or (self.equal and value == self.by)

    def evaluate(self, row) -> float:
        if self.left is None:
            return self.by
        return (self.left if self.goes_left(row[self.column]) else self.right).evaluate(row)


def tree(root: Node) -> Tree:
    inner, weights, left, right = [], [], [], []

    def grow(node: Node) -> int:
        if node.left is None:
            weights.append(node.by)
            return ~(len(weights) - 1)
        number = len(inner)
        inner.append(node)
        left.append(0)
        right.append(0)
        right[number], left[number] = grow(node.right), grow(node.left)
        return number

    grow(root)
    levels = {i: np.array(n.by) for i, n in enumerate(inner) if isinstance(n.by, list)}
    return Tree(
        columns=np.array([node.column for node in inner], dtype=np.int64),
        thresholds=np.array([0.0 if isinstance(n.by, list) else n.by for n in inner]),
        equal_left=np.array([node.equal for node in inner], dtype=np.bool_),
        missing_left=np.array([node.missing for node in inner], dtype=np.bool_),
        left=np.array(left, dtype=np.int64),
        right=np.array(right, dtype=np.int64),
        weights=np.array(weights),
        levels=levels,
    )


def trees(depth: int):
    leaf = st_.builds(Node, by=st_.integers(-8, 8).map(float))
    if depth == 0:
        return leaf
    inner = st_.builds(
        Node,
        column=st_.integers(0, 3),
        by=st_.one_of(
            st_.sampled_from([-1.0, 0.0, 1.0]), st_.lists(st_.booleans(), min_size=1, max_size=3)
        ),
        equal=st_.booleans(),
        missing=st_.booleans(),
        left=st_.deferred(lambda: trees(depth - 1)),
        right=st_.deferred(lambda: trees(depth - 1)),
    )
    return st_.one_of(leaf, inner)


VALUES = st_.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, np.nan])
ROWS = st_.lists(st_.tuples(VALUES, VALUES, VALUES, VALUES), min_size=1, max_size=5)


def test_sums_are_those_of_the_values():
    """What tests a way on mixtures is the sum of what it would give there."""
    forest = se.RandomForestRegressor(5, random_state=0).fit(TRAIN, SIZE)
    rows, reference = numbers(40, 1), numbers(30, 2)
    read = tree_ensembles.prepared_trees(
        forest, explained_output(forest), reference, [0, 1, 1, 2], count=3, sample=None
    )
    np.testing.assert_allclose(read.outputs(rows), read.values(rows).sum(axis=1), atol=1e-12)


@pytest.mark.parametrize("few_players", [0, 10])
@settings(max_examples=30, deadline=None)
@given(st_.lists(trees(4), min_size=1, max_size=3), ROWS, ROWS, st_.booleans())
def test_paths_are_exact_for_every_tree(few_players, roots, rows, reference, grouped):
    """Any trees, thresholds that are hit exactly, missing values, one column twice on a path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leaf_games, "_FEW_PLAYERS", few_players)
        patch.setattr(leaf_games, "_PAIRS", 3)
        check_paths(roots, rows, reference, grouped)


def check_paths(roots, rows, reference, grouped):
    names = list("abcd")
    x, r = (pd.DataFrame(t, columns=names) for t in (rows, reference))
    players, groups = ([0, 0, 1, 2], [["a", "b"], ["c"], ["d"]]) if grouped else (range(4), None)
    read = [LeafPaths.of(tree(root), players) for root in roots]
    paths = TreePaths(read, players=3 if grouped else 4, reference=r.to_numpy())

    def predict(table):
        return [sum(root.evaluate(row) for root in roots) for row in table.to_numpy()]

    expected = enumerated(predict, x, r, groups)
    np.testing.assert_allclose(paths.leaf_by_leaf(x.to_numpy())[0], expected, atol=1e-9)
    one_by_one = [paths.one_row(row) for row in x.to_numpy()]
    np.testing.assert_allclose(one_by_one, expected, atol=1e-9)
    np.testing.assert_allclose(paths.outputs(x.to_numpy()), expected.sum(axis=1), atol=1e-9)


def test_categories_that_the_encoder_has_not_seen_are_refused():
    train = applicants(200)
    label = (train.purpose == "car").astype(int)
    model = make_pipeline(encoder(), xgboost.XGBClassifier(n_estimators=3)).fit(train, label)
    rows = applicants(3, 1).assign(purpose="boat")
    with pytest.raises(InputError, match="cannot score") as refusal:
        explain(model, rows, reference=train.tail(20))
    assert "boat" not in str(refusal.value)  # no value of a person in an error


def test_a_reference_of_another_schema_is_refused():
    model = xgboost.XGBClassifier(n_estimators=3).fit(TRAIN, TWO)
    texts = numbers(20, 2).astype({"a": str})
    with pytest.raises(InputError, match="cannot score"):
        explain(model, numbers(3, 1), reference=texts)


def test_classes_must_be_named_where_there_are_several():
    model = se.RandomForestClassifier(3).fit(TRAIN, THREE)
    with pytest.raises(InputError, match="3 classes"):
        explain(model, numbers(3, 1), reference=numbers(20, 2))
    with pytest.raises(InputError, match="none of the model's"):
        explain(model, numbers(3, 1), reference=numbers(20, 2), target_class="gold")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda t: np.full(len(t), np.nan), "missing or infinite"),
        (lambda t: np.log(np.zeros(len(t))), "missing or infinite"),
        (lambda t: np.zeros((len(t), 3)), "one number per row"),
        (lambda t: np.zeros(len(t) + 1), "one output for each row"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_functions_that_are_no_model_are_refused(function, message):
    with pytest.raises(InputError, match=message):
        explain(function, numbers(3, 1), reference=numbers(20, 2))


def test_a_model_that_answers_differently_each_time_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="do not add up"):
        explain(lambda t: rng.normal(size=len(t)), numbers(3, 1), reference=numbers(20, 2))


def test_a_tree_model_that_nothing_can_read_is_explained_by_asking_it(monkeypatch):
    """As a model of a version that the parsers do not know: they raise whatever they raise."""

    def refuse(*_, **__):
        raise KeyError("num_trees")

    monkeypatch.setattr(treelite.frontend, "from_xgboost", refuse)
    monkeypatch.setattr(shap, "TreeExplainer", refuse)
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=3).fit(TRAIN, TWO)
    rows, reference = numbers(3, 1), numbers(30, 2)
    e = explain(model, rows, reference=reference)
    assert e.method == sampled.ENUMERATED
    expected = enumerated(own_output(model, "xgb", None), rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=1e-5)


def test_paths_that_disagree_with_shap_are_not_used(monkeypatch):
    """A parser that takes the left of the first tree's root for its right."""
    right = tree_ensembles.treelite_trees

    def skewed(*arguments, **options):
        first, *others = right(*arguments, **options)
        (left, *lefts), (other, *rights) = first.left, first.right
        turned = replace(first, left=np.array([other, *lefts]), right=np.array([left, *rights]))
        return [turned, *others]

    monkeypatch.setattr(tree_ensembles, "treelite_trees", skewed)
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=3).fit(TRAIN, TWO)
    rows, reference = numbers(3, 1), numbers(30, 2)
    e = explain(model, rows, reference=reference)
    assert e.method == tree_ensembles.BY_SHAP
    expected = enumerated(own_output(model, "xgb", None), rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=1e-5)


def test_where_shap_differs_the_model_judges(monkeypatch):
    """shap takes values next to a threshold for others only where rows are mixed."""
    right = tree_ensembles.shap_values

    def shifted(*given):  # adds up all the same
        values = right(*given)
        values[:, 0] += 0.1
        values[:, 1] -= 0.1
        return values

    monkeypatch.setattr(tree_ensembles, "shap_values", shifted)
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=3).fit(TRAIN, TWO)
    rows, reference = numbers(3, 1), numbers(30, 2)
    e = explain(model, rows, reference=reference)
    assert e.method.startswith(tree_ensembles.METHOD + " (not compared")
    expected = enumerated(own_output(model, "xgb", None), rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=1e-5)


def test_infinite_values_are_numbers_to_a_tree():
    model = se.HistGradientBoostingClassifier(max_iter=5).fit(TRAIN, TWO)
    rows = numbers(3, 1)
    rows.loc[0, "a"] = np.inf
    rows.loc[1, "b"] = -np.inf
    reference = numbers(30, 2)
    expected = enumerated(model.decision_function, rows, reference)
    np.testing.assert_allclose(
        explain(model, rows, reference=reference).values, expected, atol=1e-6
    )


def test_units_convert_where_that_is_exact():
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=3).fit(TRAIN, TWO)
    rows, reference = numbers(3, 1), numbers(30, 2)
    odds = explain(model, rows, reference=reference)
    chance = explain(model, rows, reference=reference, unit="probability")
    assert (odds.unit, chance.unit) == ("log-odds", "probability")
    expected = enumerated(lambda t: model.predict_proba(t)[:, 1], rows, reference)
    np.testing.assert_allclose(chance.values, expected, atol=1e-6)
    np.testing.assert_allclose(odds.probabilities, chance.outputs, atol=1e-6)
    np.testing.assert_array_equal(chance.probabilities, chance.outputs)
    regression = sl.Ridge().fit(TRAIN, SIZE)
    with pytest.raises(InputError, match="no exact form in 'probability'"):
        explain(regression, rows, reference=reference, unit="probability")
    with pytest.raises(InputError, match="no probabilities"):
        _ = explain(regression, rows, reference=reference).probabilities


def test_a_model_that_stopped_early_is_read_without_its_idle_trees():
    other = numbers(100, 5)
    model = xgboost.XGBClassifier(n_estimators=60, max_depth=3, early_stopping_rounds=3)
    model.fit(TRAIN, TWO, eval_set=[(other, (other.a > 0).astype(int))], verbose=False)
    assert model.best_iteration < 59
    rows, reference = numbers(3, 1), numbers(30, 2)
    e = explain(model, rows, reference=reference)
    expected = enumerated(own_output(model, "xgb", None), rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=1e-5)
    assert e.method == tree_ensembles.METHOD


def test_compiled_code_is_quiet_too(capfd):
    """shap's C++ complains about categories on the process's own error stream."""
    train = applicants(300)[["income", "purpose"]].astype({"purpose": "category"})
    model = xgboost.XGBClassifier(n_estimators=5, enable_categorical=True)
    model.fit(train, train.purpose == "car")
    rows, reference = train.head(3), train.tail(40)
    e = explain(model, rows, reference=reference)
    assert capfd.readouterr() == ("", "")
    expected = enumerated(own_output(model, "xgb", None), rows, reference)
    np.testing.assert_allclose(e.values, expected, atol=1e-5)
