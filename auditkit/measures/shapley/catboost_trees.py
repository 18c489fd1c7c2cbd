"""The trees of a CatBoost model, from the JSON that it saves.

Why not by another reader: docs/adr/0007.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.measures.shapley.trees import Tree
from auditkit.model.elsewhere import asked

if TYPE_CHECKING:
    from collections.abc import Mapping


def several_outputs(model: Any) -> bool:
    """Whether each leaf of a CatBoost model holds more than one number."""
    _, bias = model.get_scale_and_bias()
    return not isinstance(bias, int | float) and len(bias) > 1


@asked
def catboost_trees(model: Any, *, output: int) -> list[Tree]:
    """The trees of a CatBoost model.

    Args:
        model: Fitted, on numbers.
        output: Which output of several, counted from 0.

    Raises:
        ValueError: If a split is not a comparison of a number.
    """
    with tempfile.TemporaryDirectory() as folder:  # it saves to files only
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        saved = json.loads(path.read_text(encoding="utf-8"))
    columns = {
        f["feature_index"]: (f["flat_feature_index"], f["nan_value_treatment"] != "AsTrue")
        for f in saved["features_info"].get("float_features", [])
    }
    scale = float(saved["scale_and_bias"][0])
    roots = saved.get("trees") or [_nested(tree) for tree in saved["oblivious_trees"]]
    return [_tree(root, columns, scale=scale, output=output) for root in roots]


def _nested(saved: dict[str, Any]) -> dict[str, Any]:
    """A tree that asks the same at every node of a level, in the form of one that does not.

    Bit i of a leaf's number says whether the value exceeds the border of split i.
    """
    splits = saved["splits"] or []
    outputs = len(saved["leaf_values"]) >> len(splits)
    values = np.reshape(saved["leaf_values"], (-1, outputs)).tolist()
    level: list[dict[str, Any]] = [{"value": value} for value in values]
    for split in splits:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [{"split": split, "left": low, "right": high} for low, high in pairs]
    return level[0]


def _tree(
    root: dict[str, Any], features: Mapping[int, tuple[int, bool]], *, scale: float, output: int
) -> Tree:
    """A tree as arrays.

    Args:
        root: Its root. Values up to a border go left.
        features: By a feature's number its column, and whether a missing value goes left.
        scale: What every leaf is multiplied with.
        output: Which output of several, counted from 0.
    """
    columns: list[int] = []
    borders: list[float] = []
    missing_left: list[bool] = []
    left: list[int] = []
    right: list[int] = []
    weights: list[float] = []

    def grow(node: dict[str, Any]) -> int:
        if "split" not in node:
            value = node["value"]
            weights.append(scale * float(value[output] if isinstance(value, list) else value))
            return ~(len(weights) - 1)
        split, number = node["split"], len(columns)
        if split["split_type"] != "FloatFeature":
            raise ValueError(f"a split of kind {split['split_type']}")
        column, missing = features[split["float_feature_index"]]
        columns.append(column)
        borders.append(float(split["border"]))
        missing_left.append(missing)
        left.append(0)
        right.append(0)
        left[number], right[number] = grow(node["left"]), grow(node["right"])
        return number

    grow(root)
    return Tree(
        columns=np.array(columns, dtype=np.int64),
        thresholds=np.array(borders),
        equal_left=np.ones(len(columns), dtype=np.bool_),
        missing_left=np.array(missing_left, dtype=np.bool_),
        left=np.array(left, dtype=np.int64),
        right=np.array(right, dtype=np.int64),
        weights=np.array(weights),
    )
