"""The edit of the model's file: products near the exact ones, and the same texts marked."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from auditkit.deid.models.onnx_edit import Range, with_integer_products
from auditkit.deid.models.tokens import RANGES, TokenModel, model_folder
from tests.support.personal_texts import texts_of

INPUTS, OUTPUTS = 64, 48


def small_model(rng, inputs=INPUTS, outputs=OUTPUTS, *, bias=None):
    """A 4-bit product as the file has them, and its weights by the operator's documentation."""
    packed = rng.integers(0, 256, (outputs, inputs // 32, 16), np.uint8)
    scales = rng.uniform(0.01, 0.1, (outputs, inputs // 32)).astype(np.float32)
    nodes = [make_node(
        "MatMulNBits", ["x", "w", "s"], ["y" if bias is None else "z"], domain="com.microsoft",
        K=inputs, N=outputs, bits=4, block_size=32,
    )]  # fmt: skip
    constants = {"w": packed, "s": scales}
    if bias is not None:
        nodes.append(make_node("Add", ["b", "z"], ["y"]))
        constants["b"] = bias
    number = onnx.TensorProto.FLOAT
    graph = make_graph(
        nodes,
        "small",
        [make_tensor_value_info("x", number, [None, inputs])],
        [make_tensor_value_info("y", number, [None, outputs])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = make_model(
        graph, opset_imports=[make_opsetid("", 18), make_opsetid("com.microsoft", 1)], ir_version=8
    )
    weights = np.zeros((inputs, outputs))
    for j in range(outputs):
        for i in range(inputs):
            byte = int(packed[j, i // 32, i % 32 // 2])
            half = byte >> 4 if i % 2 else byte & 15
            weights[i, j] = (half - 8) * scales[j, i // 32]
    return model.SerializeToString(), weights


def product(content, x):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([(128, -1.0), (40, -0.15)]),
    st.sampled_from([1, INPUTS]),
)
def test_products_are_off_by_no_more_than_the_rounding(seed, zero_and_least, channels):
    rng = np.random.default_rng(seed)
    content, weights = small_model(rng)
    zero, least = zero_and_least
    largest = rng.uniform(0.5, 4, channels)
    x = (rng.uniform(least, 1, (7, INPUTS)) * largest).astype(np.float32)
    edited = with_integer_products(content, {"x": Range(zero, tuple(largest))})
    assert "MatMulNBits" not in {n.op_type for n in onnx.load_from_string(edited).graph.node}
    step = np.broadcast_to(largest / (255 - zero), INPUTS)
    # Half a step of each activation, and half a step of each weight of its column.
    by_activations = (step[:, None] / 2 * np.abs(weights)).sum(0)
    weight_step = np.abs(weights * step[:, None]).max(0) / 63 / step[:, None]
    by_weights = (np.abs(x)[:, :, None] + step[:, None]).max(0) * weight_step / 2
    bound = by_activations + by_weights.sum(0) + 1e-4
    assert (np.abs(product(edited, x) - x @ weights) <= bound).all()


def test_a_row_is_the_same_in_any_company():
    rng = np.random.default_rng(4)
    content, _ = small_model(rng)
    edited = with_integer_products(content, {"x": Range(128, (2.0,))})
    x = rng.normal(size=(50, INPUTS)).astype(np.float32)
    assert (product(edited, x)[:1] == product(edited, x[:1])).all()


def test_a_bias_is_added_by_the_product_itself():
    biases = np.random.default_rng(8).normal(size=OUTPUTS).astype(np.float32)
    plain, _ = small_model(np.random.default_rng(9))
    biased, _ = small_model(np.random.default_rng(9), bias=biases)
    ranges = {"x": Range(128, (2.0,))}
    edited = with_integer_products(biased, ranges)
    assert "Add" not in {n.op_type for n in onnx.load_from_string(edited).graph.node}
    x = np.random.default_rng(10).normal(size=(5, INPUTS)).astype(np.float32)
    without = product(with_integer_products(plain, ranges), x)
    assert product(edited, x) == pytest.approx(without + biases, abs=1e-6)


def test_without_a_range_nothing_changes():
    rng = np.random.default_rng(1)
    content, weights = small_model(rng)
    x = rng.normal(size=(3, INPUTS)).astype(np.float32)
    assert product(with_integer_products(content, {}), x) == pytest.approx(x @ weights, abs=1e-4)


def test_ranges_are_of_the_products_of_the_model():
    content = (model_folder() / "onnx" / "model_q4.onnx").read_bytes()
    products = [n for n in onnx.load_from_string(content).graph.node if n.op_type == "MatMulNBits"]
    ranges = json.loads(RANGES.read_text(encoding="utf-8"))
    # All but the last, which says what a token is.
    assert set(ranges) == {node.input[0] for node in products[:-1]}
    assert all(0 < zero < 255 for zero, _ in ranges.values())


def test_the_edited_model_marks_what_the_file_marks():
    texts = [x.text for s in ("clinical", "business", "disguised") for x in texts_of(s, 1, 22)]
    ours = TokenModel()
    files = TokenModel(plain=True)
    marked, wanted = (
        {
            (i, c)
            for i, spans in enumerate(m.spans(texts))
            for s in spans
            for c in range(s.start, s.end)
        }
        for m in (ours, files)
    )
    assert len(wanted) > 2000
    assert len(wanted & marked) >= 0.98 * len(wanted)
    assert len(marked - wanted) <= 0.02 * len(wanted)
