"""Significance of differences in selection rates, and the power of the sample to show them.

Laws:
    - A large p-value is not evidence of no difference: it is reported with the sample's power and
      the minimum detectable ratio.
    - Many comparisons give small p-values by chance: they are reported with adjusted ones.

Source: 29 CFR 1607.4(D) for the ratio and for significance on both sides of it; Fisher, The Design
of Experiments (1935); Holm, Scand. J. Stat. 6 (1979) 65-70; Benjamini and Hochberg, J. R. Stat.
Soc. B 57 (1995) 289-300.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from auditkit.measures.numbers.intervals import Array

# If fewer are expected in a cell, the normal approximation of the pooled test is poor.
SMALL_EXPECTED = 5


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Significance:
    """Tests of each group's selection rate against its reference's; arrays of shape `(groups,)`.

    NaN if there is nothing to compare, such as if all decisions of both groups are the same.

    Attributes:
        standard_deviations: The difference in standard deviations: the pooled two-proportion z;
            negative if the group is selected less often.
        p_value: Two-sided; Fisher's exact test if an expected count is below 5, otherwise pooled z.
        exact: Whether it is Fisher's test.
        holm: p-values adjusted for the family-wise error rate.
        benjamini_hochberg: p-values adjusted for the false discovery rate.
        power: Probability that a sample of this size shows a ratio of `ratio` at `alpha`.
        detectable_ratio: Minimum detectable ratio: the ratio nearest to 1, from below, with power
            0.8; NaN if there is none.
        flipped_ratio: The ratio if one favourable decision had gone to this group instead of the
            reference group.
    """

    standard_deviations: Array
    p_value: Array
    exact: npt.NDArray[np.bool_]
    holm: Array
    benjamini_hochberg: Array
    power: Array
    detectable_ratio: Array
    flipped_ratio: Array


def significance(
    selected: Array, n: Array, reference: npt.NDArray[np.intp], *, ratio: float, alpha: float
) -> Significance:
    """Tests every group against its reference.

    Args:
        selected: Favourable decisions by group, counts.
        n: Members by group.
        reference: Position of each group's reference; -1 or its own if there is none.
        ratio: The ratio of `power`, in (0, 1), such as 0.8.
        alpha: Two-sided level of the tests, such as 0.05.
    """
    compared = (reference >= 0) & (reference != np.arange(len(reference))) & (n > 0)
    x0, n0 = selected[reference], n[reference]
    z, p, exact = _tests(selected, n, x0, n0, compared)
    base = np.where(compared, x0 / np.maximum(n0, 1), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        flipped = (selected + 1) / n / ((x0 - 1) / n0)
    can_flip = compared & (selected < n) & (x0 > 1)
    return Significance(
        standard_deviations=z,
        p_value=p,
        exact=exact,
        holm=holm(p),
        benjamini_hochberg=benjamini_hochberg(p),
        power=_power(base, n, n0, np.full(n.shape, ratio), alpha),
        detectable_ratio=_detectable(base, n, n0, alpha),
        flipped_ratio=np.where(can_flip, flipped, np.nan),
    )


def pooled_z(x1: Array, n1: Array, x0: Array, n0: Array) -> Array:
    """The difference of two proportions in standard deviations of the pooled sample.

        z = (x1 / n1 - x0 / n0) / sqrt(p (1 - p) (1 / n1 + 1 / n0)),  p = (x1 + x0) / (n1 + n0)

    NaN if nobody or everybody is selected.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (x1 + x0) / (n1 + n0)
        spread = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
        z: Array = np.where(spread > 0, (x1 / n1 - x0 / n0) / spread, np.nan)
    return z


def holm(p_values: Array) -> Array:
    """Holm's adjusted p-values; NaN stays NaN and does not count as a comparison."""
    return _adjust(p_values, lambda p, m: np.maximum.accumulate(p * np.arange(m, 0, -1)))


def benjamini_hochberg(p_values: Array) -> Array:
    """Benjamini and Hochberg's adjusted p-values; NaN stays NaN."""
    return _adjust(
        p_values,
        lambda p, m: np.minimum.accumulate((p * m / np.arange(1, m + 1))[::-1])[::-1],
    )


def _adjust(p_values: Array, step: Callable[[Array, int], Array]) -> Array:
    adjusted = np.full(p_values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    adjusted[order] = np.minimum(step(p_values[order], len(order)), 1.0)
    return adjusted


def _tests(
    x1: Array, n1: Array, x0: Array, n0: Array, compared: npt.NDArray[np.bool_]
) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    z = np.where(compared, pooled_z(x1, n1, x0, n0), np.nan)
    p = 2 * special.ndtr(-np.abs(z))
    # Counts are multiplied before they are divided: 5 is then 5, not 4.999.
    rarer = np.minimum(x1 + x0, n1 + n0 - x1 - x0)
    with np.errstate(divide="ignore", invalid="ignore"):
        smallest = np.minimum(n1, n0) * rarer / (n1 + n0)
    # If all decisions are the same, Fisher's p-value is 1, whatever the groups.
    exact = compared & (smallest > 0) & (smallest < SMALL_EXPECTED)
    for i in np.flatnonzero(exact):
        table = np.array([[x1[i], n1[i] - x1[i]], [x0[i], n0[i] - x0[i]]]).astype(np.int64)
        p[i] = float(stats.fisher_exact(table)[1])
    return z, p, exact


def _power(base: Array, n1: Array, n0: Array, ratio: Array, alpha: float) -> Array:
    """Power of the pooled test at a ratio to a base rate: normal approximation, both tails."""
    p1 = base * ratio
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (p1 * n1 + base * n0) / (n1 + n0)
        under_null = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
        under_ratio = np.sqrt(p1 * (1 - p1) / n1 + base * (1 - base) / n0)
        reach = float(special.ndtri(1 - alpha / 2)) * under_null
        gap = base - p1
        power: Array = special.ndtr((gap - reach) / under_ratio) + special.ndtr(
            (-gap - reach) / under_ratio
        )
    return power


def _detectable(base: Array, n1: Array, n0: Array, alpha: float, power: float = 0.8) -> Array:
    """The minimum detectable ratio, by bisection: power decreases as the ratio rises to 1."""
    low, high = np.full(base.shape, 1e-6), np.ones(base.shape)
    shown = _power(base, n1, n0, low, alpha) >= power
    for _ in range(50):
        middle = (low + high) / 2
        enough = _power(base, n1, n0, middle, alpha) >= power
        low, high = np.where(enough, middle, low), np.where(enough, high, middle)
    return np.where(shown, low, np.nan)
