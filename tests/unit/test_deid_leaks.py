"""What the search of an output takes for a leak, and what it does not."""

from __future__ import annotations

import pytest

from auditkit.deid.pipeline.leaks import find_leaks

KNOWN = [(("DATE_TIME", "2025-03-04"), ("PERSON", "Ann Lee"))]


def leaks(cell, **more):
    return find_leaks(
        {"visit": [cell]},
        KNOWN,
        texts=frozenset(),
        looked_for=frozenset({"A", "C"}),
        redactor=None,
        **more,
    ).total


def test_a_date_with_day_and_month_swapped_counts_unless_dates_were_moved():
    assert leaks("2025-04-03") == 1
    assert leaks("2025-04-03", shifted=frozenset({"visit"})) == 0


@pytest.mark.parametrize("shifted", [frozenset(), frozenset({"visit"})])
def test_a_name_counts_in_every_column(shifted):
    assert leaks("2025-04-03 Ann Lee", shifted=shifted) >= 1
