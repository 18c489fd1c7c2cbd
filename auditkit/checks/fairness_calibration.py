"""Whether a score means the same for every group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditkit.checks._check import Check, Parameters
from auditkit.checks._grouped import (
    group_notes,
    grouped,
    measured_comparisons,
    measured_rates,
    no_groups,
)
from auditkit.checks.performance_ranking import CALIBRATION_COLUMNS, calibration_row
from auditkit.evidence import Evidence, Outcome, Table
from auditkit.measures.groups.disparities import differences
from auditkit.measures.groups.ranking import calibration_curve
from auditkit.measures.groups.scores import score_estimates
from auditkit.parameters import BINS, DEPTH, LEVEL, MIN_GROUP, REPLICATES

if TYPE_CHECKING:
    from auditkit.checks._grouped import Grouped
    from auditkit.subject import Case

_MEASURES = ("calibration_gap", "calibration_error", "auc")


def _run(case: Case, parameters: Parameters) -> Evidence:
    reason = no_groups(case)
    if reason:
        return CHECK.evidence(outcome=Outcome.NOT_ASSESSED, reason=reason, parameters=parameters)
    if case.scores is None:
        return CHECK.evidence(
            outcome=Outcome.NOT_APPLICABLE,
            reason="decisions were given without scores",
            parameters=parameters,
        )
    found = grouped(case, parameters)
    estimates = score_estimates(
        found.partition,
        case.labels,
        case.scores,
        level=float(parameters["level"]),
        bins=int(parameters["bins"]),
        replicates=int(parameters["replicates"]),
        seed=case.seed,
    )
    gap = differences(estimates["calibration_gap"], found.reference)
    return CHECK.evidence(
        parameters={**parameters, "seed": case.seed},
        n=len(case.labels),
        population="scores",
        measurements=(
            *(m for name in _MEASURES for m in measured_rates(found, estimates[name])),
            *measured_comparisons(found, gap),
        ),
        tables=(_curves(case, found, parameters),),
        notes=tuple(group_notes(found, int(parameters["min_group"]))),
    )


def _curves(case: Case, found: Grouped, parameters: Parameters) -> Table:
    assert case.scores is not None
    rows = []
    for position, group in enumerate(found.groups):
        if len(group) > 1:
            break
        own = found.partition.rows_of(position)
        curve = calibration_curve(
            case.labels[own],
            case.scores[own],
            bins=int(parameters["bins"]),
            level=float(parameters["level"]),
        )
        rows += [(*group[0], *calibration_row(b)) for b in curve]
    return Table(
        name="calibration_by_group",
        title="Observed share of favourable outcomes by score and group",
        columns=("attribute", "group", *CALIBRATION_COLUMNS),
        rows=tuple(rows),
    )


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
    parameters={
        "level": LEVEL,
        "depth": DEPTH.of(1),
        "min_group": MIN_GROUP,
        "bins": BINS,
        "replicates": REPLICATES,
    },
)
