"""Exact interventional SHAP values of tree ensembles, against the whole reference.

A feature's value is its Shapley share of `f(x) - mean f(reference)`, where a coalition's worth is
the mean output over the reference rows with the coalition's features set to those of `x`
(Lundberg et al., Nature Machine Intelligence 2, 2020, section "Interventional").

Why two ways: `tree_paths` needs time in rows plus reference, explains grouped columns, and reads
what woodelf reads. shap's own explainer needs rows times reference. A result of the first is used
only if a sample of rows agrees with shap, where shap can read the model, and every row adds up to
the model's own output; else the second is tried.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.measures.source_columns import dense
from auditkit.measures.tree_paths import TreePaths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auditkit.measures.explained_output import ExplainedOutput

    Doubles = NDArray[np.float64]

METHOD: Final = "interventional SHAP, exact, tree paths"
BY_SHAP: Final = "interventional SHAP, exact, shap TreeExplainer"
TREE_FAMILIES: Final = frozenset({"xgboost", "lightgbm", "catboost", "sklearn-trees"})

# Rows that are computed a second time by shap, and reference rows that it is given for it.
_SAMPLE_ROWS: Final = 8
_SAMPLE_REFERENCE: Final = 64
_SINGLE_PRECISION: Final = frozenset({"xgboost", "catboost", "sklearn-trees"})


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeExplanation:
    """A tree ensemble with a reference, ready to explain.

    Attributes:
        paths: The patterns of the whole reference.
        numeric: Turns what the model takes into numbers as the model compares them.
        sign: Of the explained output.
        compared: Whether a sample agreed with shap; False: shap cannot read the model.
    """

    paths: TreePaths
    numeric: _Numeric
    sign: int
    compared: bool

    def values(self, encoded: Any) -> Doubles:
        """Shapley values, shape `(rows, players)`."""
        return self.sign * self.paths.values(self.numeric(encoded))

    def relative_to(self, reference: Any) -> TreeExplanation:
        """The same ensemble, read once, with another reference."""
        return replace(self, paths=self.paths.relative_to(self.numeric(reference)))


@dataclass(frozen=True, slots=True)
class _Numeric:
    """Numbers as a model compares them: in single precision, if that is how it was fitted."""

    single: bool

    def __call__(self, encoded: Any) -> Doubles:
        if hasattr(encoded, "dtypes"):
            numbers = encoded.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            numbers = dense(encoded).astype(np.float64)
        if self.single:
            numbers = numbers.astype(np.float32).astype(np.float64)
        return np.asarray(numbers, dtype=np.float64)


def prepared_trees(
    model: Any, output: ExplainedOutput, reference: Any, players: Sequence[int], *, sample: Any
) -> TreeExplanation | None:
    """A tree ensemble ready to explain; None where its paths cannot be read or disagree with shap.

    Args:
        model: A fitted ensemble.
        output: The output that is explained.
        reference: What the model takes, every row counts alike.
        players: For each of its columns the number of its player.
        sample: Rows, of which a few are compared with shap; None: that was done before.
    """
    single = output.family in _SINGLE_PRECISION and "HistGradient" not in type(model).__name__
    numeric = _Numeric(single)
    names = [f"c{i}" for i in range(len(players))]
    try:
        background = numeric(reference)
        with quietly():
            from woodelf.core.trees.parse_models import load_decision_tree_ensemble_model

            trees = load_decision_tree_ensemble_model(
                _without_idle_trees(model), names, class_index=output.column
            ).trees
        paths = TreePaths(trees, columns=names, players=players, reference=background)
        compared = sample is None or _agrees(model, output, trees, numeric(sample), background)
    except Exception:  # noqa: BLE001, parsers refuse with errors of every kind; there is another way
        return None
    if compared is False:
        return None
    return TreeExplanation(paths=paths, numeric=numeric, sign=output.sign, compared=bool(compared))


def _without_idle_trees(model: Any) -> Any:
    """An XGBoost model that stopped early without the trees that it does not use."""
    best = getattr(model, "best_iteration", None) if hasattr(model, "get_booster") else None
    return model if best is None else model.get_booster()[: best + 1]


def _agrees(
    model: Any, output: ExplainedOutput, trees: Sequence[Any], rows: Doubles, reference: Doubles
) -> bool | None:
    """Whether a few rows have the values that shap gives them; None: shap cannot read the model."""
    few = rows[:: max(1, len(rows) // _SAMPLE_ROWS)][:_SAMPLE_ROWS]
    some = reference[:: max(1, len(reference) // _SAMPLE_REFERENCE)][:_SAMPLE_REFERENCE]
    peer = shap_values(model, output, few, some)
    if peer is None:
        return None
    names = [f"c{i}" for i in range(rows.shape[1])]
    alone = TreePaths(trees, columns=names, players=range(len(names)), reference=some)
    apart = np.abs(output.sign * alone.values(few) - peer).max(initial=0.0)
    return bool(apart <= 1e-4 * max(1.0, np.abs(peer).max(initial=0.0)))


def shap_values(
    model: Any, output: ExplainedOutput, encoded: Any, reference: Any
) -> Doubles | None:
    """The values by shap's own explainer, with the whole reference; None where it cannot."""
    import shap

    try:
        with quietly():
            # Without max_samples shap would silently keep 100 rows of the reference.
            masker = shap.maskers.Independent(reference, max_samples=len(reference))
            explainer = shap.TreeExplainer(model, masker)
            values = np.asarray(explainer.shap_values(encoded, check_additivity=False))
    except Exception:  # noqa: BLE001, it refuses with errors of every kind; there is another way
        return None
    if values.ndim == 3:
        values = values[:, :, output.column]
    return output.sign * values.astype(np.float64)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keeps the progress bars, prints and warnings of libraries from the user.

    What compiled code writes to the process's error stream is kept away too, for as long.
    """
    sink = io.StringIO()
    with (
        _no_error_stream(),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _no_error_stream() -> Iterator[None]:
    try:
        kept = os.dup(2)
    except OSError:  # a process without one has nothing to keep quiet
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
