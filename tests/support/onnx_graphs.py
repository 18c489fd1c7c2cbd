"""Small ONNX models, made by hand."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

WEIGHTS = np.array([[0.5], [-0.3]], np.float32)


def model(nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=sets, ir_version=9)


def rows_of(count, name="X", kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, [None, count])


def score():
    """1 / (1 + exp(-(0.5 a - 0.3 b))), of one array."""
    nodes = [
        helper.make_node("MatMul", ["X", "W"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["score"]),
    ]
    weights = [numpy_helper.from_array(WEIGHTS, "W")]
    return model(nodes, [rows_of(2)], [rows_of(1, "score")], weights)


def linear_classifier(*, mapped=True):
    """The same of classes "no" and "yes"; as a converter writes it, with one mapping a row."""
    nodes = [
        helper.make_node(
            "LinearClassifier", ["X"], ["label", "chances"], domain="ai.onnx.ml",
            coefficients=[-0.25, 0.15, 0.25, -0.15], intercepts=[0.0, 0.0],
            classlabels_strings=["no", "yes"], post_transform="SOFTMAX", multi_class=0,
        )
    ]  # fmt: skip
    label = helper.make_tensor_value_info("label", TensorProto.STRING, [None])
    given = rows_of(2, "chances")
    if mapped:
        nodes.append(
            helper.make_node(
                "ZipMap", ["chances"], ["mapped"], domain="ai.onnx.ml",
                classlabels_strings=["no", "yes"],
            )
        )  # fmt: skip
        number = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
        kind = helper.make_map_type_proto(TensorProto.STRING, number)
        given = helper.make_value_info("mapped", helper.make_sequence_type_proto(kind))
    return model(nodes, [rows_of(2)], [label, given])


def columns():
    """1 if the text column `k` is "x", plus the number column `a`; one input a column."""
    nodes = [
        helper.make_node(
            "LabelEncoder", ["k"], ["coded"], domain="ai.onnx.ml",
            keys_strings=["x"], values_floats=[1.0], default_float=0.0,
        ),
        helper.make_node("Add", ["coded", "a"], ["sum"]),
    ]  # fmt: skip
    inputs = [rows_of(1, "a"), rows_of(1, "k", TensorProto.STRING)]
    made = model(nodes, inputs, [rows_of(1, "sum")])
    made.opset_import[1].version = 2
    return made
