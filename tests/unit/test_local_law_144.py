"""The tables against the worked example of the rule, 6 RCNY 5-301."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.errors import InputError
from auditkit.measures.fairness.local_law_144 import impact_ratios, local_law_144

# The rule's example of a scoring rate: the share that scored above the sample's median.
SEX = {"Female": (34, 76), "Male": (50, 92)}
RACE = {
    "Asian": (10, 24),
    "Black": (16, 32),
    "Hispanic": (18, 28),
    "Native Hawaiian or Pacific Islander": (5, 8),
    "White": (15, 40),
}


def applicants(counts):
    """Rows with the given counts."""
    names = np.concatenate([[name] * n for name, (_, n) in counts.items()])
    favoured = np.concatenate([np.arange(n) < k for k, n in counts.values()])
    return names, favoured


@pytest.mark.parametrize(
    ("counts", "want"),
    [
        (SEX, {"Female": 0.82, "Male": 1.00}),
        (
            RACE,
            {
                "Asian": 0.65,
                "Black": 0.78,
                "Hispanic": 1.00,
                "Native Hawaiian or Pacific Islander": 0.97,
                "White": 0.58,
            },
        ),
    ],
    ids=["sex", "race"],
)
def test_the_worked_example(counts, want):
    rows = impact_ratios({(name,): count for name, count in counts.items()})
    assert {row.category[0]: round(row.impact_ratio, 2) for row in rows} == want


def test_the_worked_example_from_rows():
    sex, favoured = applicants(SEX)
    found = local_law_144(sex=sex, race=np.full(len(sex), "any"), predictions=favoured)
    assert {r.category[0]: round(r.impact_ratio, 2) for r in found.sex} == {
        "Female": 0.82,
        "Male": 1.0,
    }
    assert found.unknown == 0
    assert found.rate == "selection rate"


def test_scores_count_above_the_median_of_everyone():
    race, favoured = applicants(RACE)
    rng = np.random.default_rng(0)
    # 64 of 132 score above: two at the median itself leave it in their place.
    scores = np.where(favoured, rng.uniform(0.6, 1, len(race)), rng.uniform(0, 0.4, len(race)))
    scores[np.flatnonzero(~favoured)[:4]] = 0.5
    found = local_law_144(sex=np.full(len(race), "F"), race=race, scores=scores)
    assert np.median(scores) == 0.5
    assert {r.category[0]: r.favoured for r in found.race} == {n: k for n, (k, _) in RACE.items()}
    assert found.rate == "scoring rate"


def test_every_intersection_has_a_row_and_the_unknown_are_counted():
    rng = np.random.default_rng(0)
    n = 5000
    race = rng.choice([f"category {i}" for i in range(7)], n).astype(object)
    sex = rng.choice(["Female", "Male"], n).astype(object)
    race[(race == "category 6") & (sex == "Female")] = "category 5"
    race[:30], sex[20:50] = None, ""
    found = local_law_144(sex=sex, race=race, predictions=rng.random(n) < 0.4)
    assert len(found.intersectional) == 14
    assert found.unknown == 50
    empty = next(r for r in found.intersectional if r.n == 0)
    assert (empty.category, empty.rate, empty.impact_ratio) == (
        ("category 6", "Female"),
        None,
        None,
    )
    assert sum(r.n for r in found.intersectional) == n - 50
    assert "unknown category: 50" in repr(found)
    assert len(found.to_frame()) == 2 + 7 + 14


def test_a_small_category_is_left_out_of_ratios_and_still_shown():
    counts = {("large",): (400, 980), ("lesser",): (100, 490), ("small",): (19, 19)}
    rows = {r.category[0]: r for r in impact_ratios(counts)}
    assert rows["small"].left_out
    assert (rows["small"].n, rows["small"].rate, rows["small"].impact_ratio) == (19, 1.0, None)
    assert rows["large"].impact_ratio == 1.0
    rows = {r.category[0]: r for r in impact_ratios(counts, min_share=0)}
    assert rows["large"].impact_ratio == pytest.approx(400 / 980)


def test_nobody_selected_is_no_ratio():
    rows = impact_ratios({("a",): (0, 50), ("b",): (0, 50)})
    assert [(r.rate, r.impact_ratio) for r in rows] == [(0.0, None)] * 2


def test_bad_input():
    with pytest.raises(InputError, match="exactly one"):
        local_law_144(sex=["F"], race=["a"])
    with pytest.raises(InputError, match="rows"):
        local_law_144(sex=["F"], race=["a", "b"], predictions=[1, 0])
    with pytest.raises(InputError, match="NaN"):
        local_law_144(sex=["F", "M"], race=["a", "b"], scores=[1.0, np.nan])


def test_what_is_printed_gives_no_rate_of_few_away():
    """The highest rate is that of 8 applicants: no ratio to it is printed."""
    selected = np.tile([1, 0, 0, 1, 0], 60)
    selected[292:] = 1
    race = np.array(["w"] * 150 + ["b"] * 142 + ["x"] * 8)
    found = local_law_144(sex=np.array(["f", "m"] * 150), race=race, predictions=selected)
    assert "w: 60 of 150, rate 0.400, impact ratio suppressed" in repr(found)
    assert found.to_frame().set_index("category").loc["w", "impact_ratio"] == 0.4
