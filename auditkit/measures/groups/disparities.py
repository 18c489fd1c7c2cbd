"""Differences and ratios of groups to a reference group.

Laws:
    - A group is compared with a group of the same attributes. The reference is the one with the
      highest selection rate among those that are large enough, unless the caller names it.
    - Groups of unknown membership are counted and shown, but not compared.
    - If no group can be the reference, or there is only one group, comparisons are not estimable,
      never 0 or 1 by default. The same holds if both groups have their rate because everyone got
      one decision.

How it misleads: the reference is chosen from the same data, so it looks a little better than it is
and ratios to it a little worse, especially among small groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from auditkit.errors import InputError
from auditkit.measures.groups.membership import Group, Partition, is_unknown
from auditkit.measures.groups.rates import PROPORTIONS
from auditkit.measures.numbers.intervals import (
    Estimates,
    difference_interval,
    ratio_interval,
    ratio_of_rates,
)

Array = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]

NO_REFERENCE: Final = "no other group is large enough to compare with"


def references(
    partition: Partition,
    selection: Array,
    *,
    min_group: int = 30,
    chosen: Mapping[str, str] | None = None,
) -> Positions:
    """The position of each group's reference; -1 if there is none.

    A single group is not compared with itself.

    Args:
        partition: The groups.
        selection: Selection rate of each group, shape `(groups,)`.
        min_group: Least number of rows of a reference.
        chosen: The reference value of every attribute, such as {"sex": "male"}; None: the group
            with the highest selection rate; if equal, the larger one.

    Raises:
        InputError: If an attribute has no chosen value, or nobody has it.
    """
    compared = np.full(len(partition.groups), -1, dtype=np.intp)
    for attributes, positions in partition.combinations().items():
        known = [p for p in positions if not is_unknown(partition.groups[p])]
        if chosen is not None:
            best = _named(partition, attributes, known, chosen)
        else:
            fit = [p for p in known if partition.rows[p] >= min_group and selection[p] >= 0]
            best = max(fit, key=lambda p: (selection[p], partition.rows[p], -p), default=-1)
        compared[known] = best if len(known) > 1 else -1
    return compared


def differences(rates: Estimates, reference: Positions) -> Estimates:
    """Each group's rate minus its reference's; Newcombe's interval for proportions.

    Args:
        rates: A metric by group.
        reference: From `references`.
    """
    other = _pick(rates, reference)
    lower, upper = difference_interval(rates.triple, other)
    value = np.where(_compares(rates, reference), rates.value - other[0], np.nan)
    is_self = reference == np.arange(len(reference))
    # A group minus itself is exactly 0; the formula would assume independence.
    nothing = np.where(np.isnan(value), np.nan, 0.0)
    method = "Newcombe" if rates.name in PROPORTIONS else "MOVER"
    return Estimates(
        name=f"{rates.name}_difference",
        unit="difference",
        value=value,
        lower=np.where(is_self, nothing, np.where(np.isnan(value), np.nan, lower)),
        upper=np.where(is_self, nothing, np.where(np.isnan(value), np.nan, upper)),
        n=rates.n,
        trials=rates.trials,
        level=rates.level,
        method=np.where(is_self, "reference group", method),
        reason=_reasons(rates, value, reference, other[0]),
    )


def ratios(rates: Estimates, reference: Positions) -> Estimates:
    """Each group's rate divided by that of its reference.

    Katz's log interval, or MOVER-R if a cell is small and for metrics that are not proportions.
    A metric that may be negative has no ratio.

    Args:
        rates: A metric by group.
        reference: From `references`.
    """
    other = _pick(rates, reference)
    trials = np.where(reference >= 0, rates.trials[reference], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(other[0] > 0, rates.value / other[0], np.nan)
        value = np.where(_compares(rates, reference), value, np.nan)
        if rates.name in PROPORTIONS:
            lower, upper, method = ratio_of_rates(
                (rates.value * rates.trials, rates.trials),
                (other[0] * trials, trials),
                level=rates.level,
            )
        else:
            lower, upper = ratio_interval(rates.triple, other)
            method = np.full(value.shape, "MOVER-R")
    reason = _reasons(rates, value, reference, other[0])
    if rates.unit == "difference":
        reason = np.full(value.shape, "a difference has no ratio")
        value, lower, upper = (np.full(value.shape, np.nan) for _ in range(3))
    is_self = (reference == np.arange(len(reference))) & ~np.isnan(value)
    return Estimates(
        name="impact_ratio" if rates.name == "selection_rate" else f"{rates.name}_ratio",
        unit="ratio",
        value=value,
        lower=np.where(is_self, 1.0, np.where(np.isnan(value), np.nan, lower)),
        upper=np.where(is_self, 1.0, np.where(np.isnan(value), np.nan, upper)),
        n=rates.n,
        trials=rates.trials,
        level=rates.level,
        method=np.where(is_self, "reference group", method),
        reason=reason,
    )


def _compares(rates: Estimates, reference: Positions) -> npt.NDArray[np.bool_]:
    """False if a group and its reference have their rate because everyone got the same decision."""
    if rates.fixed_by is None:
        return np.ones(len(reference), dtype=bool)
    alike = (rates.fixed_by != "") & (rates.fixed_by == rates.fixed_by[reference])
    return np.asarray(~alike | (reference < 0))


def _pick(rates: Estimates, reference: Positions) -> tuple[Array, Array, Array]:
    picked = [np.where(reference >= 0, ends[reference], np.nan) for ends in rates.triple]
    return picked[0], picked[1], picked[2]


def _reasons(
    rates: Estimates, value: Array, reference: Positions, other: Array
) -> npt.NDArray[np.str_]:
    why = np.where(other == 0, "the reference group's rate is 0", "")
    if rates.fixed_by is not None:
        why = np.where(_compares(rates, reference), why, rates.fixed_by)
    why = np.where(np.isnan(other), "the reference group has no such rate", why)
    why = np.where(np.isnan(rates.value), rates.reason, why)
    why = np.where(reference < 0, NO_REFERENCE, why)
    return np.where(np.isnan(value), why, "")


def _named(
    partition: Partition,
    attributes: tuple[str, ...],
    known: list[int],
    chosen: Mapping[str, str],
) -> int:
    if not isinstance(chosen, Mapping):
        raise InputError(
            "The reference groups are not given by attribute.",
            remedy='reference={"sex": "male", ...}, one value for every attribute',
        )
    strange = [a for a in chosen if a not in partition.names]
    if strange:
        raise InputError(
            f"The reference names {strange[0]!r}, which is no attribute of groups.",
            remedy=f"the attributes: {', '.join(partition.names)}",
        )
    lacking = [a for a in attributes if a not in chosen]
    if lacking:
        raise InputError(
            f"No reference group is named for {lacking[0]!r}.",
            remedy="name one for every attribute, or none at all",
        )
    wanted: Group = tuple((a, str(chosen[a])) for a in attributes)
    for position in known:
        if partition.groups[position] == wanted:
            return position
    if len(attributes) > 1:
        return -1
    values = ", ".join(partition.groups[p][0][1] for p in known)
    raise InputError(
        f"The reference group named for {attributes[0]!r} has no member.",
        remedy=f"its groups: {values}",
    )
