"""Models as people train them, from their own files and an audit.yaml: columns of every kind."""

from __future__ import annotations

import hashlib

import catboost
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
import yaml
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

import auditkit as ak
from auditkit.cli import app
from auditkit.errors import InputError
from auditkit.evidence import Outcome
from auditkit.loading.audit_file import inputs_of, read_audit_file
from auditkit.loading.models import load_model

pytestmark = pytest.mark.server

N = 160
RNG = np.random.default_rng(7)
TABLE = pd.DataFrame(
    {
        "income": RNG.normal(40, 9, N).round(2),
        "job": RNG.choice(["clerk", "nurse", "cook"], N),
        "owner": RNG.random(N) < 0.4,
    }
)
DRIVE = TABLE.income + 8 * (TABLE.job == "nurse") + RNG.normal(0, 5, N)
LABELS = {
    "binary": (DRIVE > 43).astype(int),
    "classes": pd.Series(np.digitize(DRIVE, [38, 48])),
    "number": (100 * DRIVE).round(1),
}
POLICY = {
    "binary": "starter",
    "classes": "starter-multiclass",
    "number": "starter-regression",
}
CHECK = {
    "binary": "performance.classification",
    "classes": "performance.multiclass",
    "number": "performance.regression",
}
CATEGORIES = TABLE.assign(job=TABLE.job.astype("category"))


def text_pipeline(last):
    encode = ColumnTransformer([("job", OneHotEncoder(), ["job"])], remainder="passthrough")
    return make_pipeline(encode, last)


def ways():
    plain, tree = LogisticRegression(max_iter=500), DecisionTreeClassifier(max_depth=2)
    yield "pipeline", "binary", "m.joblib", text_pipeline(plain)
    yield "calibrated", "binary", "m.joblib", CalibratedClassifierCV(text_pipeline(tree), cv=2)
    stacked = StackingClassifier([("a", text_pipeline(tree))], plain, cv=2)
    yield "stacking", "binary", "m.joblib", stacked
    two = [("a", text_pipeline(tree)), ("b", text_pipeline(plain))]
    yield "voting", "classes", "m.joblib", VotingClassifier(two, voting="soft")
    search = GridSearchCV(text_pipeline(tree), {"decisiontreeclassifier__max_depth": [1, 2]}, cv=2)
    yield "grid search", "classes", "m.joblib", search
    yield (
        "regressor",
        "number",
        "m.joblib",
        text_pipeline(GradientBoostingRegressor(n_estimators=5)),
    )
    for task, kind in (("classes", "Classifier"), ("number", "Regressor")):
        boosted = getattr(xgboost, f"XGB{kind}")(n_estimators=3, enable_categorical=True)
        yield f"xgboost {task}", task, "m.json", boosted
        light = getattr(lightgbm, f"LGBM{kind}")(n_estimators=3, verbose=-1)
        yield f"lightgbm {task}", task, "m.txt", light
        cat = getattr(catboost, f"CatBoost{kind}")(
            iterations=3, cat_features=["job"], verbose=False, allow_writing_files=False
        )
        yield f"catboost {task}", task, "m.cbm", cat


def write(folder, task, name, model, **changes):
    """A model with its rows and audit.yaml in a folder; the audit file's path."""
    boosted = name in ("m.json", "m.txt")
    model.fit(CATEGORIES if boosted else TABLE, LABELS[task])
    if name == "m.joblib":
        joblib.dump(model, folder / name)
    elif name == "m.txt":
        model.booster_.save_model(folder / name)
    else:
        model.save_model(str(folder / name))
    rows = TABLE.assign(label=LABELS[task], sex=np.where(np.arange(N) % 2, "f", "m"))
    rows.to_csv(folder / "rows.csv", index=False)
    TABLE.to_csv(folder / "reference.csv", index=False)
    keys = {
        "model": name, "data": "rows.csv", "label": "label", "groups": ["sex"],
        "reference": "reference.csv", "policy": POLICY[task],
    }  # fmt: skip
    if name == "m.joblib":
        with pytest.raises(InputError) as caught:
            load_model(folder / name)
        offered = caught.value.remedy.partition("expect: ")[2].partition(";")[0]
        keys["expect"] = yaml.safe_load(offered)
    path = folder / "audit.yaml"
    path.write_text(yaml.safe_dump(keys | changes))
    return path


@pytest.mark.parametrize(
    ("task", "name", "model"), [way[1:] for way in ways()], ids=[way[0] for way in ways()]
)
def test_a_model_is_audited_from_its_file_as_it_scores_here(task, name, model, tmp_path):
    path = write(tmp_path, task, name, model)
    inputs = inputs_of(read_audit_file(path), tmp_path)
    audit = ak.run(inputs, policy=POLICY[task], progress=False)
    assert {f.outcome for f in audit.findings} <= set(Outcome) - {Outcome.ERROR}
    found = audit.evidence_of(CHECK[task])
    predicted = np.ravel(model.predict(CATEGORIES if name in ("m.json", "m.txt") else TABLE))
    if task == "number":
        wanted = np.abs(predicted - LABELS[task]).mean()
        assert found.measurement("mae").value == pytest.approx(wanted, rel=1e-4)
    else:
        wanted = (predicted.astype(int) == LABELS[task]).mean()
        assert found.measurement("accuracy").value == pytest.approx(wanted)
    assert audit.evidence_of("explanation.global").outcome is Outcome.PASS


