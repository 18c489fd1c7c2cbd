"""How much each feature moved a row's output away from the average over a reference.

    e = explain(model, X, reference=background)
    e.values, e.base, e.outputs        # e.values.sum(axis=1) + e.base == e.outputs

Laws:
    - The whole reference counts. Its digest is part of the result: another reference gives other
      values, and neither is the right one in itself.
    - The values and the base add up to the model's own output on every row; `residual` is by how
      much they do not, and nothing is returned if that is more than rounding.
    - Attributions say how the model computes. They are not causes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.canonical import Digest
from auditkit.errors import InputError
from auditkit.measures.attribution.reasons import Limits, Reason, cell, principal_reasons
from auditkit.model.units import Unit
from auditkit.parameters import COUNT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from auditkit.charts import Chart


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """Attributions of one output of a model.

    Attributes:
        values: Each feature's share of `outputs - base`, shape `(n, features)`, in `unit`.
        base: Mean of the model's output over the reference.
        outputs: The model's own output for each row, shape `(n,)`.
        unit: What outputs, base and values are counted in.
        method: How the values were computed.
        standard_errors: Of each value, where it was sampled; None: the values are exact.
        evaluations: How many rows the model scored for it; 0: the method reads the model itself.
        reference_digest: Commits to the reference's columns and values.
        reference_rows: Number of rows of the reference; all of them were used.
        feature_names: The columns of `values`.
        typical: What is usual in the reference: each feature's median, or its commonest value.
        data: The rows that were explained, with the columns `feature_names`.
        seed: Seeded every random draw, where the method has any.
    """

    values: NDArray[np.float64]
    base: float
    outputs: NDArray[np.float64]
    unit: Unit
    method: str
    standard_errors: NDArray[np.float64] | None = None
    evaluations: int = 0
    reference_digest: Digest
    reference_rows: int
    feature_names: tuple[str, ...]
    typical: tuple[Any, ...]
    data: pd.DataFrame
    seed: int = 0

    @property
    def residual(self) -> NDArray[np.float64]:
        """By how much each row does not add up, shape `(n,)`, >= 0, in `unit`."""
        residual: NDArray[np.float64] = np.abs(self.values.sum(axis=1) + self.base - self.outputs)
        return residual

    @property
    def importance(self) -> NDArray[np.float64]:
        """Mean absolute value of each feature over the rows, shape `(features,)`, in `unit`."""
        importance: NDArray[np.float64] = np.abs(self.values).mean(axis=0)
        return importance

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The outputs as probabilities, shape `(n,)`. The values themselves do not convert.

        Raises:
            InputError: If the outputs are neither log-odds nor probabilities.
        """
        if self.unit not in {Unit.PROBABILITY, Unit.LOG_ODDS}:
            raise InputError(
                f"Outputs in {self.unit} are no probabilities.",
                remedy="explain a function that gives probabilities",
            )
        return self.unit.predicted(self.outputs)

    def of_other_class(self) -> Attribution:
        """The same attribution, of the other one of two classes."""
        whole = 0.0 if self.unit in {Unit.LOG_ODDS, Unit.MARGIN} else 1.0
        return replace(
            self, values=-self.values, base=whole - self.base, outputs=whole - self.outputs
        )

    def reasons(self, row: int, *, limits: Limits | None = None) -> tuple[Reason, ...]:
        """The principal reasons that spoke against a row; see `auditkit.measures.attribution.reasons`.

        Args:
            row: Counted from 0.
            limits: Which factors are principal; default: up to four, and none left out.

        Raises:
            InputError: If there is no such row.
        """
        self._refuse_no_row(row)
        return principal_reasons(
            self.values[row],
            names=self.feature_names,
            values=tuple(cell(v) for v in self.data.iloc[row]),
            reference_values=self.typical,
            limits=limits or Limits(),
        )

    def plot(
        self, kind: str, *, row: int | None = None, feature: str | None = None, most: int = 12
    ) -> Chart:
        """Draws the attribution as SVG, with a description in words made from the same numbers.

        Args:
            kind: "bar" or "beeswarm" (every row), "waterfall" (one row), "dependence" (one
                feature), or "rank-stability" (how ranks move when the rows are resampled).
            row: Which row, counted from 0; for "waterfall".
            feature: Which feature; for "dependence".
            most: How many features are drawn.

        Raises:
            InputError: If there is no such kind, feature or row, or one is needed and not given.
        """
        from auditkit.measures.attribution.plots import plot

        most = COUNT.of(12).read(most, name="most")
        return plot(self, kind, row=row, feature=feature, most=most)

    def to_frame(self) -> pd.DataFrame:
        """One row a row that was explained: base, output, then one column a feature.

        A feature that is called as one of the first two has " (feature)" behind its name.
        """
        import pandas as pd

        own = {"base": self.base, "output": self.outputs}
        names = feature_columns(self.feature_names, beside=tuple(own))
        return pd.DataFrame(own | dict(zip(names, self.values.T, strict=True)))

    def __repr__(self) -> str:
        rows, features = self.values.shape
        return (
            f"Attribution({rows:,} rows x {features} features, {self.unit}, {self.method}, "
            f"reference of {self.reference_rows:,} rows {self.reference_digest.short})"
        )

    def _refuse_no_row(self, row: int) -> None:
        if not 0 <= row < len(self.values):
            raise InputError(
                f"There is no row {row:,}; {len(self.values):,} were explained.",
                remedy="rows are counted from 0",
            )


def feature_columns(names: Sequence[str], *, beside: Sequence[str]) -> tuple[str, ...]:
    """What features are called in a table that has columns of its own, each name once.

    Args:
        names: The features; no two alike.
        beside: The table's own columns.
    """
    taken = {*beside, *names}
    called: list[str] = []
    for name in names:
        column = name
        while column in beside or (column != name and column in taken):
            column += " (feature)"
        taken.add(column)
        called.append(column)
    return tuple(called)


def explain(
    model: Any,
    data: Any,
    *,
    reference: Any,
    of: Any = None,
    unit: str | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    pairs: int = 64,
    seed: int = 0,
) -> Attribution:
    """Explains a model's output on each row, relative to the mean over a reference.

    To explain rows one by one, as they are decided, keep an `Explainer`, which this makes anew.

    Args:
        model: A fitted estimator, pipeline or booster, or a function from a table to one number a
            row.
        data: The rows to explain: any common kind of table, at least one row.
        reference: What the explanation is relative to; the same columns. All of it is used.
        of: The class to explain; default: the second of two. Needed for more than two.
        unit: "log-odds", "probability" or "output", what `predict` gives; default: the scale on
            which the model adds up, where its trees and coefficients are read exactly. On another
            it is asked, not read.
        groups: Columns that are explained as one, as correlated ones may be, by the group's name.
        pairs: Pairs of permutations a row, where the model can only be sampled.
        seed: Seeds every random draw, where the method has any.

    Raises:
        InputError: If a table is empty, lacks a column, or the model cannot be explained with it.
    """
    from auditkit.measures.attribution.explainer import Explainer
    from auditkit.measures.shapley.feature_groups import unwrapped
    from auditkit.tables.convert import to_pandas
    from auditkit.tables.fitted_columns import refuse_other_columns

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
        model, background, of=of, unit=unit, groups=groups, pairs=pairs, seed=seed
    )
    return explainer.explain(rows)
