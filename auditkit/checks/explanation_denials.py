"""Why applicants were denied: the principal reasons of every unfavourable decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checks.check import Check, NotApplicable, Result
from auditkit.checks.explained import (
    explainer_against,
    explainer_of,
    favourable_attribution,
    favourable_in_blocks,
    own_attribution_of,
    reference_of,
)
from auditkit.checks.grouped import decisions_of
from auditkit.evidence import Measurement, Table, Term
from auditkit.measures.attribution.ranks import resampled_weights
from auditkit.measures.attribution.reasons import (
    MARGINAL,
    MAX_REASONS,
    MIN_SHARE,
    POPULATIONS,
    PRINCIPAL_SHARE,
    Reason,
    ReasonLimits,
    kept_shares,
    reasons_of_rows,
    reference_population,
)
from auditkit.measures.attribution.result import feature_columns
from auditkit.measures.attribution.stability import random_blocks
from auditkit.parameters import BLOCKS, COUNT, PART, REPLICATES, SHARE, Parameter

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from auditkit.measures.attribution.explainer import Explainer
    from auditkit.measures.attribution.result import Attribution
    from auditkit.subject import Case

_COLUMNS = (
    "row",
    "score",
    "rank",
    "feature",
    "value",
    "reference_value",
    "contribution",
    "share",
    "kept",
    "stable",
    "protected_principal",
)
# Fewer rows than this cannot be resampled, and no reason is called stable.
_MIN_REFERENCE = 20


_POPULATION = Parameter(default=MARGINAL, one_of=tuple(POPULATIONS))


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        population: Whom reasons are relative to.
        marginal_share: The share of approvals nearest to the cut-off that counts as marginal.
        marginal_rows: The fewest rows of the marginal approvals.
        most: The most reasons, unless more are principal.
        principal_share: The share of all that spoke against an applicant which makes a factor
            principal.
        least_share: The least share that makes a factor a reason.
        blocks: Blocks of the reference population that are resampled.
        resamples: Resamples of them.
        least_kept: The share of resamples in which a stable reason is principal.
    """

    population: str = _POPULATION.field()
    marginal_share: float = PART.field(0.1)
    marginal_rows: int = COUNT.field(50)
    most: int = MAX_REASONS.field()
    principal_share: float = PRINCIPAL_SHARE.field()
    least_share: float = MIN_SHARE.field()
    blocks: int = BLOCKS.field(10)
    resamples: int = REPLICATES.field(100)
    least_kept: float = SHARE.field(0.95)


def _run(case: Case, parameters: Parameters) -> Result:
    reference_of(case)
    assert case.score is not None
    denied = np.flatnonzero(~decisions_of(case))
    if np.isnan(case.threshold):
        raise NotApplicable("no cut-off decides, but the class with the highest chance")
    if len(denied) == 0:
        raise NotApplicable("nobody was decided unfavourably")
    population = population_of(case, parameters)
    rows = case.features.iloc[denied].reset_index(drop=True)
    own_attribution_of(case)  # of every row: what its explainer found need not be found again
    explainer = explainer_against(case, population, like=explainer_of(case))
    attribution, kept_under = _explained(case, rows, explainer, len(population), parameters)
    limits = ReasonLimits(
        most=parameters.most,
        principal_share=parameters.principal_share,
        least_share=parameters.least_share,
    )
    named = {attribute.casefold() for attribute in case.groups}
    protected = frozenset(f for f in attribution.feature_names if f.casefold() in named)
    kept = None if kept_under is None else kept_shares(*kept_under, limits)
    listed = reasons_of_rows(
        attribution.values,
        names=attribution.feature_names,
        columns=[rows[name].tolist() for name in rows.columns],
        reference_values=attribution.typical,
        limits=limits,
        protected=protected,
        kept=kept,
    )
    on_protected = _on_protected(attribution, protected, limits)
    least_kept = parameters.least_kept
    scores = case.score(rows)
    return Result(
        parameters={
            "seed": case.seed,
            "method": attribution.method,
            "unit": attribution.unit,
            "threshold": case.threshold,
            "relative_to": POPULATIONS[parameters.population],
            "reference": str(attribution.reference_digest),
            "reference_rows": attribution.reference_rows,
        },
        n=len(denied),
        population="unfavourable decisions",
        measurements=_measurements(
            listed,
            case.rows,
            int(on_protected.sum()) if case.groups else None,
            least_kept,
        ),
        tables=(
            Table(
                name="denial_reasons",
                title=f"Principal reasons of every unfavourable decision, {attribution.unit}",
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
                        r.share,
                        r.kept,
                        r.kept is not None and r.kept >= least_kept,
                        bool(protected_principal),
                    )
                    for row, score, reasons, protected_principal in zip(
                        denied, scores, listed, on_protected, strict=True
                    )
                    for r in reasons
                ),
            ),
            _attributions(attribution, denied),
        ),
        notes=("Reasons are relative to the reference population that the parameters name.",),
    )