def test_a_category_that_a_booster_does_not_know_is_refused_with_its_count(tmp_path):
    model = xgboost.XGBRegressor(n_estimators=2, enable_categorical=True)
    path = write(tmp_path, "number", "m.json", model)
    rows = pd.read_csv(tmp_path / "rows.csv")
    rows.loc[:2, "job"] = "pilot"
    rows.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(InputError, match="'job' holds values in 3 of 160 rows that the model was"):
        inputs_of(read_audit_file(path), tmp_path)


def test_words_in_the_file_are_taken_for_the_models_values(tmp_path):
    model = xgboost.XGBClassifier(n_estimators=2, enable_categorical=True)
    path = write(tmp_path, "binary", "m.json", model, label_values={"good": 1, "bad": 0})
    rows = pd.read_csv(tmp_path / "rows.csv")
    rows["label"] = rows.label.map({1: "good", 0: "bad"})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    case = inputs_of(read_audit_file(path), tmp_path)
    audit = ak.run(case, policy="starter", progress=False)
    wanted = (model.predict(CATEGORIES) == LABELS["binary"]).mean()
    found = audit.evidence_of("performance.classification").measurement("accuracy")
    assert found.value == pytest.approx(wanted)


ZIPPED = TABLE.assign(zip=np.where(np.arange(N) % 3, "00100", "10115"))


def zipped(last, task):
    """A pipeline on columns of text, one of which looks like numbers in a file of text."""
    encode = ColumnTransformer([("t", OneHotEncoder(), ["job", "zip"])], remainder="passthrough")
    return make_pipeline(encode, last).fit(ZIPPED, LABELS[task])


@pytest.mark.parametrize(
    ("task", "last", "more"),
    [
        ("binary", LogisticRegression(max_iter=500), ["--label-values", "good=1,bad=0"]),
        ("classes", DecisionTreeClassifier(max_depth=3), []),
        ("number", GradientBoostingRegressor(n_estimators=5), []),
    ],
)
def test_init_writes_an_audit_of_each_task_with_the_columns(task, last, more, tmp_path):
    """The plain SHA-256 of the file is enough to demand it, and the file that is made is whole."""
    joblib.dump(zipped(last, task), tmp_path / "m.joblib")
    label = LABELS[task].map({1: "good", 0: "bad"}) if task == "binary" else LABELS[task]
    rows = ZIPPED.assign(label=label, sex=np.where(np.arange(N) % 2, "f", "m"))
    rows.to_csv(tmp_path / "rows.csv", index=False)
    digest = "sha256:" + hashlib.sha256((tmp_path / "m.joblib").read_bytes()).hexdigest()
    path = tmp_path / "audit.yaml"
    asked = ["init", "--model", tmp_path / "m.joblib", "--data", tmp_path / "rows.csv"]
    asked += ["--label", "label", "--groups", "sex", "-o", path, *more]
    without = CliRunner().invoke(app, [str(one) for one in asked])
    assert isinstance(without.exception, InputError)
    assert not path.exists()
    made = CliRunner().invoke(app, [*map(str, asked), "--expect", digest])
    assert made.exit_code == 0, made.output
    audit = read_audit_file(path)
    assert audit.columns == {"income": "number", "job": "text", "owner": "boolean", "zip": "text"}
    assert audit.policy == POLICY[task]
    assert (audit.threshold is not None) == (task == "binary")
    inputs = inputs_of(audit, tmp_path)
    found = ak.run(inputs, log=None, expect={"model": digest}, progress=False)
    assert found.policy.id == POLICY[task]
    assert not [f for f in found.findings if f.outcome is Outcome.ERROR]
    with pytest.raises(InputError, match="not the expected one"):
        ak.run(inputs, log=None, expect={"model": "sha256:" + "0" * 64}, progress=False)


def test_a_table_that_breaks_the_contract_is_refused(tmp_path):
    path = write(tmp_path, "binary", "m.joblib", text_pipeline(LogisticRegression(max_iter=500)))
    whole = yaml.safe_load(path.read_text())
    rows = pd.read_csv(tmp_path / "rows.csv")
    for columns, said in (
        ({"income": "boolean"}, "'income' does not hold true or false in 160 of 160 rows"),
        ({"job": "date"}, "'job' does not hold a date in 160 of 160 rows"),
        ({"job": ["clerk", "nurse"]}, "'job' holds values in .* rows that columns does not name"),
        ({"job": "number"}, "'job' holds text in 160 of 160 rows"),
        ({"jab": "text"}, "columns names 'jab', which the model was not fitted on"),
    ):
        path.write_text(yaml.safe_dump(whole | {"columns": columns}))
        with pytest.raises(InputError, match=said):
            inputs_of(read_audit_file(path), tmp_path)
    rows.drop(columns="owner").to_csv(tmp_path / "rows.csv", index=False)
    path.write_text(yaml.safe_dump(whole | {"columns": {"owner": "boolean"}}))
    with pytest.raises(InputError, match="has no column 'owner'"):
        inputs_of(read_audit_file(path), tmp_path)
