"""Results by group as frames.

Laws:
    - Frames have every number, unless `small_cell` is given: then numbers based on fewer people,
      and those from which these would follow, are NaN, and `suppressed` marks the rows.
    - A verdict compares the whole unrounded interval; if it contains the bound it is uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.errors import InputError
from auditkit.evidence import Outcome, describe_group
from auditkit.measures.groups.hidden import veiled
from auditkit.measures.groups.membership import is_unknown
from auditkit.measures.groups.metrics import GroupNumbers
from auditkit.measures.groups.rates import METRICS
from auditkit.measures.numbers.intervals import Array, Estimates

SUPPRESSED: Final = "suppressed"
# A metric whose denominator is all members of a group.
MEMBER_METRIC: Final = "selection_rate"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class GroupFrames(GroupNumbers):
    """Results by group as frames; the fields are those of `GroupNumbers`."""

    @cached_property
    def by_group(self) -> pd.DataFrame:
        """One row per group: n, status, every number with its interval, ratio, difference."""
        columns: dict[str, Any] = {
            "group": [describe_group(g) for g in self.groups],
            "n": self.partition.rows,
            "status": self._status,
        }
        for metric in self.metrics:
            found = self.estimates(metric)
            columns |= columns_of(metric, found)
            named = "impact_ratio" if metric == "selection_rate" else f"{metric}_ratio"
            columns |= columns_of(named, self.ratios(metric))
            columns |= columns_of(f"{metric}_difference", self.differences(metric))
        frame = pd.DataFrame(columns)
        if self.small_cell is None:
            return frame
        hidden = {"n": self.hides(MEMBER_METRIC)}
        for metric in self.metrics:
            own, compared = self.hides(metric), self.hides_comparison(metric)
            named = "impact_ratio" if metric == "selection_rate" else f"{metric}_ratio"
            hidden |= dict.fromkeys(names_of(metric), own)
            hidden |= dict.fromkeys((*names_of(named), *names_of(f"{metric}_difference")), compared)
        return veiled(frame, hidden)

    def to_frame(self) -> pd.DataFrame:
        """Tidy: one row per group and metric."""
        frames = []
        for metric in self.metrics:
            found, gap, ratio = (
                self.estimates(metric),
                self.differences(metric),
                self.ratios(metric),
            )
            frame = pd.DataFrame(
                {
                    "attribute": [",".join(a for a, _ in g) for g in self.groups],
                    "group": [describe_group(g) for g in self.groups],
                    "metric": metric,
                    **columns_of("value", found, ends=("lower", "upper")),
                    "n": found.n,
                    "reference": [
                        describe_group(self.groups[r]) if r >= 0 else "" for r in self.reference
                    ],
                    **columns_of("difference", gap),
                    **columns_of("ratio", ratio),
                    "status": np.where(
                        np.isnan(found.value),
                        np.char.add("not estimable: ", found.reason),
                        self._status,
                    ),
                }
            )
            if self.small_cell is not None:
                own = dict.fromkeys(("value", "lower", "upper", "n"), self.hides(metric))
                names = (*names_of("difference"), *names_of("ratio"))
                compared = dict.fromkeys(names, self.hides_comparison(metric))
                frame = veiled(frame, own | compared, status=SUPPRESSED)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def bands(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Simultaneous intervals of count-based metrics over all groups and metrics.

        Args:
            metrics: Their names; None: all computed ones.
        """
        chosen = tuple(metrics or (m for m in self.metrics if m in METRICS))
        frames = []
        for estimates in self._banded(chosen):
            frame = pd.DataFrame(
                {
                    "group": [describe_group(g) for g in self.groups],
                    "metric": estimates.name,
                    **columns_of("value", estimates, ends=("lower", "upper")),
                    "n": estimates.n,
                }
            )
            if self.small_cell is not None:
                names = ("value", "lower", "upper", "n")
                frame = veiled(frame, dict.fromkeys(names, self.hides(estimates.name)))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def judge(
        self, measure: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> pd.DataFrame:
        """Compares each group's interval with a bound: pass, fail, or uncertain if it contains it.

        Args:
            measure: A metric, "impact_ratio", or a metric with `_ratio` or `_difference`.
            at_least: Lower bound, included.
            at_most: Upper bound, included. Exactly one of both is given.

        Raises:
            InputError: If there is no such measure, or not exactly one bound.
        """
        if (at_least is None) == (at_most is None):
            raise InputError(
                "A number is compared with exactly one bound.",
                remedy="give exactly one of at_least= and at_most=",
            )
        found = self._measure(measure)
        compared = measure == "impact_ratio" or measure.endswith(("_ratio", "_difference"))
        outcomes = []
        for i, group in enumerate(self.groups):
            low, high = float(found.lower[i]), float(found.upper[i])
            if compared and (is_unknown(group) or self.reference[i] == i):
                outcomes.append(Outcome.NOT_APPLICABLE.value)
            elif np.isnan(low) or np.isnan(high):
                outcomes.append(Outcome.NOT_ASSESSED.value)
            elif at_least is not None:
                outcomes.append(_outcome(low >= at_least, high < at_least))
            else:
                assert at_most is not None
                outcomes.append(_outcome(high <= at_most, low > at_most))
        frame = pd.DataFrame(
            {
                "group": [describe_group(g) for g in self.groups],
                **columns_of("value", found, ends=("lower", "upper")),
                "n": found.n,
                "outcome": outcomes,
            }
        )
        if self.small_cell is None:
            return frame
        metric = measure.removesuffix("_ratio").removesuffix("_difference")
        metric = "selection_rate" if measure == "impact_ratio" else metric
        hidden = self.hides_comparison(metric) if compared else self.hides(metric)
        names = ("value", "lower", "upper", "n")
        return veiled(frame, dict.fromkeys(names, hidden), outcome=Outcome.NOT_ASSESSED.value)

    @cached_property
    def _status(self) -> npt.NDArray[np.str_]:
        """For each group: reference, compared, not compared, small, or unknown membership."""
        status = np.where(self.reference < 0, "not compared", "compared")
        status = np.where(self.partition.rows < self.min_group, "small", status)
        status = np.where(self.reference == np.arange(len(status)), "reference", status)
        return np.where([is_unknown(g) for g in self.groups], "unknown", status)


def names_of(name: str) -> tuple[str, str, str]:
    """The columns of a number with its interval."""
    return (name, f"{name}_lower", f"{name}_upper")


def columns_of(
    name: str, estimates: Estimates, *, ends: tuple[str, str] | None = None
) -> dict[str, Array]:
    """The values of the columns of a number with its interval."""
    lower, upper = ends or (f"{name}_lower", f"{name}_upper")
    return {name: estimates.value, lower: estimates.lower, upper: estimates.upper}


def _outcome(passes: object, fails: object) -> str:
    if passes:
        return Outcome.PASS.value
    return Outcome.FAIL.value if fails else Outcome.UNCERTAIN.value
