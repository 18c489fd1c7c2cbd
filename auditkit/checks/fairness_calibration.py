"""Whether a score means the same for every group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditkit.checks.check import Check, Result
from auditkit.checks.grouped import (
    group_notes,
    grouped,
    measured_comparisons,
    measured_rates,
    outcomes_of,
    scores_of,
)
from auditkit.checks.performance_ranking import CALIBRATION_COLUMNS, calibration_row
from auditkit.checks.performance_ranking import TERMS as RANKING
from auditkit.evidence import Table, Term
from auditkit.measures.groups.disparities import differences
from auditkit.measures.groups.ranking import calibration_curve
from auditkit.measures.groups.scores import score_estimates
from auditkit.parameters import BINS, DEPTH, LEVEL, MIN_GROUP, REPLICATES
from auditkit.subject import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from auditkit.checks.grouped import Grouped
    from auditkit.subject import Case

_MEASURES = ("calibration_gap", "calibration_error", "auc")


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        depth: The most attributes that are intersected.
        min_group: The fewest members of a group that others are compared with.
        bins: Bins of equal width on the scores.
        replicates: Bootstrap resamples.
    """

    level: float = LEVEL.field()
    depth: int = DEPTH.field(1)
    min_group: int = MIN_GROUP.field()
    bins: int = BINS.field()
    replicates: int = REPLICATES.field()


def _run(case: Case, parameters: Parameters) -> Result:
    found = grouped(case, depth=parameters.depth, min_group=parameters.min_group)
    scores, labels = scores_of(case), outcomes_of(case)
    estimates = score_estimates(
        found.partition,
        labels,
        scores,
        level=parameters.level,
        bins=parameters.bins,
        replicates=parameters.replicates,
        seed=case.seed,
    )
    gap = differences(estimates["calibration_gap"], found.reference)
    return Result(
        parameters={"seed": case.seed},
        n=len(labels),
        population="scores",
        measurements=(
            *(m for name in _MEASURES for m in measured_rates(found, estimates[name])),
            *measured_comparisons(found, gap),
        ),
        tables=(_curves(labels, scores, found, parameters),),
        notes=tuple(group_notes(found, parameters.min_group)),
    )


def _curves(
    labels: NDArray[np.bool_],
    scores: NDArray[np.float64],
    found: Grouped,
    parameters: Parameters,
) -> Table:
    rows = []
    for position, group in enumerate(found.groups):
        if len(group) > 1:
            break
        own = found.partition.rows_of(position)
        curve = calibration_curve(
            labels[own],
            scores[own],
            bins=parameters.bins,
            level=parameters.level,
        )
        rows += [(*group[0], *calibration_row(b)) for b in curve]
    return Table(
        name="calibration_by_group",
        title="Observed share of favourable outcomes by score and group",
        columns=("attribute", "group", *CALIBRATION_COLUMNS),
        rows=tuple(rows),
    )


TERMS = {
    "auc": RANKING["auc"],
    "calibration_error": RANKING["calibration_error"],
    "calibration_gap": Term(
        "Calibration gap", "Observed share of favourable outcomes less the mean score."
    ),
    "calibration_gap_difference": Term(
        "Difference in calibration gaps", "The group's calibration gap less the reference group's."
    ),
}

CHECK = Check(
    id="fairness.calibration",
    version="1",
    title="Whether a score means the same for every group",
    area="fairness",
    measures=(
        "For each group the observed share of favourable outcomes less the mean score "
        "(calibration gap), the calibration error over bins, and the area under the ROC curve; "
        "and each gap less that of the group with the highest selection rate."
    ),
    misleads=(
        "Groups with different base rates cannot have equal calibration and equal error rates at "
        "once unless the scores are perfect. The calibration error grows with noise in small "
        "groups; its interval reaches 0 where none is shown."
    ),
    source="Kleinberg, Mullainathan and Raghavan 2016; Chouldechova 2017; Naeini 2015",
    run=_run,
    tasks=frozenset({Task.BINARY, Task.CLASSES}),
    terms=TERMS,
    parameters=Parameters,
)
