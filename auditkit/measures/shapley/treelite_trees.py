"""The trees of XGBoost, LightGBM and scikit-learn models, as treelite reads them.

What it refuses is given to it in a form that it reads: an XGBoost model without the names of its
levels, a histogram booster without the encoder before its trees, a tree as a forest of one. What it
misreads, LightGBM's linear trees for one, does not add up to the model's output and is not used.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.measures.shapley.trees import Tree
from auditkit.model.elsewhere import asked

if TYPE_CHECKING:
    from auditkit.measures.shapley.trees import Bools, Integers

# treelite's numbers for kinds of nodes and comparisons.
_LEAF, _BY_NUMBER, _BY_LEVEL = 0, 1, 2
_BELOW, _UP_TO = 2, 3
# A list of levels is short; codes beyond belong to a model that is not read.
_MAX_LEVELS: Final = 1 << 20


@asked
def treelite_trees(model: Any, *, family: str, output: int) -> list[Tree]:
    """The trees that add up to one output of a model.

    Args:
        model: Fitted.
        family: "xgboost", "lightgbm" or "sklearn-trees".
        output: Which output of several, counted from 0.

    Raises:
        Exception: Of any kind, if treelite cannot read the model.
    """
    read = _READERS[family](model)
    header = read.get_header_accessor()
    averaged = bool(header.get_field("average_tree_output")[0])
    classes = header.get_field("class_id").tolist()
    # Each class has its own trees, or every tree has a weight for each class (-1).
    chosen = [number for number, of in enumerate(classes) if of in {-1, output}]
    scale = 1 / len(chosen) if averaged else 1.0
    order = _encoded_order(model) if family == "sklearn-trees" else None
    return [_tree(read.get_tree_accessor(n), scale, output, order) for n in chosen]


def _of_xgboost(model: Any) -> Any:
    import treelite

    best = getattr(model, "best_iteration", None) if hasattr(model, "get_booster") else None
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    if best is not None:  # it stopped early, and does not use the trees after that
        booster = booster[: best + 1]
    if "c" not in (booster.feature_types or []):
        return treelite.frontend.from_xgboost(booster)
    saved = json.loads(bytes(booster.save_raw("json")))
    boosting = saved["learner"]["gradient_booster"]
    # The trees of a model with dropout lie deeper.
    boosting.get("gbtree", boosting)["model"].pop("cats", None)
    return treelite.frontend.from_xgboost_json(json.dumps(saved))


def _of_lightgbm(model: Any) -> Any:
    import treelite

    return treelite.frontend.from_lightgbm(getattr(model, "booster_", model))


def _of_sklearn(model: Any) -> Any:
    import treelite

    if getattr(model, "_preprocessor", None) is not None:
        model = copy.copy(model)
        model._preprocessor = None  # noqa: SLF001 - the encoder before a histogram booster's trees
    elif hasattr(model, "tree_"):
        model = _forest_of_one(model)
    return treelite.sklearn.import_model(model)


def _forest_of_one(tree: Any) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    forest = (ExtraTreesClassifier if hasattr(tree, "classes_") else ExtraTreesRegressor)(1)
    forest.estimators_ = [tree]
    forest.n_features_in_, forest.n_outputs_ = tree.n_features_in_, tree.n_outputs_
    if hasattr(tree, "classes_"):
        forest.n_classes_ = tree.n_classes_
    return forest


_READERS: Final = {
    "xgboost": _of_xgboost,
    "lightgbm": _of_lightgbm,
    "sklearn-trees": _of_sklearn,
}


def _encoded_order(model: Any) -> Integers | None:
    """The columns of the trees of a histogram booster, whose encoder puts categories first."""
    categorical = getattr(model, "is_categorical_", None)
    if categorical is None:
        return None
    return np.argsort(~np.asarray(categorical, dtype=np.bool_), kind="stable")


def _tree(accessor: Any, scale: float, output: int, order: Integers | None) -> Tree:
    def of(name: str) -> Any:
        return np.array(accessor.get_field(name))  # a copy: treelite keeps its own

    kinds = of("node_type")
    inner, leaf = kinds != _LEAF, kinds == _LEAF
    compared = of("cmp")[kinds == _BY_NUMBER]
    if not np.isin(compared, (_BELOW, _UP_TO)).all():
        raise ValueError("a comparison of another kind")
    place = np.where(inner, np.cumsum(inner) - 1, ~(np.cumsum(leaf) - 1))
    columns = of("split_index")[inner].astype(np.int64)
    vectors = of("leaf_vector")
    weights = vectors[of("leaf_vector_begin")[leaf] + output] if len(vectors) else None
    return Tree(
        columns=columns if order is None else order[columns],
        thresholds=of("threshold")[inner].astype(np.float64),
        equal_left=of("cmp")[inner] == _UP_TO,
        missing_left=of("default_left")[inner].astype(np.bool_),
        left=place[of("cleft")[inner]],
        right=place[of("cright")[inner]],
        weights=scale * (of("leaf_value")[leaf] if weights is None else weights).astype(np.float64),
        levels=_levels(of, np.flatnonzero(kinds == _BY_LEVEL), place),
    )


def _levels(of: Any, nodes: Integers, place: Integers) -> dict[int, Bools]:
    """Which levels go left at each node that compares them; others go where the list does not."""
    if not len(nodes):
        return {}
    listed, begins, ends = (
        of("category_list"),
        of("category_list_begin")[nodes],
        of("category_list_end")[nodes],
    )
    on_the_right = of("category_list_right_child")[nodes].astype(np.bool_)
    levels = {}
    for node, begin, end, right in zip(nodes, begins, ends, on_the_right, strict=True):
        codes = listed[begin:end]
        size = int(codes.max(initial=0)) + 2
        if size > _MAX_LEVELS:
            raise ValueError("more levels than are read")
        known = np.full(size, right)
        known[codes] = not right
        levels[int(place[node])] = known
    return levels
