"""How decisions fell on groups, as frames and as a page.

Laws:
    - Frames hold every number. What is printed hides small counts.
    - A verdict compares the whole interval, unrounded; one that straddles the bound is uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.errors import InputError
from auditkit.evidence import Outcome, describe_group
from auditkit.measures.bootstrap import Gap
from auditkit.measures.fairness_page import html_of, text_of
from auditkit.measures.group_numbers import GroupNumbers
from auditkit.measures.groups import is_unknown
from auditkit.measures.ranking import calibration_curve
from auditkit.measures.rates import METRICS, values
from auditkit.measures.scored_groups import smallest_ratios, sweep
from auditkit.measures.significance import holm, significance
from auditkit.measures.stats import Array, Estimates

# The field's names for an even rate; each is a row of `Fairness.disparities`.
CRITERIA: Final = {
    "selection_rate": "demographic parity",
    "tpr": "equal opportunity",
    "ppv": "predictive parity",
    "fpr": "predictive equality",
    "accuracy": "overall accuracy equality",
    "treatment_equality": "treatment equality",
    "equalized_odds": "equalized odds",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Fairness(GroupNumbers):
    """How decisions fell on groups, as frames; the fields are those of `GroupNumbers`."""

    @cached_property
    def by_group(self) -> pd.DataFrame:
        """One row for each group: n, status, every number with its interval, ratio, difference."""
        columns: dict[str, Any] = {
            "group": [describe_group(g) for g in self.groups],
            "n": self.partition.rows,
            "status": self._status,
        }
        for metric in self.metrics:
            found = self.estimates(metric)
            columns |= _columns(metric, found)
            named = "impact_ratio" if metric == "selection_rate" else f"{metric}_ratio"
            columns |= _columns(named, self.ratios(metric))
            columns |= _columns(f"{metric}_difference", self.differences(metric))
        return pd.DataFrame(columns)

    @cached_property
    def disparities(self) -> pd.DataFrame:
        """One row for each metric and set of attributes: the largest gaps among its groups.

        A gap is taken over the groups that are known, large enough, and have the metric; the others
        are counted in `groups_left_out`, and where one lacks the metric `status` says why: the
        largest gap of all groups may then be larger. Where nothing is compared, as nobody is
        selected, there is no gap.

        Intervals hold for all pairs of groups at once. `adjusted_p_value` is Holm's over all rows.
        Largest gaps of KS and the calibration error have neither interval nor p-value; `status`
        says so.
        """
        rows = []
        for attributes, positions in self.partition.combinations().items():
            compared = self._comparable(positions)
            for metric, parts in self._criteria().items():
                gap = self._gap(parts, compared, metric=metric, ratio=False)
                ratio = self._gap(parts, compared, metric=metric, ratio=True)
                rows.append(
                    {
                        "attributes": ",".join(attributes),
                        "metric": metric,
                        "known_as": CRITERIA.get(metric, ""),
                        "groups_compared": gap.compared,
                        "groups_left_out": len(positions) - gap.compared,
                        **self._disparity(gap, ratio, compared),
                    }
                )
        adjusted = holm(np.array([row["p_value"] for row in rows], dtype=float))
        for row, p_value in zip(rows, adjusted, strict=True):
            row["adjusted_p_value"] = float(p_value)
        table = pd.DataFrame(rows, columns=_DISPARITY_COLUMNS)
        return table.astype({c: float for c in _DISPARITY_COLUMNS if c in _DISPARITY_NUMBERS})

    def to_frame(self) -> pd.DataFrame:
        """Tidy: one row for each group and metric."""
        frames = []
        for metric in self.metrics:
            found, gap, ratio = (
                self.estimates(metric),
                self.differences(metric),
                self.ratios(metric),
            )
            frames.append(
                pd.DataFrame(
                    {
                        "attribute": [",".join(a for a, _ in g) for g in self.groups],
                        "group": [describe_group(g) for g in self.groups],
                        "metric": metric,
                        **_columns("value", found, ends=("lower", "upper")),
                        "n": found.n,
                        "reference": [
                            describe_group(self.groups[r]) if r >= 0 else "" for r in self.reference
                        ],
                        **_columns("difference", gap),
                        **_columns("ratio", ratio),
                        "status": np.where(
                            np.isnan(found.value),
                            np.char.add("not estimable: ", found.reason),
                            self._status,
                        ),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    def bands(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Intervals of count-based metrics that all hold at once, over all groups and metrics.

        Args:
            metrics: Which; None: those that were asked for.
        """
        chosen = tuple(metrics or (m for m in self.metrics if m in METRICS))
        frames = [
            pd.DataFrame(
                {
                    "group": [describe_group(g) for g in self.groups],
                    "metric": estimates.name,
                    **_columns("value", estimates, ends=("lower", "upper")),
                    "n": estimates.n,
                }
            )
            for estimates in self._banded(chosen)
        ]
        return pd.concat(frames, ignore_index=True)

    def judge(
        self, measure: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> pd.DataFrame:
        """Lays each group's interval against a bound: pass, fail, or uncertain if it straddles it.

        Args:
            measure: A metric, "impact_ratio", or a metric with `_ratio` or `_difference`.
            at_least: Lower bound, included.
            at_most: Upper bound, included. Exactly one of both is given.

        Raises:
            InputError: If there is no such measure, or not exactly one bound.
        """
        if (at_least is None) == (at_most is None):
            raise InputError(
                "A number is laid against one bound.",
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
        return pd.DataFrame(
            {
                "group": [describe_group(g) for g in self.groups],
                **_columns("value", found, ends=("lower", "upper")),
                "n": found.n,
                "outcome": outcomes,
            }
        )

    def significance(self, *, ratio: float = 0.8, alpha: float = 0.05) -> pd.DataFrame:
        """Tests of each group's selection rate against its reference's, with their power.

        Args:
            ratio: The ratio that the power is about.
            alpha: Two-sided level.

        Raises:
            InputError: If rows are weighted or clustered: the tests count independent people.
        """
        if self._weights is not None or self.clustered:
            raise InputError(
                "The tests count independent people, and rows are weighted or clustered.",
                remedy="use the intervals: disparities, judge()",
            )
        selected = self.counts.rows[:, [1, 3]].sum(axis=1)
        reference = np.where([is_unknown(g) for g in self.groups], -1, self.reference)
        n = self.partition.rows.astype(float)
        tests = significance(selected, n, reference, ratio=ratio, alpha=alpha)
        return pd.DataFrame(
            {
                "group": [describe_group(g) for g in self.groups],
                "n": self.partition.rows,
                "selected": selected.astype(np.int64),
                **_columns("selection_rate", self.estimates("selection_rate")),
                **_columns("impact_ratio", self.ratios("selection_rate")),
                **vars(tests),
            }
        )

    def sweep(self, thresholds: npt.ArrayLike | None = None) -> pd.DataFrame:
        """What other cut-offs on the scores would do: one row for each cut-off and group.

        Args:
            thresholds: Rising; None: 0.00, 0.05, ... 1.00.

        Raises:
            InputError: If no scores were given.
        """
        if self._scores is None:
            raise InputError("A threshold sweep needs scores.", remedy="fairness(..., scores=...)")
        cuts = np.round(np.arange(21) / 20, 2) if thresholds is None else np.asarray(thresholds)
        swept = sweep(self.partition, self._labels, self._scores, cuts, weights=self._weights)
        size = len(self.groups)
        smallest = np.empty((len(cuts), size))
        for positions in self.partition.combinations().values():
            compared = self._comparable(positions)
            lowest = smallest_ratios(swept, compared) if compared else np.full(len(cuts), np.nan)
            smallest[:, positions] = lowest[:, None]
        return pd.DataFrame(
            {
                "threshold": np.repeat(cuts, size),
                "group": [describe_group(g) for g in self.groups] * len(cuts),
                "n": np.tile(self.partition.rows, len(cuts)),
                **{
                    m: values(swept, m).ravel()
                    for m in ("selection_rate", "tpr", "fpr", "ppv", "accuracy")
                },
                "smallest_ratio": smallest.ravel(),
            }
        )

    def calibration(self, *, bins: int = 10) -> pd.DataFrame:
        """Observed share against mean score, one row for each group and bin; NaN in empty bins.

        Args:
            bins: Of equal width over [0, 1].

        Raises:
            InputError: If no scores were given.
        """
        if self._scores is None:
            raise InputError("Calibration needs scores.", remedy="fairness(..., scores=...)")
        frames = []
        for position, group in enumerate(self.groups):
            rows = self.partition.rows_of(position)
            weights = None
            if self._weights is not None:
                rows = rows & (self._weights > 0)
                weights = self._weights[rows]
            curve = calibration_curve(
                self._labels[rows],
                self._scores[rows],
                weights=weights,
                bins=bins,
                level=self.level,
            )
            frame = pd.DataFrame([asdict(b) for b in curve]).astype({"mean_score": float})
            frame.insert(0, "group", describe_group(group))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def __repr__(self) -> str:
        """The selection rates and impact ratios, with small counts hidden."""
        return text_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)

    @cached_property
    def _status(self) -> npt.NDArray[np.str_]:
        """For each group: reference, compared, not compared, small, or unknown membership."""
        status = np.where(self.reference < 0, "not compared", "compared")
        status = np.where(self.partition.rows < self.min_group, "small", status)
        status = np.where(self.reference == np.arange(len(status)), "reference", status)
        return np.where([is_unknown(g) for g in self.groups], "unknown", status)

    def _criteria(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {m: (m,) for m in self.metrics}
        if {"tpr", "fpr"} <= set(self.metrics):
            found["equalized_odds"] = ("tpr", "fpr")
        return found

    def _disparity(self, gap: Gap, ratio: Gap, compared: list[int]) -> dict[str, Any]:
        names = [describe_group(self.groups[compared[g]]) for g in gap.groups] or ["", ""]
        return {
            "largest_difference": gap.estimate.value,
            "difference_lower": gap.estimate.lower,
            "difference_upper": gap.estimate.upper,
            "lowest": names[0],
            "highest": names[1],
            "smallest_ratio": ratio.estimate.value,
            "ratio_lower": ratio.estimate.lower,
            "ratio_upper": ratio.estimate.upper,
            "p_value": gap.p_value,
            "n": gap.estimate.n,
            "status": _disparity_status(gap, ratio),
        }


_DISPARITY_COLUMNS: Final = [
    "attributes",
    "metric",
    "known_as",
    "largest_difference",
    "difference_lower",
    "difference_upper",
    "lowest",
    "highest",
    "smallest_ratio",
    "ratio_lower",
    "ratio_upper",
    "p_value",
    "adjusted_p_value",
    "n",
    "groups_compared",
    "groups_left_out",
    "status",
]


_DISPARITY_NUMBERS: Final = frozenset(_DISPARITY_COLUMNS[3:6] + _DISPARITY_COLUMNS[8:13])


def _disparity_status(gap: Gap, ratio: Gap) -> str:
    if gap.estimate.value is None:
        return f"not estimable: {gap.estimate.reason}"
    said = [gap.estimate.reason] if gap.estimate.reason else []
    if gap.no_interval:
        said.append(f"no interval: {gap.no_interval}")
    if ratio.estimate.value is None:
        said.append(f"ratio not estimable: {ratio.estimate.reason}")
    return "; ".join(said)


def _columns(
    name: str, estimates: Estimates, *, ends: tuple[str, str] | None = None
) -> dict[str, Array]:
    lower, upper = ends or (f"{name}_lower", f"{name}_upper")
    return {name: estimates.value, lower: estimates.lower, upper: estimates.upper}


def _outcome(passes: object, fails: object) -> str:
    if passes:
        return Outcome.PASS.value
    return Outcome.FAIL.value if fails else Outcome.UNCERTAIN.value
