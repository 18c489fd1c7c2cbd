"""Whether the ranking of features holds still when the reference and the rows are resampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks._check import Check, Parameters
from auditkit.checks.explained import attribution_of, few_of, lacking
from auditkit.evidence import Evidence, Measurement, Outcome
from auditkit.measures.ranks import rank_stability
from auditkit.measures.trust import block_values
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
    tails = ((1 - level) / 2, (1 + level) / 2)
    lower, upper = np.quantile(found.ranks, tails, axis=0, method="inverted_cdf")
    order = np.argsort(-importance, kind="stable")
    agreement = np.quantile(found.agreement, tails)
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
                value=float(found.agreement.mean()),
                n=replicates,
                lower=float(agreement[0]),
                upper=float(agreement[1]),
                level=level,
                method=f"share of the first {found.top} features that a resample keeps; {method}",
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
                    method=method,
                    group=(("feature", attribution.feature_names[feature]),),
                )
                for rank, feature in enumerate(order.tolist(), start=1)
            ),
        ),
        notes=("A wide interval of ranks means that the order of these features says little.",),
    )


CHECK: Check = Check(
    id="explanation.stability",
    version="1",
    title="Whether explanations hold still",
    area="explanation",
    measures=(
        "For each feature the interval of its rank by importance when the reference and the rows "
        "are resampled, and how many of the first features a resample keeps."
    ),
    misleads="Explanations can hold still and be wrong; it says nothing on faithfulness.",
    source="percentile bootstrap; see auditkit.measures.ranks",
    parameters={
        "top": COUNT.of(5),
        "blocks": BLOCKS.of(20),
        "rows": COUNT.of(500),
        "replicates": REPLICATES.of(200),
        "level": LEVEL,
    },
    run=_run,
)
