"""Which features move the score, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.explained import attribution_of, explained_rows, what_is_explained
from auditkit.evidence import Measurement, Table, Term
from auditkit.measures.attribution.reasons import cell
from auditkit.measures.attribution.result import feature_columns
from auditkit.measures.numbers.intervals import percentile_interval
from auditkit.parameters import LEVEL, REPLICATES
from auditkit.subject import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.measures.attribution.result import Attribution
    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        replicates: Bootstrap resamples.
    """

    level: float = LEVEL.field()
    replicates: int = REPLICATES.field(500)


def _run(case: Case, parameters: Parameters) -> Result:
    attribution = attribution_of(case)
    rows = len(attribution.values)
    return Result(
        parameters={
            "seed": case.seed,
            "method": attribution.method,
            "unit": attribution.unit,
            "explained": what_is_explained(case),
            "reference": str(attribution.reference_digest),
            "reference_rows": attribution.reference_rows,
            **({} if case.evaluations is None else {"budget": case.evaluations}),
        },
        n=rows,
        measurements=(
            *_importance(attribution, parameters, case.seed),
            Measurement(
                name="additivity_residual",
                value=float(attribution.residual.max()),
                n=rows,
                unit=attribution.unit,
                method="largest |sum of attributions + base - output|",
            ),
            *_scaled_residual(case, attribution),
            *_sampled(case, attribution),
            Measurement(
                name="reference_rows", value=attribution.reference_rows, n=rows, unit="count"
            ),
        ),
        tables=_tables(attribution, explained_rows(case)),
        notes=(
            "Attributions say how the model computes its score; they are not causes.",
            "They are relative to the reference; another reference gives others.",
            "Correlated features share what they carry together.",
        ),
    )


def _scaled_residual(case: Case, attribution: Attribution) -> tuple[Measurement, ...]:
    """The residual beside the spread of the output, whose unit is anything for numbers."""
    if case.task is not Task.NUMBER:
        return ()
    spread, rows = float(attribution.outputs.std()), len(attribution.outputs)
    known = spread > 0
    return (
        Measurement(
            name="scaled_residual",
            value=float(attribution.residual.max()) / spread if known else None,
            n=rows,
            unit="standard deviations",
            method="largest residual over the standard deviation of the output",
            reason="" if known else "the model gives every row the same",
        ),
    )


def _sampled(case: Case, attribution: Attribution) -> tuple[Measurement, ...]:
    """What a sampled attribution cost, and how sure it is."""
    if attribution.standard_errors is None:
        return ()
    rows = len(attribution.values)
    errors = np.sqrt((attribution.standard_errors**2).mean(axis=0))
    return (
        Measurement(name="explained_share", value=rows / case.rows, n=case.rows),
        Measurement(name="evaluations", value=attribution.evaluations, n=rows, unit="count"),
        *(
            Measurement(
                name="standard_error",
                value=float(errors[i]),
                n=rows,
                unit=attribution.unit,
                method="root mean square over rows; the spread between pairs of permutations",
                group=(("feature", attribution.feature_names[i]),),
            )
            for i in np.argsort(-attribution.importance, kind="stable")
        ),
    )


def _importance(
    attribution: Attribution, parameters: Parameters, seed: int
) -> tuple[Measurement, ...]:
    """Mean absolute attributions, most important first, with a percentile bootstrap over rows."""
    magnitudes = np.abs(attribution.values)
    rows = len(magnitudes)
    level = parameters.level
    rng = np.random.default_rng(seed)
    replicates = parameters.replicates
    means = np.empty((replicates, magnitudes.shape[1]))
    for i in range(replicates):
        means[i] = rng.multinomial(rows, np.full(rows, 1 / rows)) @ magnitudes / rows
    importance = attribution.importance
    lower, upper = percentile_interval(importance, means, level=level)
    return tuple(
        Measurement(
            name="mean_abs_shap",
            value=float(importance[i]),
            n=rows,
            unit=attribution.unit,
            lower=float(lower[i]) if rows > 1 else None,
            upper=float(upper[i]) if rows > 1 else None,
            level=level if rows > 1 else None,
            method=f"{attribution.method}; percentile bootstrap over rows",
            group=(("feature", attribution.feature_names[i]),),
        )
        for i in np.argsort(-importance, kind="stable")
    )


def _tables(attribution: Attribution, rows: NDArray[np.int64]) -> tuple[Table, Table]:
    own = ("row", "base", "output")
    names = feature_columns(attribution.feature_names, beside=own)
    values = tuple(
        (row, attribution.base, float(output), *map(float, shares))
        for row, output, shares in zip(
            rows.tolist(), attribution.outputs, attribution.values, strict=True
        )
    )
    features = tuple(
        (row, *map(cell, cells))
        for row, cells in zip(
            rows.tolist(), attribution.data.itertuples(index=False, name=None), strict=True
        )
    )
    return (
        Table(
            name="shap_values",
            title=f"Attributions of the score, {attribution.unit}",
            columns=(*own, *names),
            rows=values,
        ),
        Table(
            name="feature_values",
            title="The rows that were explained",
            columns=("row", *names),
            rows=features,
        ),
    )


TERMS = {
    "mean_abs_shap": Term(
        "Mean absolute SHAP value",
        "Mean over cases of the absolute contribution of a feature to the score.",
    ),
    "additivity_residual": Term(
        "Additivity residual",
        "Largest absolute difference between a score and its base value plus contributions.",
    ),
    "scaled_residual": Term(
        "Additivity residual, in standard deviations",
        "Additivity residual divided by the standard deviation of the predicted numbers.",
    ),
    "explained_share": Term(
        "Share of cases explained", "Cases whose contributions were computed, of all cases."
    ),
    "evaluations": Term(
        "Evaluations of the model", "Rows that the model scored so that it could be explained."
    ),
    "standard_error": Term(
        "Standard error of SHAP values",
        "Root mean square over cases of the standard error of a feature's sampled contributions.",
    ),
    "reference_rows": Term("Reference rows", "Rows that attributions are relative to."),
}

CHECK = Check(
    id="explanation.global",
    version="1",
    title="What the score rests on",
    area="explanation",
    measures=(
        "Mean absolute SHAP value of each feature over the evaluated rows, against the whole "
        "reference, and by how much attributions fail to add up to the model's own output."
    ),
    misleads=(
        "It describes the model, not the world; a feature can weigh little because another that "
        "is correlated with it carries the weight."
    ),
    source="Lundberg et al., Nature Machine Intelligence 2 (2020), interventional SHAP",
    terms=TERMS,
    parameters=Parameters,
    run=_run,
)
