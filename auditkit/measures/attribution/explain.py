"""Explains many rows in one call; `Explainer` explains them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditkit.errors import InputError
from auditkit.measures.attribution.explainer import Explainer
from auditkit.measures.shapley.feature_groups import unwrapped
from auditkit.tables.convert import to_pandas
from auditkit.tables.fitted_columns import refuse_other_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditkit.measures.attribution.result import Attribution


def explain(
    model: Any,
    data: Any,
    *,
    reference: Any,
    target_class: Any = None,
    unit: str | None = None,
    feature_groups: Mapping[str, Sequence[str]] | None = None,
    permutation_pairs: int = 64,
    evaluations: int | None = None,
    seed: int = 0,
) -> Attribution:
    """Explains a model's output on each row, relative to the mean over a reference.

    To explain rows one by one, as they are decided, keep an `Explainer`, which this makes anew.

    Args:
        model: A fitted estimator, pipeline or booster, or a function from a table to one number a
            row.
        data: The rows to explain: any common kind of table, at least one row.
        reference: What the explanation is relative to; the same columns. All of it is used.
        target_class: The class to explain; default: the second of two. Needed for more than two.
        unit: "log-odds", "probability" or "output", what `predict` gives; default: the scale on
            which the model adds up, where its trees and coefficients are read exactly. On another
            it is asked, not read.
        feature_groups: Columns that are explained as one, for example correlated ones, by the
            group's name.
        permutation_pairs: Pairs of permutations a row, where the model can only be sampled.
        evaluations: Instead of `permutation_pairs`, about how many rows the model may be asked to
            score; eight pairs a row are taken at least.
        seed: Seeds every random draw, where the method has any.

    Raises:
        InputError: If a table is empty, lacks a column, or the model cannot be explained with it.
    """
    rows = to_pandas(data, what="data")
    encode, own = unwrapped(model)
    if encode is None:
        refuse_other_columns(own, list(rows.columns), what="data")
    background = to_pandas(reference, what="reference")
    lacking = [c for c in rows.columns if c not in background.columns]
    if lacking:
        raise InputError(
            f"reference lacks the column {lacking[0]!r} of data.",
            remedy="give reference with the same columns as data",
        )
    background = background[list(rows.columns)]
    explainer = Explainer(
        model,
        background,
        target_class=target_class,
        unit=unit,
        feature_groups=feature_groups,
        permutation_pairs=permutation_pairs,
        seed=seed,
    )
    return explainer.explain(rows, evaluations=evaluations)
