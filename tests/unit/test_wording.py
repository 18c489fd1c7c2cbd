"""How numbers are written: laws over random triples of lower end, value and upper end."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditkit.wording import interval, number, number_against, percentage

THRESHOLDS = st.sampled_from([0.8, 0.1, 0.05, 0.005, 0.0005, 0.0, 1.0, -0.1, 0.125, 2.5])
NEAR = st.builds(
    lambda t, sign, size: t + sign * 10.0**size,
    THRESHOLDS,
    st.sampled_from([-1, 1]),
    st.floats(-9, 0),
)
NUMBERS = st.one_of(NEAR, st.floats(-2, 2), st.floats(-1e4, 1e4), st.integers(-9, 9).map(float))
TRIPLES = st.lists(NUMBERS, min_size=3, max_size=3).map(sorted)


def read(text):
    return float(text.replace(",", ""))


def side(value, threshold):
    return (value > threshold) - (value < threshold)


@given(TRIPLES, st.integers(1, 4), st.none() | THRESHOLDS)
@example([0.004981, 0.00500004, 0.00529], 1, 0.005)
@example([0.7951, 0.79996, 0.80004], 2, 0.8)
@example([-0.004, 0.0, 0.004], 2, None)
def test_a_value_stands_within_its_interval_as_printed(triple, digits, threshold):
    lower, value, upper = triple
    text = interval(value, lower, upper, digits=digits, threshold=threshold)
    middle, low, high = map(read, re.findall(r"-?[\d.,]+(?:e[+-]\d+)?", text))
    assert low <= middle <= high
    if threshold is not None:
        for printed, true in ((low, lower), (middle, value), (high, upper)):
            assert side(printed, threshold) == side(true, threshold)


@given(NUMBERS, st.integers(1, 4), THRESHOLDS)
def test_one_number_is_written_alone_as_within_an_interval(value, digits, threshold):
    alone = number_against(value, threshold, digits=digits)
    assert interval(value, None, None, digits=digits, threshold=threshold) == alone
    assert read(alone) == pytest.approx(value, abs=0.51 * 10.0**-digits)


def test_zero_has_no_sign_and_what_is_small_is_not_zero():
    assert number(-0.0) == number(0.0) == "0.00"
    assert number(-0.00012) == "-1.2e-04"
    assert number(12_345) == "12,345"


def test_a_share_loses_no_decimal():
    assert [percentage(p) for p in (0.95, 0.999, 0.5, 1.0)] == ["95%", "99.9%", "50%", "100%"]
