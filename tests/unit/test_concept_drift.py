"""Tests over time against published values, river's, and their rates of error."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import stats

import auditkit as ak
from auditkit.watching.checks.outcomes import errors
from auditkit.watching.concept.detectors import Adwin, PageHinkley
from auditkit.watching.concept.eprocess import (
    MeanTest,
    RateTest,
    best_rho,
    normal_mixture,
)


def stream() -> list[int]:
    """The stream of the docstrings of river's detectors."""
    draw = random.Random(12345)
    return draw.choices([0, 1], k=1000) + draw.choices(range(4, 8), k=1000)


def test_alarms_are_those_that_river_documents():
    hinkley, adwin = PageHinkley(), Adwin()
    numbers = stream()
    assert [i for i, x in enumerate(numbers) if hinkley.add(x)] == [1006]
    assert [i for i, x in enumerate(numbers) if adwin.add(x)] == [1023]


def test_adwin_keeps_few_buckets_and_the_exact_variance():
    adwin = Adwin(delta=1e-9)
    numbers = np.random.default_rng(0).normal(size=5000)
    for x in numbers:
        adwin.add(float(x))
    assert adwin.width == 5000
    assert sum(map(len, adwin._levels)) < 80


def test_the_normal_mixture_has_published_values():
    """From the unit tests of confseq, whose values are R's."""
    rho = best_rho(100, 0.05)
    assert rho == pytest.approx(12.60056, abs=1e-5)
    assert normal_mixture(10, 100, rho) == pytest.approx(-0.6510052, abs=1e-6)
    assert normal_mixture(30.35209, 100, rho) == pytest.approx(np.log(20), abs=1e-5)


def test_the_mixture_of_rates_is_an_integral():
    test = RateTest(p0=0.2).add(150, 42)
    rates = np.linspace(0.2, 1, 200_001)[1:-1]
    prior = stats.beta(10, 40)
    ratio = 42 * np.log(rates / 0.2) + 108 * np.log((1 - rates) / 0.8)
    integral = np.trapezoid(np.exp(ratio) * prior.pdf(rates) / prior.sf(0.2), rates)
    assert test.log_value == pytest.approx(np.log(integral), rel=1e-3)


def alarms(runs: int, rate: float, seed: int, **baseline: int) -> list[int]:
    """The day of each run's alarm, of 60 of 200 decisions; 0 if there is none."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        n = baseline.get("rows", 0)
        test = RateTest.against(draw.binomial(n, 0.2), n) if n else RateTest(p0=0.2)
        days = draw.binomial(200, rate, 60)
        day = 0
        for i, events in enumerate(days, 1):
            test = test.add(200, int(events))
            if test.alarm:
                day = i
                break
        found.append(day)
    return found


@pytest.mark.parametrize("rows", [0, 1000, 5000])
def test_an_unchanged_rate_alarms_in_at_most_the_level(rows: int) -> None:
    found = alarms(300, 0.2, 1, rows=rows)
    assert np.mean([day > 0 for day in found]) <= 0.05


def test_a_rate_that_rises_is_found_within_days():
    found = [day for day in alarms(100, 0.26, 2, rows=5000) if day]
    assert len(found) == 100
    assert np.median(found) <= 5


def test_looking_more_often_does_not_matter_to_the_value():
    once = RateTest(p0=0.2).add(400, 100)
    often = RateTest(p0=0.2)
    for _ in range(4):
        often = often.add(100, 25)
    assert once.log_value == often.log_value
    assert often.highest >= once.highest


def test_a_mean_that_changes_is_found():
    assert not MeanTest(mean=0.5).add(1000, 500).alarm
    assert MeanTest(mean=0.5).add(1000, 600).alarm


def test_profiles_give_the_counts_of_wrong_decisions():
    labels, scores = np.array([0, 1, 1, 0] * 50), np.array([0.9, 0.8, 0.1, 0.2] * 50)
    base = ak.Profile.fit({"x": scores}, scores=scores, labels=labels)
    assert errors(base) == (200, 100)
    assert errors(ak.Profile.fit({"x": scores})) == (0, 0)


@pytest.mark.parametrize("p0", [0, 1, float("nan"), True])
def test_a_tolerance_is_a_rate(p0: float) -> None:
    with pytest.raises(ak.AuditkitError, match="p0 must be"):
        RateTest(p0=p0)
    with pytest.raises(ak.AuditkitError, match="more events than rows"):
        RateTest(p0=0.2).add(1, 2)
