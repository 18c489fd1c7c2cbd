"""How often the decisions are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditkit.checks._check import Check, Parameters
from auditkit.checks._grouped import alone
from auditkit.evidence import Evidence
from auditkit.measures.groups.measured import measured
from auditkit.measures.groups.rates import rates
from auditkit.parameters import LEVEL

if TYPE_CHECKING:
    from auditkit.subject import Case

_METRICS = ("accuracy", "balanced_accuracy", "tpr", "fpr", "ppv", "selection_rate", "base_rate")


def _run(case: Case, parameters: Parameters) -> Evidence:
    counts, level = alone(case), float(parameters["level"])
    return CHECK.evidence(
        parameters={**parameters, "threshold": case.threshold},
        n=len(case.labels),
        population="decisions",
        measurements=tuple(measured(m, rates(counts, m, level=level).at(0)) for m in _METRICS),
        notes=("Favourable means good for the person; it is the positive class.",),
    )


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
    parameters={"level": LEVEL},
)
