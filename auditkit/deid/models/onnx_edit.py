"""One edit of the token model, in memory: its matrix products computed in 8-bit integers.

The file holds weights of 4 bits in blocks of 32, each with a scale of its own, which onnxruntime
unpacks for every product. Here they are unpacked once and written with one scale for each column,
and activations are rounded to bytes by ranges measured beforehand (`token_model_ranges.json`): one
integer product, whatever stands beside it in a batch, so a text is read alike in any company. The
file itself, and so its digest, stay as they are.

Why, and what it costs: docs/adr/0030.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_PRODUCT: Final = "MatMulNBits"
_INTEGER_PRODUCT: Final = "MatMulIntegerToFloat"
_EXTENSIONS: Final = "com.microsoft"
# Seven bits and a sign less: two such products of bytes cannot overflow the 16 bits in which older
# processors add them, so every processor computes the same.
_LARGEST: Final = 63
_BYTE: Final = 255


@dataclass(frozen=True, slots=True)
class Range:
    """What values an activation takes, and how they become bytes; others are cut off.

    Attributes:
        zero: The byte that stands for zero.
        largest: For each channel the value that the byte 255 stands for; one if all are alike.
    """

    zero: int
    largest: tuple[float, ...]


def with_integer_products(model: bytes, ranges: Mapping[str, Range]) -> bytes:
    """The model with its 4-bit products written as 8-bit ones.

    Args:
        model: An ONNX file.
        ranges: For the input of a product, by its name, what its channels take. Products of other
            inputs stay as they are.
    """
    import onnx

    edited = onnx.load_from_string(model)
    graph = edited.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    rounded: set[str] = set()
    for node in graph.node:
        if node.op_type != _PRODUCT or node.input[0] not in ranges:
            nodes.append(node)
            continue
        source, packed, scales = node.input
        columns = _unpacked(
            onnx.numpy_helper.to_array(weights[packed]), onnx.numpy_helper.to_array(weights[scales])
        )
        zero = ranges[source].zero
        largest = np.asarray(ranges[source].largest, np.float32)
        steps = np.broadcast_to(largest / np.float32(_BYTE - zero), columns.shape[:1])
        if source not in rounded:
            rounded.add(source)
            nodes += _rounding(source, steps, zero, graph)
        nodes.append(_product(node, columns * steps[:, None], zero, graph))
    nodes = _with_biases(nodes, weights)
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    content: bytes = edited.SerializeToString()
    return content


def _unpacked(packed: npt.NDArray[np.uint8], scales: npt.NDArray[np.float32]) -> Any:
    """Weights (n_inputs, n_outputs) of packed (n_outputs, n_blocks, 16): low half byte first."""
    halves = np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:2], -1)
    exact = (halves.astype(np.float32) - 8) * scales.reshape(*packed.shape[:2], 1)
    return exact.reshape(packed.shape[0], -1).T


def _rounding(source: str, steps: npt.NDArray[np.float32], zero: int, graph: Any) -> list[Any]:
    """Nodes that round the activations to whole numbers of their steps."""
    from onnx.helper import make_node

    scaled = f"{source}/scaled"
    return [
        make_node("Mul", [source, _constant(f"{source}/per_step", 1 / steps, graph)], [scaled]),
        make_node("QuantizeLinear", [scaled, *_one_and_zero(zero, graph)], [f"{source}/bytes"]),
    ]


def _product(node: Any, columns: npt.NDArray[np.float32], zero: int, graph: Any) -> Any:
    from onnx.helper import make_node

    scales = np.abs(columns).max(0) / _LARGEST
    whole = np.rint(columns / scales).astype(np.int8)
    one, zero_point = _one_and_zero(zero, graph)
    inputs = [
        f"{node.input[0]}/bytes",
        _constant(f"{node.input[1]}/whole", whole, graph),
        one,
        _constant(f"{node.input[1]}/scales", scales, graph),
        zero_point,
        "",  # the weights' zero is zero
    ]
    return make_node(_INTEGER_PRODUCT, inputs, list(node.output), domain=_EXTENSIONS)


def _with_biases(nodes: list[Any], constants: Container[str]) -> list[Any]:
    """The nodes with each sum of an integer product and a constant taken into the product."""
    readers = Counter(name for node in nodes for name in node.input)
    products = {
        node.output[0]: node
        for node in nodes
        if node.op_type == _INTEGER_PRODUCT and readers[node.output[0]] == 1
    }
    kept = []
    for node in nodes:
        bias = [name for name in node.input if name in constants]
        product = next((products[name] for name in node.input if name in products), None)
        if node.op_type == "Add" and bias and product:
            product.input.extend(bias)
            product.output[0] = node.output[0]
        else:
            kept.append(node)
    return kept


def _one_and_zero(zero: int, graph: Any) -> tuple[str, str]:
    """A step of one, for what is scaled already, and the byte that stands for zero."""
    one = _constant("one", np.float32(1), graph)
    return one, _constant(f"zero_{zero}", np.uint8(zero), graph)


def _constant(name: str, value: Any, graph: Any) -> str:
    import onnx

    if all(tensor.name != name for tensor in graph.initializer):
        graph.initializer.append(onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name
