"""Proxies of a protected attribute: how well each feature predicts group membership."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

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

        self._rows: Final = np.flatnonzero(feature.notna().to_numpy())
        self._seed: Final = seed
        column = feature.iloc[self._rows]
        self._categories: NDArray[np.int64] | None = None
        self._order: _Order | None = None
        if is_datetime64_any_dtype(column.dtype):
            times = column.to_numpy(dtype="datetime64[ns]").astype(np.int64)
            self._order = _Order(self._rows, times)
        elif is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
            self._order = _Order(self._rows, column.to_numpy(dtype=np.float64))
        else:
            self._categories = column.astype(str).factorize()[0]

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
        known = np.ones(len(member), dtype=np.bool_) if among is None else among
        ours, theirs = member & known, ~member & known
        members, others = (int(np.count_nonzero(w[self._rows])) for w in (ours, theirs))
        if min(members, others) < at_least:
            return Separation(auc=None, lower=None, upper=None, members=members, others=others)
        order = self._order
        if self._categories is not None:
            told = known[self._rows]
            inside = member[self._rows][told]
            shares = _share_of_members(self._categories[told], inside, self._seed)
            order = _Order(self._rows[told], shares)
        assert order is not None
        auc, error = order.auc(ours, theirs)
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


class _Order:
    """Rows by value: some rows of a table, and the value of each."""

    def __init__(self, rows: NDArray[np.int64], values: NDArray[Any]) -> None:
        order = np.argsort(values)
        ascending = values[order]
        self._rows: Final = rows[order]
        changes = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
        self._starts: Final = np.concatenate([[0], changes])

    def auc(self, ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> tuple[float, float]:
        """The AUC and its standard error, of two choices among the table's rows."""
        one, other = ours[self._rows], theirs[self._rows]
        if len(self._starts) == len(self._rows):
            used = one | other
            one, other = one[used], other[used]
            of_one, of_other = (_below(which) for which in (one, other))
            above, error = _mean(of_one / len(of_other))
            _, of_others = _mean(of_other / len(of_one))
            return above, math.hypot(error, of_others)
        ours_at, theirs_at = (
            np.add.reduceat(c, self._starts, dtype=np.int64) for c in (one, other)
        )
        above, error = _mean((np.cumsum(theirs_at) - theirs_at / 2) / theirs_at.sum(), ours_at)
        _, of_others = _mean((np.cumsum(ours_at) - ours_at / 2) / ours_at.sum(), theirs_at)
        return above, math.hypot(error, of_others)


def _below(which: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many others stand before each of the chosen, in an order without ties."""
    places = np.flatnonzero(which)
    return places - np.arange(len(places))


def _mean(
    placements: NDArray[np.float64], counts: NDArray[np.int64] | None = None
) -> tuple[float, float]:
    """The mean of placements, each counted so often, and its standard error."""
    if counts is None:
        return float(placements.mean()), float(placements.std(ddof=1)) / math.sqrt(len(placements))
    count = int(counts.sum())
    mean = float(counts @ placements) / count
    spread = float(counts @ (placements - mean) ** 2) / (count - 1)
    return mean, math.sqrt(spread / count)


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
