"""Validates the files of boosted trees before a library reads them.

XGBoost takes the indices of a file as they are, so that a crafted one makes it read and write
beyond its memory (its doc/security.rst says so); LightGBM and CatBoost are parsers of the same
kind. What is checked here is what a walk down a tree relies on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import numpy as np

from auditkit.errors import InputError
from auditkit.model_files.ubjson import parse_ubjson

_MAX_FEATURES, _MAX_CLASSES, _MAX_DEPTH = 1_000_000, 10_000, 4_096
_MAX_NODES: Final = 200_000_000
_ROOT: Final = 2147483647  # the parent of a root, in XGBoost's files


def check_xgboost(data: bytes, *, ubj: bool) -> None:
    """Refuses an XGBoost file that its library would follow out of bounds.

    Raises:
        InputError: With the tree and what is wrong in it.
    """
    learner = _Fields(_parsed(data, ubj=ubj), "the model").within("learner")
    sizes = learner.within("learner_model_param")
    features = sizes.whole("num_feature", most=_MAX_FEATURES)
    classes = max(1, sizes.whole("num_class", most=_MAX_CLASSES, default=0))
    targets = sizes.whole("num_target", most=_MAX_CLASSES, default=1)
    for names in ("feature_names", "feature_types"):
        if (given := learner.get(names)) and len(given) != features:
            _refuse(f"{names} holds {len(given):,} names for {features:,} features")
    booster = learner.within("gradient_booster")
    kind = booster.get("name")
    if kind == "gblinear":
        weights = booster.within("model").numbers("weights", float)
        if len(weights) != (features + 1) * classes or not np.isfinite(weights).all():
            _refuse("its weights are not one for each feature and class")
        return
    if kind == "dart":
        dropped = booster.numbers("weight_drop", float)
        booster = booster.within("gbtree")
    elif kind == "gbtree":
        dropped = None
    else:
        _refuse("it is of a kind that XGBoost does not have")
    model = booster.within("model")
    trees, groups = model.get("trees"), model.numbers("tree_info", int)
    told = model.within("gbtree_model_param").whole("num_trees", most=_MAX_NODES)
    if not isinstance(trees, list) or not len(trees) == len(groups) == told:
        _refuse("num_trees, tree_info and trees are of different lengths")
    if dropped is not None and len(dropped) != told:
        _refuse("weight_drop has another length than trees")
    if len(groups) and not ((groups >= 0) & (groups < classes * targets)).all():
        _refuse("tree_info names a class that there is not")
    if model.get("iteration_indptr") is not None:
        ends = model.numbers("iteration_indptr", int)
        if not len(ends) or ends[0] or ends[-1] != told or (np.diff(ends) < 0).any():
            _refuse("iteration_indptr does not divide the trees")
    for number, tree in enumerate(trees):
        _check_xgboost_tree(_Fields(tree, f"tree {number:,}"), features)


def _check_xgboost_tree(tree: _Fields, features: int) -> None:
    sizes = tree.within("tree_param")
    nodes = sizes.whole("num_nodes", most=_MAX_NODES)
    width = sizes.whole("size_leaf_vector", most=_MAX_CLASSES, default=1) or 1
    if sizes.whole("num_feature", most=_MAX_FEATURES) != features:
        _refuse(f"{tree.of}: it has another number of features than the model")
    if width > 1:
        _refuse(f"{tree.of}: its leaves hold several numbers, and such trees are not read")
    if nodes < 1:
        _refuse(f"{tree.of}: it has no nodes")
    left, right, parents = (
        tree.numbers(name, int, nodes) for name in ("left_children", "right_children", "parents")
    )
    columns = tree.numbers("split_indices", int, nodes)
    weights = tree.numbers("base_weights", float, nodes)
    thresholds = tree.numbers("split_conditions", float, nodes)
    for name in ("loss_changes", "sum_hessian"):
        if tree.get(name) is not None:
            tree.numbers(name, float, nodes)
    tree.numbers("default_left", int, nodes)
    if not np.isfinite(thresholds).all() or not np.isfinite(weights).all():
        _refuse(f"{tree.of}: a threshold or a leaf is missing or infinite")
    inner = left >= 0
    if not np.array_equal(inner, right >= 0) or (left < -1).any() or (right < -1).any():
        _refuse(f"{tree.of}: a node has one child, or a child below 0")
    if (columns[inner] < 0).any() or (columns[inner] >= features).any():
        _refuse(f"{tree.of}: a node splits on a feature that there is not")
    _refuse_other_than_a_tree(tree.of, left, right, inner)
    below = np.concatenate([left[inner], right[inner]])
    above = np.concatenate([np.flatnonzero(inner)] * 2)
    if not np.array_equal(parents[below], above) or parents[0] not in (_ROOT, -1):
        _refuse(f"{tree.of}: a node's parent is not the node that it is below")
    _check_categories(tree, nodes, inner)


def _refuse_other_than_a_tree(of: str, left: Any, right: Any, inner: Any) -> None:
    nodes, below = len(left), np.concatenate([left[inner], right[inner]])
    if (below >= nodes).any():
        _refuse(f"{of}: a child is a node that there is not")
    if (np.bincount(below, minlength=nodes) > 1).any() or (below == 0).any():
        _refuse(f"{of}: a node is below two others, or in a circle")
    level, reached = np.zeros(1, dtype=np.int64), 1
    for _ in range(_MAX_DEPTH):
        level = level[inner[level]]
        if not len(level):
            break
        level = np.concatenate([left[level], right[level]])
        reached += len(level)
    else:
        _refuse(f"{of}: it is deeper than {_MAX_DEPTH:,} levels")
    if reached != len(below) + 1:
        _refuse(f"{of}: nodes are in a circle, which the root does not reach")


def _check_categories(tree: _Fields, nodes: int, inner: Any) -> None:
    if tree.get("split_type") is None:
        return
    kinds = tree.numbers("split_type", int, nodes)
    listed = tree.numbers("categories_nodes", int)
    count = len(listed)
    starts = tree.numbers("categories_segments", int, count)
    sizes = tree.numbers("categories_sizes", int, count)
    codes = tree.numbers("categories", int)
    if not np.isin(kinds, (0, 1)).all() or not np.array_equal(
        listed, np.flatnonzero(inner & (kinds == 1))
    ):
        _refuse(f"{tree.of}: the nodes that compare categories are not those it lists")
    ends = np.concatenate([[0], np.cumsum(sizes)])
    if (sizes < 0).any() or not np.array_equal(starts, ends[:-1]) or ends[-1] != len(codes):
        _refuse(f"{tree.of}: its lists of categories lie outside of each other")
    if (codes < 0).any() or (codes >= 1 << 24).any():
        _refuse(f"{tree.of}: a category that there cannot be")


class _Fields:
    """An object of a file, whose fields are read as what they should be."""

    def __init__(self, found: Any, of: str) -> None:
        if not isinstance(found, Mapping):
            _refuse(f"{of} is not an object")
        self._found, self.of = found, of

    def get(self, name: str) -> Any:
        return self._found.get(name)

    def within(self, name: str) -> _Fields:
        return _Fields(self.get(name), f"{self.of}, {name}" if self.of != "the model" else name)

    def whole(self, name: str, *, most: int, default: int | None = None) -> int:
        found = self.get(name)
        if found is None and default is not None:
            return default
        try:
            number = int(found)
        except (TypeError, ValueError):
            _refuse(f"{self.of}: {name} is not a number")
        if isinstance(found, float) or not 0 <= number <= most:
            _refuse(f"{self.of}: {name} is not between 0 and {most:,}")
        return number

    def numbers(self, name: str, kind: type, length: int | None = None) -> Any:
        found = self.get(name)
        if not isinstance(found, list | np.ndarray):
            _refuse(f"{self.of}: {name} is not a list")
        try:
            array = np.asarray(found) if len(found) else np.empty(0, dtype=kind)
        except (TypeError, ValueError, OverflowError):
            _refuse(f"{self.of}: {name} holds other things than numbers")
        if array.ndim != 1 or array.dtype.kind not in ("biu" if kind is int else "biuf"):
            _refuse(f"{self.of}: {name} holds other things than {'whole ' * (kind is int)}numbers")
        if length is not None and len(array) != length:
            _refuse(f"{self.of}: {name} holds {len(array):,} numbers, not {length:,}")
        return array.astype(np.int64 if kind is int else np.float64)


def _parsed(data: bytes, *, ubj: bool) -> Any:
    try:
        return parse_ubjson(data) if ubj else json.loads(data)
    except (ValueError, RecursionError, UnicodeError) as error:
        raise InputError(
            f"The file is no whole {'UBJSON' if ubj else 'JSON'}.",
            remedy="copy it again; it may have been cut short",
        ) from error


_BLOCK: Final = re.compile(rb"^Tree=(\d+)$", re.MULTILINE)
_END: Final = b"end of trees"
_MAX_LEAVES: Final = 10_000_000


def check_lightgbm(data: bytes) -> None:
    """Refuses a LightGBM file that its library would follow out of bounds.

    Raises:
        InputError: With the tree and what is wrong in it.
    """
    end = data.find(b"\n" + _END)
    starts = [found.start() for found in _BLOCK.finditer(data, 0, max(end, 0))]
    if end < 0:
        _refuse("the line 'end of trees' is missing; it may have been cut short")
    head = _lines(data[: starts[0] if starts else end], "the head")
    features = _whole(head, "max_feature_idx", "the head", most=_MAX_FEATURES) + 1
    classes = _whole(head, "num_class", "the head", most=_MAX_CLASSES)
    each = _whole(head, "num_tree_per_iteration", "the head", most=_MAX_CLASSES)
    if classes < 1 or each < 1 or len(starts) % each:
        _refuse("the head: num_class and num_tree_per_iteration do not fit the trees")
    if len(head.get("feature_names", "").split()) != features:
        _refuse("the head: feature_names are not one for each feature")
    if len(head.get("feature_infos", "").split()) != features:
        _refuse("the head: feature_infos are not one for each feature")
    sizes = np.diff([*starts, end + 1])
    if not np.array_equal(_list(head, "tree_sizes", "the head", int), sizes):
        _refuse("the head: tree_sizes are not those of the trees")
    for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        of = f"tree {number:,}"
        _check_lightgbm_tree(_lines(data[start : start + size], of), of, number, features)


def _check_lightgbm_tree(tree: Mapping[str, str], of: str, number: int, features: int) -> None:
    if tree.get("Tree") != str(number):
        _refuse(f"{of}: the trees are not counted from 0")
    leaves = _whole(tree, "num_leaves", of, most=_MAX_LEAVES)
    sets = _whole(tree, "num_cat", of, most=_MAX_LEAVES)
    nodes = leaves - 1
    if leaves < 1:
        _refuse(f"{of}: it has no leaf")
    values = _list(tree, "leaf_value", of, float, leaves)
    if not np.isfinite(values).all():
        _refuse(f"{of}: a leaf is missing or infinite")
    _check_linear(tree, of, leaves, features)
    if not nodes:
        return
    columns, left, right, kinds = (
        _list(tree, name, of, int, nodes)
        for name in ("split_feature", "left_child", "right_child", "decision_type")
    )
    thresholds = _list(tree, "threshold", of, float, nodes)
    for name, length in (
        ("split_gain", nodes), ("internal_value", nodes), ("internal_weight", nodes),
        ("internal_count", nodes), ("leaf_weight", leaves), ("leaf_count", leaves),
    ):  # fmt: skip
        if name in tree:
            _list(tree, name, of, float, length)
    if (columns < 0).any() or (columns >= features).any():
        _refuse(f"{of}: a node splits on a feature that there is not")
    if not np.isfinite(thresholds).all():
        _refuse(f"{of}: a threshold is missing or infinite")
    below = np.concatenate([left, right])
    inner, ends = below[below >= 0], ~below[below < 0]
    if not np.array_equal(np.sort(inner), np.arange(1, nodes)) or not np.array_equal(
        np.sort(ends), np.arange(leaves)
    ):
        _refuse(f"{of}: a child is named twice, never, or is none that there is")
    level, reached = np.zeros(1, dtype=np.int64), 1
    for _ in range(_MAX_DEPTH):
        level = np.concatenate([left[level], right[level]])
        level = level[level >= 0]
        if not len(level):
            break
        reached += len(level)
    if reached != nodes:
        _refuse(f"{of}: nodes are in a circle, or deeper than {_MAX_DEPTH:,} levels")
    _check_sets(tree, of, sets, thresholds[(kinds & 1) == 1])


def _check_sets(tree: Mapping[str, str], of: str, sets: int, used: Any) -> None:
    """The sets of categories, which nodes name by their threshold."""
    if not sets:
        if len(used):
            _refuse(f"{of}: a node compares categories, and there are none")
        return
    ends = _list(tree, "cat_boundaries", of, int, sets + 1)
    words = _list(tree, "cat_threshold", of, int)
    if ends[0] or (np.diff(ends) < 0).any() or ends[-1] != len(words):
        _refuse(f"{of}: its sets of categories lie outside of each other")
    if (used < 0).any() or (used >= sets).any() or (used != np.floor(used)).any():
        _refuse(f"{of}: a node names a set of categories that there is not")


def _check_linear(tree: Mapping[str, str], of: str, leaves: int, features: int) -> None:
    """The linear models in leaves."""
    if tree.get("is_linear", "0") == "0":
        return
    counts = _list(tree, "num_features", of, int, leaves)
    _list(tree, "leaf_const", of, float, leaves)
    named = _list(tree, "leaf_features", of, int)
    _list(tree, "leaf_coeff", of, float, len(named))
    if (counts < 0).any() or counts.sum() != len(named):
        _refuse(f"{of}: the features of its leaves are not as many as it says")
    if (named < 0).any() or (named >= features).any():
        _refuse(f"{of}: a leaf uses a feature that there is not")


def _lines(data: bytes, of: str) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        _refuse(f"{of} is not text")
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            if name in found:
                _refuse(f"{of}: {name[:40]} is there twice")
            found[name] = value
    return found


def _whole(lines: Mapping[str, str], name: str, of: str, *, most: int) -> int:
    try:
        number = int(lines[name])
    except (KeyError, ValueError):
        _refuse(f"{of}: {name} is not a number")
    if not 0 <= number <= most:
        _refuse(f"{of}: {name} is not between 0 and {most:,}")
    return number


def _list(
    lines: Mapping[str, str], name: str, of: str, kind: type, length: int | None = None
) -> Any:
    try:
        found = np.array(lines.get(name, "").split(), dtype=np.float64)
    except ValueError:
        _refuse(f"{of}: {name} holds other things than numbers")
    if length is not None and len(found) != length:
        _refuse(f"{of}: {name} holds {len(found):,} numbers, not {length:,}")
    if kind is int:
        if not np.isfinite(found).all() or (found != np.floor(found)).any():
            _refuse(f"{of}: {name} holds other things than whole numbers")
        return found.astype(np.int64)
    return found


def check_catboost_json(data: bytes) -> None:
    """Refuses a CatBoost file in JSON whose trees do not fit together.

    Raises:
        InputError: With the tree and what is wrong in it.
    """
    saved = _Fields(_parsed(data, ubj=False), "the model")
    info = saved.within("features_info")
    kinds = {"FloatFeature": "float_features", "OneHotFeature": "categorical_features"}
    known = {kind: len(info.get(name) or ()) for kind, name in kinds.items()}
    trees = saved.get("oblivious_trees")
    if not isinstance(trees, list):
        _refuse("it has no oblivious_trees; save the model as .cbm")
    for number, tree in enumerate(trees):
        fields = _Fields(tree, f"tree {number:,}")
        splits = fields.get("splits") or []
        values = fields.numbers("leaf_values", float)
        if not isinstance(splits, list) or len(splits) > 16:
            _refuse(f"{fields.of}: it has more than 16 splits")
        if not len(values) or len(values) % (1 << len(splits)) or not np.isfinite(values).all():
            _refuse(f"{fields.of}: its leaves are not one for each way through its splits")
        for split in splits:
            one = _Fields(split, f"{fields.of}, a split")
            kind = one.get("split_type")
            if kind == "OnlineCtr":
                continue
            place = {"FloatFeature": "float_feature_index", "OneHotFeature": "cat_feature_index"}
            if kind not in place or one.whole(place[kind], most=_MAX_FEATURES) >= known[kind]:
                _refuse(f"{one.of}: it splits on a feature that there is not")


def _refuse(what: str) -> NoReturn:
    raise InputError(
        f"The model's file does not hold together: {what}.",
        remedy="save it again with the library that trained it; do not use this file",
    )
