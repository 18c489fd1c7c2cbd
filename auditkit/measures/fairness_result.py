"""How decisions fell on groups: counts, and what follows from them when it is asked for.

Laws:
    - Everything follows from counts, scores and a seed; a number is computed once.
    - Frames hold every number. What is printed hides small counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from auditkit.errors import InputError
from auditkit.evidence import Outcome, describe_group
from auditkit.measures.bootstrap import (
    Gap,
    critical_value,
    design_effects,
    largest_gap,
    replicate_clusters,
    replicate_counts,
)
from auditkit.measures.disparities import Positions, differences, ratios
from auditkit.measures.fairness_page import html_of, text_of
from auditkit.measures.groups import Group, Partition, is_unknown
from auditkit.measures.rates import METRICS, Confusion, rates, values
from auditkit.measures.scored_groups import SCORE_METRICS, score_estimates, smallest_ratios, sweep
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


@dataclass(frozen=True, kw_only=True)
class Fairness:
    """How decisions fell on groups.

    Attributes:
        groups: Each attribute's groups, then their intersections.
        partition: Who belongs where.
        counts: Label against decision, by group.
        reference: For each group the position of the one that it is compared with; -1: none.
        metrics: The count-based metrics that were asked for.
        level: Nominal coverage of every interval.
        min_group: Rows that a group needs to be the reference, or to decide a largest gap.
        replicates: Of every bootstrap.
        seed: Of every draw.
        clustered: Whether intervals allow for clusters.
    """

    partition: Partition
    counts: Confusion
    reference: Positions
    metrics: tuple[str, ...]
    level: float
    min_group: int
    replicates: int
    seed: int
    clustered: bool
    _cells: Confusion = field(repr=False)
    _labels: npt.NDArray[np.bool_] = field(repr=False)
    _decisions: npt.NDArray[np.bool_] = field(repr=False)
    _scores: Array | None = field(repr=False)
    _weights: Array | None = field(repr=False)
    _clusters: npt.NDArray[np.intp] | None = field(repr=False)

    @property
    def groups(self) -> tuple[Group, ...]:
        """Every group that occurs."""
        return self.partition.groups

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self._labels)

    def estimates(self, metric: str) -> Estimates:
        """One metric of every group: a count-based one, or with scores one of `SCORE_METRICS`.

        Raises:
            InputError: If there is no such metric.
        """
        if metric in METRICS:
            return self._rates(metric, self.level)
        if metric in self._by_score:
            return self._by_score[metric]
        known = (*METRICS, *SCORE_METRICS) if self._scores is not None else METRICS
        raise InputError(f"There is no metric {metric!r}.", remedy=f"one of {', '.join(known)}")

    def differences(self, metric: str) -> Estimates:
        """Each group's number less its reference's."""
        return differences(self.estimates(metric), self.reference)

    def ratios(self, metric: str) -> Estimates:
        """Each group's number divided by its reference's."""
        return ratios(self.estimates(metric), self.reference)

    @cached_property
    def by_group(self) -> pd.DataFrame:
        """One row for each group: n, status, every number with its interval, ratio, difference."""
        columns: dict[str, Any] = {
            "group": [describe_group(g) for g in self.groups],
            "n": self.partition.rows,
            "status": self._status,
        }
        for metric in self._shown:
            found = self.estimates(metric)
            columns |= _columns(metric, found)
            if metric == "selection_rate":
                columns |= _columns("impact_ratio", self.ratios(metric))
            columns |= _columns(f"{metric}_difference", self.differences(metric))
        return pd.DataFrame(columns)

    @cached_property
    def disparities(self) -> pd.DataFrame:
        """One row for each metric and set of attributes: the largest gaps among its groups.

        Intervals hold for all pairs of groups at once. `adjusted_p_value` is Holm's over all rows.
        """
        rows = []
        for attributes, positions in self.partition.combinations().items():
            compared = [
                p
                for p in positions
                if not is_unknown(self.groups[p]) and self.partition.rows[p] >= self.min_group
            ]
            for metric, parts in self._criteria().items():
                gap = self._gap(parts, compared, metric=metric, ratio=False)
                ratio = None
                if len(parts) == 1:
                    ratio = self._gap(parts, compared, metric=metric, ratio=True)
                rows.append(
                    {
                        "attributes": ",".join(attributes),
                        "metric": metric,
                        "known_as": CRITERIA.get(metric, ""),
                        "groups_compared": len(compared),
                        "groups_left_out": len(positions) - len(compared),
                        **self._disparity(gap, ratio, compared),
                    }
                )
        adjusted = holm(np.array([row["p_value"] for row in rows], dtype=float))
        for row, p_value in zip(rows, adjusted, strict=True):
            row["adjusted_p_value"] = float(p_value)
        return pd.DataFrame(rows, columns=_DISPARITY_COLUMNS)

    def to_frame(self) -> pd.DataFrame:
        """Tidy: one row for each group and metric."""
        frames = []
        for metric in self._shown:
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
        chosen = tuple(metrics or self.metrics)
        found = [self._rates(m, self.level) for m in chosen]
        drawn = [values(self._replicated, m) for m in chosen]
        wide = float(2 * special.ndtr(critical_value(found, drawn, level=self.level)) - 1)
        frames = []
        for metric in chosen:
            estimates = self._rates(metric, wide)
            frames.append(
                pd.DataFrame(
                    {
                        "group": [describe_group(g) for g in self.groups],
                        "metric": metric,
                        **_columns("value", estimates, ends=("lower", "upper")),
                        "n": estimates.n,
                    }
                )
            )
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
            raise InputError("Give exactly one of at_least and at_most.")
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
        swept = sweep(self.partition, self._labels, self._scores, cuts)
        size = len(self.groups)
        smallest = np.empty((len(cuts), size))
        for positions in self.partition.combinations().values():
            compared = [
                p
                for p in positions
                if not is_unknown(self.groups[p]) and self.partition.rows[p] >= self.min_group
            ]
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

    def __repr__(self) -> str:
        """The selection rates and impact ratios, with small counts hidden."""
        return text_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)

    @property
    def _shown(self) -> tuple[str, ...]:
        return (*self.metrics, *SCORE_METRICS) if self._scores is not None else self.metrics

    @cached_property
    def _status(self) -> npt.NDArray[np.str_]:
        """For each group: reference, compared, small, or unknown membership."""
        status = np.where(self.partition.rows < self.min_group, "small", "compared")
        status = np.where(self.reference == np.arange(len(status)), "reference", status)
        return np.where([is_unknown(g) for g in self.groups], "unknown", status)

    @cached_property
    def _by_score(self) -> dict[str, Estimates]:
        if self._scores is None:
            return {}
        return score_estimates(
            self.partition,
            self._labels,
            self._scores,
            level=self.level,
            replicates=self.replicates,
            seed=self.seed,
        )

    @cached_property
    def _replicated(self) -> Array:
        """Replicates of the groups' counts, shape `(replicates, groups, 4)`."""
        if self._clusters is None:
            drawn = replicate_counts(self._cells, replicates=self.replicates, seed=self.seed)
        else:
            drawn = replicate_clusters(
                self.partition,
                self._labels,
                self._decisions,
                self._clusters,
                weights=self._weights,
                replicates=self.replicates,
                seed=self.seed,
            )
        return self.partition.group_sums(drawn.swapaxes(0, 1)).swapaxes(0, 1)

    @cached_property
    def _rows_per_cluster(self) -> Array:
        assert self._clusters is not None
        found = np.empty(len(self.groups))
        for position in range(len(self.groups)):
            own = self._clusters[self.partition.rows_of(position)]
            found[position] = len(own) / len(np.unique(own))
        return found

    def _rates(self, metric: str, level: float) -> Estimates:
        counts = self.counts
        if self._clusters is not None:
            plain = rates(counts, metric, level=level)
            effects = design_effects(
                plain, values(self._replicated, metric), self._rows_per_cluster
            )
            counts = Confusion(
                weights=counts.weights,
                rows=counts.rows,
                squares=counts.squares * effects[:, None],
            )
        return rates(counts, metric, level=level)

    def _measure(self, name: str) -> Estimates:
        if name == "impact_ratio":
            return self.ratios("selection_rate")
        for ending, compare in (("_ratio", self.ratios), ("_difference", self.differences)):
            if name.endswith(ending):
                return compare(name.removesuffix(ending))
        return self.estimates(name)

    def _criteria(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {m: (m,) for m in self.metrics}
        if {"tpr", "fpr"} <= set(self.metrics):
            found["equalized_odds"] = ("tpr", "fpr")
        return found

    def _among(self, positions: list[int], metric: str, level: float) -> Estimates:
        return self._rates(metric, level).take(positions)

    def _gap(self, parts: tuple[str, ...], compared: list[int], *, metric: str, ratio: bool) -> Gap:
        return largest_gap(
            partial(self._among, compared),
            self._replicated[:, compared],
            parts,
            name=f"the metric {metric}",
            level=self.level,
            ratio=ratio,
        )

    def _disparity(self, gap: Gap, ratio: Gap | None, compared: list[int]) -> dict[str, Any]:
        names = [describe_group(self.groups[compared[g]]) for g in gap.groups] or ["", ""]
        return {
            "largest_difference": gap.estimate.value,
            "difference_lower": gap.estimate.lower,
            "difference_upper": gap.estimate.upper,
            "lowest": names[0],
            "highest": names[1],
            "smallest_ratio": ratio.estimate.value if ratio else None,
            "ratio_lower": ratio.estimate.lower if ratio else None,
            "ratio_upper": ratio.estimate.upper if ratio else None,
            "p_value": gap.p_value,
            "n": gap.estimate.n,
            "status": gap.estimate.reason and f"not estimable: {gap.estimate.reason}",
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


def _columns(
    name: str, estimates: Estimates, *, ends: tuple[str, str] | None = None
) -> dict[str, Array]:
    lower, upper = ends or (f"{name}_lower", f"{name}_upper")
    return {name: estimates.value, lower: estimates.lower, upper: estimates.upper}


def _outcome(passes: object, fails: object) -> str:
    if passes:
        return Outcome.PASS.value
    return Outcome.FAIL.value if fails else Outcome.UNCERTAIN.value
