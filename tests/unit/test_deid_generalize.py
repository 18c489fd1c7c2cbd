"""The least generalization against trying everything; bands; the population against counting."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditkit import cli
from auditkit.deid import Deidentifier, Plan
from auditkit.deid.risk.k_search import find_generalization
from auditkit.deid.table.frames import read_columns
from auditkit.deid.vocabulary.generalize import age_of, band_of, year_of
from auditkit.errors import InputError, PolicyError

QUASI = ("birth_date", "zip", "sex", "income")


def people(seed=0, rows=150):
    rng = np.random.default_rng(seed)
    born = rng.integers((1930, 1), (2000, 28), (rows, 2))
    return pd.DataFrame(
        {
            "birth_date": [f"{year}-05-{day:02}" for year, day in born],
            "zip": rng.choice(["02139", "02140", "10001", "60614"], rows),
            "sex": rng.choice(["f", "m"], rows),
            "income": rng.integers(20, 90, rows) * 1000,
        }
    )  # fmt: skip


def planned(table, mode="safe-harbor", quasi=QUASI):
    plan = Plan.propose(table, mode=mode, as_of=date(2026, 11, 24))
    return replace(plan, quasi_identifiers=tuple(c for c in quasi if c in table))


def smallest_class(plan, table):
    """By pandas, from the table that the plan really makes."""
    made = plan.apply(table, deidentifier=Deidentifier(model=False)).table
    names = [c for c in plan.quasi_identifiers if c in made]
    return len(made) if not names else made.groupby(names, dropna=False).size().min()


def lost(table, plan, to):
    """Mean share of entropy lost, from the tables that two plans really make."""

    def entropy(made, column):
        share = made[column].value_counts(normalize=True, dropna=False) if column in made else [1]
        return -sum(p * np.log(p) for p in share)

    before, after = (
        p.apply(table, deidentifier=Deidentifier(model=False)).table for p in (plan, to)
    )
    names = plan.quasi_identifiers
    return np.mean([1 - entropy(after, c) / entropy(before, c) for c in names])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mode", ["safe-harbor", "expert"])
def test_the_proposal_is_the_best_of_all_choices(seed, mode):
    table = people(seed)[["birth_date", "sex"]]
    plan = planned(table, mode)
    found = find_generalization(plan, read_columns(table), wanted_k=5)
    assert found.k_before == smallest_class(plan, table)
    assert found.k == smallest_class(found.plan, table) >= 5
    assert found.information_lost == pytest.approx(lost(table, plan, found.plan))
    assert found.information_lost == pytest.approx(np.mean([s.lost for s in found.steps]))
    births = [{}] if mode == "safe-harbor" else [{"treatment": "keep"}, {"treatment": "year"}]
    births += [{"treatment": "year", "width": w} for w in (2, 5, 10, 20)] + [{"treatment": "drop"}]
    sexes = [{}, {"treatment": "drop"}]
    reach = [
        p
        for b, s in product(births, sexes)
        if smallest_class(
            p := plan.with_column("birth_date", **b).with_column("sex", **s), table
        ) >= 5
    ]  # fmt: skip
    assert found.information_lost == pytest.approx(min(lost(table, plan, p) for p in reach))


def test_what_applies_reaches_the_k_that_was_promised():
    table = people(7, rows=400)
    for k in (2, 5, 40):
        found = find_generalization(planned(table), read_columns(table), wanted_k=k)
        assert found.k == smallest_class(found.plan, table) >= k
        assert Plan.from_yaml(found.plan.to_yaml()) == found.plan


def test_no_column_is_made_finer():
    table = people(1)
    plan = planned(table).with_column("birth_date", width=10)
    found = find_generalization(plan, read_columns(table), wanted_k=5)
    entry = found.plan["birth_date"]
    assert entry.treatment == "drop" or entry.width >= 10
    dropped = plan.with_column("zip", treatment="drop")
    assert (
        find_generalization(dropped, read_columns(table), wanted_k=5).plan["zip"].treatment
        == "drop"
    )


def test_what_cannot_be_reached_is_said():
    table = people(rows=4)
    with pytest.raises(InputError, match="4 rows cannot be hidden among 5"):
        find_generalization(planned(table), read_columns(table), wanted_k=5)
    with pytest.raises(InputError, match="no quasi-identifiers"):
        find_generalization(planned(table, quasi=()), read_columns(table), wanted_k=2)


@given(st.integers(1900, 2026), st.integers(2, 30))
def test_a_band_of_years_holds_its_year_and_nobodys_age_over_89(year, width):
    as_of = date(2026, 11, 24)
    told = year_of(f"{year}-06-01", birth=True, as_of=as_of, width=width)
    if year <= 1936:
        assert told == "90+"
        return
    low, high = map(int, told.split(" to "))
    assert max(low, 1937) == low <= year <= high < low + width
    assert told == year_of(str(high), birth=True, as_of=as_of, width=width)


@given(st.integers(0, 130), st.integers(2, 30))
def test_a_band_of_ages_ends_at_89(age, width):
    told = age_of(str(age), width=width)
    assert (told == "90+") == (age >= 90)
    if age < 90:
        low, high = map(int, told.split(" to "))
        assert low <= age <= high <= 89


@example(-5e-324, 10)
@example(0.3, 0.1)
@given(st.floats(-1e9, 1e9), st.sampled_from([0.1, 0.5, 1, 10, 250]))
def test_a_band_holds_its_number(number, width):
    low, high = map(float, band_of(repr(number), width=width).split(" to under "))
    assert low <= number < high
    assert band_of("unknown", width=width) is None
    assert band_of("inf", width=width) is None


def test_widths_that_mean_nothing_are_refused():
    plan = planned(people())
    for column, changes, message in (
        ("sex", {"width": 5}, "a width is a positive number"),
        ("income", {"treatment": "band"}, "names no width"),
        ("income", {"treatment": "band", "width": -1}, "a width is a positive number"),
        ("birth_date", {"width": 2.5}, "whole width"),
        ("zip", {"treatment": "band", "width": 5}, "'band' is for"),
    ):
        with pytest.raises(PolicyError, match=message):
            plan.with_column(column, **changes)


@pytest.mark.parametrize("seed", range(4))
def test_journalist_risk_counts_who_looks_alike_in_the_population(seed):
    everyone = people(seed, rows=600).assign(zip=lambda t: t["zip"].where(t.index % 9 > 0))
    sample = everyone.sample(80, random_state=seed)
    plan = planned(sample).with_column("income", treatment="band", width=20_000)
    deid = Deidentifier(model=False)
    risk = plan.apply(sample, deidentifier=deid, population=everyone).evidence[2]
    made = plan.apply(everyone, deidentifier=deid).table
    people_alike = made.groupby(list(QUASI), dropna=False)["sex"].transform("size")
    alike = people_alike[sample.index]
    journalist = risk.measurement("journalist_risk")
    assert (journalist.value, journalist.n) == (pytest.approx((1 / alike).max()), 600)
    assert risk.measurement("marketer_risk").value == pytest.approx((1 / alike).mean())
    assert risk.parameters["population"] == 600


def test_a_population_that_cannot_be_is_refused():
    table, deid = people(rows=60), Deidentifier(model=False)
    plan = planned(table)
    without = plan.apply(table, deidentifier=deid).evidence[2].measurement("journalist_risk")
    assert without.value is None
    assert "no population" in without.reason
    for population, message in (
        (table.iloc[:0], "has no rows"),
        (table.drop(columns="zip"), "lacks the quasi-identifier 'zip'"),
        (table.iloc[:30], "more rows than the population"),
    ):
        with pytest.raises(InputError, match=message):
            plan.apply(table, deidentifier=deid, population=population)
    replaced = plan.with_column("zip", treatment="replace")
    with pytest.raises(InputError, match="no population can be compared"):
        replaced.apply(table, deidentifier=deid, population=table)


def test_the_command_line_writes_the_proposal_into_the_plan(tmp_path, capsys):
    source, plan = tmp_path / "in.csv", tmp_path / "plan.yaml"
    people(rows=300).to_csv(source, index=False)
    written = f"# Read by the privacy officer.\n{planned(people(rows=300)).to_yaml()}"
    plan.write_text(written)
    assert cli.run(["deid", "generalize", str(source), "--plan", str(plan), "--k", "10"]) == 0
    said = capsys.readouterr().err
    assert "k is 1 now and 1" in said
    assert "the plan before it is in plan.yaml~" in said
    assert (tmp_path / "plan.yaml~").read_text() == written
    assert "birth_date: reduced to the year" in said
    changed = Plan.from_yaml(plan.read_text())
    assert smallest_class(changed, people(rows=300)) >= 10
    assert cli.run(["deid", "generalize", str(source), "--k", "10", "--columns", "none"]) == 2
    assert cli.run(["deid", "generalize", str(source), "--k", "10", "--columns", "sex,zip"]) == 0
    out = capsys.readouterr().out
    assert Plan.from_yaml(out).quasi_identifiers == ("sex", "zip")
    report = tmp_path / "evidence"
    arguments = ["deid", "apply", str(source), str(tmp_path / "out.csv"), "--plan", str(plan)]
    arguments += ["--population", str(source), "--evidence", str(report), "--no-model"]
    assert cli.run(arguments) == 0
    assert '"population":300' in (report / "privacy.disclosure_risk.json").read_text()
