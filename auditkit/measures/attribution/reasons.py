"""The principal reasons for an unfavourable decision (12 CFR 1002.9(b)(2) and its comments).

A reason is a scored factor that lowered this applicant's score compared with a reference
population: by default those approved at or just above the cut-off, the first of the methods in
comment 9(b)(2)-5.

Laws:
    - Adverse direction only: a factor that raised the score is never a reason.
    - A principal reason is never left out. Up to `most` are listed, and beyond that every factor
      with at least `principal_share` of the adverse attribution.
    - A factor with less than `least_share` is not a reason, even if few others remain.
    - A reason is stable if it is principal in nearly every resample of the reference population.
      No letter is written with an unstable one.
    - A protected attribute is never given as a reason. If one is principal, that is reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.errors import InputError
from auditkit.evidence import Cell
from auditkit.parameters import COUNT, PART, Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

MARGINAL: Final = "at or just above the cut-off"
APPROVED: Final = "all at or above the cut-off"
ALL: Final = "everyone in the reference"
# The reference populations in words.
POPULATIONS: Final = {
    MARGINAL: "those at or just above the cut-off",
    APPROVED: "all at or above the cut-off",
    ALL: "everyone in the reference",
}

# Rows of which every resample is held at once.
_ROWS_AT_ONCE: Final = 64

MAX_REASONS: Final = COUNT.of(4)
PRINCIPAL_SHARE: Final = PART.of(0.15)
MIN_SHARE: Final = Parameter(default=0.01, at_least=0, below=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasonLimits:
    """Which adverse factors are principal.

    Attributes:
        most: Number of reasons listed, unless more are principal, >= 1. Comment 9(b)(2)-1: more
            than four are not likely to be helpful.
        principal_share: Beyond `most`, least share of the adverse attribution of a principal
            factor, in (0, 1].
        least_share: Least share of the adverse attribution of any reason, in [0, 1).
    """

    most: int = MAX_REASONS.default
    principal_share: float = PRINCIPAL_SHARE.default
    least_share: float = MIN_SHARE.default

    def __post_init__(self) -> None:
        MAX_REASONS.read(self.most, name="most")
        PRINCIPAL_SHARE.read(self.principal_share, name="principal_share")
        MIN_SHARE.read(self.least_share, name="least_share")

    def ranks(self, contributions: Doubles) -> NDArray[np.int64]:
        """The rank of each principal factor, from 1; 0 for every other factor.

        Args:
            contributions: Attributions of the favourable outcome, shape `(rows, features)`.
        """
        adverse = np.minimum(contributions, 0.0)
        order = np.argsort(adverse, axis=1, kind="stable")
        ranks = np.argsort(order, axis=1) + 1
        listed = self._listed(adverse.T, (ranks <= self.most).T).T
        return np.where(listed, ranks, 0)

    def principal(self, contributions: Doubles) -> NDArray[np.bool_]:
        """Where `ranks` are not 0, found without sorting.

        Args:
            contributions: Attributions of the favourable outcome, shape `(features, ...)`.
        """
        adverse = np.minimum(contributions, 0.0)
        cut = _smallest(adverse, self.most)
        first = adverse <= cut
        # Of equal factors at the cut only those of the first columns are within it.
        tied = (first.sum(axis=0) > self.most) & (cut < 0)
        first[:, tied] = (
            np.argsort(np.argsort(adverse[:, tied], axis=0, kind="stable"), axis=0, kind="stable")
            < self.most
        )
        return self._listed(adverse, first)

    def _listed(self, adverse: Doubles, first: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which factors are principal, given which are among the first `most`; features first."""
        total = adverse.sum(axis=0)
        shares = np.divide(adverse, total, out=np.zeros_like(adverse), where=total < 0)
        least = np.where(first, self.least_share, self.principal_share)
        return np.asarray((shares >= least) & (shares > 0))


