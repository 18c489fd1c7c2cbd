"""Why a model refuses rows: the cause is named by column and count, and no value is."""

from __future__ import annotations

import traceback

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import auditkit as ak
from auditkit.errors import InputError
from auditkit.loading import prepare

N = 200
RNG = np.random.default_rng(0)
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N)})
Y = (X["a"] + RNG.normal(size=N) > 0).astype(int)
WORDS = X.assign(c=RNG.choice(["red", "green"], N), d=RNG.choice(["u", "v"], N))


def one_hot(encoder):
    return make_pipeline(
        make_column_transformer((encoder, ["c", "d"]), remainder="passthrough"),
        LogisticRegression(),
    ).fit(WORDS, Y)


def in_steps():
    steps = make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder())
    columns = ColumnTransformer(
        [("words", steps, ["c", "d"]), ("rest", StandardScaler(), ["a", "b"])]
    )
    return make_pipeline(columns, LogisticRegression()).fit(WORDS, Y)


def xgboost_model():
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=3, n_jobs=1).fit(X, Y)


def xgboost_booster():
    return xgboost_model().get_booster()


def lightgbm_booster():
    import lightgbm

    return lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, Y), 3
    )


LINEAR = LogisticRegression().fit(X, Y)
FOREST = GradientBoostingClassifier(n_estimators=3).fit(X, Y)


def changed(table, column, value, rows):
    found = table.copy()
    found[column] = found[column].astype(object)
    found.loc[rows, column] = value
    return found if isinstance(value, str) else found.infer_objects()


def squared(rows):
    """A plain function, which gives NaN for NaN."""
    return np.clip(rows["a"].to_numpy(float) ** 2, 0, 1)


FAULTS = {
    "missing": (LINEAR, changed(X, "b", np.nan, [3]), "'b' is missing in 1 of 200 rows", "fill"),
    "missing, twice": (
        FOREST,
        changed(changed(X, "a", np.nan, [1, 2]), "b", np.nan, [3]),
        "'a' is missing in 2 of 200 rows. 'b' is missing in 1",
        "fill",
    ),
    "infinite": (LINEAR, changed(X, "a", -np.inf, [3, 4]), "'a' is infinite in 2 of 200", "finite"),
    "text": (
        LINEAR,
        changed(X, "b", "Ann Lee", [7]),
        "'b' is of the type object: it holds text in 1 of",
        "as numbers",
    ),
    "text and missing": (
        LINEAR,
        changed(changed(X, "a", np.nan, [1]), "b", "Ann Lee", [7]),
        "it holds text in 1",
        "",
    ),
    "dates": (
        LINEAR,
        X.assign(b=pd.date_range("1950-01-01", periods=N)),
        "'b' is of the type datetime64",
        "",
    ),
    "unseen": (
        one_hot(OneHotEncoder()),
        changed(WORDS, "c", "Ann Lee", [5, 6]),
        "'c' holds values in 2 of 200 rows that the model was not fitted on",
        "leave out",
    ),
    "unseen, ordinal": (
        one_hot(OrdinalEncoder()),
        changed(WORDS, "d", "Ann Lee", [5]),
        "'d' holds values in 1 of 200 rows",
        "leave out",
    ),
    "unseen, in steps": (
        in_steps(),
        changed(WORDS, "d", "Ann Lee", [5]),
        "'d' holds values in 1 of 200 rows",
        "leave out",
    ),
    "missing beside words": (
        one_hot(OneHotEncoder(handle_unknown="ignore")),
        changed(WORDS, "a", np.nan, [0]),
        "'a' is missing in 1 of 200",
        "fill",
    ),
    "booster": (
        xgboost_booster(),
        changed(X, "a", "Ann Lee", [7]),
        "'a' is of the type",
        "numbers",
    ),
    "boosted": (xgboost_model(), changed(X, "a", "Ann Lee", [7]), "'a' is of the type", "numbers"),
    "lightgbm": (
        lightgbm_booster(),
        changed(X, "a", "Ann Lee", [7]),
        "'a' is of the type",
        "number",
    ),
    "function": (squared, changed(X, "a", "Ann Lee", [7]), "'a' is of the type object", "numbers"),
    "function of missing": (
        squared,
        changed(X, "a", np.nan, [7, 8]),
        "for 2 of 200 rows. 'a' is missing in 2",
        "leave out",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("with_reference", [False, True])
def test_the_cause_is_named_and_no_value(fault, with_reference):
    model, data, said, remedy = FAULTS[fault]
    table = WORDS if "c" in data else X
    reference = table if with_reference else None
    inputs = ak.Inputs(model=model, data=data, labels=Y, reference=reference,
                       digest="sha256:" + "0" * 64)  # fmt: skip
    with pytest.raises(InputError) as caught:
        prepare(inputs)
    assert said in caught.value.message
    assert remedy in caught.value.remedy
    assert "order" not in str(caught.value)
    assert "Ann Lee" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("fault", ["missing", "infinite", "text", "unseen", "function of missing"])
def test_an_explanation_names_the_same_cause(fault):
    model, data, said, _ = FAULTS[fault]
    with pytest.raises(InputError) as caught:
        ak.explain(model, data, reference=WORDS if "c" in data else X)
    assert said in caught.value.message
    assert "Ann Lee" not in "".join(traceback.format_exception(caught.value))


def test_where_nothing_is_found_the_columns_are_what_to_look_at():
    def model(rows):
        raise RuntimeError("Ann Lee")

    with pytest.raises(InputError, match="cannot score the data: RuntimeError") as caught:
        prepare(ak.Inputs(model=model, data=X, labels=Y, digest="sha256:" + "0" * 64))
    assert "columns, order and kinds" in caught.value.remedy
    assert "Ann Lee" not in str(caught.value)


def test_many_columns_are_counted():
    wide = pd.DataFrame(RNG.normal(size=(N, 9)), columns=list("abcdefghi"))
    model = LogisticRegression().fit(wide, Y)
    with pytest.raises(InputError, match="The same holds for 4 more columns"):
        prepare(ak.Inputs(model=model, data=wide.mask(wide > 2.0).mask(wide < -1), labels=Y))


def test_scores_outside_are_counted():
    inputs = ak.Inputs(model=lambda rows: np.arange(N) / 100, data=X, labels=Y,
                       digest="sha256:" + "0" * 64)  # fmt: skip
    with pytest.raises(InputError, match=r"outside \[0, 1\] for 99 of 200 rows"):
        prepare(inputs)
