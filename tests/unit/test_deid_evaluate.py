"""Recall on labelled texts: counts by hand, the bound against SciPy and by its definition."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auditkit.deid import Deidentifier
from auditkit.deid.detect.recall import evaluate, lower_bound, read_labelled
from auditkit.errors import InputError, NothingToAuditError

LINES = [
    {"text": "ssn 123-45-6789", "spans": [{"start": 4, "end": 15, "kind": "US_SSN"}]},
    {"text": "mail a.b@example.com", "spans": [{"start": 5, "end": 20, "kind": "EMAIL_ADDRESS"}]},
    {"text": "the qwzzk is ours", "spans": [{"start": 4, "end": 9, "kind": "PERSON"}]},
    {"text": "on 2024-01-02 it rained", "spans": []},
]


def test_recall_and_precision_by_hand():
    samples = read_labelled([json.dumps(line) for line in LINES])
    evidence = evaluate(samples, Deidentifier(model=False))
    assert evidence.measurement("recall").value == pytest.approx(2 / 3)
    assert evidence.measurement("recall[class=G]").value == 1
    assert evidence.measurement("recall[class=A]").value == 0
    assert evidence.measurement("recall[class=A]").lower == 0
    # Found rightly: 9 digits and 12 letters; wrongly: the 8 digits of a date nobody labelled.
    assert evidence.measurement("precision").value == pytest.approx(21 / 29)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_is_clopper_and_pearsons(counts):
    found, n = counts
    exact = stats.binomtest(found, n, alternative="greater").proportion_ci(0.95, method="exact")
    assert lower_bound(found, n) == pytest.approx(exact.low, abs=1e-9)


def test_no_miss_in_n_leaves_about_three_in_n():
    assert 1 - lower_bound(300, 300) == pytest.approx(3 / 300, rel=0.01)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "Line 1 of the labelled sample cannot be read"),
        ('{"text": "a"}', "Line 1"),
        ('{"text": "a", "spans": [{"start": 0, "end": 2, "kind": "PERSON"}]}', "outside its text"),
    ],
)
def test_a_bad_line_is_named_by_its_number(line, message):
    with pytest.raises(InputError, match=message):
        read_labelled([line])


def test_nothing_labelled_is_no_recall():
    with pytest.raises(NothingToAuditError):
        evaluate([], Deidentifier(model=False))


def test_kinds_that_nobody_knows_are_said_to_count_as_codes():
    lines = [
        json.dumps({"text": "Ann Lee, 17", "spans": [{"start": 0, "end": 7, "kind": kind}]})
        for kind in ("TITLE", "BADGE", "US_NPI")
    ]
    found = evaluate(read_labelled(lines), Deidentifier(model=False))
    assert [note for note in found.notes if "class R" in note] == [
        "Kinds that auditkit does not know count under class R: BADGE."
    ]
