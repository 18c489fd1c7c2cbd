"""Rows that are paired: one rule for every function that takes rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import auditkit as ak
from auditkit.errors import InputError
from auditkit.loading import prepare
from auditkit.measures.fairness.comparison import by_class, fairness, within
from auditkit.measures.fairness.local_law_144 import local_law_144
from auditkit.measures.fairness.regression import regression_fairness
from auditkit.tables.pairing import refuse_other_rows

N = 60
RNG = np.random.default_rng(0)
ORDER = RNG.permutation(N)
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N)}, index=ORDER)
COLUMNS = {
    "labels": pd.Series(RNG.integers(0, 2, N), index=ORDER),
    "predictions": pd.Series(RNG.integers(0, 2, N), index=ORDER),
    "scores": pd.Series(RNG.random(N), index=ORDER),
    "weights": pd.Series(RNG.random(N) + 0.1, index=ORDER),
    "clusters": pd.Series(np.arange(N) // 2, index=ORDER),
    "g": pd.Series(RNG.choice(["u", "v"], N), index=ORDER),
    "h": pd.Series(RNG.choice(["s", "t"], N), index=ORDER),
}
MODEL = LogisticRegression().fit(X, COLUMNS["labels"])


def run(**c):
    """An audit's labels, decisions and groups, as the checks read them."""
    case = prepare(
        ak.Inputs(data=c["X"], labels=c["labels"], predictions=c["predictions"],
                  scores=c["scores"], groups=c["groups"])
    )  # fmt: skip
    return case.labels, case.decisions, case.scores, *case.groups.values()


def frame(found):
    return found.to_frame().select_dtypes("number").to_numpy()


def alternatives(**c):
    given = {"data": c["X"], "labels": c["labels"], "groups": c["g"]}
    train = ak.Inputs(data=X, labels=COLUMNS["labels"], groups=COLUMNS["g"])
    return ak.alternatives(MODEL, **given, train=train, grid_size=2, min_group=1)


def trained(**c):
    given = {"data": X, "labels": COLUMNS["labels"], "groups": COLUMNS["g"]}
    train = ak.Inputs(data=c["X"], labels=c["labels"], groups=c["g"])
    return ak.alternatives(MODEL, **given, train=train, grid_size=2, min_group=1)


# Every function that takes rows, with the inputs that it pairs.
TAKES_ROWS = {
    "run": (run, ["X", "labels", "predictions", "scores", "groups"]),
    "fairness": (
        lambda **c: fairness(
            c["labels"], c["predictions"], groups=c["groups"], scores=c["scores"],
            weights=c["weights"], clusters=c["clusters"], replicates=20,
        ),
        ["labels", "predictions", "groups", "scores", "weights", "clusters"],
    ),
    "fairness of a mapping": (
        lambda **c: fairness(c["labels"], c["predictions"], groups={"g": c["g"], "h": c["h"]}),
        ["labels", "g", "h"],
    ),
    "by_class": (
        lambda **c: by_class(c["labels"], c["predictions"], groups=c["g"], weights=c["weights"]),
        ["labels", "predictions", "g", "weights"],
    ),
    "within": (
        lambda **c: within(
            c["labels"], c["predictions"], groups=c["g"], control=c["h"], scores=c["scores"]
        ),
        ["labels", "predictions", "g", "h", "scores"],
    ),
    "regression_fairness": (
        lambda **c: regression_fairness(c["scores"], c["weights"], groups=c["g"]),
        ["scores", "weights", "g"],
    ),
    "local_law_144 of decisions": (
        lambda **c: local_law_144(sex=c["g"], race=c["h"], predictions=c["predictions"]),
        ["g", "h", "predictions"],
    ),
    "local_law_144 of scores": (
        lambda **c: local_law_144(sex=c["g"], race=c["h"], scores=c["scores"]),
        ["g", "h", "scores"],
    ),
    "alternatives": (alternatives, ["X", "labels", "g"]),
    "alternatives, training": (trained, ["X", "labels", "g"]),
}  # fmt: skip
CASES = [(name, column) for name, (_, columns) in TAKES_ROWS.items() for column in columns]


def given_inputs(**changes):
    columns = {"X": X, **COLUMNS, "groups": pd.DataFrame({n: COLUMNS[n] for n in "gh"})}
    return columns | changes


@pytest.mark.parametrize(("name", "column"), CASES)
def test_one_input_in_another_order_is_refused_by_every_function(name, column):
    function, _ = TAKES_ROWS[name]
    inputs = given_inputs()
    function(**inputs)
    with pytest.raises(InputError, match="carry the same index in another order") as caught:
        function(**given_inputs(**{column: inputs[column].sort_index()}))
    assert ".loc[" in caught.value.remedy
    others = inputs[column].set_axis(np.arange(N) + 1000)
    with pytest.raises(InputError, match="carry different indexes"):
        function(**given_inputs(**{column: others}))
    part = inputs[column].set_axis([*ORDER[:-1], 5000])
    with pytest.raises(InputError, match="carry different indexes"):
        function(**given_inputs(**{column: part}))


