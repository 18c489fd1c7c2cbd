"""Loading: what is refused and how, what is accepted, and digests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.errors import InputError, NothingToAuditError
from auditkit.loading import load_model, load_table, prepare
from auditkit.subject import Inputs
from auditkit.tables.convert import table_digest

N = 8
DATA = pd.DataFrame({"a": np.arange(N, dtype=float), "b": [0, 1] * (N // 2)})
LABELS = np.array([0, 1, 1, 0, 1, 0, 1, 1])
GROUPS = pd.DataFrame({"sex": list("mfmfmfmf")})


def half(rows):
    return np.linspace(0, 1, len(rows))


def inputs(**changes):
    return Inputs(**({"model": half, "data": DATA, "labels": LABELS, "groups": GROUPS,
                      "digest": "sha256:" + "0" * 64} | changes))  # fmt: skip


def test_a_case_holds_what_was_given():
    case = prepare(inputs(reference=DATA))
    assert case.labels.tolist() == [bool(v) for v in LABELS]
    assert case.decisions.tolist() == [s >= 0.5 for s in half(DATA)]
    assert case.groups["sex"].tolist() == list("mfmfmfmf")
    assert [d.role for d in case.datasets] == ["evaluation", "reference"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": LABELS[:-1]}, "labels has 7 rows and data has 8"),
        ({"labels": [None, *LABELS[1:]]}, "1 of 8 labels are missing, the first in row 0"),
        ({"labels": [np.nan, *LABELS[1:]]}, "1 of 8 labels are missing"),
        ({"labels": [2, *LABELS[1:]]}, "labels has 3 distinct values"),
        ({"labels": np.ones(N)}, "All 8 labels are equal"),
        ({"labels": np.array(["yes", "no"] * 4)}, "the favourable one is unknown"),
        ({"favourable": 3}, "No label has the favourable value 3"),
        ({"groups": GROUPS[:-1]}, "groups has 7 rows"),
        (
            {"groups": pd.DataFrame({"sex": pd.Categorical(list("mfmfmfmf"), list("mfx"))})},
            "The group 'x' of 'sex' has no members",
        ),
        ({"groups": pd.DataFrame({"sex": [None] * N})}, "Every value of the group column 'sex'"),
        ({"predictions": LABELS[:-1]}, "predictions has 7 rows"),
        ({"predictions": [None, *LABELS[1:]]}, "1 predictions are missing"),
        ({"predictions": np.full(N, 0.3)}, "predictions has 1 values that labels does not have"),
        ({"scores": np.full(N, 1.5)}, "8 of 8 scores are missing or outside [0, 1]"),
        ({"scores": [*[0.5] * 7, np.nan]}, "1 of 8 scores are missing"),
        ({"scores": ["a"] * N}, "not numbers"),
        ({"threshold": 1.2}, "threshold must be a number of at least 0 and at most 1"),
        ({"threshold": float("nan")}, "threshold must be a number"),
        ({"reference": DATA[:0]}, "reference has no rows"),
        ({"reference": DATA[["a"]]}, "reference lacks the column 'b'"),
        ({"data": pd.concat([DATA, DATA], axis=1)}, "two columns called 'a'"),
        ({"data": 3}, "which is not a table"),
        ({"model": object()}, "no predict_proba and is not callable"),
        ({"model": lambda rows: [0.5]}, "scores of shape (1,) for 8 rows"),
        ({"model": lambda rows: np.full(len(rows), 3.0)}, "outside [0, 1] for 8 of 8 rows"),
        ({"digest": "md5:00"}, "sha256"),
    ],
)
def test_refuses_with_a_message_and_a_remedy(changes, message):
    with pytest.raises(InputError) as caught:
        prepare(inputs(**changes))
    assert message in caught.value.message


@pytest.mark.parametrize("changes", [{"data": DATA[:0], "labels": []}, {"model": None}])
def test_nothing_to_audit_has_its_own_error(changes):
    with pytest.raises(NothingToAuditError):
        prepare(inputs(**changes))


def test_a_model_fitted_on_other_columns_is_refused():
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(DATA, LABELS)
    for data, message in (
        (DATA[["a"]], "lacks the column 'b'"),
        (DATA.assign(c=1), "has the column 'c'"),
        (DATA[["b", "a"]], "another order"),
    ):
        with pytest.raises(InputError, match=message):
            prepare(inputs(model=model, data=data, reference=None))
    assert prepare(inputs(model=model)).scores == pytest.approx(model.predict_proba(DATA)[:, 1])


def test_the_favourable_label_picks_the_class():
    from sklearn.linear_model import LogisticRegression

    deny = np.where(LABELS == 1, "no", "yes")
    model = LogisticRegression().fit(DATA, deny)
    case = prepare(inputs(model=model, labels=deny, favourable="no"))
    column = list(model.classes_).index("no")
    assert case.scores == pytest.approx(model.predict_proba(DATA)[:, column])
    assert case.labels.tolist() == (LABELS == 1).tolist()


def test_missing_groups_are_named_unknown_and_kept():
    case = prepare(inputs(groups={"sex": ["m", None, "f", np.nan, " m", "f", "m", "f"]}))
    assert case.groups["sex"].tolist() == ["m", "(unknown)", "f", "(unknown)", "m", "f", "m", "f"]


def test_the_same_table_of_any_kind_has_one_digest(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.0, None], "b": ["x", "y", None], "c": [1, 2, 3]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    read = [load_table(tmp_path / f"t.{kind}") for kind in ("csv", "parquet")]
    given = [frame, pl.from_pandas(frame), pa.Table.from_pandas(frame), *read]
    from auditkit.tables.convert import to_pandas

    assert len({table_digest(to_pandas(t, what="t")) for t in given}) == 1


@given(st.lists(st.floats(width=32), min_size=1, max_size=6), st.data())
def test_a_changed_value_name_or_order_changes_the_digest(values, data):
    frame = pd.DataFrame({"a": values, "b": range(len(values))})
    digest = table_digest(frame)
    assert table_digest(frame.copy()) == digest
    row = data.draw(st.integers(0, len(values) - 1))
    changed = frame.copy()
    changed.loc[row, "b"] += 1
    assert table_digest(changed) != digest
    assert table_digest(frame.rename(columns={"a": "A"})) != digest
    assert table_digest(frame[["b", "a"]]) != digest


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"", "tables are read and written as .csv"),
        ("t.csv", b"a,b\n\xff\xfe,1\n", "not UTF-8"),
        ("t.csv", b"", "is empty: it names no columns"),
        ("t.parquet", b"PAR1", "is not a Parquet file that can be read"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_table(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x04\x95", "is a pickle"),
        (b"PK\x03\x04", "is a ZIP archive"),
        (b"hello", "not in a known model format"),
        (b"{}", "learner is not an object"),
    ],
)
def test_models_that_are_not_data_are_refused(tmp_path, content, message):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_model(path)


def test_a_missing_file_is_named(tmp_path):
    for load in (load_table, load_model):
        with pytest.raises(InputError, match=r"no_such\.csv"):
            load(tmp_path / "no_such.csv")
