"""What is no group: ages, dates, amounts and identifiers are refused, and nobody's is printed."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditkit as ak
from auditkit.errors import InputError
from auditkit.loading import prepare
from auditkit.measures.fairness.comparison import fairness
from auditkit.measures.fairness.regression import regression_fairness
from auditkit.measures.groups.membership import MAX_LEVELS, MAX_NUMBERS, partition

N = 600
RNG = np.random.default_rng(0)
YEARS = RNG.integers(18, 90, N)
LABELS = np.arange(N) % 2
DAYS = pd.Timestamp("1950-03-01") + pd.to_timedelta(YEARS * 211, unit="D")

# Dozens to hundreds of different values, none of which is a group.
NO_GROUPS = {
    "floats": RNG.normal(40, 9, N),
    "whole numbers": YEARS,
    "small whole numbers": YEARS.astype(np.int8),
    "numbers with a gap": pd.Series(YEARS, dtype="Int64").mask(YEARS > 80),
    "objects": YEARS.astype(object),
    "decimals": np.array([Decimal(int(y)) / 2 for y in YEARS], dtype=object),
    "fractions": np.array([Fraction(int(y), 7) for y in YEARS], dtype=object),
    "numbers as text": YEARS.astype(str),
    "numbers and a word": np.where(YEARS > 80, "unknown", YEARS.astype(str)),
    "thousands": np.array([f"{y * 1000:,}" for y in YEARS]),
    "percent": np.array([f"{y}%" for y in YEARS]),
    "categories of numbers": pd.Categorical(YEARS),
    "moments": DAYS.to_numpy(),
    "days": np.array(DAYS.date, dtype=object),
    "days as text": DAYS.strftime("%Y-%m-%d").to_numpy(),
    "days of another spelling": DAYS.strftime("%d/%m/%Y").to_numpy(),
    "durations": pd.to_timedelta(YEARS, unit="D").to_numpy(),
    "months": DAYS.to_period("M").to_numpy(),
    "identifiers": np.array([f"P-{i}" for i in range(N)]),
    "names": np.array([f"{chr(97 + i % 25)}{chr(97 + i // 25)} Lee" for i in range(N)]),
    "years in words": np.array([f"{y} years" for y in YEARS]),
    "a few names each": np.array([f"word{i % 150}" for i in range(N)]),
}  # fmt: skip


def audited(groups):
    case = prepare(ak.Inputs(data={"a": LABELS}, labels=LABELS, predictions=LABELS, groups=groups))
    return case.groups


USES = {
    "run": audited,
    "fairness": lambda groups: fairness(LABELS, LABELS, groups=groups),
    "regression_fairness": lambda groups: regression_fairness(LABELS, LABELS, groups=groups),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", NO_GROUPS)
def test_what_is_no_group_is_refused_with_what_to_do_and_no_value(kind, use):
    values = NO_GROUPS[kind]
    with pytest.raises(InputError, match="'age'") as caught:
        USES[use]({"age": values})
    assert re.search(r"cut them into classes|into fewer classes", caught.value.remedy)
    said = re.sub(r"\b(20|100|600|\d\d) ?(different|are compared|rows)?", "", str(caught.value))
    assert not [v for v in pd.Series(values).dropna().astype(str) if v in said]


@pytest.mark.parametrize("kind", ["polars", "arrow", "frame", "series"])
def test_of_every_kind_of_table(kind):
    table = {
        "polars": pl.DataFrame({"age": YEARS}),
        "arrow": pa.table({"age": YEARS}),
        "frame": pd.DataFrame({"age": YEARS}),
        "series": pd.Series(YEARS, name="age"),
    }[kind]
    for use in USES.values():
        with pytest.raises(InputError, match="numbers or dates; at most 20"):
            use(table)


GROUPS = {
    "bands": pd.cut(YEARS, [0, 25, 40, 65, 200]),
    "deciles": pd.qcut(YEARS, 10),
    "bands as text": pd.cut(YEARS, range(15, 100, 5)).astype(str),
    "a score of codes": YEARS % 20,
    "years": 2001 + YEARS % 20,
    "codes with zeros": np.array([f"{y % 56:03}" for y in YEARS]),
    "states and territories": np.array([f"state {y % 56}" for y in YEARS]),
    "words": np.array([f"word{y % 72}" for y in YEARS]),
    "booleans": YEARS > 40,
    "numbers with a gap": np.where(YEARS > 80, np.nan, YEARS % 20),
}


@pytest.mark.parametrize("kind", GROUPS)
def test_groups_stay_groups(kind):
    values = GROUPS[kind]
    for use in USES.values():
        use({"g": values})


@given(st.integers(1, 130), st.booleans(), st.integers(1, 3))
def test_the_limits(count, numbers, each):
    """The number of values alone decides, wherever in the rows they come."""
    names = [str(i) if numbers else f"w{i:03}" for i in range(count)] * each
    fits = count <= MAX_NUMBERS or (not numbers and count <= MAX_LEVELS and each > 1)
    for column in (names, [*names, None, ""]):
        array = np.array(column, dtype=object)
        if fits or (count <= MAX_LEVELS and not numbers and len(column) >= 2 * count):
            found = partition({"g": array})
            assert len(found.groups) == count + (len(column) > len(names))
        else:
            with pytest.raises(InputError):
                partition({"g": array})


def test_a_wrong_column_is_refused_before_the_model_is_asked():
    asked = []

    def model(rows):
        asked.append(1)
        return np.full(len(rows), 0.5)

    inputs = ak.Inputs(model=model, data={"a": LABELS}, labels=LABELS, groups={"age": YEARS})
    with pytest.raises(InputError, match="'age'"):
        prepare(inputs)
    assert not asked
