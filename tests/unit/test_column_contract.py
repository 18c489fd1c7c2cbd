"""The column contract: kinds and levels, read and checked; and what init writes."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pytest
import xgboost
import yaml
from sklearn.linear_model import LinearRegression

import auditkit as ak
from auditkit.cli import run
from auditkit.errors import InputError
from auditkit.loading.audit_file import inputs_of, read_audit_file
from auditkit.loading.columns import as_contracted, contract_of

N = 90
RNG = np.random.default_rng(3)
ROWS = pd.DataFrame(
    {
        "income": RNG.normal(40, 9, N).round(2),
        "code": RNG.choice(["007", "12"], N),
        "owner": RNG.choice(["true", "false"], N),
        "opened": RNG.choice(["2026-01-31", "2025-07-01"], N),
        "job": RNG.choice(["clerk", "nurse"], N),
        "score": RNG.random(N).round(3),
        "label": RNG.integers(0, 2, N),
    }
)
COLUMNS = {
    "income": "number",
    "code": "text",
    "owner": "boolean",
    "opened": "date",
    "job": ["nurse", "clerk"],
}
KEYS = {"scores": "score", "data": "rows.csv", "label": "label", "policy": "starter"}


def read(folder, rows=ROWS, columns=COLUMNS):
    rows.to_csv(folder / "rows.csv", index=False)
    (folder / "audit.yaml").write_text(yaml.safe_dump(KEYS | {"columns": columns}, sort_keys=False))
    return inputs_of(read_audit_file(folder / "audit.yaml"), folder)


def test_a_file_is_read_as_its_contract_says(tmp_path):
    data = read(tmp_path).data
    assert list(data.columns) == list(COLUMNS)
    assert set(data.code) == {"007", "12"}
    assert data.owner.dtype == bool
    assert data.opened.dtype.kind == "M"
    assert list(data.job.cat.categories) == ["nurse", "clerk"]
    assert contract_of(None, data) == {**COLUMNS, "job": ("nurse", "clerk")}
    assert ak.run(ak.Inputs(data=data, scores=ROWS.score, labels=ROWS.label), progress=False)


def test_a_missing_value_stays_one_whatever_the_kind(tmp_path):
    rows = ROWS.astype(object)
    rows.loc[:3, list(COLUMNS)] = None
    data = read(tmp_path, rows).data
    assert (data.isna().sum() == 4).all()
    assert data.opened.dtype.kind == "M"
    assert set(data.owner.dropna()) == {True, False}


@pytest.mark.parametrize(
    ("column", "wrong", "said"),
    [
        ("income", "much", "'income' holds text in 1 of 90 rows"),
        ("owner", "maybe", "'owner' does not hold true or false in 1 of 90 rows"),
        ("opened", "31.1.2026", "'opened' does not hold a date in 1 of 90 rows"),
        ("job", "pilot", "'job' holds values in 1 of 90 rows that columns does not name"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_its_count_and_not_quoted(
    tmp_path, column, wrong, said
):
    rows = ROWS.astype({column: object})
    rows.loc[3, column] = wrong
    with pytest.raises(InputError, match=said) as caught:
        read(tmp_path, rows)
    assert wrong not in str(caught.value)


def test_a_column_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="has no column 'debt', which columns names"):
        read(tmp_path, columns={"debt": "number"})


def test_decimals_of_a_file_are_numbers(tmp_path):
    cents = [decimal.Decimal(f"{v:.2f}") for v in ROWS.income]
    ROWS.assign(income=cents).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump(KEYS | {"data": "rows.parquet"}))
    data = inputs_of(read_audit_file(tmp_path / "audit.yaml"), tmp_path).data
    np.testing.assert_allclose(data.income, ROWS.income)


def test_a_contract_that_the_model_does_not_know_is_refused():
    model = LinearRegression().fit(ROWS[["income"]], ROWS.score)
    taken = as_contracted(ROWS, ["income"], {}, source="rows", models=[model])
    assert list(taken) == ["income"]
    from auditkit.loading.columns import features_of

    with pytest.raises(InputError, match="columns names 'job', which the model was not fitted on"):
        features_of([model], {"job": "text"}, ROWS, [])


def test_without_a_policy_the_starter_of_the_task_is_taken():
    given = {"data": ROWS[["income"]], "progress": False}
    data = given.pop("data")
    for own, policy in (
        ({"predictions": ROWS.score * 9, "labels": ROWS.income}, "starter-regression"),
        ({"predictions": ROWS.label * 2, "labels": ROWS.index % 3, "task": "classes"},
         "starter-multiclass"),
        ({"scores": ROWS.score, "labels": ROWS.label}, "starter"),
    ):  # fmt: skip
        audit = ak.run(ak.Inputs(data=data, **own), **given)
        assert audit.policy.id == policy
        assert policy in repr(audit)


@pytest.mark.server
@pytest.mark.parametrize(
    "way",
    [
        ("Classifier", "label", None, "starter"),
        ("Classifier", "level", "classes", "starter-multiclass"),
        ("Regressor", "income", "number", "starter-regression"),
    ],
)
def test_init_finds_the_task_and_writes_what_run_reads(tmp_path, monkeypatch, capsys, way):
    kind, label, task, policy = way
    monkeypatch.chdir(tmp_path)
    rows = ROWS[["job", "score"]].assign(
        label=ROWS.label, level=np.arange(N) % 3, income=ROWS.income
    )
    rows.to_csv("rows.csv", index=False)
    taken = rows[["job", "score"]].assign(job=rows.job.astype("category"))
    model = getattr(xgboost, f"XGB{kind}")(n_estimators=2, enable_categorical=True)
    model.fit(taken, rows[label]).save_model("m.json")
    words = ["init", "--model", "m.json", "--data", "rows.csv", "--label", label]
    assert run(words) == 0, capsys.readouterr().err
    made = read_audit_file(tmp_path / "audit.yaml")
    assert (made.task, made.policy) == (task, policy)
    assert (made.threshold is None) == (task is not None)
    assert dict(made.columns) == {"job": ("clerk", "nurse"), "score": "number"}
    assert run(["gate", "audit.yaml"]) in (0, 10, 11)
