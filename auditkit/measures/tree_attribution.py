"""Exact interventional SHAP values of tree ensembles, against the whole reference.

A feature's value is its Shapley share of `f(x) - mean f(reference)`, where a coalition's worth is
the mean output over the reference rows with the coalition's features set to those of `x`
(Lundberg et al., Nature Machine Intelligence 2, 2020, section "Interventional").

Two ways lead there. woodelf's time grows with rows plus reference, shap's with rows times
reference. woodelf is wrong for some models, so a result of it is used only if every row adds up to
the model's own output and a sample of rows agrees with shap.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from auditkit.measures.explained_output import ExplainedOutput

WOODELF: Final = "interventional SHAP, exact, woodelf"
SHAP: Final = "interventional SHAP, exact, shap TreeExplainer"

# Rows that are computed a second time by shap, and reference rows that it is given for it.
_SAMPLE_ROWS: Final = 8
_SAMPLE_REFERENCE: Final = 64


def tree_attribution(
    model: Any,
    output: ExplainedOutput,
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    outputs: NDArray[np.float64],
    base: float,
) -> tuple[NDArray[np.float64], str]:
    """SHAP values of a tree ensemble, shape `(rows, features)`, and the method that gave them.

    Args:
        model: A fitted ensemble of a library that shap reads.
        output: The output that is explained.
        rows: The rows to explain.
        reference: Every row counts alike; none is left out.
        outputs: The model's own output for each row; what the values must add up to.
        base: Mean of the model's own output over the reference.

    Raises:
        InputError: If neither way can read the model.
    """
    fast = _woodelf(model, output, rows, reference)
    if (
        fast is not None
        and adds_up(fast, outputs, base)
        and _agrees_with_shap(model, output, rows, reference)
    ):
        return fast, WOODELF
    return _shap(model, output, rows, reference), SHAP


def adds_up(values: NDArray[np.float64], outputs: NDArray[np.float64], base: float) -> bool:
    """Whether every row's values and the base add up to the model's own output.

    Tolerance: 1e-4 of the largest output, as boosted trees are added in single precision.
    """
    residual = np.abs(values.sum(axis=1) + base - outputs)
    scale = max(1.0, float(np.abs(outputs).max(initial=0.0)), abs(base))
    return bool(np.isfinite(values).all() and residual.max(initial=0.0) <= 1e-4 * scale)


def _woodelf(
    model: Any, output: ExplainedOutput, rows: pd.DataFrame, reference: pd.DataFrame
) -> NDArray[np.float64] | None:
    """The values by woodelf; None where it cannot read the model or the tables."""
    from woodelf import WoodelfExplainer

    try:
        with quietly():
            values = WoodelfExplainer(model, reference).shap_values(rows, verbose=False)
    except Exception:  # noqa: BLE001, it refuses with errors of many kinds; shap goes on
        return None
    values = np.asarray(values, dtype=np.float64)
    return output.sign * values if values.shape == rows.shape else None


def _agrees_with_shap(
    model: Any, output: ExplainedOutput, rows: pd.DataFrame, reference: pd.DataFrame
) -> bool:
    few = rows.iloc[:: max(1, len(rows) // _SAMPLE_ROWS)].head(_SAMPLE_ROWS)
    some = reference.iloc[:: max(1, len(reference) // _SAMPLE_REFERENCE)].head(_SAMPLE_REFERENCE)
    fast = _woodelf(model, output, few, some)
    slow = _shap(model, output, few, some)
    scale = max(1.0, float(np.abs(slow).max(initial=0.0)))
    return fast is not None and float(np.abs(fast - slow).max(initial=0.0)) <= 1e-4 * scale


def _shap(
    model: Any, output: ExplainedOutput, rows: pd.DataFrame, reference: pd.DataFrame
) -> NDArray[np.float64]:
    import shap

    try:
        with quietly():
            # Without max_samples shap would silently keep 100 rows of the reference.
            masker = shap.maskers.Independent(reference, max_samples=len(reference))
            explainer = shap.TreeExplainer(model, masker)
            values = np.asarray(explainer.shap_values(rows, check_additivity=False))
    except Exception as error:
        raise InputError(
            f"shap cannot read this {type(model).__name__}: {type(error).__name__}.",
            remedy="explain its predict function instead, or save the model with this version",
        ) from error
    if values.ndim == 3:
        values = values[:, :, output.column]
    return output.sign * values.astype(np.float64)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keeps the progress bars, prints and warnings of libraries from the user."""
    sink = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
    ):
        warnings.simplefilter("ignore")
        yield
