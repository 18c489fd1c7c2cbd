"""Whether the ranking of features holds still when the reference and the rows are resampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks._check import Check, Parameters
from auditkit.checks.explained import attribution_of, few_of, lacking, nothing_moves
from auditkit.evidence import Evidence, Measurement, Outcome
from auditkit.measures.attribution.ranks import rank_intervals, rank_stability
from auditkit.measures.attribution.trust import block_values
from auditkit.parameters import BLOCKS, COUNT, LEVEL, REPLICATES

if TYPE_CHECKING:
    from auditkit.subject import Case


def _run(case: Case, parameters: Parameters) -> Evidence:
    reason = lacking(case)
    if not reason and case.reference is not None and len(case.reference) < 20:
        reason = f"a reference of {len(case.reference)} rows is too small to be resampled"
    if reason:
        return CHECK.evidence(outcome=Outcome.NOT_ASSESSED, reason=reason, parameters=parameters)
    assert case.reference is not None
    attribution = attribution_of(case)
    reason = nothing_moves(attribution)
    if not reason and len(attribution.feature_names) < 2:
        reason = "one feature has no order"
    if reason:
        return CHECK.evidence(outcome=Outcome.NOT_ASSESSED, reason=reason, parameters=parameters)
    chosen = few_of(case, int(parameters["rows"]))
    values = block_values(
        case.model,
        case.features.iloc[chosen].reset_index(drop=True),
        case.reference,
        blocks=min(int(parameters["blocks"]), len(case.reference) // 2),
        seed=case.seed,
    )
    importance = np.abs(attribution.values[chosen]).mean(axis=0)
    replicates = int(parameters["replicates"])
    found = rank_stability(
        values,
        importance=importance,
        top=int(parameters["top"]),
        replicates=replicates,
        seed=case.seed,
    )
    level = float(parameters["level"])
    lower, upper = rank_intervals(importance, found.importance, level=level)
    order = np.argsort(-importance, kind="stable")
    # Shares kept are few and lean to one side: their percentiles hold their median, not their mean.
    agreement = np.quantile(
        found.agreement, ((1 - level) / 2, 0.5, (1 + level) / 2), method="inverted_cdf"
    )
    method = f"bootstrap over blocks of the reference and over rows; {attribution.method}"
    return CHECK.evidence(
        parameters={
            **parameters,
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


CHECK: Check = Check(
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
    parameters={
        "top": COUNT.of(5),
        "blocks": BLOCKS.of(20),
        "rows": COUNT.of(500),
        "replicates": REPLICATES.of(200),
        "level": LEVEL,
    },
    run=_run,
)
