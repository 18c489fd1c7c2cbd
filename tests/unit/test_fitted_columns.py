"""Models take the columns that they were fitted on, however their library writes the names."""

from __future__ import annotations

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import auditkit as ak
from auditkit.errors import InputError
from auditkit.loading import prepare
from auditkit.tables.fitted_columns import fitted_columns, refuse_other_columns

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 3))
LABELS = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)
ODD = ["credit amount", "größe: (m²)", "a  b "]
QUIET = {"verbose": 0, "allow_writing_files": False}


def table(columns) -> pd.DataFrame:
    """The rows under these names."""
    return pd.DataFrame(ROWS, columns=list(columns))


MODELS = {
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=3, verbose=-1),
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=3),
    "catboost": lambda: catboost.CatBoostClassifier(iterations=3, **QUIET),
    "linear": LogisticRegression,
    "search": lambda: GridSearchCV(
        lightgbm.LGBMClassifier(n_estimators=3, verbose=-1), {"max_depth": [2]}, cv=2
    ),
}
# LightGBM takes no colon.
NAMES = {"lightgbm": ["credit amount", "größe (m²)", "a  b "]}
NAMES["search"] = NAMES["lightgbm"]


def same_scores(model, data):
    """A case that is scored as the model scores, and an explanation of it."""
    case = prepare(ak.Inputs(model=model, data=data, labels=LABELS, reference=data))
    e = ak.explain(model, data.head(3), reference=data.tail(20))
    assert e.feature_names == tuple(map(str, data.columns))
    assert e.probabilities == pytest.approx(case.scores[:3], abs=1e-6)
    return case


@pytest.mark.parametrize("name", MODELS)
def test_names_are_the_tables_own(name):
    data = table(NAMES.get(name, ODD))
    model = MODELS[name]().fit(data, LABELS)
    case = same_scores(model, data)
    assert case.scores == pytest.approx(model.predict_proba(data)[:, 1], abs=1e-6)
    assert fitted_columns(model, list(data.columns)) == list(data.columns)
    with pytest.raises(InputError, match="another order"):
        refuse_other_columns(model, list(data.columns[::-1]), what="data")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_fitted_on_an_array_takes_the_tables_names(name, recwarn):
    same_scores(MODELS[name]().fit(ROWS, LABELS), table("abc"))
    assert not [w for w in recwarn.list if "feature names" in str(w.message)]


def boosters() -> dict[str, object]:
    """Bare boosters fitted on an array."""
    return {
        "lightgbm": lightgbm.train(
            {"objective": "binary", "verbose": -1}, lightgbm.Dataset(ROWS, LABELS), 3
        ),
        "xgboost": xgboost.train(
            {"objective": "binary:logistic"}, xgboost.DMatrix(ROWS, LABELS), 3
        ),
    }


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_boosters_fitted_on_an_array_are_taken(name):
    same_scores(boosters()[name], table("abc"))


def test_names_that_were_made_up_still_count():
    """A table with too many columns would be scored by the first ones."""
    model = boosters()["lightgbm"]
    with pytest.raises(InputError, match="data has 4 columns; the model was fitted on 3"):
        refuse_other_columns(model, list("abcd"), what="data")
    with pytest.raises(InputError, match="data lacks the column 'Column_1'"):
        refuse_other_columns(model, ["Column_0", "Column_2", "x"], what="data")
    with pytest.raises(InputError, match="another order"):
        refuse_other_columns(model, ["Column_1", "Column_0", "Column_2"], what="data")


def test_names_like_those_that_are_made_up_are_the_tables_own():
    data = table(["f0", "f1", "f2"])
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(data, LABELS)
    with pytest.raises(InputError, match="data has its columns in another order"):
        ak.explain(model, data[["f1", "f0", "f2"]], reference=data)


def test_a_column_is_named_as_it_is_spelled_where_both_spellings_are_there():
    data = table(["a_b", "a c", "d"])
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(data, LABELS)
    assert fitted_columns(model, ["label", "a c", "a_b", "a b", "d"]) == ["a_b", "a c", "d"]


def test_an_audit_file_finds_the_columns_by_the_tables_spelling(tmp_path):
    from auditkit.loading.audit_file import inputs_of, read_audit_file

    data = table(NAMES["lightgbm"])
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(data, LABELS)
    model.booster_.save_model(tmp_path / "model.txt")
    data.assign(label=LABELS, more=1).to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "audit.yaml").write_text(
        "policy: starter\nmodel: model.txt\ndata: data.csv\nlabel: label\ngroups: [more]\n"
    )
    found = inputs_of(read_audit_file(tmp_path / "audit.yaml"), tmp_path)
    assert list(found.data.columns) == list(data.columns)
