"""Metrics of groups, with their differences, ratios and bootstrap, all from one count of the rows.

Laws: everything follows from counts, scores and a seed, and is computed on first use.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from auditkit.errors import InputError
from auditkit.measures.groups.bootstrap import (
    Gap,
    critical_value,
    gap_without_interval,
    largest_gap,
)
from auditkit.measures.groups.disparities import Positions, differences, ratios
from auditkit.measures.groups.hidden import MEMBERS, Mask, hidden_groups, relative
from auditkit.measures.groups.membership import Group, Partition, is_unknown
from auditkit.measures.groups.rates import (
    METRICS,
    PROPORTIONS,
    TRANSFORMED,
    Confusion,
    rates,
    values,
)
from auditkit.measures.groups.replicates import (
    design_effects,
    replicate_clusters,
    replicate_counts,
    simulated,
)
from auditkit.measures.groups.scores import (
    SCORE_METRICS,
    at_level,
    score_estimates,
    why_no_gap_interval,
)
from auditkit.measures.numbers.intervals import Array, Estimate, Estimates

SCORED: Final = "scored row"


def _rests_on(metric: str) -> str:
    """The count that is a metric's denominator."""
    if metric in SCORE_METRICS:
        return SCORED
    if metric in TRANSFORMED:
        return TRANSFORMED[metric][2]
    return PROPORTIONS[metric][2] if metric in PROPORTIONS else MEMBERS


# The counts that sum to the members of a group.
SUMS: Final = tuple(
    (MEMBERS, (f"favourable {kind}", f"unfavourable {kind}")) for kind in ("label", "decision")
)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class GroupNumbers:
    """Metrics of decisions by group.

    Attributes:
        groups: Each attribute's groups, then their intersections.
        partition: The rows' groups.
        counts: Label against decision, by group.
        reference: For each group the position of its reference; -1: none.
        metrics: The metrics to compute.
        level: Nominal coverage of every interval.
        min_group: Least number of rows of a reference, and of a group in a largest gap.
        replicates: Number of bootstrap replicates.
        seed: Seed of all draws.
        clustered: Whether intervals allow for clusters.
        small_cell: Frames hide numbers based on fewer people than this, and numbers from which
            these would follow; None: nothing is hidden.
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
    small_cell: int | None
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
        """One metric of every group: one of `METRICS`, or with scores one of `SCORE_METRICS`.

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
        """Each group's number minus its reference's."""
        return differences(self.estimates(metric), self.reference)

    def ratios(self, metric: str) -> Estimates:
        """Each group's number divided by its reference's."""
        return ratios(self.estimates(metric), self.reference)

    def hides(self, metric: str) -> Mask:
        """The groups whose value of a metric the frames hide, shape `(groups,)`."""
        return self._hidden[_rests_on(metric)]

    def hides_comparison(self, metric: str) -> Mask:
        """The groups whose difference from and ratio to the reference the frames hide."""
        return relative(self.hides(metric), self.reference)

    @cached_property
    def _hidden(self) -> dict[str, Mask]:
        """The hidden groups, by denominator."""
        assert self.small_cell is not None
        counts = {MEMBERS: self.partition.rows}
        for metric in METRICS:
            counts.setdefault(_rests_on(metric), self.estimates(metric).n)
        if self._scores is not None:
            counts[SCORED] = self._by_score["mean_score"].n
        return hidden_groups(self.partition, counts, small_cell=self.small_cell, sums=SUMS)

    @cached_property
    def _by_score(self) -> dict[str, Estimates]:
        if self._scores is None:
            return {}
        found = score_estimates(
            self.partition,
            self._labels,
            self._scores,
            weights=self._weights,
            level=self.level,
            replicates=self.replicates,
            seed=self.seed,
        )
        if not self.clustered:
            return found
        # Their intervals assume independent rows.
        none = np.full(len(self.groups), np.nan)
        return {name: replace(f, lower=none, upper=none) for name, f in found.items()}

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

    def _among(self, positions: list[int], metric: str, level: float) -> Estimates:
        return self._rates(metric, level).take(positions)

    def _gap(self, parts: tuple[str, ...], compared: list[int], *, metric: str, ratio: bool) -> Gap:
        if metric in SCORE_METRICS:
            return self._score_gap(metric, compared, ratio=ratio)
        return largest_gap(
            partial(self._among, compared),
            partial(values, self._replicated[:, compared]),
            parts,
            name=f"the metric {metric}",
            level=self.level,
            ratio=ratio,
        )

    def _score_gap(self, metric: str, compared: list[int], *, ratio: bool) -> Gap:
        found = self._by_score[metric].take(compared)
        name = f"the metric {metric}"
        if ratio and found.unit == "difference":
            reason = "a difference has no ratio"
            return Gap(estimate=Estimate.undefined(int(found.n.sum()), reason))
        reason = "rows are clustered" if self.clustered else why_no_gap_interval(found)
        if reason:
            return gap_without_interval(found, name=name, reason=reason, ratio=ratio)
        return largest_gap(
            lambda _, level: at_level(found, level),
            lambda _: simulated(found, replicates=self.replicates, seed=self.seed),
            (metric,),
            name=name,
            level=self.level,
            ratio=ratio,
        )

    def _banded(self, metrics: tuple[str, ...]) -> list[Estimates]:
        """Metrics of every group with simultaneous intervals."""
        found = [self._rates(m, self.level) for m in metrics]
        drawn = [values(self._replicated, m) for m in metrics]
        critical = critical_value(found, drawn, level=self.level)
        return [self._rates(m, float(2 * special.ndtr(critical) - 1)) for m in metrics]

    def is_small(self, position: int) -> bool:
        """Whether a group is known and has fewer rows than `min_group`."""
        known = not is_unknown(self.groups[position])
        return known and bool(self.partition.rows[position] < self.min_group)

    def _comparable(self, positions: list[int]) -> list[int]:
        """The groups that count in a largest gap: known, and large enough."""
        return [p for p in positions if not is_unknown(self.groups[p]) and not self.is_small(p)]
