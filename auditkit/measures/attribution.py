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
from auditkit.measures.explained_output import PROBABILITY, explained_output
from auditkit.measures.reasons import Reason, cell, principal_reasons, typical_values
from auditkit.measures.tree_attribution import adds_up, tree_attribution

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """Attributions of one output of a model.

    Attributes:
        values: Each feature's share of `outputs - base`, shape `(n, features)`, in `unit`.
        base: Mean of the model's output over the reference.
        outputs: The model's own output for each row, shape `(n,)`.
        unit: "log-odds", "probability", "margin" or "output" (a regressor's own unit).
        method: How the values were computed.
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
    unit: str
    method: str
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

    def of_other_class(self) -> Attribution:
        """The same attribution, of the other one of two classes."""
        whole = 1.0 if self.unit == PROBABILITY else 0.0
        return replace(
            self, values=-self.values, base=whole - self.base, outputs=whole - self.outputs
        )

    def reasons(self, row: int, **limits: Any) -> tuple[Reason, ...]:
        """The principal reasons that spoke against a row; see `auditkit.measures.reasons`.

        Args:
            row: Counted from 0.
            limits: `most`, `principal_share` and `least_share` of `principal_reasons`.

        Raises:
            InputError: If there is no such row.
        """
        if not 0 <= row < len(self.values):
            raise InputError(
                f"There is no row {row:,}; {len(self.values):,} were explained.",
                remedy="rows are counted from 0",
            )
        return principal_reasons(
            self.values[row],
            names=self.feature_names,
            values=tuple(cell(v) for v in self.data.iloc[row]),
            reference_values=self.typical,
            **limits,
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a row that was explained: base, output, then one column a feature."""
        import pandas as pd

        frame = pd.DataFrame(self.values, columns=list(self.feature_names))
        frame.insert(0, "output", self.outputs)
        frame.insert(0, "base", self.base)
        return frame

    def __repr__(self) -> str:
        rows, features = self.values.shape
        return (
            f"Attribution({rows:,} rows x {features} features, {self.unit}, {self.method}, "
            f"reference of {self.reference_rows:,} rows {self.reference_digest.short})"
        )


def explain(model: Any, data: Any, *, reference: Any, of: Any = None, seed: int = 0) -> Attribution:
    """Explains a model's output on each row, relative to the mean over a reference.

    Args:
        model: A fitted estimator or booster.
        data: The rows to explain: any common kind of table, at least one row.
        reference: What the explanation is relative to; the same columns. All of it is used.
        of: The class to explain; default: the second of two. Needed for more than two.
        seed: Seeds every random draw, where the method has any.

    Raises:
        InputError: If a table is empty, lacks a column, or the model cannot be explained with it.
    """
    from auditkit.measures.tables import table_digest, to_pandas

    rows = to_pandas(data, what="data")
    background = to_pandas(reference, what="reference")
    background = _same_columns(rows, background)
    output = explained_output(model, of=of)
    outputs, base = _own_outputs(output.predict, rows, background)
    values, method = tree_attribution(model, output, rows, background, outputs=outputs, base=base)
    if not adds_up(values, outputs, base):
        raise InputError(
            "The attributions do not add up to the model's output.",
            remedy="explain the model's predict function instead of the model",
        )
    return Attribution(
        values=values,
        base=base,
        outputs=outputs,
        unit=output.unit,
        method=method,
        reference_digest=table_digest(background),
        reference_rows=len(background),
        feature_names=tuple(str(c) for c in rows.columns),
        typical=typical_values(background),
        data=rows,
        seed=seed,
    )


def _same_columns(rows: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    for what, table in (("data", rows), ("reference", reference)):
        if len(table) == 0:
            raise InputError(f"{what} has no rows.", remedy="give at least one")
    lacking = [c for c in rows.columns if c not in reference.columns]
    if lacking:
        raise InputError(
            f"reference lacks the column {lacking[0]!r} of data.",
            remedy="give reference with the same columns as data",
        )
    return reference[list(rows.columns)]


def _own_outputs(
    predict: Any, rows: pd.DataFrame, reference: pd.DataFrame
) -> tuple[NDArray[np.float64], float]:
    try:
        outputs, over_reference = predict(rows), predict(reference)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"The model cannot score the data: {type(error).__name__}.",
            remedy="data must have the columns, order and kinds that the model was fitted on",
        ) from error
    if not (np.isfinite(outputs).all() and np.isfinite(over_reference).all()):
        raise InputError(
            "The model gives outputs that are missing or infinite.",
            remedy="leave out the rows that it cannot score, and say so in the scope",
        )
    return outputs, float(over_reference.mean())
