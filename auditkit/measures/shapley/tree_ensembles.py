"""Exact interventional SHAP values of tree ensembles, against the whole reference.

A feature's value is its Shapley share of `f(x) - mean f(reference)`, where a coalition's worth is
the mean output over the reference rows with the coalition's features set to those of `x`
(Lundberg et al., Nature Machine Intelligence 2, 2020, section "Interventional").

Why two ways: `tree_paths` needs time in rows plus reference, explains grouped columns, and reads
splits of categories. shap's own explainer needs rows times reference, and is tried where the first
cannot read a model or does not add up. A sample is compared with shap, if no split is of
categories. Where shap differs, which takes values next to a threshold for others and does not know
every kind of tree, the model itself judges, on rows mixed at random from those that are explained
and the reference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.measures.shapley.catboost_trees import catboost_trees, several_outputs
from auditkit.measures.shapley.feature_groups import dense
from auditkit.measures.shapley.mixtures import mixed
from auditkit.measures.shapley.tree_paths import TreePaths
from auditkit.measures.shapley.treelite_trees import treelite_trees
from auditkit.measures.shapley.trees import LeafPaths
from auditkit.model.categories import as_numbers, category_columns, fitted_categories
from auditkit.model.elsewhere import asked
from auditkit.model.output import adds_up

if TYPE_CHECKING:
    from auditkit.measures.shapley.trees import Bools, Doubles, Integers, Tree
    from auditkit.model.categories import Categories
    from auditkit.model.output import ExplainedOutput

METHOD: Final = "interventional SHAP, exact, tree paths"
BY_SHAP: Final = "interventional SHAP, exact, shap TreeExplainer"
TREE_FAMILIES: Final = frozenset({"xgboost", "lightgbm", "catboost", "sklearn-trees"})

# Rows that are computed a second time by shap, and reference rows that it is given for it.
_SAMPLE_ROWS: Final = 8
_SAMPLE_REFERENCE: Final = 64
# Rows that are mixed where shap's values are others.
_DISPUTED: Final = 4096
# Rows of the reference that shap is given at once.
_SHAP_REFERENCE: Final = 1000
_SINGLE_PRECISION: Final = frozenset({"xgboost", "catboost", "sklearn-trees"})


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeExplanation:
    """A tree ensemble with a reference, ready to explain.

    Attributes:
        paths: The patterns of the whole reference.
        numeric: Turns what the model takes into numbers as the model compares them.
        sign: Of the explained output, -1 or 1.
        compared: Whether a sample agreed with shap; False: shap cannot read the model, or reads it
            so that its values do not add up to the model's output.
    """

    paths: TreePaths
    numeric: _Numeric
    sign: int
    compared: bool

    def values(self, encoded: Any) -> Doubles:
        """Shapley values, shape `(rows, players)`; NaN where a row cannot be read."""
        numbers = self.numeric(encoded)
        values = self.sign * self.paths.values(numbers)
        values[self.numeric.unread(numbers)] = np.nan
        return values

    def block_values(self, encoded: Any, reference: Any, blocks: Integers) -> Doubles:
        """Values relative to each block of a reference, shape `(blocks, rows, players)`."""
        numbers = self.numeric(encoded)
        paths = self.paths.relative_to(self.numeric(reference), blocks)
        values = self.sign * paths.leaf_by_leaf(numbers)
        values[:, self.numeric.unread(numbers)] = np.nan
        return values

    def outputs(self, encoded: Any) -> Doubles:
        """What the values of each row add up to, shape `(rows,)`."""
        numbers = self.numeric(encoded)
        outputs = self.sign * self.paths.outputs(numbers)
        outputs[self.numeric.unread(numbers)] = np.nan
        return outputs

    def relative_to(self, reference: Any) -> TreeExplanation | None:
        """The same ensemble, read once, with another reference; None if that cannot be read."""
        numbers = self.numeric(reference)
        if self.numeric.unread(numbers).any():
            return None
        return replace(self, paths=self.paths.relative_to(numbers))


@dataclass(frozen=True, slots=True)
class _Numeric:
    """Numbers as a model compares them.

    Attributes:
        single: In single precision, if that is how it was fitted.
        missing: The number that stands for a missing value, beside NaN.
        categories: Those that it was fitted on.
        unseen: What stands for others: NaN where they are missing to it; infinity where it takes
            them for any of its own, as some releases of XGBoost do.
    """

    single: bool
    missing: float
    categories: Categories
    unseen: float

    def __call__(self, encoded: Any) -> Doubles:
        frame = hasattr(encoded, "dtypes")
        numbers = as_numbers(
            encoded if frame else dense(encoded), self.categories, unseen=self.unseen
        )
        if not math.isnan(self.missing):
            numbers = np.where(numbers == self.missing, np.nan, numbers)
        if self.single:
            numbers = numbers.astype(np.float32).astype(np.float64)
        return numbers

    def unread(self, numbers: Doubles) -> Bools:
        """Which rows have a category that the model takes for another, shape `(rows,)`."""
        taken = np.isinf(numbers[:, list(self.categories)])
        return np.asarray(taken.any(axis=1), dtype=np.bool_)


def prepared_trees(
    model: Any,
    output: ExplainedOutput,
    reference: Any,
    players: Sequence[int],
    *,
    count: int,
    sample: Any,
) -> TreeExplanation | None:
    """A tree ensemble ready to explain; None where its paths cannot be read or disagree with shap.

    Args:
        model: A fitted ensemble.
        output: The output that is explained.
        reference: What the model takes, every row counts alike.
        players: For each of its columns the number of its player.
        count: How many players there are; a feature selection may leave some without a column.
        sample: Rows, of which a few are compared with shap; None: that was done before.
    """
    try:
        numeric = _numeric(model, output, fitted_categories(model, reference[:0]))
        trees = _trees_of(model, output)
        background = numeric(reference)
        if numeric.unread(background).any():
            return None
        read = TreeExplanation(
            paths=_paths(trees, players, count, background),
            numeric=numeric,
            sign=output.sign,
            compared=True,
        )
        if sample is not None:
            compared = _agrees(model, output, trees, read, rows=sample, reference=reference)
            return None if compared is False else replace(read, compared=bool(compared))
    except Exception:  # noqa: BLE001, parsers refuse with errors of every kind; there is another way
        return None
    return read


def _numeric(model: Any, output: ExplainedOutput, categories: Categories) -> _Numeric:
    single, missing = numbers_as_fitted(model, output.family)
    return _Numeric(
        single=single,
        missing=missing,
        categories=categories,
        unseen=math.inf if output.family == "xgboost" else math.nan,
    )


@asked
def numbers_as_fitted(model: Any, family: str) -> tuple[bool, float]:
    """Whether a model compares in single precision, and the number that is missing to it."""
    histogram = hasattr(model, "is_categorical_")  # scikit-learn's, which compares in double
    own = getattr(model, "missing", None) if family == "xgboost" else None
    return family in _SINGLE_PRECISION and not histogram, math.nan if own is None else float(own)


def _trees_of(model: Any, output: ExplainedOutput) -> list[Tree]:
    """The trees that make one output."""
    if output.family == "catboost":
        return catboost_trees(model, output=output.column)
    return treelite_trees(model, family=output.family, output=output.column)


def _paths(
    trees: Sequence[Tree], players: Sequence[int], count: int, reference: Doubles
) -> TreePaths:
    paths = [LeafPaths.of(tree, players) for tree in trees]
    return TreePaths(paths, players=count, reference=reference)


def _agrees(
    model: Any,
    output: ExplainedOutput,
    trees: Sequence[Tree],
    read: TreeExplanation,
    *,
    rows: Any,
    reference: Any,
) -> bool | None:
    """Whether a few rows have the values that shap gives them; None: shap cannot read the model.

    False where shap differs, and trees and model do too, on rows mixed as coalitions mix them.
    """
    if any(tree.levels for tree in trees):
        return None
    few, some = _spread(rows, _SAMPLE_ROWS), _spread(reference, _SAMPLE_REFERENCE)
    numeric = read.numeric
    peer = shap_values(model, output, few, some)
    base = float(output.predict(some).mean())
    if peer is None or not adds_up(peer, output.predict(few), base):
        return None
    columns = numeric(some).shape[1]
    alone = _paths(trees, range(columns), columns, numeric(some))
    apart = np.abs(read.sign * alone.values(numeric(few)) - peer).max(initial=0.0)
    if apart <= 1e-4 * max(1.0, np.abs(peer).max(initial=0.0)):
        return True
    # shap misreads values next to a threshold, and what is mixed shows it alone: the model judges.
    mixture = _mixture(few, some, _DISPUTED)
    values = read.sign * alone.values(numeric(mixture))
    return None if adds_up(values, output.predict(mixture), base) else False


def _spread(table: Any, count: int) -> Any:
    """A few rows, spread over a table."""
    rows = table.shape[0]
    few = np.arange(rows)[:: max(1, rows // count)][:count]
    return table.iloc[few] if hasattr(table, "iloc") else table[few]


def _mixture(ours: Any, theirs: Any, count: int) -> Any:
    """Rows that take each value from one of two tables at random."""
    rng, columns = np.random.default_rng(0), theirs.shape[1]
    one, other = (rng.integers(0, table.shape[0], count) for table in (ours, theirs))
    taken = rng.random((count, columns)) < 0.5
    if hasattr(ours, "iloc"):
        return mixed(ours.iloc[one], theirs.iloc[other], taken)
    return np.where(taken, dense(ours)[one], dense(theirs)[other])


def shap_values(
    model: Any, output: ExplainedOutput, encoded: Any, reference: Any
) -> Doubles | None:
    """The values by shap's own explainer, with the whole reference; None where it cannot.

    It is given numbers, since its compiled code writes to the error stream about anything else,
    and the reference in parts, since it warns of one that is long: values are means over it.
    """
    if category_columns(reference):
        return None  # it knows no categories
    numeric = _numeric(model, output, {})
    try:
        rows, background = numeric(encoded), numeric(reference)
        found = values_by_shap(model, rows, background, output.family)
    except Exception:  # noqa: BLE001, it refuses with errors of every kind; there is another way
        return None
    if found is None:
        return None
    return output.sign * (found[:, :, output.column] if found.ndim == 3 else found)


@asked
def values_by_shap(model: Any, rows: Doubles, background: Doubles, family: str) -> Doubles | None:
    """What shap's own explainer gives, of one output or of each; None where it cannot.

    Raises:
        Exception: Of any kind, if it refuses the model.
    """
    if family == "catboost" and several_outputs(model):
        return None  # reading it would end the process
    import shap

    total: Any = 0.0
    for start in range(0, len(background), _SHAP_REFERENCE):
        part = background[start : start + _SHAP_REFERENCE]
        # Without max_samples shap would silently keep 100 rows of the reference.
        masker = shap.maskers.Independent(part, max_samples=len(part))
        explainer = shap.TreeExplainer(model, masker)
        values = np.asarray(explainer.shap_values(rows, check_additivity=False))
        total = total + values.astype(np.float64) * (len(part) / len(background))
    return np.asarray(total)
