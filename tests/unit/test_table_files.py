"""Tables in files: what is missing, what is a number, what is a code, and what is no table."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

import auditkit as ak
from auditkit.errors import InputError
from auditkit.loading import load_table, prepare
from auditkit.loading.audit_file import inputs_of, read_audit_file
from auditkit.loading.files import OFTEN_MISSING
from auditkit.tables.convert import table_digest
from auditkit.tables.reading import read_batches, read_table

WORDS = sorted(OFTEN_MISSING)


def written(folder, table, kind):
    path = folder / f"t.{kind}"
    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        rows = table.astype(object).where(table.notna(), None).to_dict("records")
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


KINDS = ["csv", "parquet", "jsonl", "ndjson"]


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_empty_is_missing(tmp_path, kind):
    table = pd.DataFrame({"w": [*WORDS, "", None], "x": range(len(WORDS) + 2)})
    found = load_table(written(tmp_path, table, kind))
    assert found["w"].dropna().tolist() == WORDS
    assert found["x"].tolist() == list(range(len(table)))


@pytest.mark.parametrize("kind", KINDS)
def test_words_that_are_named_are_missing_and_no_others(tmp_path, kind):
    table = pd.DataFrame({"w": ["NA", "na", "NA ", "None", "-9"], "x": ["1", "NA", "3", "?", "5"]})
    found = load_table(written(tmp_path, table, kind), missing=["NA", "?"])
    assert found["w"].isna().tolist() == [True, False, False, False, False]
    assert found["x"].isna().tolist() == [False, True, False, True, False]
    if kind != "parquet":  # whose columns have the types that they were given
        assert found["x"].dropna().tolist() == [1.0, 3.0, 5.0]


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1", "2", "", "3"], [1.0, 2.0, None, 3.0]),
        (["1", "2", "3"], [1, 2, 3]),
        ([" 1", "+2 ", "-3"], [1, 2, -3]),
        (["1.5", "2", ".5", "1e3", "4."], [1.5, 2.0, 0.5, 1000.0, 4.0]),
        (["inf", "-Infinity", "1"], [math.inf, -math.inf, 1.0]),
        (["", "", ""], [None] * 3),
        (["true", "False", "TRUE"], [True, False, True]),
        (["007", "02139", "10"], [7, 2139, 10]),
        (["1", "NaN"], ["1", "NaN"]),
        (["1", "2x"], ["1", "2x"]),
        (["1,000", "2"], ["1,000", "2"]),
        (["0x10", "1_000"], ["0x10", "1_000"]),
        (["2020-01-01", "2020-01-02"], ["2020-01-01", "2020-01-02"]),
        (["123456789012345678901", "1"], ["123456789012345678901", "1"]),
        (["yes", "no"], ["yes", "no"]),
        (["\u0661", "\u0662"], ["\u0661", "\u0662"]),
    ],
)
def test_a_column_is_numbers_if_every_cell_reads_as_one(tmp_path, cells, read):
    pd.DataFrame({"a": range(len(cells)), "b": cells}).to_csv(tmp_path / "t.csv", index=False)
    found = load_table(tmp_path / "t.csv")["b"]
    known = [v for v in read if v is not None]
    assert found.isna().tolist() == [v is None for v in read]
    assert found.dropna().tolist() == known
    assert {type(v) for v in found.dropna().tolist()} == {type(v) for v in known}


@given(
    st.lists(st.floats(allow_nan=False), min_size=1),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
)
def test_numbers_are_read_to_the_last_bit(tmp_path_factory, floats, whole):
    folder = tmp_path_factory.mktemp("t")
    for values in (floats, whole):
        path = written(folder, pd.DataFrame({"a": values}), "csv")
        assert load_table(path)["a"].tolist() == values


def test_a_table_of_every_kind_has_one_digest(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"a": rng.normal(size=500) / 3, "b": rng.integers(0, 9, 500), "c": ["NA", "x"] * 250}
    )
    table.loc[3, ["a", "c"]] = None
    digests = {table_digest(load_table(written(tmp_path, table, kind))) for kind in KINDS}
    assert digests == {table_digest(table)}


def test_columns_that_are_named_stay_text_as_they_are_written(tmp_path):
    (tmp_path / "t.csv").write_text("zip,n\n02139,1\n10001,2\n,3\n")
    assert load_table(tmp_path / "t.csv", text=["zip"])["zip"].dropna().tolist() == [
        "02139",
        "10001",
    ]
    assert load_table(tmp_path / "t.csv")["n"].tolist() == [1, 2, 3]


TWICE = {
    "csv": b"a,b,a\n1,2,3\n",
    "csv quoted": b'"a",b,a\n1,2,3\n',
    "csv empty": b"a,,\n1,2,3\n",
    "csv without rows": b"a,a\n",
    "jsonl": b'{"a": 1, "b": 2, "a": 3}\n',
    "jsonl nested": b'{"a": {"b": 1}, "a.b": 3}\n',
    "jsonl later": b'{"a": 1}\n{"a": 1, "a": 2}\n',
}


@pytest.mark.parametrize("kind", [*TWICE, "parquet", "parquet without rows"])
def test_a_name_that_stands_twice_is_an_error_in_every_format(tmp_path, kind):
    path = tmp_path / f"t.{kind.split(' ', maxsplit=1)[0]}"
    if kind in TWICE:
        path.write_bytes(TWICE[kind])
    else:
        values = pa.array([] if "without" in kind else [1, 2], pa.int64())
        pq.write_table(pa.table([values, values], names=["a", "a"]), path)
    for read in (load_table, lambda p: list(read_batches(p)), read_table):
        with pytest.raises(InputError, match=r"columns alike|not JSON|two keys give"):
            read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "row 2: 1 cells, expected 2"),
        ("a,b\n1,2,3\n4,5,6\n", "row 1: 3 cells, expected 2"),
        ('a,b\n1,"2\n', "not well-formed CSV"),
        ('a,b\n1,"2"x\n', "not well-formed CSV"),
    ],
)
def test_rows_of_another_length_are_not_filled_up_or_shifted(tmp_path, content, message):
    """As pandas fills the first with a missing value, and takes the second's cells for an index."""
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        load_table(tmp_path / "t.csv")


