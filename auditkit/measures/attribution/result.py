"""Attributions: each feature's contribution to a row's output, relative to a reference's mean.

    e = explain(model, X, reference=background)
    e.values, e.base, e.outputs        # e.values.sum(axis=1) + e.base == e.outputs

Laws:
    - The whole reference is used. Its digest is part of the result: another reference gives other
      values, and neither is the only right one.
    - The values and the base sum to the model's output for every row; `residual` is the
      difference, and nothing is returned if it is more than rounding.
    - Attributions describe the model's computation. They are not causes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.canonical import Digest
from auditkit.charts.attribution import beeswarm, importance, waterfall
from auditkit.charts.dependence import dependence, rank_intervals
from auditkit.errors import InputError
from auditkit.measures.attribution.ranks import rank_stability
from auditkit.measures.attribution.reasons import Reason, ReasonLimits, cell, principal_reasons
from auditkit.model.units import Unit
from auditkit.parameters import COUNT
from auditkit.wording import html_table, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from auditkit.charts.canvas import Chart


_MAX_SHOWN: Final = 12
_REPLICATES: Final = 200
_LEVEL: Final = 0.95


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """Attributions of one output of a model.

    Attributes:
        values: Each feature's share of `outputs - base`, shape `(n, features)`, in `unit`.
        base: Mean of the model's output over the reference.
        outputs: The model's own output for each row, shape `(n,)`.
        unit: The unit of outputs, base and values.
        method: How the values were computed.
        standard_errors: Of each sampled value; None: the values are exact.
        evaluations: Number of rows that the model scored; 0: the method reads the model itself.
        reference_digest: Commits to the reference's columns and values.
        reference_rows: Number of rows of the reference; all of them were used.
        feature_names: The columns of `values`.
        typical: Each feature's median in the reference, or its most common value.
        data: The explained rows, with the columns `feature_names`.
        seed: Seed of all random draws, if any.
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
        """Absolute difference of each row's output and its sum, shape `(n,)`, in `unit`."""
        residual: NDArray[np.float64] = np.abs(self.values.sum(axis=1) + self.base - self.outputs)
        return residual

    @property
    def importance(self) -> NDArray[np.float64]:
        """Mean absolute value of each feature over the rows, shape `(features,)`, in `unit`."""
        importance: NDArray[np.float64] = np.abs(self.values).mean(axis=0)
        return importance

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The outputs as probabilities, shape `(n,)`. The values cannot be converted.

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
        """The attribution of the other of two classes."""
        whole = 0.0 if self.unit in {Unit.LOG_ODDS, Unit.MARGIN} else 1.0
        return replace(
            self, values=-self.values, base=whole - self.base, outputs=whole - self.outputs
        )

    def reasons(self, row: int, *, limits: ReasonLimits | None = None) -> tuple[Reason, ...]:
        """The principal reasons against a row; see `principal_reasons`.

        Args:
            row: Counted from 0.
            limits: Which factors are principal; default: up to four, and every principal one.

        Raises:
            InputError: If there is no such row.
        """
        self._refuse_no_row(row)
        return principal_reasons(
            self.values[row],
            names=self.feature_names,
            values=tuple(cell(v) for v in self.data.iloc[row]),
            reference_values=self.typical,
            limits=limits or ReasonLimits(),
        )

    def plot(
        self, kind: str, *, row: int | None = None, feature: str | None = None, most: int = 12
    ) -> Chart:
        """Draws the attribution as SVG, with a description of the same numbers in words.

        Args:
            kind: "bar" or "beeswarm" (every row), "waterfall" (one row), "dependence" (one
                feature), or "rank-stability" (how ranks move when the rows are resampled).
            row: Which row, counted from 0; for "waterfall".
            feature: Which feature; for "dependence".
            most: Number of features drawn.

        Raises:
            InputError: If there is no such kind, feature or row, or one is needed and not given.
        """
        most = COUNT.of(12).read(most, name="most")
        return _plot(self, kind, row=row, feature=feature, most=most)

    def to_frame(self) -> pd.DataFrame:
        """One row per explained row: base, output, then one column per feature.

        A feature with the name of one of the first two gets " (feature)" after its name.
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

    def _repr_html_(self) -> str:
        """The features with the largest mean absolute values, for a notebook."""
        first = np.argsort(-self.importance, kind="stable")[:_MAX_SHOWN]
        left_out = len(self.feature_names) - len(first)
        more = f"; {left_out:,} more features: to_frame() holds all" if left_out else ""
        return html_table(
            f"{self!r}{more}",
            ("feature", f"mean absolute SHAP value ({self.unit})"),
            [(self.feature_names[i], number(float(self.importance[i]))) for i in first],
        )

    def _refuse_no_row(self, row: int) -> None:
        if not 0 <= row < len(self.values):
            raise InputError(
                f"There is no row {row:,}; {len(self.values):,} were explained.",
                remedy="rows are counted from 0",
            )


def feature_columns(names: Sequence[str], *, beside: Sequence[str]) -> tuple[str, ...]:
    """Names of features in a table with other columns, each name once.

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


