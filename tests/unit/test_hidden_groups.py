"""What `fairness` prints and, with a small cell, what its frames hide: nothing small follows."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditkit as ak
from auditkit.errors import InputError
from auditkit.loading import prepare
from auditkit.measures.fairness.local_law_144 import local_law_144

FRAMES = {
    "by_group": lambda f: f.by_group,
    "to_frame": lambda f: f.to_frame(),
    "disparities": lambda f: f.disparities,
    "bands": lambda f: f.bands(),
    "judge": lambda f: f.judge("impact_ratio", at_least=0.8),
    "judge_a_rate": lambda f: f.judge("tpr", at_least=0.8),
    "significance": lambda f: f.significance(),
    "sweep": lambda f: f.sweep(),
    "calibration": lambda f: f.calibration(),
}


def drawn(seed=0, *, small=3):
    """300 people, a few of whom are of one race; these are all women."""
    rng = np.random.default_rng(seed)
    labels = rng.random(300) < 0.5
    scores = np.clip(rng.random(300) * 0.6 + 0.3 * labels, 0, 1)
    groups = {
        "sex": np.array(["m"] * 260 + ["f"] * 40),
        "race": np.array(["w"] * (300 - small) + ["x"] * small),
    }
    return {"labels": labels, "predictions": scores > 0.5, "scores": scores, "groups": groups}


def printed(found):
    """Each group's number of people as printed; None where it is hidden."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in repr(found).splitlines()[2:]]
    return {line[0]: int(line[1]) if line[1].isdigit() else None for line in lines}


def test_the_last_group_does_not_follow_from_the_total():
    found = ak.fairness(**drawn())
    sizes = printed(found)
    assert sizes["race=x"] is None
    assert sizes["race=w"] is None  # else 300 - 297
    assert sizes["sex=f"] == 40
    assert sizes["sex=f,race=w"] is None  # else 40 - 37
    shown = found._repr_html_()
    assert "297" not in shown
    assert "&lt; 11" in shown


def test_the_tables_of_local_law_144_give_no_small_category_away():
    groups = drawn()["groups"]
    told = repr(local_law_144(**groups, predictions=np.arange(300) % 2))
    lines = dict(line.strip().split(": ", 1) for line in told.splitlines()[1:] if ": " in line)
    assert lines["x"] == lines["x / f"] == "fewer than 11 applicants"
    assert lines["w"] == lines["w / f"] == "suppressed"  # else 300 - 297, and 40 - 37
    assert lines["f"].startswith("20 of 40")
    assert lines["x / m"] == "no applicants"


def test_nothing_is_hidden_where_nobody_is_few():
    found = ak.fairness(**drawn(small=60))
    assert printed(found) == dict(zip(found.by_group["group"], found.by_group["n"], strict=True))
    assert "suppressed" not in found.by_group


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 4, 11, 12, 40, 90]), min_size=6, max_size=6))
def test_what_is_printed_leaves_two_ways_to_fill_every_hidden_small_count(cells):
    """Naive: some other whole counts of the six cells print the same."""
    names = [(a, b) for a in "xy" for b in "uvw"]
    if sum(cells) < 11:
        return
    one = np.repeat([a for a, _ in names], cells)
    two = np.repeat([b for _, b in names], cells)
    sizes = printed(ak.fairness(np.arange(len(one)) % 2, one == "x", groups={"a": one, "b": two}))
    groups = {f"a={a},b={b}": [i] for i, (a, b) in enumerate(names)}
    groups |= {f"a={a}": [i for i, n in enumerate(names) if n[0] == a] for a in "xy"}
    groups |= {f"b={b}": [i for i, n in enumerate(names) if n[1] == b] for b in "uvw"}
    known = [groups[g] for g, n in sizes.items() if n is not None] + [list(range(6))]
    known += [[i] for g, (i, *_) in groups.items() if g not in sizes and "," in g]
    matrix = np.array([[float(i in members) for i in range(6)] for members in known])
    rank = np.linalg.matrix_rank(matrix)
    for group, n in sizes.items():
        true = sum(cells[i] for i in groups[group])
        if n is not None:
            assert n == true >= 11
        elif true < 11:
            row = np.array([float(i in groups[group]) for i in range(6)])
            assert np.linalg.matrix_rank(np.vstack([matrix, row])) == rank + 1


