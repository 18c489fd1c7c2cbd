"""SHAP values of any function: by every coalition where that is few, else by permutations.

Permutations come in antithetic pairs, an order and its reverse, each pair with one row of the
reference; the pairs go round the whole reference before any row of it is used twice. The estimate
is unbiased; its standard error is the spread between pairs.

Source: Štrumbelj and Kononenko, Knowledge and Information Systems 41 (2014); antithetic pairs:
Mitchell et al., Journal of Machine Learning Research 23 (2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.measures.shapley.mixtures import Mixer

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Predict = Callable[[pd.DataFrame], NDArray[np.float64]]
    Tell = Callable[[float], None]

ENUMERATED: Final = "interventional SHAP, exact, every coalition"
SAMPLED: Final = "interventional SHAP, sampled, antithetic permutations"

# Above so many evaluations a row, coalitions are sampled.
_MAX_EVALUATIONS: Final = 20_000
# With a limit on evaluations: fewer pairs have no standard error to speak of, more gain little.
LEAST_PAIRS: Final = 8
_MOST_PAIRS: Final = 1024
# Rows that are scored in one call.
_BATCH: Final = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class SampledValues:
    """SHAP values with what they cost and how sure they are.

    Attributes:
        values: Shape `(rows, players)`.
        of_blocks: Relative to each block of the reference, shape `(blocks, rows, players)`.
        standard_errors: Of each value; None where the values are exact.
        evaluations: How many rows the function scored.
        method: `ENUMERATED` or `SAMPLED`.
    """

    values: NDArray[np.float64]
    of_blocks: NDArray[np.float64]
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
    bases: NDArray[np.float64],
    blocks: NDArray[np.int64],
    pairs: int,
    seed: int,
    evaluations: int | None = None,
    tell: Tell | None = None,
) -> SampledValues:
    """SHAP values of any function of a table.

    Args:
        predict: The function, one number a row.
        rows: The rows to explain.
        reference: Every row counts alike.
        players: For each column the number of its player.
        outputs: The function's value for each row.
        bases: Its mean over each block of the reference.
        blocks: For each row of the reference the number of its block, each from 0 on having one.
        pairs: Antithetic pairs of permutations a row, >= 2; one a block at least is taken.
        seed: Seeds the permutations.
        evaluations: How many rows the function may score; then they decide on the pairs, of which
            `LEAST_PAIRS` are always taken. None: there is no limit.
        tell: Is called with the share that is done, in (0, 1].
    """
    count = max(players) + 1
    each = 2**count * len(reference)
    if each <= _MAX_EVALUATIONS and (evaluations is None or each * len(rows) <= evaluations):
        return _enumerated(predict, rows, reference, np.array(players), blocks=blocks, tell=tell)
    if evaluations is not None:
        afforded = evaluations // (cost_of_pair(count) * len(rows))
        pairs = min(max(afforded, LEAST_PAIRS), _MOST_PAIRS)
    return _sampled(
        predict,
        rows,
        reference,
        np.array(players),
        outputs=outputs,
        bases=bases,
        blocks=blocks,
        pairs=max(pairs, len(bases), 2),
        seed=seed,
        tell=tell,
    )


def cost_of_pair(players: int) -> int:
    """How many rows are scored for one pair of permutations and one explained row."""
    return 2 * (players + 1)


def _enumerated(
    predict: Predict,
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    players: NDArray[np.int64],
    *,
    blocks: NDArray[np.int64],
    tell: Tell | None,
) -> SampledValues:
    count = int(players.max()) + 1
    coalitions = [c for size in range(count + 1) for c in combinations(range(count), size)]
    sizes = np.bincount(blocks)
    member = (blocks[:, None] == np.arange(len(sizes))) / sizes
    mixer = Mixer(rows, reference)
    every = np.arange(len(reference))
    step = max(1, _BATCH // len(reference))
    worth = {}
    for done, coalition in enumerate(coalitions, start=1):
        taken = np.isin(players, coalition)
        means = []
        for start in range(0, len(rows), step):
            part = np.arange(start, min(start + step, len(rows)))
            one, other = np.repeat(part, len(every)), np.tile(every, len(part))
            mixture = mixer(one, other, np.broadcast_to(taken, (len(one), len(taken))))
            means.append(predict(mixture).reshape(len(part), len(every)) @ member)
        worth[coalition] = np.concatenate(means).T
        if tell is not None:
            tell(done / len(coalitions))
    of_blocks = np.zeros((len(sizes), len(rows), count))
    for coalition in coalitions:
        for player in set(range(count)) - set(coalition):
            joined = tuple(sorted((*coalition, player)))
            weight = factorial(len(coalition)) * factorial(count - len(coalition) - 1)
            gain = worth[joined] - worth[coalition]
            of_blocks[:, :, player] += weight / factorial(count) * gain
    return SampledValues(
        values=np.tensordot(sizes / sizes.sum(), of_blocks, axes=1),
        of_blocks=of_blocks,
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
    bases: NDArray[np.float64],
    blocks: NDArray[np.int64],
    pairs: int,
    seed: int,
    tell: Tell | None,
) -> SampledValues:
    count = int(players.max()) + 1
    rng = np.random.default_rng(seed)
    # The same orders and reference rows for every row: rows that are alike are explained alike.
    orders = rng.permuted(np.tile(np.arange(count), (pairs, 1)), axis=1)
    partners = _partners(blocks, pairs, rng)
    walks = [_walk(order, players) for order in orders]
    mixer = Mixer(rows, reference)
    sums = np.zeros((len(bases), len(rows), count))
    squares = np.zeros((len(rows), count))
    cost, done = cost_of_pair(count), 0
    for of_rows, of_pairs in _batches(len(rows), pairs, cost):
        one = np.repeat(of_rows, cost)
        mixture = mixer(
            np.tile(one, len(of_pairs)),
            np.repeat(partners[of_pairs], len(one)),
            np.concatenate([np.tile(walks[pair], (len(of_rows), 1)) for pair in of_pairs]),
        )
        scored = predict(mixture).reshape(len(of_pairs), len(of_rows), 2, count + 1)
        steps = np.diff(scored, axis=3) / 2
        for pair, (there, back) in zip(of_pairs, np.moveaxis(steps, 2, 1), strict=True):
            gains = np.empty((len(of_rows), count))
            gains[:, orders[pair]] = there
            gains[:, orders[pair, ::-1]] += back
            sums[blocks[partners[pair]], of_rows] += gains
            squares[of_rows] += gains**2
        done += len(of_rows) * len(of_pairs)
        if tell is not None:
            tell(done / (len(rows) * pairs))
    taken = np.bincount(blocks[partners], minlength=len(bases))
    values = sums.sum(axis=0) / pairs
    variances = np.maximum(squares / pairs - values**2, 0.0) * pairs / (pairs - 1)
    of_blocks = sums / taken[:, None, None]
    share = np.bincount(blocks) / len(blocks)
    # The sampled reference rows have another mean than all; who varied more bears more of it.
    weights = variances + 1e-12 * (1 + variances.sum(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    values += weights * (outputs - share @ bases - values.sum(axis=1))[:, None]
    of_blocks += weights * (outputs - bases[:, None] - of_blocks.sum(axis=2))[:, :, None]
    return SampledValues(
        values=values,
        of_blocks=of_blocks,
        standard_errors=np.sqrt(variances / pairs),
        evaluations=pairs * cost * len(rows),
        method=SAMPLED,
    )


def _batches(
    rows: int, pairs: int, steps: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows and pairs that are scored in one call, each with each."""
    few = max(1, min(rows, _BATCH // steps))
    some = max(1, _BATCH // (few * steps))
    for first in range(0, pairs, some):
        for start in range(0, rows, few):
            yield (
                np.arange(start, min(start + few, rows)),
                np.arange(first, min(first + some, pairs)),
            )


def _partners(blocks: NDArray[np.int64], pairs: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The reference row of each pair: one of each block in turn, all before any comes again."""
    rounds = []
    for _ in range(-(-pairs // len(blocks))):
        order = rng.permutation(len(blocks))
        turn = np.empty(len(blocks), dtype=np.int64)
        for block in range(int(blocks.max()) + 1):
            turn[blocks[order] == block] = np.arange((blocks == block).sum())
        rounds.append(order[np.argsort(turn, kind="stable")])
    return np.concatenate(rounds)[:pairs]


def _walk(order: NDArray[np.int64], players: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which columns are ours at each step of an order and of its reverse."""
    steps: list[NDArray[np.bool_]] = []
    for way in (order, order[::-1]):
        place = np.empty(len(order), dtype=np.int64)
        place[way] = np.arange(len(order))
        steps.extend(place[players] < step for step in range(len(order) + 1))
    return np.array(steps)
