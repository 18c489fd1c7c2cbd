"""Whether the ranking of features holds still when the reference and the rows are resampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, NotAssessed, Result
from auditkit.checks.explained import (
    budget_of,
    explained_features,
    explainer_of,
    ordered_attribution_of,
    reference_of,
    sample_rows,
)
from auditkit.evidence import Measurement, Term
from auditkit.measures.attribution.ranks import rank_intervals, rank_stability
from auditkit.measures.attribution.stability import random_blocks
from auditkit.parameters import BLOCKS, COUNT, LEVEL, REPLICATES

if TYPE_CHECKING:
    from auditkit.subject import Case


# Fewer rows than this cannot be resampled.
_MIN_REFERENCE = 20


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        top: How many of the first features are followed.
        blocks: Blocks of the reference that are resampled.
        rows: The most evaluated rows that are explained.
        replicates: Bootstrap resamples.
        level: Nominal coverage of intervals.
    """

    top: int = COUNT.field(5)
    blocks: int = BLOCKS.field(20)
    rows: int = COUNT.field(500)
    replicates: int = REPLICATES.field(200)
    level: float = LEVEL.field()


def _run(case: Case, parameters: Parameters) -> Result:
    reference = reference_of(case)
    if len(reference) < _MIN_REFERENCE:
        raise NotAssessed(f"a reference of {len(reference)} rows is too small to be resampled")
    attribution = ordered_attribution_of(case)
    if len(attribution.feature_names) < 2:
        raise NotAssessed("one feature has no order")
    chosen = sample_rows(case, parameters.rows)
    blocks = min(parameters.blocks, len(reference) // 2)
    _, values = explainer_of(case).in_blocks(
        explained_features(case).iloc[chosen].reset_index(drop=True),
        random_blocks(len(reference), blocks=blocks, seed=case.seed),
        evaluations=budget_of(case, "blocks"),
        tell=case.tell,
    )
    importance = np.abs(attribution.values[chosen]).mean(axis=0)
    replicates = parameters.replicates
    found = rank_stability(
        values,
        importance=importance,
        top=parameters.top,
        replicates=replicates,
        seed=case.seed,
    )
    level = parameters.level
    lower, upper = rank_intervals(importance, found.importance, level=level)
    order = np.argsort(-importance, kind="stable")
    # Shares kept are few and lean to one side: their percentiles hold their median, not their mean.
    agreement = np.quantile(
        found.agreement, ((1 - level) / 2, 0.5, (1 + level) / 2), method="inverted_cdf"
    )
    method = f"bootstrap over blocks of the reference and over rows; {attribution.method}"
    return Result(
        parameters={
            "top": found.top,
            "seed": case.seed,
            "reference": str(attribution.reference_digest),
            "reference_rows": attribution.reference_rows,
        },
        n=len(chosen),
        measurements=(
            Measurement(
                name="top_agreement",
                value=float(agreement[1]),
                n=replicates,
                lower=float(agreement[0]),
                upper=float(agreement[2]),
                level=level,
                method=(
                    f"share of the first {found.top} features that a resample keeps, the median; "
                    f"{method}"
                ),
            ),
            *(
                Measurement(
                    name="rank",
                    value=rank,
                    n=len(chosen),
                    unit="rank",
                    lower=int(lower[feature]),
                    upper=int(upper[feature]),
                    level=level,
                    method=f"each feature compared with each other; {method}",
                    group=(("feature", attribution.feature_names[feature]),),
                )
                for rank, feature in enumerate(order.tolist(), start=1)
            ),
        ),
        notes=("A wide interval of ranks means that the order of these features says little.",),
    )


TERMS = {
    "rank": Term(
        "Rank by importance", "Place of a feature when features are ordered by importance."
    ),
    "top_agreement": Term(
        "Agreement of the first features",
        "Share of the most important features that stay so when the rows are resampled.",
    ),
}

CHECK = Check(
    id="explanation.stability",
    version="2",
    title="Whether explanations hold still",
    area="explanation",
    measures=(
        "For each feature the interval of its rank by importance when the reference and the rows "
        "are resampled, and how many of the first features a resample keeps."
    ),
    misleads="Explanations can hold still and be wrong; it says nothing on faithfulness.",
    source="Mogstad et al., Review of Economic Studies 91 (2024)",
    terms=TERMS,
    parameters=Parameters,
    run=_run,
)
