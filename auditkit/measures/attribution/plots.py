"""Attributions as charts: which numbers of an attribution go into which drawing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.charts.attribution import beeswarm, importance, waterfall
from auditkit.charts.dependence import dependence, rank_intervals
from auditkit.errors import InputError
from auditkit.measures.attribution.ranks import rank_stability
from auditkit.measures.attribution.reasons import cell
from auditkit.wording import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.charts.style import Chart
    from auditkit.measures.attribution.result import Attribution

_REPLICATES: Final = 200
_LEVEL: Final = 0.95


def plot(
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
    # What is no number has no order, and is drawn grey.
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
