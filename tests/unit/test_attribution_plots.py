"""Plots: every kind is drawn, says in words what it shows, and gives the same bytes again."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from auditkit.errors import InputError
from auditkit.measures.attribution.explain import explain


@pytest.fixture(scope="module")
def attribution():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "income": np.where(rng.random(80) < 0.1, np.nan, rng.normal(50, 10, 80)),
            "purpose": rng.choice(["car", "house", "study $x$"], 80),
            "owner": rng.random(80) < 0.5,
        }
    )

    def function(rows):
        purpose = rows.purpose.map({"car": -1.0, "house": 2.0, "study $x$": 0.0})
        return (rows.income.fillna(30) / 10 + purpose + rows.owner).to_numpy()

    return explain(function, table.head(40), reference=table)


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ("bar", {}, ["purpose", "income", "owner"]),
        ("beeswarm", {}, ["40 cases", "income"]),
        ("rank-stability", {}, ["95% intervals", "purpose"]),
        ("waterfall", {"row": 3}, ["average", "row 3", "income ="]),
        ("waterfall", {"row": 3, "most": 1}, ["row 3"]),
        ("dependence", {"feature": "income"}, ["median", "without a value"]),
        ("dependence", {"feature": "purpose"}, ["study $x$", "house: "]),
        ("dependence", {"feature": "owner"}, ["True", "False"]),
    ],
)
def test_every_kind(attribution, kind, given, told):
    chart = attribution.plot(kind, **given)
    ET.fromstring(chart.svg)
    assert all(text in chart.alt for text in told)
    assert chart.svg == attribution.plot(kind, **given).svg


def test_a_dependence_tells_the_direction(attribution):
    alt = attribution.plot("dependence", feature="purpose").alt
    medians = {
        name: float(part.split(": ")[-1].split(" ")[0].replace("\u2212", "-"))
        for part in alt.removesuffix(".").split("; ")
        for name in ("car", "house")
        if f"{name}: " in part
    }
    assert medians["car"] < 0 < medians["house"]


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("pie", {}, "no plot 'pie'"),
        ("waterfall", {}, "one row"),
        ("waterfall", {"row": 40}, "one row"),
        ("dependence", {}, "one feature"),
        ("dependence", {"feature": "wealth"}, "one feature"),
    ],
)
def test_what_cannot_be_drawn_is_refused(attribution, kind, given, message):
    with pytest.raises(InputError, match=message):
        attribution.plot(kind, **given)


def test_a_frame_and_a_line(attribution):
    frame = attribution.to_frame()
    assert list(frame.columns) == ["base", "output", "income", "purpose", "owner"]
    np.testing.assert_allclose(frame.iloc[:, [0, 2, 3, 4]].sum(axis=1), frame.output)
    assert "40 rows x 3 features, output" in repr(attribution)
