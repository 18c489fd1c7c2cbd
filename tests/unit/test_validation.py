"""Contracts, splits and skew: every seeded fault is found, and clean tables have none."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.cli import run
from auditkit.evidence import Outcome


def table(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    income = np.exp(draw.normal(10, 0.5, rows))
    return pd.DataFrame(
        {
            "id": np.arange(rows) + 1_000_000 * seed,
            "income": income,
            "amount": income * draw.uniform(0.1, 0.9, rows),
            "age": draw.integers(18, 90, rows),
            "town": draw.choice(["Aldham", "Bures", "Colne"], rows),
            "at": pd.date_range("2026-01-01", periods=rows, freq="h")
            + pd.Timedelta(days=400 * seed),
            "note": [None if i % 7 else "x" for i in range(rows)],
        }
    )


TRAIN = table(2000, 0)
CONTRACT = ak.Contract.propose(TRAIN, key=["id"], time="at")


def broken(found: ak.Validated) -> set[tuple[str, str]]:
    return {(r.question, r.column) for r in found.results if r.outcome is Outcome.FAIL}


def edited(**changed: Any) -> ak.Contract:
    return ak.Contract.model_validate(CONTRACT.model_dump() | changed)


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_clean_table_keeps_the_contract_of_the_training_data(seed: int) -> None:
    found = ak.validate(table(1000, seed), contract=CONTRACT)
    assert found.outcome is Outcome.PASS, found.to_frame()
    assert found.refused_rows == 0


def test_a_contract_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text(CONTRACT.to_yaml())
    assert ak.Contract.read(path) == CONTRACT
    assert ak.Contract.read(path).digest == CONTRACT.digest


def faulty(name: str) -> pd.DataFrame:
    frame = table(1000, 1)
    match name:
        case "renamed":
            return frame.rename(columns={"age": "years"})
        case "text":
            frame["age"] = frame["age"].astype(object)
            frame.loc[:49, "age"] = "n/a"
        case "range":
            frame.loc[:49, "income"] = 1e9
        case "level":
            frame.loc[:49, "town"] = "Dedham"
        case "missing":
            frame.loc[:49, "income"] = np.nan
        case "key":
            frame.loc[1:50, "id"] = frame.loc[0, "id"]
        case "unit":
            frame["income"] *= 0.01
        case "constant":
            frame["town"] = "Bures"
        case "clock":
            frame.loc[100:199, "at"] -= pd.Timedelta(days=365)
        case "time":
            frame["at"] = "yesterday"
    return frame


@pytest.mark.parametrize(
    ("fault", "question", "column"),
    [
        ("renamed", "column missing", "age"),
        ("renamed", "columns that the contract does not name", ""),
        ("text", "not a finite number", "age"),
        ("range", "above the greatest", "income"),
        ("level", "not among the levels", "town"),
        ("missing", "missing", "income"),
        ("key", "key twice", "id"),
        ("unit", "unit changed", "income"),
        ("constant", "one value only", "town"),
        ("clock", "earlier than the row before", "at"),
        ("time", "not a time", "at"),
    ],
)
def test_a_fault_is_found(fault: str, question: str, column: str) -> None:
    assert (question, column) in broken(ak.validate(faulty(fault), contract=CONTRACT))


@pytest.mark.parametrize(
    ("fault", "rows"), [("range", 50), ("level", 50), ("key", 50), ("unit", 0)]
)
def test_rows_that_break_a_hard_rule_are_counted(fault: str, rows: int) -> None:
    found = ak.validate(faulty(fault), contract=CONTRACT)
    assert found.refused_rows == rows


def test_a_soft_exception_warns():
    found = ak.validate(faulty("constant"), contract=CONTRACT)
    assert found.outcome is Outcome.UNCERTAIN
    assert [r.question for r in found.findings] == ["one value only"]


def test_rules_between_columns_and_times_in_the_future():
    rule = {"id": "affordable", "left": "amount", "operator": "<=", "right": "income"}
    contract = edited(rules=[rule])
    frame = table(1000, 1)
    assert ak.validate(frame, contract=contract).outcome is Outcome.PASS
    frame.loc[:29, "amount"] = 2 * frame.loc[:29, "income"]
    contract = edited(rules=[rule], columns=CONTRACT.model_dump()["columns"])
    found = ak.validate(frame, contract=contract, as_of=datetime(2026, 1, 1))  # noqa: DTZ001
    assert ("rule affordable broken", "amount <= income") in broken(found)
    assert ("in the future", "at") in broken(found)


def test_a_share_of_missing_values_is_judged_by_its_interval():
    columns = CONTRACT.model_dump()["columns"]
    columns["income"]["most_missing"] = 0.05
    frame = table(1000, 1)
    for missing, outcome in ((10, Outcome.PASS), (55, Outcome.UNCERTAIN), (120, Outcome.FAIL)):
        given = frame.assign(income=frame["income"].where(frame.index >= missing))
        found = ak.validate(given, contract=edited(columns=columns))
        share = next(r for r in found.results if (r.question, r.column) == ("missing", "income"))
        assert share.outcome is outcome


def test_counts_of_a_few_people_do_not_leave():
    frame = table(1000, 1)
    frame.loc[:4, "income"] = 1e9
    found = ak.validate(frame, contract=CONTRACT)
    text = "".join(r.statement for r in found.results)
    assert "fewer than 11 of 1,000" in text
    row = found.to_frame().query("question == 'above the greatest' and column == 'income'")
    assert row["count"].isna().all()
    numbers = {m.key: m for e in found.evidence for m in e.measurements}
    key = "share_of_rows[question=above the greatest,column=income]"
    assert numbers[key].value is None


def test_an_empty_table_and_a_wrong_contract_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ak.AuditkitError, match="no rows"):
        ak.validate(TRAIN.iloc[:0], contract=CONTRACT)
    with pytest.raises(ak.AuditkitError, match="'ident'"):
        ak.Contract.propose(TRAIN, key=["ident"])
    path = tmp_path / "c.yaml"
    path.write_text("id: a\nversion: '1'\ncolumns: {a: {kind: nummer}}\n")
    with pytest.raises(ak.AuditkitError, match=r"c\.yaml, line 3"):
        ak.validate(TRAIN, contract=path)


def halves(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    draw = np.random.default_rng(seed)
    frame = table(1200, seed).drop(columns="note")
    frame["bad"] = (draw.random(1200) < 0.3).astype(int)
    frame["household"] = np.arange(1200) // 2
    return frame.iloc[:800].reset_index(drop=True), frame.iloc[800:].reset_index(drop=True)


COLUMNS = {"key": "id", "time": "at", "label": "bad", "household": "household"}


@pytest.mark.parametrize("seed", range(20))
def test_clean_halves_share_nothing(seed: int) -> None:
    train, test = halves(seed)
    found = ak.splits(train, test, **COLUMNS)
    assert found.outcome is Outcome.PASS, found.to_frame()


@pytest.mark.parametrize("seed", range(3))
def test_every_seeded_leak_is_found(seed: int) -> None:
    train, test = halves(seed)
    draw = np.random.default_rng(seed)
    doubled = test.copy()
    doubled.iloc[:4] = train.iloc[:4].to_numpy()  # 1 % of the rows
    assert ("row in both", "") in broken(ak.splits(train, doubled, key="id"))

    shared = test.assign(id=np.r_[train["id"][:4], test["id"][4:]])
    assert ("key in both", "id") in broken(ak.splits(train, shared, **COLUMNS))

    family = test.assign(household=np.r_[train["household"][:4], test["household"][4:]])
    assert ("household in both", "household") in broken(ak.splits(train, family, **COLUMNS))

    near = test.copy()
    features = ["income", "amount", "age", "town"]
    near[features] = train[features].iloc[: len(test)].to_numpy()
    near["income"] = near["income"].astype(float) * (1 + 1e-9)
    found = ak.splits(train[features], near[features].astype(train[features].dtypes))
    assert ("near duplicate in both", "") in broken(found)
    assert ("row in both", "") not in broken(found)

    early = test.assign(at=test["at"] - pd.Timedelta(days=20))
    assert ("not after the training", "at") in broken(ak.splits(train, early, **COLUMNS))

    copied = [f.assign(flag=f["bad"].map({0: "no", 1: "yes"})) for f in (train, test)]
    assert ("gives the label alone", "flag") in broken(ak.splits(*copied, **COLUMNS))
    noisy = [f.assign(risk=f["bad"] + draw.normal(0, 0.2, len(f))) for f in (train, test)]
    assert ("gives the label alone", "risk") in broken(ak.splits(*noisy, **COLUMNS))

    dated = [f.assign(closed=f["at"] + pd.Timedelta(days=9)) for f in (train, test)]
    assert ("later than the decision", "closed") in broken(ak.splits(*dated, **COLUMNS))


def test_identical_types_are_not_needed_for_an_overlap():
    train, test = halves(0)
    test = test.astype({"age": float})
    test.iloc[0] = train.iloc[0]
    assert ("row in both", "") in broken(ak.splits(train, test, key="id"))


def test_leakage_without_a_label_is_not_tested():
    found = ak.splits(*halves(0), key="id")
    assert found.outcome is Outcome.NOT_ASSESSED
    with pytest.raises(ak.AuditkitError, match="test has no column 'other'"):
        ak.splits(halves(0)[0].assign(other=1), halves(0)[1], key="other")


def test_skew_finds_the_feature_that_is_computed_otherwise():
    logged = table(1500, 0).drop(columns="at")
    recomputed = logged.sample(frac=1, random_state=0).reset_index(drop=True)
    assert ak.skew(logged, recomputed, key="id").outcome is Outcome.PASS
    recomputed.loc[:99, "income"] *= 1.01
    recomputed["age"] = recomputed["age"] + 1e-9
    found = ak.skew(logged, recomputed, key="id")
    assert broken(found) == {("equal", "income")}
    row = found.to_frame().query("question == 'equal' and column == 'income'")
    assert row["count"].tolist() == [1400]


def test_skew_tells_missing_values_and_defaults_from_others():
    logged = table(1500, 0)[["id", "income", "age"]]
    recomputed = logged.copy()
    logged.loc[:199, "income"] = np.nan
    logged.loc[:199, "age"] = 0
    found = broken(ak.skew(logged, recomputed, key="id"))
    assert ("missing in one only", "income") in found
    assert ("0 where there is a value", "age") in found


def test_few_entities_leave_skew_uncertain():
    logged = table(40, 0)[["id", "income"]]
    assert ak.skew(logged, logged, key="id").outcome is Outcome.UNCERTAIN


def test_skew_needs_entities_that_are_named_once():
    logged = table(40, 0)
    with pytest.raises(ak.AuditkitError, match="share no entity"):
        ak.skew(logged, table(40, 1), key="id")
    with pytest.raises(ak.AuditkitError, match="a key twice"):
        ak.skew(logged, logged, key="town")


def test_the_commands_exit_by_what_they_find(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    TRAIN.to_csv("train.csv", index=False)
    table(1000, 1).to_csv("day.csv", index=False)
    faulty("range").to_csv("bad.csv", index=False)
    TRAIN.iloc[:0].to_csv("none.csv", index=False)
    contract = ["--contract", "contract.yaml"]
    assert (
        run(["validate", "train.csv", *contract, "--propose", "--key", "id", "--time", "at"]) == 0
    )
    assert run(["validate", "train.csv", *contract, "--propose"]) == 2
    until = ["--as-of", "2030-01-01"]
    assert run(["validate", "day.csv", *contract, *until]) == 0
    assert run(["validate", "bad.csv", *contract, *until]) == 10
    assert "50 of 1,000 rows break a hard rule" in capsys.readouterr().err
    assert run(["validate", "none.csv", *contract]) == 3
    train, test = halves(0)
    train.to_csv("a.csv", index=False)
    test.to_csv("b.csv", index=False)
    given = ["--key", "id", "--time", "at", "--label", "bad", "--household", "household"]
    assert run(["splits", "a.csv", "b.csv", *given]) == 0
    assert run(["splits", "a.csv", "b.csv"]) == 11
    capsys.readouterr()
    assert run(["splits", "a.csv", "a.csv", *given, "--json"]) == 10
    rows = json.loads(capsys.readouterr().out)
    assert {"outcome", "severity", "question", "column", "count", "n"} == set(rows[0])
