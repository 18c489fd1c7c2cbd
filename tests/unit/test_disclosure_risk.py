"""Disclosure risk against pycanon, against naive loops, and against its own laws."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycanon import anonymity

from auditkit.deid.risk.disclosure import (
    SIZES,
    cheapest_levels,
    codes_of,
    disclosure_risk,
    diversity,
    equivalence_classes,
)
from auditkit.errors import InputError, NothingToAuditError


def random_table(seed, rows=120):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "zip3": rng.choice(["021", "022", "900"], rows),
            "sex": rng.choice(["f", "m"], rows),
            "band": rng.integers(0, 4, rows),
            "diagnosis": rng.choice(["flu", "cold", "asthma", "none"], rows),
            "charge": rng.choice([10.0, 20.5, 30.0, 99.0, 120.0], rows),
        }
    )


QI = ["zip3", "sex", "band"]


@pytest.mark.parametrize("seed", range(12))
def test_k_l_and_t_equal_pycanon(seed):
    table = random_table(seed)
    classes = equivalence_classes([codes_of(table[c]) for c in QI])
    assert disclosure_risk(classes).k == anonymity.k_anonymity(table, QI)
    words = diversity(classes, table["diagnosis"], ordered=False)
    numbers = diversity(classes, table["charge"], ordered=True)
    assert words.l == anonymity.l_diversity(table, QI, ["diagnosis"])
    assert int(words.entropy_l + 1e-9) == anonymity.entropy_l_diversity(table, QI, ["diagnosis"])
    assert numbers.l == anonymity.l_diversity(table, QI, ["charge"])
    assert words.t == pytest.approx(anonymity.t_closeness(table, QI, ["diagnosis"]), abs=1e-12)
    assert numbers.t == pytest.approx(anonymity.t_closeness(table, QI, ["charge"]), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60))
def test_risk_equals_its_definition(rows):
    columns = [np.array(c, np.int64) for c in zip(*rows, strict=True)]
    risk = disclosure_risk(equivalence_classes(columns), wanted_k=3)
    sizes = [rows.count(row) for row in rows]
    assert risk.k == min(sizes)
    assert risk.classes == len(set(rows))
    assert risk.unique == pytest.approx(sizes.count(1) / len(rows))
    assert risk.prosecutor == pytest.approx(max(1 / f for f in sizes))
    assert risk.mean_risk == pytest.approx(np.mean([1 / f for f in sizes]))
    assert risk.marketer == pytest.approx(risk.mean_risk)
    assert risk.at_risk == pytest.approx(sum(f < 3 for f in sizes) / len(rows))
    assert sum(rows_in for _, rows_in in risk.histogram) == len(rows)
    assert sum(count for count, _ in risk.histogram) == risk.classes
    assert len(risk.histogram) == len(SIZES)


def test_a_population_lowers_the_risk_of_a_sample():
    classes = np.array([0, 0, 1], np.int64)
    risk = disclosure_risk(classes, population=np.array([100, 50]))
    assert risk.prosecutor == 1
    assert risk.journalist == pytest.approx(1 / 50)
    assert risk.marketer == pytest.approx((2 / 100 + 1 / 50) / 3)
    with pytest.raises(InputError, match="more rows than the population"):
        disclosure_risk(classes, population=np.array([1, 50]))


def test_many_wide_columns_do_not_overflow():
    rng = np.random.default_rng(1)
    columns = [rng.integers(0, 2**20, 500) for _ in range(9)]
    assert disclosure_risk(equivalence_classes(columns)).classes == 500
    assert disclosure_risk(equivalence_classes([np.zeros(500, np.int64)] * 9)).k == 500


def test_a_missing_value_is_a_value_and_nothing_is_an_error():
    codes = codes_of(pd.Series(["a", None, None, "a"]))
    assert disclosure_risk(equivalence_classes([codes])).k == 2
    with pytest.raises(NothingToAuditError):
        equivalence_classes([np.array([], np.int64)])
    with pytest.raises(InputError, match="No quasi-identifiers"):
        equivalence_classes([])


def test_one_sensitive_value_has_no_distance():
    spread = diversity(np.zeros(3, np.int64), ["x", "x", "x"], ordered=False)
    assert (spread.l, spread.t) == (1, None)


def _levels(table):
    ages = table["age"].to_numpy()
    zips = table["zip"]
    return {
        "age": [codes_of(ages // w) for w in (1, 5, 10, 20, 200)],
        "zip": [codes_of(zips.str[:n]) for n in (5, 3, 1, 0)],
    }


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("suppressed", [0.0, 0.1])
def test_the_search_finds_what_trying_everything_finds(seed, suppressed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"age": rng.integers(20, 80, 200), "zip": rng.choice(["02139", "02140", "10001"], 200)}
    )
    levels = _levels(table)
    best = cheapest_levels(levels, wanted_k=5, max_suppressed=suppressed)
    assert best is not None

    def reaches(a, z):
        pairs = pd.Series(list(zip(levels["age"][a], levels["zip"][z], strict=True)))
        sizes = pairs.map(pairs.value_counts())
        return (sizes < 5).mean() <= suppressed

    def entropy(codes):
        share = np.bincount(codes) / len(codes)
        return -(share[share > 0] * np.log(share[share > 0])).sum()

    def lost(a, z):
        pairs = ((levels["age"], a), (levels["zip"], z))
        return np.mean([1 - entropy(c[i]) / entropy(c[0]) for c, i in pairs])

    naive = min(lost(a, z) for a, z in product(range(5), range(4)) if reaches(a, z))
    assert best.information_lost == pytest.approx(naive)
    assert reaches(best.levels["age"], best.levels["zip"])
    assert best.k >= 5


def test_an_impossible_k_has_no_answer():
    levels = {"a": [np.array([0, 1, 2], np.int64), np.array([0, 0, 0], np.int64)]}
    assert cheapest_levels(levels, wanted_k=4) is None
