"""Cell suppression: hides cells of tables so that no small number of people can be inferred.

A *cell* is a number of people in a report, such as the members of a group, or those with the
favourable outcome. A cell of 1 to `small_cell` - 1 people is hidden (primary suppression). It must
not follow from the shown cells either: if all groups but one are shown, the hidden one is the total
minus the others. So further cells are hidden (complementary suppression).

Laws, for every hidden small cell:
    - No linear combination of the shown cells gives it.
    - In every equation whose total is shown, the hidden parts sum to at least `small_cell`;
      otherwise their sum would be a small cell that follows by subtraction.
    - 0 is shown: it concerns nobody.

What it does not do: it does not protect against bounds on hidden cells (a total of 40 shows that a
hidden part is at most 40), nor against rates of large groups, which a reader may multiply by n.

Source: Centers for Medicare & Medicaid Services, cell size suppression policy (cells of 10 or
fewer, unverified); Willenborg and de Waal, Elements of Statistical Disclosure Control, 2001
(complementary suppression, unverified).

Example:
    Three of 300 people are of group x. Hiding x alone does not help: 300 - 297.

    >>> total = Equation(total="all", parts=("w", "x"))
    >>> hidden_cells({"all": 300, "w": 297, "x": 3}, [total], small_cell=11, fixed={"all"})
    {'x': 'small', 'w': 'complementary'}
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph, linalg

C = TypeVar("C", bound=Hashable)
Why = Literal["small", "complementary"]

_MAX_DENSE: Final = 600  # hidden cells that hang together; more are solved iteratively
_DRAWS: Final = 2
_ZERO: Final = 1e-7


@dataclass(frozen=True, kw_only=True, slots=True)
class Equation(Generic[C]):
    """A sum that a reader knows: the total is the sum of the parts."""

    total: C
    parts: tuple[C, ...]

    @property
    def cells(self) -> tuple[C, ...]:
        """The total, then the parts."""
        return (self.total, *self.parts)


def hidden_cells(
    counts: Mapping[C, int],
    equations: Sequence[Equation[C]],
    *,
    small_cell: int,
    fixed: Collection[C] = (),
    rank: Callable[[C], int] = lambda _: 0,
    whole: Callable[[C], C | None] = lambda _: None,
) -> dict[C, Why]:
    """The cells to hide, each with "small" or "complementary".

    Args:
        counts: Every cell that would be shown, with its number of people, >= 0.
        equations: The sums that a reader knows; equations about cells without a count are left out.
        small_cell: Cells of 1 to `small_cell` - 1 people are small; 0 or 1: none is.
        fixed: Cells that stay shown in any case, such as the number of rows of the audit.
        rank: Complementary cells are chosen from those of the lowest rank, and of these the
            smallest that is enough. Default: all have the same rank.
        whole: For a cell, another without which it is not shown: for people with the favourable
            outcome, their group. Default: none.
    """
    belonging: dict[C, list[C]] = {}
    for cell in counts:
        if (of := whole(cell)) is not None:
            belonging.setdefault(of, []).append(cell)
    known = [e for e in equations if all(cell in counts for cell in e.cells)]
    search = _Search(
        counts=counts,
        equations=known,
        small_cell=small_cell,
        fixed=frozenset(fixed),
        rank=rank,
        belonging=belonging,
    )
    for cell, n in counts.items():
        if 0 < n < small_cell and cell not in search.fixed:
            search.hide(cell, "small")
    while search.hidden and (search.by_subtraction() or search.by_solving()):
        pass
    return search.hidden


@dataclass(kw_only=True, slots=True)
class _Search(Generic[C]):
    """One search for complementary cells; `hidden` grows until nothing small follows."""

    counts: Mapping[C, int]
    equations: Sequence[Equation[C]]
    small_cell: int
    fixed: frozenset[C]
    rank: Callable[[C], int]
    belonging: Mapping[C, Sequence[C]]
    hidden: dict[C, Why] = field(default_factory=dict)

    def hide(self, cell: C, why: Why) -> None:
        """Hides a cell, and those not shown without it."""
        if self.hidden.get(cell) != "small":
            self.hidden[cell] = why
        for other in self.belonging.get(cell, ()):
            self.hidden.setdefault(other, why)

    def by_subtraction(self) -> bool:
        """Hides cells that single equations require; returns whether any was hidden."""
        more = False
        for equation in self.equations:
            while (cell := self._required_cell(equation)) is not None:
                self.hide(cell, "complementary")
                more = True
        return more

    def _required_cell(self, equation: Equation[C]) -> C | None:
        """A further cell to hide, if the total reveals a small part or a small sum."""
        parts = [p for p in equation.parts if p in self.hidden]
        if equation.total in self.hidden or all(self.hidden[p] != "small" for p in parts):
            return None
        together = sum(self.counts[p] for p in parts)
        if len(parts) > 1 and together >= self.small_cell:
            return None
        found = self._cheapest(equation.parts, at_least=self.small_cell - together)
        if found is None and equation.total not in self.fixed:
            return equation.total
        return found

    def by_solving(self) -> bool:
        """Hides cells if equations together give a small one; returns whether any was hidden."""
        more = False
        for cells, equations in self._components():
            if all(self.hidden[c] != "small" for c in cells):
                continue
            matrix = _matrix(cells, equations)
            for i in np.flatnonzero(_determined(matrix)):
                if self.hidden[cells[i]] == "small":
                    used = [equations[row] for row in _derivation(matrix, int(i))]
                    found = self._cheapest(self._shown(used))
                    if found is not None:
                        self.hide(found, "complementary")
                        more = True
        return more

    def _shown(self, equations: Sequence[Equation[C]]) -> list[C]:
        cells = dict.fromkeys(c for e in equations for c in e.cells)
        return [c for c in cells if c not in self.hidden and c not in self.fixed]

    def _cheapest(self, cells: Sequence[C], *, at_least: int = 1) -> C | None:
        """Of the shown cells of lowest rank, the smallest with enough people, or the largest."""
        free = [c for c in cells if c not in self.hidden and c not in self.fixed and self.counts[c]]
        if not free:
            return None
        lowest = min(map(self.rank, free))
        free = [c for c in free if self.rank(c) == lowest]
        enough = [c for c in free if self.counts[c] >= at_least]
        if enough:
            return min(enough, key=lambda c: self.counts[c])
        return max(free, key=lambda c: self.counts[c])

    def _components(self) -> list[tuple[list[C], list[Equation[C]]]]:
        """Connected components of hidden cells, with their equations."""
        place = {cell: i for i, cell in enumerate(self.hidden)}
        concerned = [e for e in self.equations if any(c in place for c in e.cells)]
        entries = [
            (len(place) + row, place[c])
            for row, e in enumerate(concerned)
            for c in e.cells
            if c in place
        ]
        size = len(place) + len(concerned)
        ones = np.ones(len(entries))
        rows, columns = zip(*entries, strict=True) if entries else ((), ())
        graph = sparse.csr_array((ones, (rows, columns)), shape=(size, size))
        number, label = csgraph.connected_components(graph, directed=False)
        found: list[tuple[list[C], list[Equation[C]]]] = [([], []) for _ in range(number)]
        for cell, i in place.items():
            found[label[i]][0].append(cell)
        for row, equation in enumerate(concerned):
            found[label[len(place) + row]][1].append(equation)
        return found


def _matrix(cells: list[C], equations: list[Equation[C]]) -> sparse.csr_array:
    """Coefficients of the hidden cells in each equation, shape `(equations, cells)`."""
    place = {cell: i for i, cell in enumerate(cells)}
    entries = [
        (row, place[cell], 1.0 if i else -1.0)
        for row, equation in enumerate(equations)
        for i, cell in enumerate(equation.cells)
        if cell in place
    ]
    rows, columns, signs = zip(*entries, strict=True) if entries else ((), (), ())
    return sparse.csr_array((signs, (rows, columns)), shape=(len(equations), len(cells)))


def _determined(matrix: sparse.csr_array) -> npt.NDArray[np.bool_]:
    """Which hidden cells follow from the shown ones, shape `(cells,)`.

    A cell follows if it is 0 in the whole null space of the equations, that is, if it cannot vary
    while the shown cells are fixed. For few cells a basis of the null space is computed; for many,
    random vectors of it, in which any other cell is 0 with probability 0.
    """
    size = matrix.shape[1]
    if size <= _MAX_DENSE:
        sizes, vectors = np.linalg.eigh((matrix.T @ matrix).toarray())
        free = vectors[:, sizes < _ZERO]
        return np.asarray(np.abs(free).max(axis=1, initial=0.0) < _ZERO)
    furthest = np.zeros(size)
    for drawn in np.random.default_rng(0).normal(size=(_DRAWS, size)):
        furthest = np.maximum(furthest, np.abs(drawn - _least_squares(matrix, matrix @ drawn)))
    return np.asarray(furthest < _ZERO)


def _derivation(matrix: sparse.csr_array, cell: int) -> list[int]:
    """The equations that together give a hidden cell."""
    wanted = np.zeros(matrix.shape[1])
    wanted[cell] = 1.0
    return [
        int(row) for row in np.flatnonzero(np.abs(_least_squares(matrix.T.tocsr(), wanted)) > _ZERO)
    ]


def _least_squares(
    matrix: sparse.csr_array, right: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = linalg.lsmr(
        matrix, right, atol=1e-14, btol=1e-14, maxiter=100_000
    )[0]
    return found