@pytest.mark.parametrize("name", FRAMES)
def test_frames_hide_only_if_asked_and_then_mark_what_they_hide(name):
    plain = FRAMES[name](ak.fairness(**drawn(), replicates=40))
    veiled = FRAMES[name](ak.fairness(**drawn(), replicates=40, small_cell=11))
    assert "suppressed" not in plain
    assert veiled["suppressed"].dtype == bool
    assert veiled["suppressed"].any()
    numbers = plain.select_dtypes("number").columns
    shown = veiled[~veiled["suppressed"]]
    pd.testing.assert_frame_equal(
        shown[numbers], plain.loc[shown.index, numbers], check_dtype=False
    )
    for column in numbers.difference(["threshold", "start", "stop"]):
        hidden = veiled[column].isna() & plain[column].notna()
        assert veiled.loc[hidden, "suppressed"].all()
        same = ~veiled[column].isna()
        assert (veiled.loc[same, column] == plain.loc[same, column]).all()
    if "n" in veiled and name != "disparities":
        assert not veiled["n"].between(1, 10).any()
    if "group" in veiled:
        few = veiled["group"].str.contains("race=x")
        kept = {"threshold", "start", "stop", "exact", "suppressed"}
        few_numbers = veiled.loc[few].drop(columns=[*kept & set(veiled)]).select_dtypes("number")
        empty = few_numbers.eq(0) | few_numbers.isna()  # that nobody is in a bin is shown
        assert empty.to_numpy().all()


def test_rates_of_few_are_hidden_though_their_group_is_large():
    labels = np.arange(400) % 2 == 0
    group = np.where(np.arange(400) < 200, "a", "b")
    labels[group == "b"] = np.arange(200) < 5
    found = ak.fairness(labels, labels, groups={"g": group}, small_cell=11).to_frame()
    tpr = found[found["metric"] == "tpr"].set_index("group")
    assert tpr["suppressed"].all()  # of the other follows from how many favourable labels there are
    selection = found[found["metric"] == "selection_rate"].set_index("group")
    assert selection["n"].tolist() == [200, 200]


def test_a_larger_small_cell_is_printed_too():
    found = ak.fairness(**drawn(), small_cell=41)
    assert printed(found)["sex=f"] is None
    assert "&lt; 41" in found._repr_html_()


@pytest.mark.parametrize("small_cell", [0, -1, 2.5, "few", True])
def test_a_small_cell_is_a_whole_number_of_people(small_cell):
    with pytest.raises(InputError):
        ak.fairness(**drawn(), small_cell=small_cell)


def test_results_are_compared_and_hashed_without_an_error():
    rows = drawn()
    found = ak.fairness(**rows)
    inputs = ak.Inputs(
        data=pd.DataFrame({"x": rows["scores"]}),
        labels=rows["labels"],
        scores=rows["scores"],
        groups=rows["groups"],
    )
    audit = ak.run(inputs, policy="starter")
    for value in (
        found,
        found.partition,
        found.counts,
        found.estimates("tpr"),
        inputs,
        prepare(inputs),
        audit,
        *audit.evidence,
        *audit.findings,
    ):
        assert value == value  # noqa: PLR0124
        assert value != "something else"
        assert isinstance(hash(value), int)
    assert found != ak.fairness(**rows)  # by identity: no look at every row
    again = ak.run(inputs, policy="starter")
    assert again.evidence == audit.evidence
    assert hash(again.evidence) == hash(audit.evidence)


def test_inputs_and_cases_print_no_value():
    people = pd.DataFrame({"name": ["Ann", "Bob"] * 20, "income": [41_337, 52_001] * 20})
    groups = pd.DataFrame({"faith": ["secret", "open"] * 20})
    inputs = ak.Inputs(data=people, labels=["good", "bad"] * 20, favourable="good", groups=groups)
    text = repr(inputs)
    assert "DataFrame of 40 rows (name, income)" in text
    assert "labels=list of 40 rows" in text
    assert "(faith)" in text
    numbers = people[["income"]]
    scored = ak.Inputs(data=numbers, labels=[0, 1] * 20, scores=[0.123] * 40, groups=groups)
    case = prepare(scored)
    for told in (text, repr(scored), repr(case), repr(ak.fairness(**drawn()).partition)):
        for value in ("Ann", "41", "secret", "open", "0.123", "good"):
            assert value not in told
    assert repr(case) == "Case('decisions', 40 rows (income))"
