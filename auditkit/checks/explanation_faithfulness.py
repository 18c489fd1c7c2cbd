"""Whether the model does as the explanations say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.explained import (
    explained_features,
    explainer_of,
    ordered_attribution_of,
    own_attribution_of,
    reference_of,
    sample_rows,
)
from auditkit.evidence import Measurement, Term
from auditkit.measures.attribution.faithfulness import faithfulness
from auditkit.measures.attribution.ranks import resampled_weights
from auditkit.measures.numbers.intervals import percentile_interval
from auditkit.parameters import COUNT, LEVEL, REPLICATES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        rows: The most evaluated rows that are explained.
        partners: Reference rows that each row takes replaced values from.
        orders: Random orders that the order of attributions is compared with.
        replicates: Bootstrap resamples.
        level: Nominal coverage of intervals.
    """

    rows: int = COUNT.field(200)
    partners: int = COUNT.field(4)
    orders: int = COUNT.field(3)
    replicates: int = REPLICATES.field(500)
    level: float = LEVEL.field()


def _run(case: Case, parameters: Parameters) -> Result:
    reference = reference_of(case)
    chosen = sample_rows(case, parameters.rows)
    rows = explained_features(case).iloc[chosen].reset_index(drop=True)
    explained = ordered_attribution_of(case)
    # Of either class the curves are the same, mirrored.
    own = own_attribution_of(case)
    found = faithfulness(
        explainer_of(case).predict,
        rows,
        reference,
        own.values[chosen],
        base=own.base,
        partners=parameters.partners,
        orders=parameters.orders,
        seed=case.seed,
    )
    return Result(
        parameters={
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
            "With more than 32 features the curves have 33 points, spread evenly.",
        ),
    )


def _mean(
    name: str, gains: NDArray[np.float64], unit: str, parameters: Parameters, seed: int
) -> Measurement:
    level = parameters.level
    several = len(gains) > 1
    means = resampled_weights(len(gains), parameters.replicates, seed) @ gains
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


TERMS = {
    "deletion_gain": Term(
        "Deletion gain",
        (
            "How much faster the score falls when features are taken away in the order of their "
            "attributions than in random order."
        ),
    ),
    "insertion_gain": Term(
        "Insertion gain",
        (
            "How much faster the score rises when features are put in in the order of their "
            "attributions than in random order."
        ),
    ),
}

CHECK = Check(
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
    terms=TERMS,
    parameters=Parameters,
    run=_run,
)
