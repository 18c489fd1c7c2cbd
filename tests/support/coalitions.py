"""Shapley values by their definition: the oracle of every explanation."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd


def enumerated(predict, rows: pd.DataFrame, reference: pd.DataFrame, groups=None) -> np.ndarray:
    """Shapley values by definition, shape (rows, players).

    Every row is mixed with every row of the reference in every coalition, and all mixtures are
    predicted in one call.
    """
    players = [[c] for c in rows.columns] if groups is None else groups
    count = len(players)
    coalitions = [c for size in range(count + 1) for c in combinations(range(count), size)]
    both = pd.concat([reference, rows.astype(reference.dtypes)], ignore_index=True)
    shape = (len(rows), len(coalitions), len(reference))
    theirs = np.broadcast_to(np.arange(len(reference)), shape)
    own = np.broadcast_to((len(reference) + np.arange(len(rows)))[:, None, None], shape)
    sources = dict.fromkeys(reference.columns, theirs)
    for player, names in enumerate(players):
        joined = np.array([player in c for c in coalitions])[:, None]
        sources |= dict.fromkeys(names, np.where(joined, own, theirs))
    mixtures = pd.DataFrame({name: both[name].array.take(s.ravel()) for name, s in sources.items()})
    worths = np.reshape(predict(mixtures), shape).astype(float).mean(axis=2)

    values = np.zeros((len(rows), count))
    for position, c in enumerate(coalitions):
        for player in set(range(count)) - set(c):
            weight = factorial(len(c)) * factorial(count - len(c) - 1) / factorial(count)
            with_player = coalitions.index(tuple(sorted((*c, player))))
            values[:, player] += weight * (worths[:, with_player] - worths[:, position])
    return values
