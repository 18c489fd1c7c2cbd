"""Charts: the same values give the same bytes, text stays text, and the words hold the numbers."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from fontpkg_source_sans_3 import ROOT
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from auditkit.charts import (
    ForestRow,
    beeswarm,
    before_after,
    calibration,
    class_sizes,
    forest,
    importance,
    waterfall,
)
from auditkit.charts.style import fitted, round_ticks

SVG = "{http://www.w3.org/2000/svg}"
RNG = np.random.default_rng(3)
SHAP = RNG.normal(size=(200, 3))
VALUES = RNG.normal(size=(200, 3))
NAMES = ["alpha", "beta $x^2$", "<gamma> & \u03b4"]


def charts():
    rows = [
        ForestRow(label="a", value=1.0, n="900", remark="reference", hollow=True),
        ForestRow(label="b", value=0.7654, lower=0.65, upper=0.9, n="80"),
        ForestRow(label="c", value=None, n="< 11"),
    ]
    yield forest(rows, measure="Impact ratio", axis_label="Ratio", lines=(0.8, 1.0), log=True)
    yield importance(
        NAMES, [3, 2, 1], lower=[2.5, 1.0, 0.5], upper=[3.5, 3.0, 2.0], axis_label="SHAP"
    )
    yield beeswarm(NAMES, SHAP, VALUES, axis_label="SHAP value")
    yield waterfall(
        NAMES, [-1.0, 0.5, -0.25], ["\u22121.00", "0.50", "\u22120.25"], base=2.0,
        base_label="average 2.00", output_label="this case 1.25", axis_label="log-odds",
    )  # fmt: skip
    yield calibration([("", [(0.1, 0.2, 0.1, 0.3), (0.8, 0.7, None, None)])])
    yield class_sizes([("1", 30, 30), ("2", 0, 0), ("3 to 4", 1234, 4000)])
    yield before_after([("Names", 5227, 0), ("Dates", 40, 3)])


def drawn(chart):
    return ["".join(t.itertext()) for t in ET.fromstring(chart.svg).iter(f"{SVG}text")]


def test_the_same_values_give_the_same_bytes():
    assert [c.svg for c in charts()] == [c.svg for c in charts()]


def test_drawing_loads_no_library_that_draws():
    script = (
        "import sys; from auditkit.charts import ForestRow, forest\n"
        "forest([ForestRow(label='a', value=1.0)], measure='m', axis_label='x')\n"
        "print([m for m in ('matplotlib', 'PIL', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


@given(
    st.lists(st.floats(0.2, 5.0), min_size=2, max_size=6, unique=True),
    st.booleans(),
)
def test_points_lie_where_the_scale_says(values, log):
    """Each point's place is read off the ticks again, as a reader of the chart does."""
    rows = [ForestRow(label=f"group {i}", value=v) for i, v in enumerate(values)]
    chart = forest(rows, measure="m", axis_label="x", lines=(1.0,), log=log)
    texts = ET.fromstring(chart.svg).iter(f"{SVG}text")
    ticks = {t.text: float(t.get("x")) for t in texts if t.text in chart.axes[0]}
    scale = np.log if log else np.asarray
    slope, start = np.polyfit(list(ticks.values()), scale([float(t) for t in ticks]), 1)
    places = [float(x) for x in re.findall(r"M([\d.]+) [\d.]+h0", chart.svg)]
    read = slope * np.array(places) + start
    assert read == pytest.approx(
        scale(values), abs=0.02 * (max(scale(values)) - min(scale(values))) + 1e-3
    )


def test_labels_are_text_as_they_were_given():
    for chart in list(charts())[1:4]:
        assert set(NAMES) <= set(drawn(chart)) | {chart.alt}


def test_every_tick_is_drawn_and_listed():
    for chart in charts():
        for axis in chart.axes:
            assert set(axis) <= set(drawn(chart))


