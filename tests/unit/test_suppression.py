"""Complementary suppression, checked by exact elimination over fractions."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.measures.numbers import suppression
from auditkit.measures.numbers.suppression import Equation, hidden_cells

SMALL = 11


def table(counts, rows, columns):
    """Counts of a two-way table with its margins, and the sums that hold in it."""
    cells = {"all": sum(counts.values())}
    equations = [
        Equation(total="all", parts=tuple(("r", r) for r in rows)),
        Equation(total="all", parts=tuple(("c", c) for c in columns)),
    ]
    for r in rows:
        cells["r", r] = sum(counts[r, c] for c in columns)
        equations.append(Equation(total=("r", r), parts=tuple((r, c) for c in columns)))
    for c in columns:
        cells["c", c] = sum(counts[r, c] for r in rows)
        equations.append(Equation(total=("c", c), parts=tuple((r, c) for r in rows)))
    return cells | counts, equations


def follows(cell, hidden, equations):
    """Whether a hidden cell is a combination of the shown ones: Gaussian elimination, exact."""
    order = [c for c in hidden if c != cell] + [cell]
    matrix = [
        [Fraction((c in e.parts) - (c == e.total)) for c in order]
        for e in equations
        if any(c in hidden for c in e.cells)
    ]
    row = 0
    for column in range(len(order)):
        pivot = next((r for r in range(row, len(matrix)) if matrix[r][column]), None)
        if pivot is None:
            continue
        matrix[row], matrix[pivot] = matrix[pivot], matrix[row]
        for r in range(len(matrix)):
            if r != row and matrix[r][column]:
                factor = matrix[r][column] / matrix[row][column]
                matrix[r] = [a - factor * b for a, b in zip(matrix[r], matrix[row], strict=True)]
        row += 1
    return any(line[-1] and not any(line[:-1]) for line in matrix)


def test_the_last_group_does_not_follow_from_the_others():
    cells = {"all": 300, "w": 260, "x": 3, "y": 37}
    equation = Equation(total="all", parts=("w", "x", "y"))
    assert hidden_cells(cells, [equation], small_cell=SMALL, fixed={"all"}) == {
        "x": "small",
        "y": "complementary",
    }


def test_two_small_cells_whose_sum_is_small_are_not_enough():
    cells = {"all": 300, "w": 253, "x": 3, "y": 4, "z": 40}
    equation = Equation(total="all", parts=("w", "x", "y", "z"))
    assert set(hidden_cells(cells, [equation], small_cell=SMALL, fixed={"all"})) == {"x", "y", "z"}


def test_what_ranks_lowest_is_hidden_first():
    cells = {"all": 300, "w": 230, "x": 3, "y": 17, "?": 50}
    equation = Equation(total="all", parts=("w", "x", "y", "?"))
    found = hidden_cells(
        cells, [equation], small_cell=SMALL, fixed={"all"}, rank=lambda c: c != "?"
    )
    assert set(found) == {"x", "?"}


@pytest.mark.parametrize("small_cell", [0, 1])
def test_nothing_is_small_below_two(small_cell):
    assert hidden_cells({"a": 1}, [], small_cell=small_cell) == {}


def test_nobody_is_no_small_cell_and_hides_none():
    cells = {"all": 20, "w": 20, "x": 0}
    equation = Equation(total="all", parts=("w", "x"))
    assert hidden_cells(cells, [equation], small_cell=SMALL, fixed={"all"}) == {}


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.sampled_from([0, 0, 1, 3, 7, 10, 11, 12, 40, 200]), min_size=16, max_size=16),
)
def test_no_small_cell_of_a_two_way_table_follows(height, width, numbers):
    rows, columns = range(height), range(width)
    grid = dict(zip(itertools.product(rows, columns), numbers, strict=False))
    cells, equations = table(grid, rows, columns)
    hidden = hidden_cells(cells, equations, small_cell=SMALL, fixed={"all"})
    assert all(c in hidden for c, n in cells.items() if 0 < n < SMALL and c != "all")
    if cells["all"] < SMALL:
        return  # everyone together is a small cell, and the number of rows is always shown
    for cell, why in hidden.items():
        assert cells[cell]
        if why == "small":
            assert not follows(cell, hidden, equations)
    for e in equations:
        together = sum(cells[p] for p in e.parts if p in hidden)
        few = any(hidden.get(p) == "small" for p in e.parts)
        if few and e.total not in hidden and cells[e.total] >= SMALL:
            assert together >= SMALL


def test_many_small_cells_are_told_apart_as_few_are(monkeypatch):
    """The way for many cells says of random tables what the way for few says."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        numbers = rng.choice([0, 1, 3, 11, 40], 30, p=[0.5, 0.2, 0.1, 0.1, 0.1])
        grid = dict(zip(itertools.product(range(6), range(5)), map(int, numbers), strict=True))
        cells, equations = table(grid, range(6), range(5))
        few = hidden_cells(cells, equations, small_cell=SMALL, fixed={"all"})
        with monkeypatch.context() as patch:
            patch.setattr(suppression, "_MAX_DENSE", 0)
            assert hidden_cells(cells, equations, small_cell=SMALL, fixed={"all"}) == few


def test_a_large_table_keeps_its_large_groups():
    """1,600 intersections of which most are small: their margins of hundreds stay shown."""
    rng = np.random.default_rng(0)
    grid = {(i, j): int(rng.integers(1, 30)) for i in range(40) for j in range(40)}
    cells, equations = table(grid, range(40), range(40))
    hidden = hidden_cells(cells, equations, small_cell=SMALL, fixed={"all"})
    assert all(c in hidden for c, n in cells.items() if n < SMALL)
    assert not [c for c in hidden if c[0] in {"r", "c"}]
