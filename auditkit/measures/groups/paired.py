"""Two models' decisions on the same rows by group: how each rate changes, and who is decided anew.

Rows are counted once, by what was true and what each model decides: eight kinds a group. All
changes follow from these counts, with intervals of paired samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from auditkit.measures.groups.rates import Confusion, values
from auditkit.measures.groups.replicates import replicate_counts
from auditkit.measures.numbers.intervals import Array, Estimate
from auditkit.measures.numbers.paired import joined, paired_difference, resampled

if TYPE_CHECKING:
    from auditkit.measures.groups.membership import Partition

Bools = npt.NDArray[np.bool_]

# The rates that change; those of decisions alone need no true outcomes.
OF_DECISIONS: Final = ("selection_rate",)
OF_OUTCOMES: Final = ("accuracy", "balanced_accuracy", "tpr", "fpr", "ppv")
# Rows that a rate is a share of, and rows that count towards it under a model's decision.
_AMONG: Final = {"selection_rate": None, "accuracy": None, "tpr": 1, "fpr": 0}


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedCounts:
    """Decisions of two models about the same rows.

    Attributes:
        counts: Rows by group and kind, shape `(groups, 8)`; the kind is 4 if the true outcome is
            favourable, and 2 if the first model decides so, and 1 if the second does, added up.
        replicates: The same of each resample, shape `(replicates, groups, 8)`.
    """

    counts: Array
    replicates: Array

    @classmethod
    def of(
        cls,
        labels: Bools | None,
        first: Bools,
        second: Bools,
        partition: Partition | None,
        *,
        replicates: int,
        seed: int,
    ) -> PairedCounts:
        """Counts rows by group; without a partition everyone is one group."""
        truth = np.zeros_like(first) if labels is None else labels
        kinds = truth * np.uint8(4) + first * np.uint8(2) + second * np.uint8(1)
        if partition is None:
            cells = np.bincount(kinds, minlength=8).astype(float)[None, :]
            drawn = _drawn(cells, replicates, seed)
            return cls(counts=cells, replicates=drawn)
        cells = partition.count(kinds, 8)
        drawn = partition.group_sums(_drawn(cells, replicates, seed).swapaxes(0, 1))
        return cls(counts=partition.group_sums(cells), replicates=drawn.swapaxes(0, 1))

    def change(self, name: str, position: int, *, level: float) -> Estimate:
        """How one rate of one group changes: the second model's less the first's.

        Args:
            name: One of `OF_DECISIONS` and `OF_OUTCOMES`.
            position: The group's.
            level: Nominal coverage.
        """
        if name == "balanced_accuracy":
            found = self.change("tpr", position, level=level)
            wrong = self.change("fpr", position, level=level)
            return joined(found, _negative(wrong), level=level)
        if name == "ppv":
            return self._of_replicates(name, position, level=level)
        table = self.counts[position].reshape(2, 2, 2)
        if name == "accuracy":
            both, neither = table[1, 1, 1] + table[0, 0, 0], table[1, 0, 0] + table[0, 1, 1]
            second, first = table[1, 0, 1] + table[0, 1, 0], table[1, 1, 0] + table[0, 0, 1]
        else:
            among = _AMONG[name]
            part = table.sum(axis=0) if among is None else table[among]
            both, neither, second, first = part[1, 1], part[0, 0], part[0, 1], part[1, 0]
        found = paired_difference(both, second, first, neither, level=level)
        if found.value is None:
            kind = {"tpr": "favourable", "fpr": "unfavourable"}.get(name)
            return Estimate.undefined(0, f"no {kind} label in the group" if kind else "no row")
        return found

    def ratio_change(self, position: int, references: tuple[int, int], *, level: float) -> Estimate:
        """How a group's ratio of selection rates to a reference group's changes.

        Args:
            position: The group's.
            references: The group that it is compared with under each model.
            level: Nominal coverage.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            found = [
                _of(counts, "selection_rate", model, position)
                / _of(counts, "selection_rate", model, references[model])
                for counts in (self.counts[None], self.replicates)
                for model in (0, 1)
            ]
            change, drawn = found[1] - found[0], found[3] - found[2]
        n = int(self.counts[position].sum())
        if not np.isfinite(change[0]):
            return Estimate.undefined(n, "nobody in the group compared with is selected")
        return resampled(float(change[0]), drawn, n, level=level)

    def rates(self, name: str, position: int) -> tuple[float, float]:
        """One rate of one group under each model; NaN if it is not estimable."""
        first, second = (float(_of(self.counts[None], name, m, position)[0]) for m in (0, 1))
        return first, second

    def newly(self, position: int) -> tuple[int, int]:
        """Rows of a group that are decided favourably by the second model alone, and by the first.

        That is: how many are newly favourable, and how many newly unfavourable.
        """
        part = self.counts[position].reshape(2, 2, 2).sum(axis=0)
        return int(part[0, 1]), int(part[1, 0])

    def _of_replicates(self, name: str, position: int, *, level: float) -> Estimate:
        first, second = self.rates(name, position)
        part = self.counts[position].reshape(2, 2, 2).sum(axis=0)
        n = int(part.sum() - part[0, 0])
        if not np.isfinite(second - first):
            return Estimate.undefined(n, "one of the models selects nobody in the group")
        drawn = [_of(self.replicates, name, model, position) for model in (0, 1)]
        return resampled(second - first, drawn[1] - drawn[0], n, level=level)


def _drawn(cells: Array, replicates: int, seed: int) -> Array:
    return replicate_counts(Confusion.of_counts(cells), replicates=replicates, seed=seed)


def _of(counts: Array, name: str, model: int, position: int) -> Array:
    """A rate of one group under one model, shape `(replicates,)`: `(replicates, groups, 8)` in."""
    table = counts[:, position].reshape(-1, 2, 2, 2)
    confusion = table.sum(axis=3 if model == 0 else 2).reshape(-1, 4)
    return values(confusion, name)


def _negative(of: Estimate) -> Estimate:
    if of.value is None:
        return of
    lower = None if of.upper is None else -of.upper
    upper = None if of.lower is None else -of.lower
    return Estimate(
        value=-of.value, n=of.n, lower=lower, upper=upper, level=of.level, method=of.method
    )
