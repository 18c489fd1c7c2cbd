"""Proxies of a protected attribute: how well each feature predicts group membership."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_FOLDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Separation:
    """How well one feature alone separates members of a group from others.

    Attributes:
        auc: AUC of the feature for membership, in [0.5, 1]; 0.5 is chance.
            Members may have the higher or the lower values. None if there are too few of either.
        lower: Lower end of the interval (DeLong), not below 0.5.
        upper: Upper end.
        members: Members with a known value of the feature.
        others: The others.
    """

    auc: float | None
    lower: float | None
    upper: float | None
    members: int
    others: int


def separation(
    feature: pd.Series, member: NDArray[np.bool_], *, level: float, at_least: int, seed: int
) -> Separation:
    """The area under the ROC curve of one feature predicting membership.

    It depends on order only: a feature with one group at both extremes has an AUC of 0.5. Rows
    without a value are left out. Categories are ordered by the share of members
    among the rows of the other four of five folds, so that a rare category cannot predict itself.

    Args:
        feature: The feature's values, shape `(n,)`.
        member: True for members of the group, shape `(n,)`.
        level: Nominal coverage of the interval, in (0, 1).
        at_least: Least number of members and of others; otherwise not estimable.
        seed: Seeds the folds.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), for the variance.
    """
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

    known = feature.notna().to_numpy()
    column, inside = feature[known], member[known]
    members, others = int(inside.sum()), int((~inside).sum())
    if min(members, others) < at_least:
        return Separation(auc=None, lower=None, upper=None, members=members, others=others)
    if is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64)
    elif is_datetime64_any_dtype(column.dtype):
        values = column.to_numpy(dtype="datetime64[ns]").astype(np.int64).astype(np.float64)
    else:
        values = _share_of_members(column, inside, seed)
    auc, error = _auc(values[inside], values[~inside])
    if auc < 0.5:
        auc = 1 - auc
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return Separation(
        auc=auc,
        lower=max(0.5, auc - reach),
        upper=min(1.0, auc + reach),
        members=members,
        others=others,
    )


def _auc(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, float]:
    """The AUC and its standard error, by placements."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([ours, theirs]))
    above = (ranks[: len(ours)] - rankdata(ours)) / len(theirs)
    below = 1 - (ranks[len(ours) :] - rankdata(theirs)) / len(ours)
    variance = above.var(ddof=1) / len(ours) + below.var(ddof=1) / len(theirs)
    return float(above.mean()), float(np.sqrt(variance))


def _share_of_members(
    column: pd.Series, inside: NDArray[np.bool_], seed: int
) -> NDArray[np.float64]:
    codes, _ = column.astype(str).factorize()
    fold = np.random.default_rng(seed).permutation(len(codes)) % _FOLDS
    size = int(codes.max()) + 1
    values = np.empty(len(codes))
    for held_out in range(_FOLDS):
        others = fold != held_out
        count = np.bincount(codes[others], minlength=size)
        hits = np.bincount(codes[others], weights=inside[others], minlength=size)
        overall = inside[others].mean()
        share = (hits + overall) / (count + 1)
        values[~others] = share[codes[~others]]
    return values