@pytest.mark.parametrize("name", ["run", "fairness", "regression_fairness"])
@pytest.mark.parametrize("kind", ["numpy", "list", "polars", "arrow"])
def test_what_carries_no_index_is_paired_by_position(name, kind):
    """And gives what the same rows with their index give."""
    make = {
        "numpy": lambda v: v.to_numpy(),
        "list": lambda v: v.to_numpy().tolist(),
        "polars": lambda v: pl.from_pandas(v.reset_index(drop=True)),
        "arrow": lambda v: pa.array(v.to_numpy().tolist()),
    }[kind]
    function, columns = TAKES_ROWS[name]
    plain = [c for c in columns if c not in {"X", "groups"}]
    whole = function(**given_inputs())
    for column in plain:
        found = function(**given_inputs(**{column: make(COLUMNS[column])}))
        if name == "run":
            assert all((one == other).all() for one, other in zip(found, whole, strict=True))
        elif name == "fairness":
            assert np.array_equal(frame(found), frame(whole), equal_nan=True)
        else:
            pd.testing.assert_frame_equal(found, whole)


def test_an_arrow_table_of_a_frame_carries_the_frames_index():
    table = pa.Table.from_pandas(X)
    refuse_other_rows({"data": table, "labels": COLUMNS["labels"]})
    for other in (COLUMNS["labels"].sort_index(), pa.Table.from_pandas(X.sort_index())):
        with pytest.raises(InputError, match="another order"):
            refuse_other_rows({"data": table, "labels": other})
    refuse_other_rows({"data": pa.table({"a": range(N)}), "labels": COLUMNS["labels"]})


def test_a_counted_index_says_nothing_beside_labels_of_others():
    """As predictions made anew beside the test part of a shuffled table."""
    part = X.set_axis(np.arange(N) * 7 % 1000)
    refuse_other_rows({"data": part, "labels": pd.Series(range(N))})
    refuse_other_rows({"labels": pd.Series(range(N)), "data": part})
    named = X.set_axis([f"P{i}" for i in range(N)])
    refuse_other_rows({"data": named, "labels": pd.Series(range(N))})
    days = X.set_axis(pd.date_range("2020-01-01", periods=N))
    refuse_other_rows({"data": days, "labels": pd.Series(range(N))})
    with pytest.raises(InputError, match="different indexes"):  # each of two others says something
        refuse_other_rows({"data": part, "labels": pd.Series(range(N)), "scores": named["a"]})


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([f"P{i:02}" for i in range(N)]),
        pd.date_range("2020-01-01", periods=N),
        pd.MultiIndex.from_product([range(6), list("abcdefghij")]),
        pd.Index(np.arange(N) / 3),
        pd.Index([*range(N - 1), "last"], dtype=object),
        pd.CategoricalIndex([f"c{i}" for i in range(N)]),
        pd.RangeIndex(100, 100 + N),
        pd.Index([1] * (N // 2) + [2] * (N // 2)),
    ],
    ids=lambda index: type(index).__name__,
)
def test_indexes_of_every_kind(index):
    one = pd.Series(range(N), index=index)
    other = pd.DataFrame({"a": range(N)}, index=index.copy())
    refuse_other_rows({"one": one, "other": other})
    for order in (slice(None, None, -1), ORDER):
        with pytest.raises(InputError, match="one and other carry the same index in another order"):
            refuse_other_rows({"one": one, "other": other.iloc[order]})


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_of_permutations_only_equal_ones_are_paired(one, other):
    inputs = {"a": pd.Series(range(8), index=one), "b": pd.Series(range(8), index=other)}
    if one == other:
        refuse_other_rows(inputs)
    else:
        with pytest.raises(InputError, match="another order"):
            refuse_other_rows(inputs)


def test_rows_drawn_with_replacement_are_not_paired_with_those_they_were_drawn_from():
    drawn = X.reset_index(drop=True).sample(N, replace=True, random_state=0)
    with pytest.raises(InputError):
        refuse_other_rows({"data": drawn, "labels": COLUMNS["labels"].reset_index(drop=True)})
    refuse_other_rows({"data": drawn, "labels": drawn["a"]})


def test_the_reference_is_of_other_people_and_paired_with_nobody():
    values = ak.explain(MODEL, X[:5], reference=X).values
    again = ak.explain(MODEL, X[:5], reference=X.sort_index()).values
    assert np.allclose(values, again)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fairness([0, 1], [0], groups=["a", "b"]),
         "predictions has 1 rows and labels has 2"),
        (lambda: local_law_144(sex=["a"], race=["b"] * 2, predictions=[0, 1]),
         "sex has 1 rows and predictions has 2"),
        (lambda: local_law_144(sex=["a"] * 2, race=["b"], scores=[0, 1]),
         "race has 1 rows and scores has 2"),
        (lambda: within([0, 1], [0, 1], groups=["a", "b"], control=["c"]),
         "control has 1 rows and labels has 2"),
        (lambda: trained(X=X, labels=[0, 1], g=COLUMNS["g"]),
         "train.labels has 2 rows and train.data has 60"),
        (lambda: trained(X=X, labels=COLUMNS["labels"], g=["a"]),
         "train.groups has 1 rows and train.data has 60"),
        (lambda: alternatives(X=X, labels=[0, 1], g=COLUMNS["g"]),
         "labels has 2 rows and data has 60"),
        (lambda: run(**given_inputs(groups={"g": ["u"] * 2, "h": ["v"] * N})),
         "The column 'g' of groups has 2 rows and data has 60"),
    ],
)  # fmt: skip
def test_an_error_names_the_argument_that_was_given(call, said):
    with pytest.raises(InputError) as caught:
        call()
    assert said in caught.value.message
