"""SHAP values of any function: by every coalition where that is few, else by permutations.

Permutations come in antithetic pairs, an order and its reverse, each pair with one row of the
reference; the pairs go round the whole reference before any row of it is used twice. The estimate
is unbiased; its standard error is the spread between pairs.

Source: Štrumbelj and Kononenko, Knowledge and Information Systems 41 (2014); antithetic pairs:
Mitchell et al., Journal of Machine Learning Research 23 (2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.measures.shapley.mixtures import mixed

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Predict = Callable[[pd.DataFrame], NDArray[np.float64]]

ENUMERATED: Final = "interventional SHAP, exact, every coalition"
SAMPLED: Final = "interventional SHAP, sampled, antithetic permutations"

# Above so many evaluations a row, coalitions are sampled.
_MAX_EVALUATIONS: Final = 20_000
# Rows that are scored in one call.
_BATCH: Final = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class SampledValues:
    """SHAP values with what they cost and how sure they are.

    Attributes:
        values: Shape `(rows, players)`.
        standard_errors: Of each value; None where the values are exact.
        evaluations: How many rows the function scored.
        method: `ENUMERATED` or `SAMPLED`.
    """

    values: NDArray[np.float64]
    standard_errors: NDArray[np.float64] | None
    evaluations: int
    method: str


def sampled_attribution(
    predict: Predict,
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    players: Sequence[int],
    *,
    outputs: NDArray[np.float64],
    base: float,
    pairs: int,
    seed: int,
) -> SampledValues:
    """SHAP values of any function of a table.

    Args:
        predict: The function, one number a row.
        rows: The rows to explain.
        reference: Every row counts alike.
        players: For each column the number of its player.
        outputs: The function's value for each row.
        base: Its mean over the reference.
        pairs: Antithetic pairs of permutations a row, >= 2.
        seed: Seeds the permutations.
    """
    count = max(players) + 1
    if 2**count * len(reference) <= _MAX_EVALUATIONS:
        return _enumerated(predict, rows, reference, np.array(players), count)
    return _sampled(
        predict,
        rows,
        reference,
        np.array(players),
        outputs=outputs,
        base=base,
        pairs=max(pairs, 2),
        seed=seed,
    )


def _enumerated(
    predict: Predict,
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    players: NDArray[np.int64],
    count: int,
) -> SampledValues:
    coalitions = [c for size in range(count + 1) for c in combinations(range(count), size)]
    worth = {}
    for coalition in coalitions:
        taken = np.isin(players, coalition)
        means = np.empty(len(rows))
        step = max(1, _BATCH // len(reference))
        for start in range(0, len(rows), step):
            part = rows.iloc[start : start + step]
            ours = part.iloc[np.repeat(np.arange(len(part)), len(reference))]
            theirs = reference.iloc[np.tile(np.arange(len(reference)), len(part))]
            scored = predict(mixed(ours, theirs, np.broadcast_to(taken, (len(ours), len(taken)))))
            means[start : start + step] = scored.reshape(len(part), len(reference)).mean(axis=1)
        worth[coalition] = means
    values = np.zeros((len(rows), count))
    for coalition in coalitions:
        for player in set(range(count)) - set(coalition):
            joined = tuple(sorted((*coalition, player)))
            weight = factorial(len(coalition)) * factorial(count - len(coalition) - 1)
            gain = worth[joined] - worth[coalition]
            values[:, player] += weight / factorial(count) * gain
    return SampledValues(
        values=values,
        standard_errors=None,
        evaluations=len(coalitions) * len(rows) * len(reference),
        method=ENUMERATED,
    )


def _sampled(
    predict: Predict,
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    players: NDArray[np.int64],
    *,
    outputs: NDArray[np.float64],
    base: float,
    pairs: int,
    seed: int,
) -> SampledValues:
    count = int(players.max()) + 1
    rng = np.random.default_rng(seed)
    total, squares = np.zeros((len(rows), count)), np.zeros((len(rows), count))
    # The same orders and reference rows for every row: rows that are alike are explained alike.
    orders = rng.permuted(np.tile(np.arange(count), (pairs, 1)), axis=1)
    rounds = [rng.permutation(len(reference)) for _ in range(-(-pairs // len(reference)))]
    partners = np.concatenate(rounds)[:pairs]
    step = max(1, _BATCH // (2 * (count + 1)))
    for order, partner in zip(orders, partners, strict=True):
        taken = _walk(order, players)
        for start in range(0, len(rows), step):
            part = rows.iloc[start : start + step]
            ours = part.iloc[np.repeat(np.arange(len(part)), len(taken))]
            theirs = reference.iloc[np.full(len(ours), partner)]
            scored = predict(mixed(ours, theirs, np.tile(taken, (len(part), 1))))
            there, back = np.split(scored.reshape(len(part), len(taken)), 2, axis=1)
            gains = np.zeros((len(part), count))
            gains[:, order] += np.diff(there, axis=1) / 2
            gains[:, order[::-1]] += np.diff(back, axis=1) / 2
            total[start : start + step] += gains
            squares[start : start + step] += gains**2
    values = total / pairs
    variances = np.maximum(squares / pairs - values**2, 0.0) * pairs / (pairs - 1)
    # The sampled reference rows have another mean than all of them; who varied more bears more.
    lacking = outputs - base - values.sum(axis=1)
    weights = variances + 1e-12 * (1 + variances.sum(axis=1, keepdims=True))
    values += weights / weights.sum(axis=1, keepdims=True) * lacking[:, None]
    return SampledValues(
        values=values,
        standard_errors=np.sqrt(variances / pairs),
        evaluations=pairs * 2 * (count + 1) * len(rows),
        method=SAMPLED,
    )


def _walk(order: NDArray[np.int64], players: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which columns are ours at each step of an order and of its reverse."""
    steps: list[NDArray[np.bool_]] = []
    for way in (order, order[::-1]):
        place = np.empty(len(order), dtype=np.int64)
        place[way] = np.arange(len(order))
        steps.extend(place[players] < step for step in range(len(order) + 1))
    return np.array(steps)
