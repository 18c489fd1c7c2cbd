"""Shapley values by their definition: the oracle of every explanation."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd


def enumerated(predict, rows: pd.DataFrame, reference: pd.DataFrame, groups=None) -> np.ndarray:
    """Shapley values by definition, shape (rows, players)."""
    players = [[c] for c in rows.columns] if groups is None else groups
    count = len(players)

    def worth(row: pd.DataFrame, coalition) -> float:
        mixture = reference.copy()
        for player in coalition:
            for name in players[player]:
                mixture[name] = pd.Series(
                    [row[name].iloc[0]] * len(mixture), index=mixture.index
                ).astype(reference[name].dtype)
        return float(np.mean(predict(mixture)))

    values = np.zeros((len(rows), count))
    for i in range(len(rows)):
        row = rows.iloc[[i]]
        worths = {
            c: worth(row, c) for size in range(count + 1) for c in combinations(range(count), size)
        }
        for c, value in worths.items():
            for player in set(range(count)) - set(c):
                weight = factorial(len(c)) * factorial(count - len(c) - 1) / factorial(count)
                values[i, player] += weight * (worths[tuple(sorted((*c, player)))] - value)
    return values
