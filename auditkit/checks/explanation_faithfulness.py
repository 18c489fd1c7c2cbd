"""Whether the model does as the explanations say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks._check import Check, Parameters
from auditkit.checks.explained import attribution_of, few_of, lacking, nothing_moves
from auditkit.evidence import Evidence, Measurement, Outcome
from auditkit.measures.attribution.explainer import Explainer
from auditkit.measures.attribution.ranks import resampled_weights
from auditkit.measures.attribution.trust import faithfulness
from auditkit.measures.numbers.intervals import percentile_interval
from auditkit.parameters import COUNT, LEVEL, REPLICATES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.subject import Case


def _run(case: Case, parameters: Parameters) -> Evidence:
    reason = lacking(case)
    if reason:
        return CHECK.evidence(outcome=Outcome.NOT_ASSESSED, reason=reason, parameters=parameters)
    assert case.reference is not None
    chosen = few_of(case, int(parameters["rows"]))
    rows = case.features.iloc[chosen].reset_index(drop=True)
    explained = attribution_of(case)
    reason = nothing_moves(explained)
    if reason:
        return CHECK.evidence(outcome=Outcome.NOT_ASSESSED, reason=reason, parameters=parameters)
    # Of either class the curves are the same, mirrored; the explainer gives the model's own.
    explainer = Explainer(case.model, case.reference, seed=case.seed, compare=False)
    own = explainer.explain(rows)
    found = faithfulness(
        explainer.predict,
        rows,
        case.reference,
        own.values,
        base=own.base,
        partners=int(parameters["partners"]),
        orders=int(parameters["orders"]),
        seed=case.seed,
    )
    return CHECK.evidence(
        parameters={
            **parameters,
            "seed": case.seed,
            "reference": str(explained.reference_digest),
            "reference_rows": explained.reference_rows,
        },
        n=len(chosen),
        measurements=tuple(
            _mean(name, gains, own.unit, parameters, case.seed)
            for name, gains in (
                ("deletion_gain", found.deletion_gain),
                ("insertion_gain", found.insertion_gain),
            )
        ),
        notes=(
            "Above 0: features that are said to matter move the score more than others would.",
            "Features are replaced one without the other; such rows need not occur.",
        ),
    )


def _mean(
    name: str, gains: NDArray[np.float64], unit: str, parameters: Parameters, seed: int
) -> Measurement:
    level = float(parameters["level"])
    several = len(gains) > 1
    means = resampled_weights(len(gains), int(parameters["replicates"]), seed) @ gains
    value = float(gains.mean())
    lower, upper = percentile_interval(value, means, level=level)
    return Measurement(
        name=name,
        value=value,
        n=len(gains),
        unit=unit,
        lower=float(lower) if several else None,
        upper=float(upper) if several else None,
        level=level if several else None,
        method="area between the curves in the order of attributions and in random order",
    )


CHECK: Check = Check(
    id="explanation.faithfulness",
    version="1",
    title="Whether the model does as explained",
    area="explanation",
    measures=(
        "How much faster the score falls when features are taken away in the order of their "
        "attributions than in random order, and how much faster it rises when they are put in."
    ),
    misleads="It is measured with the same replacement of features that SHAP values assume.",
    source="Petsiuk et al., BMVC 2018 (deletion and insertion), with random orders to compare",
    parameters={
        "rows": COUNT.of(200),
        "partners": COUNT.of(4),
        "orders": COUNT.of(3),
        "replicates": REPLICATES.of(500),
        "level": LEVEL,
    },
    run=_run,
)