def _plot(
    attribution: Attribution, kind: str, *, row: int | None, feature: str | None, most: int
) -> Chart:
    """Draws an attribution; see `Attribution.plot`.

    Raises:
        InputError: If there is no such kind, feature or row, or one is needed and not given.
    """
    if kind not in _KINDS:
        raise InputError(
            f"There is no plot {kind!r}.", remedy=f"choose one of: {', '.join(_KINDS)}"
        )
    if kind == "waterfall":
        return _waterfall(attribution, row, most)
    if kind == "dependence":
        return _dependence(attribution, feature)
    return _OVERALL[kind](attribution, _first(attribution, most))


def _first(attribution: Attribution, most: int) -> NDArray[np.int64]:
    return np.argsort(-attribution.importance, kind="stable")[:most]


def _bar(attribution: Attribution, first: NDArray[np.int64]) -> Chart:
    return importance(
        [attribution.feature_names[i] for i in first],
        attribution.importance[first].tolist(),
        axis_label=f"Mean absolute SHAP value ({attribution.unit})",
    )


def _beeswarm(attribution: Attribution, first: NDArray[np.int64]) -> Chart:
    import pandas as pd

    names = [attribution.feature_names[i] for i in first]
    # Values that are not numbers have no order and are drawn grey.
    ordered = attribution.data[names].apply(pd.to_numeric, errors="coerce")
    return beeswarm(
        names,
        attribution.values[:, first],
        ordered.to_numpy(dtype=np.float64, na_value=np.nan),
        axis_label=f"SHAP value ({attribution.unit})",
    )


def _rank_stability(attribution: Attribution, first: NDArray[np.int64]) -> Chart:
    found = rank_stability(
        attribution.values[None],
        importance=attribution.importance,
        top=len(first),
        replicates=_REPLICATES,
        seed=attribution.seed,
    )
    tails = ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2)
    lower, upper = np.quantile(found.ranks[:, first], tails, axis=0, method="inverted_cdf")
    return rank_intervals(
        [attribution.feature_names[i] for i in first],
        list(range(1, len(first) + 1)),
        [int(r) for r in lower],
        [int(r) for r in upper],
        axis_label=f"Rank, with {_LEVEL:.0%} intervals over resamples of the rows",
    )


def _waterfall(attribution: Attribution, row: int | None, most: int) -> Chart:
    if row is None or not 0 <= row < len(attribution.values):
        raise InputError(
            "A waterfall is of one row.",
            remedy=f"give row=, from 0 to {len(attribution.values) - 1:,}",
        )
    values = attribution.values[row]
    order = np.argsort(-np.abs(values), kind="stable")
    shown, rest = order[:most], order[most:]
    return waterfall(
        [f"{attribution.feature_names[i]} = {_text(attribution, row, int(i))}" for i in shown],
        values[shown].tolist(),
        [_signed(values[i]) for i in shown],
        base=attribution.base,
        base_label=f"average of {attribution.reference_rows:,} rows {_signed(attribution.base)}",
        output_label=f"row {row:,} {_signed(attribution.outputs[row])}",
        rest=(f"{len(rest)} other features", float(values[rest].sum())) if len(rest) else None,
        axis_label=f"Output ({attribution.unit})",
    )


def _dependence(attribution: Attribution, feature: str | None) -> Chart:
    if feature not in attribution.feature_names:
        raise InputError(
            "A dependence plot is of one feature.",
            remedy=f"give feature=, one of: {', '.join(attribution.feature_names)}",
        )
    values = [cell(v) for v in attribution.data[feature]]
    if all(v is None for v in values):
        raise InputError(f"Every value of {feature!r} is missing.", remedy="draw another feature")
    return dependence(
        feature,
        values,
        attribution.values[:, attribution.feature_names.index(feature)],
        axis_label=f"SHAP value ({attribution.unit})",
    )


_OVERALL: Final[dict[str, Callable[[Attribution, NDArray[np.int64]], Chart]]] = {
    "bar": _bar,
    "beeswarm": _beeswarm,
    "rank-stability": _rank_stability,
}
_KINDS: Final = (*_OVERALL, "waterfall", "dependence")


def _text(attribution: Attribution, row: int, feature: int) -> str:
    value = cell(attribution.data.iloc[row, feature])
    if value is None:
        return "missing"
    return number(value) if isinstance(value, float) else str(value)


def _signed(value: float) -> str:
    return number(float(value)).replace("-", "\u2212")