@given(
    st.lists(
        st.lists(st.text(st.sampled_from('a,"\n\r é'), max_size=6), min_size=2, max_size=2),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
)
def test_csv_with_cells_beyond_the_modules_limit_reads_as_without(
    tmp_path_factory, rows, end, limit
):
    """The limit is lowered here, so that short cells are beyond it; nothing else may differ."""
    path = tmp_path_factory.mktemp("t") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["k", "v"], *rows])
    want = [[cell or None for cell in row] for row in rows]
    before = csv.field_size_limit(limit)
    try:
        found = read_table(path)
        assert csv.field_size_limit() == limit
    finally:
        csv.field_size_limit(before)
    assert [list(row.values()) for row in found.to_pylist()] == want


def test_a_long_cell_is_read_and_the_limit_of_the_process_left_alone(tmp_path):
    before = csv.field_size_limit()
    long = 'He said "no", and left.\n' * 20_000
    table = pd.DataFrame({"note": ["short", long, "short"], "n": [1, 2, 3]})
    found = load_table(written(tmp_path, table, "csv"))
    assert found["note"].tolist() == ["short", long, "short"]
    assert found["n"].tolist() == [1, 2, 3]
    assert csv.field_size_limit() == before
    (tmp_path / "t.csv").write_text('a,b\n1,"' + long.replace('"', ""))
    with pytest.raises(InputError, match="not well-formed CSV"):
        load_table(tmp_path / "t.csv")


def audit(folder, table, **keys):
    table.to_csv(folder / "t.csv", index=False)
    keys = {"data": "t.csv", "label": "y", "scores": "s", "policy": "starter"} | keys
    lines = [f"{key}: {json.dumps(value)}" for key, value in keys.items() if value]
    (folder / "audit.yaml").write_text("\n".join(lines))
    return inputs_of(read_audit_file(folder / "audit.yaml"), folder)


def test_groups_of_an_audit_file_are_the_words_of_the_table(tmp_path):
    table = pd.DataFrame({"y": [0, 1] * 8, "s": [0.2, 0.9] * 8, "x": range(16)})
    table["g"] = ["NA", "None", "007", "7", "1.0", "", "n/a", "true"] * 2
    groups = prepare(audit(tmp_path, table, groups=["g"])).groups["g"]
    assert set(groups) == {"NA", "None", "007", "7", "1.0", "(unknown)", "n/a", "true"}
    groups = prepare(audit(tmp_path, table, groups=["g"], missing=["NA", "n/a"])).groups["g"]
    assert set(groups) == {"None", "007", "7", "1.0", "(unknown)", "true"}
    # Codes with a gap: to pandas they are floats, and the groups would be 1.0 and 2.0.
    table["g"] = ["1", "2", "", "1"] * 4
    assert set(prepare(audit(tmp_path, table, groups=["g"])).groups["g"]) == {"1", "2", "(unknown)"}


def test_a_feature_with_words_for_missing_says_how_to_read_them(tmp_path):
    table = pd.DataFrame({"y": [0, 1] * 8, "s": [0.2, 0.9] * 8, "x": ["1", "NA", "2", "?"] * 4})
    model = xgboost.XGBClassifier(n_estimators=1).fit(pd.DataFrame({"x": [1, 2]}), [0, 1])
    model.save_model(tmp_path / "m.json")
    scored = {"model": "m.json", "scores": None}
    with pytest.raises(InputError, match="column 'x' holds text in 8 of 16 rows") as caught:
        audit(tmp_path, table, **scored)
    assert caught.value.remedy.endswith('missing: ["?", "NA"]')
    assert audit(tmp_path, table, **scored, missing=["?", "NA"]).data["x"].isna().sum() == 8
    table["x"] = ["1", "Ann Lee"] * 8
    with pytest.raises(InputError, match="column 'x' holds text in 8 of 16 rows") as caught:
        audit(tmp_path, table, **scored)
    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize(("sign", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_another_separator_is_named(tmp_path, sign, word):
    path = tmp_path / "t.csv"
    path.write_text(f"x{sign}label\n0,5{sign}1\n")
    with pytest.raises(InputError, match=f"separated by {word}, not by commas"):
        read_table(path)
    path.write_text(f"x{sign}y,label\n0,1\n")
    assert read_table(path).column_names == [f"x{sign}y", "label"]


def test_a_first_line_that_comes_again_is_found(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,label\n1,0\n2,1\nx,label\n3,0\n")
    with pytest.raises(InputError, match="row 3: the first line again"):
        read_table(path)
    path.write_text("x\n1\nx\n")
    assert read_table(path).column("x").to_pylist() == ["1", "x"]


def test_scores_that_are_no_numbers_are_counted():
    for bad in ("NA", "0.7\0", None):
        scores = [0.2, 0.4, bad, 0.9]
        inputs = ak.Inputs(
            data=pd.DataFrame({"x": range(4)}), labels=[0, 1, 0, 1], scores=np.array(scores, object)
        )
        with pytest.raises(InputError, match=r"scores.*1 of 4|1 of 4 scores") as caught:
            prepare(inputs)
        assert caught.value.remedy == "give probabilities of the favourable outcome"