def _smallest(values: Doubles, k: int) -> Doubles:
    """The k-th smallest value along the first axis; the largest, if there are fewer than k."""
    kept = [np.full(values.shape[1:], np.inf) for _ in range(min(k, len(values)))]
    for value in values:
        passed_on = value
        for position, held in enumerate(kept):
            kept[position] = np.minimum(held, passed_on)
            passed_on = np.maximum(held, passed_on)
    return kept[-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One principal reason of one row.

    Attributes:
        rank: 1 for the heaviest.
        feature: The factor.
        value: The applicant's value; None if missing.
        reference_value: The reference population's median; its most common value, if not a number.
        contribution: The factor's attribution, < 0, in the attribution's unit.
        share: Its share of the row's adverse attribution, in (0, 1].
        kept: Share of resamples of the reference in which it is principal; None: not resampled.
    """

    rank: int
    feature: str
    value: Cell
    reference_value: Cell
    contribution: float
    share: float
    kept: float | None = None


def principal_reasons(
    contributions: Doubles,
    *,
    names: tuple[str, ...],
    values: tuple[Any, ...],
    reference_values: tuple[Any, ...],
    limits: ReasonLimits,
    protected: frozenset[str] = frozenset(),
    kept: Doubles | None = None,
) -> tuple[Reason, ...]:
    """The principal reasons of one row, heaviest first; ties keep the order of the columns.

    Args:
        contributions: Attributions of the favourable outcome, shape `(features,)`.
        names: The factors.
        values: The row's values.
        reference_values: From `typical_values`.
        limits: Which factors are principal.
        protected: Factors that are never given as reasons.
        kept: From `kept_shares`, shape `(features,)`.
    """
    (reasons,) = reasons_of_rows(
        contributions[None, :],
        names=names,
        columns=tuple((value,) for value in values),
        reference_values=reference_values,
        limits=limits,
        protected=protected,
        kept=None if kept is None else kept[None, :],
    )
    return reasons


def reasons_of_rows(
    contributions: Doubles,
    *,
    names: tuple[str, ...],
    columns: Sequence[Sequence[Any]],
    reference_values: tuple[Any, ...],
    limits: ReasonLimits,
    protected: frozenset[str] = frozenset(),
    kept: Doubles | None = None,
) -> list[tuple[Reason, ...]]:
    """The principal reasons of each row; see `principal_reasons`.

    Args:
        contributions: Attributions of the favourable outcome, shape `(rows, features)`.
        names: The factors.
        columns: The rows' values, one sequence for each factor.
        reference_values: From `typical_values`.
        limits: Which factors are principal.
        protected: Factors that are never given as reasons.
        kept: From `kept_shares`, shape `(rows, features)`.
    """
    ranks = limits.ranks(contributions)
    ranks[:, [i for i, name in enumerate(names) if name in protected]] = 0
    of_rows, of_factors = np.nonzero(ranks)
    order = np.lexsort((ranks[of_rows, of_factors], of_rows))
    of_rows, of_factors = of_rows[order], of_factors[order]
    given = contributions[of_rows, of_factors]
    shares = given / np.minimum(contributions, 0.0).sum(axis=1)[of_rows]
    stable = [None] * len(given) if kept is None else kept[of_rows, of_factors].tolist()
    listed: list[list[Reason]] = [[] for _ in range(len(contributions))]
    for row, i, contribution, share, often in zip(
        of_rows.tolist(), of_factors.tolist(), given.tolist(), shares.tolist(), stable, strict=True
    ):
        reason = Reason(
            rank=len(listed[row]) + 1,
            feature=names[i],
            value=cell(columns[i][row]),
            reference_value=reference_values[i],
            contribution=contribution,
            share=share,
            kept=often,
        )
        listed[row].append(reason)
    return list(map(tuple, listed))


def kept_shares(
    blocks: NDArray[np.float64], weights: NDArray[np.float64], limits: ReasonLimits
) -> Doubles:
    """Share of resamples in which each factor is principal, shape `(rows, features)`, in [0, 1].

    Args:
        blocks: Attributions against blocks of the reference, shape `(blocks, rows, features)`.
        weights: The blocks' weights in each resample, shape `(resamples, blocks)`.
        limits: Which factors are principal.
    """
    _, rows, features = blocks.shape
    kept = np.empty((rows, features))
    for start in range(0, rows, _ROWS_AT_ONCE):
        part = blocks[:, start : start + _ROWS_AT_ONCE].transpose(2, 0, 1)
        principal = limits.principal(np.matmul(weights, part))
        kept[start : start + _ROWS_AT_ONCE] = principal.mean(axis=1).T
    return kept


def reference_population(
    reference: pd.DataFrame,
    scores: NDArray[np.float64],
    *,
    threshold: float,
    population: str = MARGINAL,
    marginal_share: float = 0.1,
    at_least: int = 50,
) -> pd.DataFrame:
    """The rows that reasons are relative to.

    Args:
        reference: Applicants.
        scores: Their scores of the favourable outcome, shape `(rows,)`.
        threshold: Scores of at least this are approved.
        population: One of `POPULATIONS`.
        marginal_share: Share of the approved, those with the lowest scores, that are "just above
            the cut-off", in (0, 1].
        at_least: Least number of these, if there are as many.

    Raises:
        InputError: If the population is unknown or has no members.
    """
    if population not in POPULATIONS:
        raise InputError(
            f"The reference population {population!r} is unknown.",
            remedy=f"choose one of: {'; '.join(POPULATIONS)}",
        )
    if population == ALL:
        return reference
    approved = np.flatnonzero(scores >= threshold)
    if len(approved) == 0:
        raise InputError(
            "No row of the reference reaches the cut-off, so nobody stands just above it.",
            remedy=f"give a reference with rows above the cut-off, or choose {ALL!r}",
        )
    if population == MARGINAL:
        count = max(round(marginal_share * len(approved)), at_least)
        nearest = approved[np.argsort(scores[approved], kind="stable")][:count]
        approved = np.sort(nearest)
    return reference.iloc[approved].reset_index(drop=True)


def typical_values(table: pd.DataFrame) -> tuple[Any, ...]:
    """Each column's median, or its most common value if it is not numeric; None if all missing."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    typical: list[Any] = []
    for name in table.columns:
        column = table[name].dropna()
        if len(column) == 0:
            typical.append(None)
        elif is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
            typical.append(cell(column.median()))
        else:
            typical.append(cell(column.mode().iloc[0]))
    return tuple(typical)


def cell(value: Any) -> Cell:
    """A table's value as a cell of evidence: text if it is not a number; None if missing."""
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else None if math.isnan(number) else str(number)
    if value is None:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value) if abs(int(value)) <= 2**53 else str(value)
    import pandas as pd

    return None if value is pd.NaT or value is pd.NA else str(value)