def population_of(case: Case, parameters: Parameters) -> pd.DataFrame:
    """The rows that everything about a denied applicant is relative to: reasons, letter, chart.

    Args:
        case: With a model and a reference.
        parameters: Of this check.

    Raises:
        InputError: If the population has no members.
    """
    assert case.reference is not None
    assert case.score is not None
    return reference_population(
        case.reference,
        case.score(case.reference),
        threshold=case.threshold,
        population=parameters.population,
        marginal_share=parameters.marginal_share,
        at_least=parameters.marginal_rows,
    )


def _attributions(attribution: Attribution, denied: NDArray[np.int64]) -> Table:
    own = ("row", "base", "output")
    return Table(
        name="denial_attributions",
        title=(
            f"Attributions of every unfavourable decision, {attribution.unit}, "
            "relative to the same population"
        ),
        columns=(*own, *feature_columns(attribution.feature_names, beside=own)),
        rows=tuple(
            (int(row), attribution.base, float(output), *map(float, shares))
            for row, output, shares in zip(
                denied, attribution.outputs, attribution.values, strict=True
            )
        ),
    )


def _explained(
    case: Case,
    rows: pd.DataFrame,
    explainer: Explainer,
    population: int,
    parameters: Parameters,
) -> tuple[Attribution, tuple[NDArray[np.float64], NDArray[np.float64]] | None]:
    """Attributions, and relative to each block with the blocks' weights in every resample.

    None: the population has too few rows to resample.
    """
    if population < _MIN_REFERENCE:
        return favourable_attribution(case, rows, explainer), None
    blocks = min(parameters.blocks, population // 2)
    numbers = random_blocks(population, blocks=blocks, seed=case.seed)
    attribution, values = favourable_in_blocks(case, rows, explainer, numbers, "denials")
    return attribution, (values, resampled_weights(blocks, parameters.resamples, case.seed))


def _on_protected(
    attribution: Attribution, protected: frozenset[str], limits: ReasonLimits
) -> NDArray[np.bool_]:
    """Which denials have a protected attribute among their principal factors."""
    columns = [i for i, f in enumerate(attribution.feature_names) if f in protected]
    return np.asarray(limits.principal(attribution.values.T)[columns].any(axis=0))


def _measurements(
    listed: list[tuple[Reason, ...]], rows: int, on_protected: int | None, least_kept: float
) -> tuple[Measurement, ...]:
    denials = len(listed)
    with_reasons = [reasons for reasons in listed if reasons]
    coverage = [sum(r.share for r in reasons) for reasons in with_reasons]
    content: dict[str, Any] = (
        {"value": float(np.median(coverage))}
        if coverage
        else {"value": None, "reason": "no unfavourable decision has a reason"}
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
        _stable(with_reasons, least_kept),
        Measurement(
            name="denials_on_protected",
            value=on_protected,
            n=denials,
            unit="count",
            reason="" if on_protected is not None else "no protected attribute was given",
        ),
    )


def _stable(listed: list[tuple[Reason, ...]], least_kept: float) -> Measurement:
    """Share of denials all of whose reasons are principal in nearly every resample."""
    method = f"every reason is principal in at least {least_kept:g} of the resamples"
    known = [[r.kept for r in reasons if r.kept is not None] for reasons in listed]
    if not any(known):
        reason = f"fewer than {_MIN_REFERENCE} rows in the reference population, or no reason"
        return Measurement(name="stable_denials", value=None, n=0, method=method, reason=reason)
    stable = sum(min(kept) >= least_kept for kept in known)
    return Measurement(
        name="stable_denials", value=stable / len(known), n=len(known), method=method
    )


TERMS = {
    "denials": Term("Cases {unfavourable}", "Cases that the model decides against."),
    "denials_with_reasons": Term(
        "Share of cases {unfavourable} with reasons",
        "Cases {unfavourable} for which at least one reason was found.",
    ),
    "adverse_coverage": Term(
        "Coverage of reasons",
        "Share of what spoke against a case {unfavourable} that its listed reasons carry.",
    ),
    "stable_denials": Term(
        "Share of cases {unfavourable} with stable reasons",
        "Share of cases {unfavourable} whose reasons are principal in nearly every resample.",
    ),
    "denials_on_protected": Term(
        "Cases {unfavourable} on a protected attribute",
        "Cases {unfavourable} with a protected attribute among their principal factors.",
    ),
}

CHECK = Check(
    id="explanation.denials",
    version="1",
    title="Reasons for unfavourable decisions",
    area="explanation",
    measures=(
        "For every unfavourable decision the factors that pulled its score below the reference "
        "population's, heaviest first, and how much of all that spoke against it they carry."
    ),
    misleads=(
        "A reason is a factor in the model's arithmetic; changing it need not change the decision."
    ),
    source="12 CFR 1002.9(b)(2) and Supplement I, comment 9(b)(2)",
    terms=TERMS,
    parameters=Parameters,
    run=_run,
)
