"""How often decisions between several classes are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.checks.check import Check, NotAssessed, Result
from auditkit.checks.predicted import whole
from auditkit.evidence import Measurement, Table, Term
from auditkit.measures.fairness.several_classes import (
    MACRO,
    accuracy,
    class_counts,
    class_precision,
    class_recall,
    macro,
)
from auditkit.measures.groups.measured import measured
from auditkit.measures.numbers.area import area_under_curve
from auditkit.measures.numbers.intervals import Estimate, mean
from auditkit.parameters import LEVEL, REPLICATES
from auditkit.subject import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.subject import Case, Classes

# The attribute in the address of a number about one class.
CLASS: Final = "class"


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        replicates: Bootstrap resamples.
    """

    level: float = LEVEL.field()
    replicates: int = REPLICATES.field()


def true_classes(case: Case) -> tuple[Classes, NDArray[np.intp]]:
    """The decided and the true classes of a case.

    Raises:
        NotAssessed: If the true classes are not known.
    """
    assert case.classes is not None
    if case.classes.truth is None:
        raise NotAssessed("no labels were given")
    return case.classes, case.classes.truth


def _run(case: Case, parameters: Parameters) -> Result:
    found, truth = true_classes(case)
    level = parameters.level
    counts = class_counts(whole(case.rows), truth, found.decided, len(found.names))
    numbers = [measured("accuracy", accuracy(counts, level=level).at(0))]
    for name in MACRO:
        mean_over = macro(
            counts, name, level=level, replicates=parameters.replicates, seed=case.seed
        )
        numbers.append(measured(name, mean_over.at(0)))
    if found.chances is not None:
        loss = _log_loss(found.chances, truth, level)
        numbers.append(measured("log_loss", loss, unit="natural logarithm"))
    for of, name in enumerate(found.names):
        about = ((CLASS, name),)
        recall = class_recall(counts, of, level=level).at(0)
        precision = class_precision(counts, of, level=level).at(0)
        numbers.append(measured("class_recall", recall, group=about))
        numbers.append(measured("class_precision", precision, group=about))
        if found.chances is not None:
            numbers.append(_auc(found.chances[:, of], truth == of, name, level))
    return Result(
        parameters={"seed": case.seed},
        n=case.rows,
        population="decisions",
        measurements=tuple(numbers),
        tables=(
            Table(
                name="confusion",
                title="True and decided classes",
                columns=("true_class", "decided_class", "n", "share"),
                rows=tuple(
                    (true, decided, int(total), float(counts[0, i, j] / total))
                    for i, true in enumerate(found.names)
                    if (total := counts[0, i].sum()) > 0
                    for j, decided in enumerate(found.names)
                ),
            ),
        ),
        notes=("A macro mean counts each class alike, however rare it is.",),
    )


def _auc(
    chances: NDArray[np.float64], of_class: NDArray[np.bool_], name: str, level: float
) -> Measurement:
    if of_class.all() or not of_class.any():
        found = Estimate.undefined(len(chances), "all cases, or none, are of the class")
    else:
        found = area_under_curve(of_class, chances, level=level)
    return measured("class_auc", found, unit="probability", group=((CLASS, name),))


def _log_loss(chances: NDArray[np.float64], truth: NDArray[np.intp], level: float) -> Estimate:
    own = chances[np.arange(len(truth)), truth]
    if (own <= 0).any():
        why = f"the model gives the true class no chance in {int((own <= 0).sum()):,} cases"
        return Estimate.undefined(len(own), why)
    return mean(-np.log(own), level=level)


TERMS = {
    "accuracy": Term("Accuracy", "Share of decisions that agree with the outcome."),
    "macro_recall": Term(
        "Mean recall of the classes",
        "Mean over classes of the share of their cases that is decided as them.",
    ),
    "macro_precision": Term(
        "Mean precision of the classes",
        "Mean over classes of the share of cases decided as them that is of them.",
    ),
    "macro_f1": Term(
        "Mean F score of the classes",
        "Mean over classes of the harmonic mean of recall and precision.",
    ),
    "log_loss": Term(
        "Log loss", "Mean of minus the natural logarithm of the chance given to the true class."
    ),
    "class_recall": Term(
        "Recall of the class", "Share of the cases of a class that is decided as it."
    ),
    "class_precision": Term(
        "Precision of the class", "Share of the cases decided as a class that is of it."
    ),
    "class_auc": Term(
        "Area under the ROC curve of the class",
        "Probability that a case of the class is given a higher chance of it than one of the rest, "
        "ties half.",
    ),
}

CHECK = Check(
    id="performance.multiclass",
    version="1",
    title="How often decisions between classes are right",
    area="performance",
    measures=(
        "Accuracy and log loss; the means over classes of recall, precision and F score; and each "
        "class against the rest: its recall, its precision, and the area under its ROC curve."
    ),
    misleads=(
        "Accuracy is high where one class is common. A macro mean rests on the rarest class as "
        "much as on any other, and so on few cases."
    ),
    source="Sokolova and Lapalme 2009; Wilson 1927; DeLong 1988",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
    tasks=frozenset({Task.CLASSES}),
)
