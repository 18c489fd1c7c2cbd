"""Proxies of a protected attribute: how well each feature predicts group membership."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

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


class FeatureOrder:
    """One feature's rows by value, sorted once for every group that is told by it.

    Args:
        feature: The feature's values, shape `(n,)`. Rows without a value are left out.
        seed: Seeds the folds of a feature with categories.
    """

    def __init__(self, feature: pd.Series, *, seed: int) -> None:
        from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

        self._known: Final = feature.notna().to_numpy()
        self._seed: Final = seed
        column = feature[self._known]
        self._codes = np.full(len(feature), -1, dtype=np.int64)
        self._is_ordered: Final = bool(
            is_numeric_dtype(column.dtype)
            or is_bool_dtype(column.dtype)
            or is_datetime64_any_dtype(column.dtype)
        )
        if not self._is_ordered:
            self._codes[self._known] = column.astype(str).factorize()[0]
            return
        values = (
            column.to_numpy(dtype="datetime64[ns]").astype(np.int64)
            if is_datetime64_any_dtype(column.dtype)
            else column.to_numpy(dtype=np.float64)
        )
        self._codes[self._known] = np.unique(values, return_inverse=True)[1]

    def separation(
        self,
        member: NDArray[np.bool_],
        among: NDArray[np.bool_] | None = None,
        *,
        level: float,
        at_least: int,
    ) -> Separation:
        """The area under the ROC curve of the feature predicting membership.

        It depends on order only: a feature with one group at both extremes has an AUC of 0.5.
        Categories are ordered by the share of members among the rows of the other four of five
        folds, so that a rare category cannot predict itself.

        Args:
            member: True for members of the group, shape `(n,)`.
            among: Rows whose membership is known, shape `(n,)`; None: all.
            level: Nominal coverage of the interval, in (0, 1).
            at_least: Least number of members and of others; otherwise not estimable.

        Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), for the variance.
        """
        rows = self._known if among is None else self._known & among
        inside, codes = member[rows], self._codes[rows]
        members, others = int(inside.sum()), int((~inside).sum())
        if min(members, others) < at_least:
            return Separation(auc=None, lower=None, upper=None, members=members, others=others)
        if not self._is_ordered:
            shares = _share_of_members(codes, inside, self._seed)
            codes = np.unique(shares, return_inverse=True)[1]
        every = np.bincount(codes)
        ours = np.bincount(codes[inside], minlength=len(every))
        auc, error = _auc(ours, every - ours)
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


def _auc(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> tuple[float, float]:
    """The AUC and its standard error, by placements, from counts at each value, ascending."""
    above = (np.cumsum(theirs) - theirs / 2) / theirs.sum()
    below = 1 - (np.cumsum(ours) - ours / 2) / ours.sum()
    variance = 0.0
    for counts, placements in ((ours, above), (theirs, below)):
        count = counts.sum()
        spread = counts @ (placements - counts @ placements / count) ** 2
        variance += spread / (count - 1) / count
    return float(ours @ above / ours.sum()), float(np.sqrt(variance))


def _share_of_members(
    codes: NDArray[np.int64], inside: NDArray[np.bool_], seed: int
) -> NDArray[np.float64]:
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
