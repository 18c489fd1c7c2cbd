"""Parameters of checks and arguments of functions: types and ranges, before any computing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditkit as ak
from auditkit.checks import Check
from auditkit.errors import AuditkitError, InputError, PolicyError
from auditkit.measures.attribution.reasons import ReasonLimits
from auditkit.measures.fairness.comparison import fairness
from auditkit.measures.fairness.local_law_144 import local_law_144
from auditkit.measures.fairness.regression import regression_fairness
from auditkit.parameters import COUNT, LEVEL, Parameter


@dataclass(frozen=True, kw_only=True)
class Own:
    """Plain defaults, which declare a type and no range."""

    rows: int = 3
    any: object = None


def test_a_check_of_ones_own_may_give_plain_defaults():
    own = Check(
        id="own.x", version="1", title="x", area="performance", measures="x", misleads="x",
        source="none", run=lambda case, parameters: None, parameters=Own,
    )  # fmt: skip
    assert own.parameters_with({"rows": 4, "any": [1]}) == Own(rows=4, any=[1])
    with pytest.raises(PolicyError, match=r"rows of own\.x must be a whole number, not a text"):
        own.parameters_with({"rows": "4"})


@given(st.integers() | st.floats() | st.fractions(), st.floats(-9, 9), st.floats(-9, 9))
def test_a_range_holds_what_a_plain_comparison_says(value, low, high):
    inside = math.isfinite(value) and low <= value < high if isinstance(value, float) else (
        low <= value < high
    )  # fmt: skip
    parameter = Parameter(default=0.0, at_least=low, below=high)
    try:
        found = parameter.read(value, name="x")
    except InputError:
        # A fraction just below the end may round to it.
        assert not inside or float(value) == high
    else:
        assert inside
        assert found == float(value)


@pytest.mark.parametrize("one", [np.int64(3), np.uint8(3), 3])
def test_whole_numbers_of_numpy_count(one):
    assert COUNT.read(one, name="x") == 3
    assert isinstance(COUNT.read(one, name="x"), int)


@pytest.mark.parametrize("one", [np.float32(0.5), Fraction(1, 2), 0.5])
def test_numbers_of_other_kinds_count(one):
    assert LEVEL.read(one, name="x") == 0.5


@pytest.mark.parametrize("one", [np.bool_(True), True, "0.5", b"1", 1j, pd.NA, np.array([1])])
def test_no_boolean_text_or_array_is_a_number(one):
    for parameter in (COUNT, LEVEL):
        with pytest.raises(InputError):
            parameter.read(one, name="x")


ROWS = {"labels": [0, 1] * 40, "predictions": [0, 1, 1, 0] * 20, "groups": {"g": ["a", "b"] * 40}}
WRONG = {
    "level": [0, 1, 5, "high", True, None, math.nan],
    "depth": [0, -1, 1.5, "2", True],
    "min_group": [-1, 0.5, "30", True, None],
    "replicates": [0, 19, 100.0, "many", True],
    "seed": [-1, 0.5, "a", True, 2**40],
}


@pytest.mark.parametrize("name", WRONG)
def test_fairness_refuses_wrong_arguments_by_their_name(name):
    for value in WRONG[name]:
        with pytest.raises(InputError, match=rf"^{name} must be "):
            fairness(**ROWS, **{name: value})


@pytest.mark.parametrize("name", ["level", "depth", "min_group"])
def test_regression_refuses_wrong_arguments_by_their_name(name):
    for value in WRONG[name]:
        with pytest.raises(InputError, match=rf"^{name} must be "):
            regression_fairness(**ROWS, **{name: value})


@pytest.mark.parametrize("share", [-0.1, 1.5, "few", True])
def test_local_law_144_refuses_a_wrong_share(share):
    with pytest.raises(InputError, match=r"^min_share must be a number of at least 0 and"):
        local_law_144(sex=["a", "b"], race=["c", "d"], predictions=[0, 1], min_share=share)


@pytest.mark.parametrize(
    "wrong",
    [{"most": 0}, {"most": 1.5}, {"most": True}, {"principal_share": 0}, {"least_share": 1},
     {"least_share": "none"}],
)  # fmt: skip
def test_limits_of_reasons_name_what_is_wrong(wrong):
    with pytest.raises(InputError, match=rf"^{next(iter(wrong))} must be "):
        ReasonLimits(**wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", v) for v in (-0.1, 1.1, math.nan, "half", True)]
    + [("seed", v) for v in (-1, 0.5, "a", True)],
)
def test_inputs_are_checked_alike(name, value):
    inputs = ak.Inputs(data={"a": [1, 2]}, labels=[0, 1], predictions=[0, 1], **{name: value})
    with pytest.raises(AuditkitError, match=rf"^{name} must be "):
        ak.run(inputs, policy="starter")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("permutation_pairs", 0),
        ("permutation_pairs", 1.5),
        ("permutation_pairs", True),
        ("seed", -1),
        ("seed", "a"),
    ],
)
def test_explain_refuses_wrong_arguments_by_their_name(name, value):
    rows = pd.DataFrame({"a": [0.0, 1.0]})
    with pytest.raises(InputError, match=rf"^{name} must be a whole number"):
        ak.explain(lambda table: table["a"], rows, reference=rows, **{name: value})


@pytest.mark.parametrize("most", [0, -1, 2.5, "all"])
def test_plots_refuse_wrong_arguments(most):
    rows = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 2.0]})
    found = ak.explain(lambda table: table["a"], rows, reference=rows)
    with pytest.raises(InputError, match=r"^most must be a whole number"):
        found.plot("bar", most=most)
