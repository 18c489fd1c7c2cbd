"""Profiles: the same bytes for any split and order, exact sums, frozen cells, nothing small."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression

import auditkit as ak
from auditkit.errors import UnverifiableError
from auditkit.watching.profile.counting import exact_sum, from_units, parse_units, units_text
from auditkit.watching.profile.fitting import fit_edges
from auditkit.watching.profile.profile import Profile

SALT = b"0123456789abcdef"


def table(rows: int, seed: int) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    labels = (draw.random(rows) < 0.4).astype(float)
    frame = pd.DataFrame(
        {
            "income": np.exp(draw.normal(10, 1, rows)),
            "children": draw.integers(0, 5, rows),
            "town": draw.choice(["Aldham", "Bures", "Colne"], rows, p=[0.6, 0.385, 0.015]),
            "tiny": draw.normal(0, 1e-300, rows),
        }
    )
    frame.loc[frame.index % 17 == 0, "income"] = np.nan
    frame.loc[frame.index % 19 == 0, "income"] = np.inf
    labels[frame.index % 5 == 0] = np.nan
    scores = np.clip(0.3 * np.nan_to_num(labels) + 0.6 * draw.random(rows), 0, 1)
    return {
        "batch": frame,
        "scores": scores,
        "labels": labels,
        "groups": pd.DataFrame({"sex": draw.choice(["f", "m"], rows)}),
    }


def baseline(**changed: Any) -> Profile:
    given = table(600, 0) | changed
    return ak.Profile.fit(given.pop("batch"), salt=SALT, **given)


BASE = baseline()
WINDOW = table(90, 1)


def part(of: dict[str, Any], rows: Any) -> dict[str, Any]:
    chosen = {k: v.iloc[rows] if hasattr(v, "iloc") else v[rows] for k, v in of.items()}
    return {k: v.reset_index(drop=True) if hasattr(v, "iloc") else v for k, v in chosen.items()}


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(90)), st.lists(st.integers(0, 90), max_size=4), st.booleans())
def test_any_order_and_split_of_the_rows_gives_the_same_bytes(
    order: list[int], cuts: list[int], backwards: bool
) -> None:
    pieces = np.split(np.array(order), sorted(cuts))
    found = [BASE.of(**part(WINDOW, rows)) for rows in pieces]
    total = sum(found[::-1] if backwards else found)
    assert total.to_bytes() == BASE.of(**WINDOW).to_bytes()


def test_counting_one_by_one_gives_the_same_bytes():
    tally = BASE.tally()
    rows = WINDOW["batch"].to_dict("records")
    for i, row in enumerate(rows):
        label = WINDOW["labels"][i]
        tally.add(
            row,
            score=WINDOW["scores"][i],
            label=None if math.isnan(label) else label,
            groups={"sex": WINDOW["groups"]["sex"][i]},
        )
    assert tally.profile().to_bytes() == BASE.of(**WINDOW).to_bytes()


def test_another_hash_seed_and_another_number_of_threads_give_the_same_digest():
    script = (
        "from tests.unit.test_watch_profile import BASE, WINDOW; print(BASE.of(**WINDOW).digest)"
    )
    surroundings = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=surroundings
    )
    assert done.stdout.strip() == str(BASE.of(**WINDOW).digest)


@given(st.lists(st.floats(-1e149, 1e149, allow_nan=False), max_size=40))
def test_sums_are_exact(values: list[float]) -> None:
    total = exact_sum(np.array(values, dtype=float))
    assert Fraction(total, 1 << 1074) == sum(map(Fraction, values))
    assert from_units(total) == math.fsum(values)
    assert parse_units(units_text(total)) == total


def test_sums_of_many_values_are_exact():
    values = np.random.default_rng(0).normal(size=100_000) * 10.0 ** np.arange(-50, 50).repeat(1000)
    assert from_units(exact_sum(values)) == math.fsum(values)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.integers(0, 30).map(float), st.floats(-1e6, 1e6)), max_size=300),
    st.integers(0, 20),
)
def test_every_cell_of_the_baseline_is_empty_or_not_small(values: list[float], small: int) -> None:
    edges = fit_edges(np.array(values, dtype=float), small_cell=small)
    assert list(edges) == sorted(set(edges))
    held = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    assert all(count == 0 or count >= small or not edges for count in held.tolist())


def test_edges_have_three_significant_digits():
    values = np.random.default_rng(0).normal(500, 300, 20_000)
    edges = fit_edges(values, small_cell=11)
    assert 100 < len(edges) < 256
    assert all(float(f"{edge:.3g}") == edge for edge in edges)
    assert min(values) < edges[0]
    assert edges[-1] < max(values)


def test_numbers_far_from_zero_keep_enough_cells():
    values = np.random.default_rng(0).normal(1e6, 10, 5000)
    assert len(fit_edges(values, small_cell=11)) >= 20


def test_a_rare_level_is_no_new_one():
    town = BASE.layout.by_key["feature", "town"]
    assert town.levels == ("Aldham", "Bures")
    assert len(town.rare) == 1
    start = BASE.layout.starts[town.key]
    batch = WINDOW["batch"].assign(town=["Colne"] * 40 + ["Dedham"] * 30 + [None] * 20)
    cells = BASE.of(batch).total().cells[start : start + town.cells]
    assert cells.tolist() == [0, 0, 40, 30, 20]


def test_rare_levels_without_a_salt_are_other():
    base = ak.Profile.fit(table(600, 0)["batch"])
    start = base.layout.starts["feature", "town"]
    batch = WINDOW["batch"].assign(town="Dedham")
    assert base.of(batch).total().cells[start : start + 5].tolist() == [0, 0, 90, 0, 0]


def test_personal_levels_are_digests():
    given = table(600, 0)
    base = ak.Profile.fit(given["batch"], personal=["town"], salt=SALT)
    for name in (b"Aldham", b"Bures", b"Colne", SALT):
        assert name not in base.to_bytes()
    assert base.of(given["batch"]) == base
    read = ak.Profile.from_bytes(base.to_bytes())
    with pytest.raises(ak.AuditkitError, match="the salt is not there"):
        read.of(given["batch"])
    again = ak.Profile.from_bytes(base.to_bytes(), salt=SALT)
    assert again.of(given["batch"]) == base
    with pytest.raises(ak.AuditkitError, match="not that of the profile"):
        ak.Profile.from_bytes(base.to_bytes(), salt=b"another salt of 16 bytes")


def test_no_level_of_a_new_name_enters_the_bytes():
    batch = WINDOW["batch"].assign(town="Wilhelmina Quist")
    assert b"Quist" not in BASE.of(batch).to_bytes()


@pytest.mark.parametrize("alone", [True, False])
def test_bytes_read_back(alone: bool) -> None:
    day = BASE.of(**WINDOW, window=("2026-11-29", "2026-11-30"))
    written = day.to_bytes(alone=alone)
    read = ak.Profile.from_bytes(written, base=BASE)
    assert read.to_bytes(alone=alone) == written
    assert read.digest == day.digest
    assert read + day == day + read
    if not alone:
        with pytest.raises(UnverifiableError, match="not given"):
            ak.Profile.from_bytes(written)


@pytest.mark.parametrize(
    "wrong", [b"{}", b"[]", b"no", BASE.to_bytes().replace(b'"rows":600', b'"rows":-1')]
)
def test_other_bytes_are_refused(wrong: bytes) -> None:
    with pytest.raises(ak.AuditkitError, match=r"a\.json is not a profile"):
        ak.Profile.from_bytes(wrong, source="a.json")


def test_windows_join():
    one = BASE.of(**WINDOW, window=("2026-11-29T10:00:00+02:00", "2026-11-30"))
    other = BASE.of(**WINDOW, window=("2026-11-30", "2026-12-01"))
    assert one.window == ("2026-11-29T08:00:00Z", "2026-11-30T00:00:00Z")
    assert (other + one).window == ("2026-11-29T08:00:00Z", "2026-12-01T00:00:00Z")


def test_labels_that_come_later_are_counted_once():
    given = dict(WINDOW)
    labels = given.pop("labels")
    first = BASE.of(**given)
    later = BASE.of(None, scores=given["scores"], labels=labels, groups=given["groups"])
    assert first + later == BASE.of(**WINDOW)


def test_a_regression_has_errors():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=400)})
    truth = 3 * frame["x"] + draw.normal(size=400)
    model = LinearRegression().fit(frame, truth)
    base = ak.Profile.fit(frame, model=model, labels=truth)
    found = base.to_frame().set_index("column")
    error = truth - model.predict(frame)
    assert base.layout.task == "regression"
    assert found.loc["absolute error", "mean"] == pytest.approx(error.abs().mean(), rel=1e-12)
    assert found.loc["error", "sd"] == pytest.approx(error.std(), rel=1e-12)
    assert base.of(frame, scores=model.predict(frame), labels=truth) == base


def test_a_classifier_scores_the_baseline():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=400)})
    labels = np.where(frame["x"] + draw.normal(size=400) > 0, "yes", "no")
    model = LogisticRegression().fit(frame, labels)
    base = ak.Profile.fit(frame, model=model, labels=labels, favourable="yes")
    scores = model.predict_proba(frame)[:, 1]
    assert base.of(frame, scores=scores, labels=labels) == base
    start = base.layout.starts["outcome", "outcome"]
    decided = scores >= 0.5
    truth = labels == "yes"
    expected = [
        (~truth & ~decided).sum(), (~truth & decided).sum(),
        (truth & ~decided).sum(), (truth & decided).sum(),
    ]  # fmt: skip
    assert base.total().cells[start : start + 4].tolist() == expected


def test_shares_of_explanations_add_up_to_one():
    shap = pd.DataFrame({"a": [1.0, -3.0, 0.0] * 20, "b": [1.0, 1.0, 0.0] * 20})
    base = ak.Profile.fit(shap, attributions=shap)
    found = base.to_frame().query("role == 'attribution'").set_index("column")
    assert found["n"].tolist() == [40, 40]
    assert found.loc["a", "mean"] == pytest.approx((0.5 + 0.75) / 2)


def test_small_counts_do_not_leave():
    found = BASE.of(**WINDOW).to_frame()
    counts = found[["n", "missing", "not_finite", "other", "unseen"]].to_numpy(dtype=float)
    assert not ((counts > 0) & (counts < 11)).any()
    hidden = found[(found["column"] == "income") & (found["group"] == "")]
    assert hidden["missing"].isna().all()


def test_an_unknown_group_of_a_window_is_other():
    given = WINDOW | {"groups": pd.DataFrame({"sex": ["x"] * 50 + [None] * 40})}
    found = BASE.of(**given)
    assert {s.group for s in found.strata} == {"", "(other)", "(unknown)"}


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (WINDOW["batch"].rename(columns={"income": "incomes"}), "renamed to 'incomes'"),
        (WINDOW["batch"].assign(income=pd.Timestamp("2026-01-01")), "'income' holds times"),
        (None, "nothing to count"),
    ],
)
def test_batches_that_cannot_be_counted_are_refused(batch: Any, message: str) -> None:
    with pytest.raises(ak.AuditkitError, match=message):
        BASE.of(batch)


def test_another_kind_and_all_missing_are_counted():
    start = BASE.layout.starts["feature", "income"]
    values = BASE.layout.by_key["feature", "income"].values
    for column, place in (("n/a", 1), (None, 0), ("12.5", None)):
        batch = WINDOW["batch"].assign(income=pd.Series([column] * 90, dtype=object))
        cells = BASE.of(batch).total().cells[start + values : start + values + 2]
        assert cells.tolist() == [90 * (place == 0), 90 * (place == 1)]


def test_an_empty_window_has_no_rows():
    empty = BASE.of(WINDOW["batch"].iloc[:0])
    assert empty.rows == 0
    assert empty.strata == {}
    assert empty + BASE == BASE


def test_profiles_of_two_baselines_do_not_merge():
    with pytest.raises(ak.AuditkitError, match="different baselines"):
        BASE + baseline(scores=None)


@pytest.mark.parametrize(
    "window", [("2026-11-30", "2026-11-30"), ("2026-12-01", "2026-11-30"), ("now", "then"), "2026"]
)
def test_a_window_needs_two_times_in_order(window: Any) -> None:
    with pytest.raises(ak.AuditkitError, match="window"):
        BASE.of(**WINDOW, window=window)
