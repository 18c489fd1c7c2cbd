"""How much better or worse the model does than the one in use, on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.compared import (
    NO_LABELS,
    accuracy_change,
    champion_of,
    changes_of_rates,
    errors,
    paired_counts,
    recall_change,
    right,
)
from auditkit.evidence import Table, Term
from auditkit.measures.groups.measured import measured
from auditkit.measures.numbers.area import area_under_curve
from auditkit.measures.numbers.intervals import Estimate, mean
from auditkit.measures.numbers.paired import paired_areas, root_mean_square
from auditkit.parameters import LEVEL, REPLICATES
from auditkit.subject import Task

if TYPE_CHECKING:
    from auditkit.evidence import Cell, Measurement
    from auditkit.subject import Case

    # A change, and the number under each model.
    Side = tuple[Measurement, float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        replicates: Bootstrap resamples.
    """

    level: float = LEVEL.field()
    replicates: int = REPLICATES.field()


def _run(case: Case, parameters: Parameters) -> Result:
    champion = champion_of(case)
    of = {Task.BINARY: _two_outcomes, Task.CLASSES: _classes, Task.NUMBER: _numbers}[case.task]
    sides = of(champion, case, parameters)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (m.name, first, second) for m, first, second in sides if m.value is not None
    )
    return Result(
        parameters={"seed": case.seed, "champion": str(champion.subject.digest)},
        n=case.rows,
        population="rows that both models scored",
        measurements=tuple(m for m, _, _ in sides),
        tables=(
            Table(
                name="side_by_side",
                title="Both models on the same rows",
                columns=("change", "champion", "challenger"),
                rows=rows,
            ),
        ),
        notes=(
            "A change is the audited model's number less that of the model in use.",
            "Intervals are paired: they rest on the rows that the models treat differently.",
        ),
    )


def _two_outcomes(champion: Case, case: Case, parameters: Parameters) -> list[Side]:
    level = parameters.level
    counts = paired_counts(case, None, replicates=parameters.replicates)
    sides: list[Side] = []
    for m in changes_of_rates(case, counts, 0, level=level):
        first, second = counts.rates(m.name.removesuffix("_change"), 0)
        sides.append((m, _known(first), _known(second)))
    if case.scores is None or champion.scores is None:
        return sides
    if case.labels is None:
        for name in ("auc_change", "brier_change"):
            unknown = Estimate.undefined(case.rows, NO_LABELS)
            sides.append((measured(name, unknown, unit="difference"), None, None))
        return sides
    both = (champion.scores, case.scores)
    areas = [area_under_curve(case.labels, scores, level=level).value for scores in both]
    change = paired_areas(case.labels, champion.scores, case.scores, level=level)
    sides.append((measured("auc_change", change, unit="difference"), areas[0], areas[1]))
    squares = [(scores - case.labels) ** 2 for scores in both]
    change = mean(squares[1] - squares[0], level=level)
    briers = [float(one.mean()) for one in squares]
    sides.append((measured("brier_change", change, unit="difference"), briers[0], briers[1]))
    return sides


def _classes(champion: Case, case: Case, parameters: Parameters) -> list[Side]:
    first, second, level = champion.classes, case.classes, parameters.level
    assert first is not None
    assert second is not None
    if second.truth is None:
        unknown = Estimate.undefined(case.rows, NO_LABELS)
        names = ("accuracy_change", "macro_recall_change")
        return [(measured(name, unknown, unit="difference"), None, None) for name in names]
    change = accuracy_change(right(first), right(second), level)
    shares = [float(right(c).mean()) for c in (first, second)]
    recalls = [
        float(np.mean([right(c)[second.truth == k].mean() for k in np.unique(second.truth)]))
        for c in (first, second)
    ]
    recall = recall_change(first, second, level)
    return [
        (measured("accuracy_change", change, unit="difference"), shares[0], shares[1]),
        (measured("macro_recall_change", recall, unit="difference"), recalls[0], recalls[1]),
    ]


def _numbers(champion: Case, case: Case, parameters: Parameters) -> list[Side]:
    level = parameters.level
    assert champion.numbers is not None
    assert case.numbers is not None
    one, other = champion.numbers.predicted, case.numbers.predicted
    moved = measured("mean_prediction_change", mean(other - one, level=level), unit="label's unit")
    sides: list[Side] = [(moved, float(one.mean()), float(other.mean()))]
    if case.numbers.truth is None:
        for name in ("mae_change", "rmse_change"):
            unknown = Estimate.undefined(case.rows, NO_LABELS)
            sides.append((measured(name, unknown, unit="label's unit"), None, None))
        return sides
    first, second = errors(champion.numbers), errors(case.numbers)
    change = mean(np.abs(second) - np.abs(first), level=level)
    means = [float(np.abs(e).mean()) for e in (first, second)]
    sides.append((measured("mae_change", change, unit="label's unit"), means[0], means[1]))
    change = root_mean_square(first, second, level=level)
    roots = [float(np.sqrt((e**2).mean())) for e in (first, second)]
    sides.append((measured("rmse_change", change, unit="label's unit"), roots[0], roots[1]))
    return sides


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None


TERMS = {
    "selection_rate_change": Term(
        "Change in selection rate", "Selection rate less that of the model in use."
    ),
    "accuracy_change": Term("Change in accuracy", "Accuracy less that of the model in use."),
    "balanced_accuracy_change": Term(
        "Change in balanced accuracy", "Balanced accuracy less that of the model in use."
    ),
    "tpr_change": Term(
        "Change in true positive rate", "True positive rate less that of the model in use."
    ),
    "fpr_change": Term(
        "Change in false positive rate", "False positive rate less that of the model in use."
    ),
    "ppv_change": Term(
        "Change in positive predictive value",
        "Positive predictive value less that of the model in use.",
    ),
    "auc_change": Term(
        "Change in area under the ROC curve",
        "Area under the ROC curve less that of the model in use.",
    ),
    "brier_change": Term(
        "Change in Brier score",
        "Brier score less that of the model in use; below zero the scores are nearer the truth.",
    ),
    "macro_recall_change": Term(
        "Change in macro recall",
        "Mean over classes of the share that is found, less that of the model in use.",
    ),
    "mean_prediction_change": Term(
        "Change in mean prediction", "Mean predicted number less that of the model in use."
    ),
    "mae_change": Term(
        "Change in mean absolute error", "Mean absolute error less that of the model in use."
    ),
    "rmse_change": Term(
        "Change in root mean square error", "Root mean square error less that of the model in use."
    ),
}

CHECK = Check(
    id="comparison.performance",
    version="1",
    title="How much better or worse than the model in use",
    area="comparison",
    measures=(
        "By how much each measure of performance differs from that of the model in use, on the "
        "same rows, with paired intervals. A bound on the whole interval is a test of "
        "non-inferiority, and the bound is its margin."
    ),
    misleads=(
        "Rows that the model in use has selected, or on which one of the models was tuned, favour "
        "it. A small change in the mean can hide large ones that cancel: see who is decided anew."
    ),
    source="Newcombe 1998 (paired, method 10); DeLong 1988; Donner and Zou 2012",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
    compares=True,
)
