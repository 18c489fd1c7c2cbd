"""The trees of a CatBoost model, from the JSON that it saves.

Why not by shap, as for others: its reader writes beyond its arrays where a model has several
outputs, which ends the process, and does not read trees that are not symmetric.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class LeftIsSmallerEqualNode:
    """A node, in the shape that `auditkit.measures.shapley.tree_paths` reads.

    Attributes:
        value: The threshold; of a leaf its weight.
        feature_name: The column that is compared.
        nan_go_left: Whether a missing value goes left.
        left: Where values up to the threshold go; None: a leaf.
        right: Where the others go.
    """

    value: float
    feature_name: str = ""
    nan_go_left: bool = True
    left: LeftIsSmallerEqualNode | None = None
    right: LeftIsSmallerEqualNode | None = None


def several_outputs(model: Any) -> bool:
    """Whether each leaf of a CatBoost model holds more than one number."""
    _, bias = model.get_scale_and_bias()
    return not isinstance(bias, int | float) and len(bias) > 1


def catboost_trees(model: Any, names: Sequence[str], *, output: int) -> list[Any]:
    """The roots of a CatBoost model's trees.

    Args:
        model: Fitted, on numbers.
        names: The columns' names.
        output: Which output of several, counted from 0.

    Raises:
        ValueError: If a split is not a comparison of a number.
    """
    with tempfile.TemporaryDirectory() as folder:  # it saves to files only
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        saved = json.loads(path.read_text(encoding="utf-8"))
    columns = {
        f["feature_index"]: (names[f["flat_feature_index"]], f["nan_value_treatment"] != "AsTrue")
        for f in saved["features_info"].get("float_features", [])
    }
    scale = float(saved["scale_and_bias"][0])

    def leaf(values: Any) -> LeftIsSmallerEqualNode:
        value = values[output] if isinstance(values, list) else values
        return LeftIsSmallerEqualNode(scale * float(value))

    def inner(split: dict[str, Any], left: Any, right: Any) -> LeftIsSmallerEqualNode:
        if split["split_type"] != "FloatFeature":
            raise ValueError(f"a split of kind {split['split_type']}")
        name, missing_left = columns[split["float_feature_index"]]
        return LeftIsSmallerEqualNode(float(split["border"]), name, missing_left, left, right)

    def symmetric(tree: dict[str, Any]) -> LeftIsSmallerEqualNode:
        # Bit i of a leaf's number says whether the value exceeds the border of split i.
        splits = tree["splits"] or []
        outputs = len(tree["leaf_values"]) >> len(splits)
        level = [leaf(value) for value in tree["leaf_values"][output::outputs]]
        for split in splits:
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [inner(split, low, high) for low, high in pairs]
        return level[0]

    def grown(node: dict[str, Any]) -> LeftIsSmallerEqualNode:
        if "split" not in node:
            return leaf(node["value"])
        return inner(node["split"], grown(node["left"]), grown(node["right"]))

    if "oblivious_trees" in saved:
        return [symmetric(tree) for tree in saved["oblivious_trees"]]
    return [grown(tree) for tree in saved["trees"]]
