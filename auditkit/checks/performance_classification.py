"""How often the decisions are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditkit.checks.check import Check, Result
from auditkit.checks.grouped import overall_confusion
from auditkit.evidence import Term
from auditkit.measures.groups.measured import measured
from auditkit.measures.groups.rates import rates
from auditkit.parameters import LEVEL
from auditkit.subject import Task

if TYPE_CHECKING:
    from auditkit.subject import Case

_METRICS = ("accuracy", "balanced_accuracy", "tpr", "fpr", "ppv", "selection_rate", "base_rate")


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
    """

    level: float = LEVEL.field()


def _run(case: Case, parameters: Parameters) -> Result:
    counts, level = overall_confusion(case), parameters.level
    return Result(
        parameters={"threshold": case.threshold},
        n=case.rows,
        population="decisions",
        measurements=tuple(measured(m, rates(counts, m, level=level).at(0)) for m in _METRICS),
        notes=("Favourable means good for the person; it is the positive class.",),
    )


TERMS = {
    "accuracy": Term("Accuracy", "Share of decisions that agree with the outcome."),
    "balanced_accuracy": Term(
        "Balanced accuracy", "Mean of the true positive rate and one minus the false positive rate."
    ),
    "tpr": Term(
        "True positive rate",
        "Share of favourable decisions among cases whose true outcome is favourable.",
    ),
    "fpr": Term(
        "False positive rate",
        "Share of favourable decisions among cases whose true outcome is unfavourable.",
    ),
    "ppv": Term(
        "Positive predictive value", "Share of favourable outcomes among favourable decisions."
    ),
    "selection_rate": Term("Selection rate", "Share of cases {favourable}."),
    "base_rate": Term("Base rate", "Share of cases whose true outcome is favourable."),
}

CHECK = Check(
    id="performance.classification",
    version="1",
    title="How often the decisions are right",
    area="performance",
    measures=(
        "Accuracy, balanced accuracy, true and false positive rate, positive predictive value, "
        "selection rate and base rate, each with Wilson's interval and its own denominator."
    ),
    misleads=(
        "Accuracy is high where one outcome is rare. Intervals tell of sampling error alone: not "
        "of labels that are wrong, or of cases that were never labelled."
    ),
    source="Wilson 1927; Newcombe 1998",
    run=_run,
    tasks=frozenset({Task.BINARY}),
    terms=TERMS,
    parameters=Parameters,
)