def test_descriptions_hold_the_numbers():
    found = list(charts())
    assert "b 0.77 (0.65 to 0.90), n = 80" in found[0].alt
    assert "c not estimable, n = < 11" in found[0].alt
    assert "beta $x^2$ 2.00 (1.00 to 3.00)" in found[1].alt
    low = f"{SHAP[:, 0].min():.2f}".replace("-", "\u2212")
    assert f"alpha from {low} to {SHAP[:, 0].max():.2f}" in found[2].alt
    assert "from average 2.00, alpha \u22121.00" in found[3].alt
    assert "0.10 observed 0.20 (0.10 to 0.30)" in found[4].alt
    assert "1: 30 rows in 30 sets; 2: 0 rows in 0 sets" in found[5].alt
    assert "3 to 4: 4,000 rows in 1,234 sets" in found[5].alt
    assert "Names 5,227 before, 0 after; Dates 40 before, 3 after" in found[6].alt


def test_no_chart_asks_for_anything_from_elsewhere():
    for chart in charts():
        assert not re.search(r'(href|src|url)\s*[=(]\s*["\']?(?!#)(http|file|data)', chart.svg)


def test_a_swarm_draws_every_dot_once_and_few_elements():
    svg = beeswarm(NAMES, SHAP, VALUES, axis_label="x").svg
    assert len(re.findall(r"M[\d.]+ [\d.]+h0", svg)) == SHAP.size
    assert svg.count("<path") < 80


def test_a_swarm_shows_high_values_darker():
    """Of two dots, the one with the higher value has the darker colour."""
    values = np.array([[0.0], [1.0]])
    svg = beeswarm(["f"], np.array([[-1.0], [1.0]]), values, axis_label="x").svg
    dots = re.findall(r'd="M([\d.]+) [\d.]+h0"[^>]*stroke: (#[0-9a-f]{6})', svg)
    (_, light), (_, dark) = sorted((float(x), colour) for x, colour in dots)
    assert sum(bytes.fromhex(dark[1:])) < sum(bytes.fromhex(light[1:]))


def test_every_count_of_a_deidentification_is_drawn():
    *_, sizes, change = charts()
    assert {"1", "2", "3 to 4", "30", "0", "1,234", "classes"} <= set(drawn(sizes))
    assert {"Names", "5,227", "0", "40", "3", "before", "after"} <= set(drawn(change))
    assert before_after([("Names", 0, 0)]).axes == (("0", "1"),)
    assert class_sizes([("1", 0, 0)]).svg


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e9])
def test_one_case_and_no_spread_can_be_drawn(value):
    assert beeswarm(["f"], np.array([[value]]), np.array([[np.nan]]), axis_label="x").svg
    assert importance(["f"], [value], axis_label="x").svg
    assert forest([ForestRow(label="f", value=value)], measure="m", axis_label="x").svg


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_round_rising_and_inside(low, width):
    high = low + width
    positions, digits = round_ticks(low, high)
    assert all(low - 1e-6 * width <= p <= high + 1e-6 * width for p in positions)
    assert all(b > a for a, b in pairwise(positions))
    assert len({f"{p:.{digits}f}" for p in positions}) == len(positions)


def test_long_names_are_shortened_to_their_column_and_keep_their_value():
    long = "debt_to_income_ratio_of_the_household"
    font = ImageFont.truetype(ROOT / "files" / "SourceSans3[wght].ttf", 75)
    font.set_variation_by_axes([400])
    name, with_value = fitted([long, f"{long} = 0.10"], 118.0)
    assert font.getlength(name) / 10 <= 118
    assert name.endswith("…")
    assert font.getlength(with_value) / 10 <= 118
    assert with_value.startswith("debt_to_income")
    assert with_value.endswith("… = 0.10")
    assert fitted(["income = 3.05"], 118.0) == ["income = 3.05"]


@pytest.mark.parametrize("name", ["W" * 60, "i" * 90, "rindfleisch_" * 6, "W\u00f6rter"])
def test_a_label_takes_no_more_than_its_column_in_the_font_itself(name):
    font = ImageFont.truetype(ROOT / "files" / "SourceSans3[wght].ttf", 75)
    font.set_variation_by_axes([400])
    (label,) = fitted([name], 100.0)
    assert font.getlength(label) / 10 <= 100
    assert label == name or font.getlength(label) / 10 >= 75  # and no less than it could
