"""Which features explain why the model scores otherwise than the one in use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.compared import champion_of
from auditkit.checks.explained import attribution_of, explained_rows, reference_of
from auditkit.evidence import Measurement, Term
from auditkit.measures.groups.measured import measured
from auditkit.measures.numbers.intervals import Estimate, mean
from auditkit.parameters import LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.measures.attribution.result import Attribution
    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
    """

    level: float = LEVEL.field()


def _run(case: Case, parameters: Parameters) -> Result:
    champion = champion_of(case)
    reference_of(case)
    before, after = attribution_of(champion), attribution_of(case)
    names = tuple(dict.fromkeys((*after.feature_names, *before.feature_names)))
    rows, *of_both = np.intersect1d(
        explained_rows(champion), explained_rows(case), return_indices=True
    )
    first, second = (
        _values(a, names)[which] for a, which in zip((before, after), of_both, strict=True)
    )
    level, numbers = parameters.level, list[Measurement]()
    for i in np.argsort(-np.abs(second).mean(axis=0), kind="stable"):
        moved = Estimate.undefined(
            len(rows), f"the models are explained as {before.unit} and as {after.unit}"
        )
        if before.unit is after.unit:
            moved = mean(np.abs(second - first)[:, i], level=level)
        weight = _weight_change(np.abs(first), np.abs(second), int(i), level)
        group = (("feature", names[i]),)
        numbers += [
            measured("attribution_change", moved, unit=str(after.unit), group=group),
            measured("weight_change", weight, unit="difference", group=group),
        ]
    return Result(
        parameters={
            "seed": case.seed,
            "champion": str(champion.subject.digest),
            "methods": [before.method, after.method],
            "unit": after.unit,
        },
        n=len(rows),
        measurements=tuple(sorted(numbers, key=lambda m: m.name)),
        notes=(
            "In each row these differences add up to that of the scores, less that of the bases.",
            "Features that one model does not take weigh nothing in it.",
        ),
    )


def _weight_change(
    first: NDArray[np.float64], second: NDArray[np.float64], feature: int, level: float
) -> Estimate:
    """The change of a feature's share of all that moves the score, by the delta method."""
    shares, influence = [], []
    for magnitudes in (first, second):
        of_all, own = magnitudes.sum(axis=1), magnitudes[:, feature]
        if not of_all.any():
            return Estimate.undefined(
                len(first), "no feature moves the output of one of the models"
            )
        shares.append(float(own.mean() / of_all.mean()))
        influence.append((own - shares[-1] * of_all) / of_all.mean())
    found = mean(influence[1] - influence[0] + shares[1] - shares[0], level=level)
    return replace(found, method="delta method, paired") if found.method else found


def _values(attribution: Attribution, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Attributions with a column for each of some names; 0 for a feature that it does not have."""
    values = np.zeros((len(attribution.values), len(names)))
    for column, name in enumerate(attribution.feature_names):
        values[:, names.index(name)] = attribution.values[:, column]
    return values


TERMS = {
    "attribution_change": Term(
        "Mean absolute change of SHAP value",
        "Mean over cases of how far a feature's contribution is from that in the model in use.",
    ),
    "weight_change": Term(
        "Change in weight",
        "A feature's share of all absolute contributions, less its share in the model in use.",
    ),
}

CHECK = Check(
    id="comparison.explanations",
    version="1",
    title="Which features explain the change",
    area="explanation",
    measures=(
        "For each feature how far its attributions are from those in the model in use, and how "
        "much more it weighs, over the same rows and against the same reference."
    ),
    misleads=(
        "It describes two models, not the world. Where features are correlated one model may use "
        "one of them and the other another, with scores that hardly differ."
    ),
    source="Lundberg et al., Nature Machine Intelligence 2 (2020), interventional SHAP",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
    compares=True,
)
