"""Two models on the same rows: differences, with intervals that know of the pairing.

Rows that both models treat alike say nothing about which is better, so a paired interval rests on
the rows that they treat differently. It is shorter than that of two independent samples wherever
the models agree more than chance.

Law: the second is the one that is compared; a difference is its number less that of the first.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from auditkit.measures.numbers.intervals import Array, Estimate, normal_quantile, wilson

Bools = npt.NDArray[np.bool_]


def paired_difference(
    both: float, only_second: float, only_first: float, neither: float, *, level: float = 0.95
) -> Estimate:
    """The difference of two shares of the same rows: the second less the first.

    Newcombe's method 10: Wilson's intervals of both shares, joined with their correlation. Unlike
    Wald's it has a width even where the models agree on every row.

    Args:
        both: Rows with the property under both models.
        only_second: Rows that have it under the second alone.
        only_first: Rows that have it under the first alone.
        neither: All other rows.
        level: Nominal coverage in (0, 1).

    Example:
        Newcombe 1998, the table with the counts 36, 12, 2 and 0:

        >>> found = paired_difference(36, 12, 2, 0)
        >>> round(found.value, 4), round(found.lower, 4), round(found.upper, 4)
        (0.2, 0.0569, 0.3404)

    Source: Newcombe, Statistics in Medicine 17 (1998) 2635-2650.
    """
    n = both + only_second + only_first + neither
    if n <= 0:
        return Estimate.undefined(0, "no observation in the denominator")
    counts = np.array([both + only_second, both + only_first])
    second, first = (float(share) for share in counts / n)
    lows, highs = wilson(counts, n, level=level)
    down, up = (second, first) - lows, highs - (second, first)
    rho = _correlation(both, only_second, only_first, neither)
    lower = math.sqrt(max(down[0] ** 2 - 2 * rho * down[0] * up[1] + up[1] ** 2, 0.0))
    upper = math.sqrt(max(up[0] ** 2 - 2 * rho * up[0] * down[1] + down[1] ** 2, 0.0))
    value = float((only_second - only_first) / n)
    interval = (max(value - lower, -1.0), min(value + upper, 1.0))
    return Estimate.of(value, round(n), interval, level=level, method="Newcombe 10, paired")


def _correlation(both: float, one: float, other: float, neither: float) -> float:
    """Of the two properties over the rows, with Newcombe's correction for continuity."""
    product = (both + one) * (other + neither) * (both + other) * (one + neither)
    if product == 0:
        return 0.0
    top = both * neither - one * other
    if top > 0:
        top = max(top - (both + one + other + neither) / 2, 0.0)
    return top / math.sqrt(product)


def mcnemar(only_second: int, only_first: int) -> float:
    """McNemar's exact two-sided p-value: whether rows change one way as often as the other.

    1 if no row changes. It says nothing about how many change: of many rows a trifle is
    significant.

    Source: McNemar, Psychometrika 12 (1947) 153-157, by the binomial distribution.
    """
    changed = only_second + only_first
    if changed == 0:
        return 1.0
    tail = float(special.bdtr(min(only_second, only_first), changed, 0.5))
    return min(1.0, 2 * tail)


def paired_areas(labels: Bools, first: Array, second: Array, *, level: float = 0.95) -> Estimate:
    """The difference of two areas under the ROC curve over the same rows, by DeLong.

    Args:
        labels: True where the outcome was favourable, shape `(n,)`.
        first: The first model's scores, shape `(n,)`.
        second: The second's.
        level: Nominal coverage.

    Source: DeLong et al., Biometrics 44 (1988) 837-845.
    """
    n, positives = len(labels), int(labels.sum())
    if positives in (0, n):
        return Estimate.undefined(n, "only one class occurs")
    above = [_placements(scores[~labels], scores[labels]) for scores in (first, second)]
    below = [1 - _placements(scores[labels], scores[~labels]) for scores in (first, second)]
    gain, other = above[1] - above[0], below[1] - below[0]
    value = float(gain.mean())
    if min(positives, n - positives) < 2:
        return Estimate(value=value, n=n)
    error = math.sqrt(gain.var(ddof=1) / positives + other.var(ddof=1) / (n - positives))
    half = normal_quantile(level) * error
    interval = (max(value - half, -1.0), min(value + half, 1.0))
    return Estimate.of(value, n, interval, level=level, method="DeLong, paired")


def _placements(values: Array, among: Array) -> Array:
    """For each of `among` the share of values below it, ties counting half."""
    ordered = np.sort(values)
    left, right = (np.searchsorted(ordered, among, side=side) for side in ("left", "right"))
    return np.asarray((left + right) / (2 * len(ordered)))


def joined(*parts: Estimate, level: float) -> Estimate:
    """The mean of differences over rows that they do not share, by MOVER.

    Args:
        parts: One or more; if one is not estimable, neither is their mean.
        level: Nominal coverage.
    """
    unknown = next((part for part in parts if part.value is None), None)
    if unknown is not None:
        return unknown
    values = [part.value for part in parts if part.value is not None]
    value, n = sum(values) / len(values), sum(part.n for part in parts)
    ends = [(p.lower, p.upper) for p in parts if p.lower is not None and p.upper is not None]
    if len(ends) < len(parts):
        return Estimate(value=value, n=n)
    down = math.hypot(*(v - low for v, (low, _) in zip(values, ends, strict=True))) / len(values)
    up = math.hypot(*(high - v for v, (_, high) in zip(values, ends, strict=True))) / len(values)
    method = f"MOVER, {parts[0].method}"
    return Estimate.of(value, n, (value - down, value + up), level=level, method=method)


def resampled(value: float, replicates: Array, n: int, *, level: float) -> Estimate:
    """A number with the percentile interval of its replicates; without one if some are undefined.

    Args:
        value: The number; not finite: it is not estimable.
        replicates: Shape `(replicates,)`.
        n: Number of observations.
        level: Nominal coverage.
    """
    known = replicates[np.isfinite(replicates)]
    if len(known) < 0.95 * len(replicates):
        return Estimate(value=value, n=n)
    ends = np.quantile(known, ((1 - level) / 2, (1 + level) / 2))
    interval = (float(ends[0]), float(ends[1]))
    return Estimate.of(value, n, interval, level=level, method="paired percentile bootstrap")


def root_mean_square(first: Array, second: Array, *, level: float = 0.95) -> Estimate:
    """The difference of two root mean squares over the same rows, by the delta method.

    Args:
        first: The first model's errors, shape `(n,)`.
        second: The second's.
        level: Nominal coverage.
    """
    n = len(first)
    if n == 0:
        return Estimate.undefined(0, "no observation")
    roots = [math.sqrt(float(np.mean(errors**2))) for errors in (first, second)]
    value = roots[1] - roots[0]
    if n < 2 or 0.0 in roots:
        return Estimate(value=value, n=n)
    influence = second**2 / (2 * roots[1]) - first**2 / (2 * roots[0])
    half = (
        float(special.stdtrit(n - 1, 0.5 + level / 2)) * float(influence.std(ddof=1)) / math.sqrt(n)
    )
    return Estimate.of(
        value, n, (value - half, value + half), level=level, method="delta method, paired"
    )
