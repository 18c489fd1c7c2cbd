"""Why applicants were denied: the principal reasons of every unfavourable decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checks._check import Check, Parameters
from auditkit.checks._explained import favourable_attribution, lacking
from auditkit.evidence import Evidence, Measurement, Outcome, Table
from auditkit.measures.reasons import (
    LEAST_SHARE,
    MARGINAL,
    MOST,
    PRINCIPAL_SHARE,
    Reason,
    cell,
    principal_reasons,
    reference_population,
)

if TYPE_CHECKING:
    from auditkit.subject import Case

_COLUMNS = ("row", "score", "rank", "feature", "value", "reference_value", "contribution")


def _run(case: Case, parameters: Parameters) -> Evidence:
    reason = lacking(case)
    denied = np.flatnonzero(~case.decisions)
    if not reason and len(denied) == 0:
        return CHECK.evidence(
            outcome=Outcome.NOT_APPLICABLE, reason="nobody was denied", parameters=parameters
        )
    if reason:
        return CHECK.evidence(outcome=Outcome.NOT_ASSESSED, reason=reason, parameters=parameters)
    assert case.reference is not None
    assert case.score is not None
    population = reference_population(
        case.reference,
        case.score(case.reference),
        threshold=case.threshold,
        population=str(parameters["population"]),
        marginal_share=float(parameters["marginal_share"]),
        at_least=int(parameters["marginal_rows"]),
    )
    rows = case.features.iloc[denied].reset_index(drop=True)
    attribution = favourable_attribution(case, rows, population)
    listed = [
        principal_reasons(
            contributions,
            names=attribution.feature_names,
            values=tuple(map(cell, values)),
            reference_values=attribution.typical,
            most=int(parameters["most"]),
            principal_share=float(parameters["principal_share"]),
            least_share=float(parameters["least_share"]),
        )
        for contributions, values in zip(
            attribution.values, rows.itertuples(index=False, name=None), strict=True
        )
    ]
    scores = case.score(rows)
    return CHECK.evidence(
        parameters={
            **parameters,
            "seed": case.seed,
            "method": attribution.method,
            "unit": attribution.unit,
            "threshold": case.threshold,
            "reference": str(attribution.reference_digest),
            "reference_rows": attribution.reference_rows,
        },
        n=len(denied),
        population="denials",
        measurements=_measurements(listed, len(case.decisions)),
        tables=(
            Table(
                name="denial_reasons",
                title=f"Principal reasons of every denial, {attribution.unit}",
                columns=_COLUMNS,
                rows=tuple(
                    (
                        int(row),
                        float(score),
                        r.rank,
                        r.feature,
                        r.value,
                        r.reference_value,
                        r.contribution,
                    )
                    for row, score, reasons in zip(denied, scores, listed, strict=True)
                    for r in reasons
                ),
            ),
        ),
        notes=("Reasons are relative to the reference population that the parameters name.",),
    )


def _measurements(listed: list[tuple[Reason, ...]], rows: int) -> tuple[Measurement, ...]:
    denials = len(listed)
    with_reasons = [reasons for reasons in listed if reasons]
    coverage = [sum(r.share for r in reasons) for reasons in with_reasons]
    content: dict[str, Any] = (
        {"value": float(np.median(coverage))}
        if coverage
        else {"value": None, "reason": "no denial has a reason"}
    )
    return (
        Measurement(name="denials", value=denials, n=rows, unit="count"),
        Measurement(name="denials_with_reasons", value=len(with_reasons) / denials, n=denials),
        Measurement(
            name="adverse_coverage",
            n=len(coverage),
            method="median share of adverse attribution that the listed reasons carry",
            **content,
        ),
    )


CHECK: Check = Check(
    id="explanation.denials",
    version="1",
    title="Reasons for denials",
    area="explanation",
    measures=(
        "For every denied row the factors that pulled its score below the reference population's, "
        "heaviest first, and how much of all that spoke against it they carry."
    ),
    misleads=(
        "A reason is a factor in the model's arithmetic; changing it need not change the decision."
    ),
    source="12 CFR 1002.9(b)(2) and Supplement I, comment 9(b)(2)",
    parameters={
        "population": MARGINAL,
        "marginal_share": 0.1,
        "marginal_rows": 50,
        "most": MOST,
        "principal_share": PRINCIPAL_SHARE,
        "least_share": LEAST_SHARE,
    },
    run=_run,
)
