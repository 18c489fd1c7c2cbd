"""Principal reasons: laws over random contributions, and cases worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from auditkit.errors import InputError
from auditkit.measures.attribution.reasons import (
    ALL,
    APPROVED,
    MARGINAL,
    ReasonLimits,
    cell,
    kept_shares,
    principal_reasons,
    reasons_of_rows,
    reference_population,
    typical_values,
)

NAMES = tuple("abcdefgh")


def reasons(contributions, *, limits=None, **given_):
    contributions = np.asarray(contributions, dtype=float)
    count = len(contributions)
    return principal_reasons(
        contributions,
        names=NAMES[:count],
        values=(0,) * count,
        reference_values=(0,) * count,
        limits=limits or ReasonLimits(),
        **given_,
    )


@given(arrays(np.float64, 8, elements=st.floats(-10, 10, width=32)))
def test_laws(contributions):
    found = reasons(contributions)
    listed = {r.feature for r in found}
    adverse = {n: c for n, c in zip(NAMES, contributions, strict=True) if c < 0}
    total = sum(adverse.values())
    assert all(r.contribution < 0 for r in found)  # adverse direction only
    assert [r.rank for r in found] == list(range(1, len(found) + 1))
    for name, value in adverse.items():
        if value / total >= 0.15 + 1e-9:  # no principal reason is left out
            assert name in listed
        if value / total < 0.01 - 1e-9:
            assert name not in listed
    heaviest = sorted(adverse.values())[: len(found)]
    assert [r.contribution for r in found] == pytest.approx(heaviest)
    if adverse and total < 0:
        assert found


def test_five_principal_reasons_are_all_listed():
    assert len(reasons([-1, -1, -1, -1, -1, 5])) == 5
    assert len(reasons([-1, -1, -1, -1, -1, 5], limits=ReasonLimits(principal_share=0.5))) == 4
    assert [r.feature for r in reasons([-0.001, -9, 3, -1])] == ["b", "d"]
    assert reasons([1, 2, 3]) == ()


def test_a_protected_factor_is_passed_over_and_not_replaced():
    found = reasons([-5, -3, -2], protected=frozenset("a"))
    assert [(r.rank, r.feature) for r in found] == [(1, "b"), (2, "c")]
    assert found[0].share == 0.3


@given(
    arrays(
        np.float64, st.tuples(st.integers(1, 30), st.integers(1, 9)), elements=st.integers(-6, 3)
    ),
    st.integers(1, 10),
    st.sampled_from([0.05, 0.15, 0.4]),
    st.sampled_from([0.0, 0.01, 0.2]),
)
def test_principal_is_where_there_is_a_rank(contributions, most, principal, least):
    """Found without sorting, by whole numbers that tie often, and the same at every share."""
    limits = ReasonLimits(most=most, principal_share=principal, least_share=least)
    ranks = limits.ranks(contributions)
    np.testing.assert_array_equal(limits.principal(contributions.T).T, ranks > 0)


def test_kept_shares_by_hand():
    """Two blocks: in one only `a` speaks against the row, in the other only `b`."""
    blocks = np.array([[[-1.0, 1.0]], [[1.0, -1.0]]])
    weights = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.75, 0.25]])
    np.testing.assert_array_equal(kept_shares(blocks, weights, ReasonLimits()), [[0.75, 0.25]])


def test_reference_populations():
    table = pd.DataFrame({"x": range(100)})
    scores = np.arange(100) / 100
    given_ = {"threshold": 0.5, "marginal_share": 0.1, "at_least": 3}
    marginal = reference_population(table, scores, population=MARGINAL, **given_)
    assert marginal.x.tolist() == [50, 51, 52, 53, 54]
    approved = reference_population(table, scores, population=APPROVED, **given_)
    assert approved.x.tolist() == list(range(50, 100))
    assert len(reference_population(table, scores, population=ALL, **given_)) == 100
    with pytest.raises(InputError, match="No row of the reference reaches the cut-off"):
        reference_population(table, scores, threshold=1.0)


def test_typical_values_and_cells():
    table = pd.DataFrame(
        {
            "number": [1.0, np.nan, 3.0],
            "text": ["a", "b", "b"],
            "flag": [True, True, False],
            "nothing": [None, None, None],
            "day": pd.to_datetime(["2020-01-01", None, "2020-01-01"]),
        }
    )
    assert typical_values(table) == (2.0, "b", True, None, "2020-01-01 00:00:00")
    assert [cell(v) for v in (np.int64(3), np.float32(0.5), np.nan, pd.NaT, np.inf, 2**60)] == (
        [3, 0.5, None, None, "inf", str(2**60)]
    )


@pytest.mark.parametrize(
    "wrong", [{"most": 0}, {"principal_share": 0.0}, {"least_share": 1.0}, {"least_share": -0.1}]
)
def test_limits_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        ReasonLimits(**wrong)


def test_reasons_of_many_rows_are_those_of_plain_sorting():
    rng = np.random.default_rng(4)
    given = np.round(rng.normal(size=(200, 7)), 1)
    columns, typical = [[f"{i}.{row}" for row in range(200)] for i in range(7)], tuple("abcdefg")
    limits = ReasonLimits(most=2, principal_share=0.2, least_share=0.05)
    found = reasons_of_rows(
        given, names=tuple("ABCDEFG"), columns=columns, reference_values=typical,
        limits=limits, protected=frozenset("C"),
    )  # fmt: skip
    for row, values in enumerate(given):
        adverse = sorted((v, i) for i, v in enumerate(values) if v < 0)
        total = sum(v for v, _ in adverse)
        principal = [
            i for place, (v, i) in enumerate(adverse)
            if v / total >= (0.05 if place < 2 else 0.2)
        ]  # fmt: skip
        assert [r.feature for r in found[row]] == ["ABCDEFG"[i] for i in principal if i != 2]
        assert [r.rank for r in found[row]] == list(range(1, len(found[row]) + 1))
        assert all(r.value.endswith(f".{row}") for r in found[row])
        assert all(r.share == pytest.approx(r.contribution / total) for r in found[row])
