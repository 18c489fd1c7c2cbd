"""One edit of an ONNX file, in memory: let its 4-bit matrix products compute in 8-bit integers.

onnxruntime's `MatMulNBits` has an attribute `accuracy_level`; 4 allows it to quantize activations
to int8, which is a third faster on processors with such instructions and changes the label of one
token in five hundred. The file itself, and so its digest, stay as they are.

ONNX is protobuf: a message is a row of fields, each a key, and for what matters here a length and
that many bytes. Only the lengths of the model, its graph and the edited nodes change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from auditkit.errors import InputError

_GRAPH: Final = 7  # of ModelProto
_NODE: Final = 1  # of GraphProto
_OP_TYPE: Final = 4  # of NodeProto
_ATTRIBUTE: Final = 5  # of NodeProto
_BYTES: Final = 2  # the wire type of what has a length
_PRODUCT: Final = b"MatMulNBits"
# AttributeProto: name (1) = "accuracy_level", i (3) = 4, type (20) = INT (2).
_LEVEL: Final = b"\x0a\x0eaccuracy_level\x18\x04\xa0\x01\x02"


def with_integer_products(model: bytes) -> bytes:
    """The model with every 4-bit product allowed to compute in 8-bit integers.

    Raises:
        InputError: If the bytes are no protobuf.
    """
    return _edited(model, _GRAPH, lambda graph: _edited(graph, _NODE, _node))


def _node(node: bytes) -> bytes:
    if not any(f == _OP_TYPE and node[a:b] == _PRODUCT for f, _, a, b in _fields(node)):
        return node
    return node + _key(_ATTRIBUTE) + _varint(len(_LEVEL)) + _LEVEL


def _edited(message: bytes, wanted: int, edit: Callable[[bytes], bytes]) -> bytes:
    parts: list[bytes] = []
    for field, start, begin, end in _fields(message):
        if field == wanted:
            content = edit(message[begin:end])
            parts.extend((_key(field), _varint(len(content)), content))
        else:
            parts.append(message[start:end])
    return b"".join(parts)


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Each field's number, where it starts, and where its content begins and ends."""
    position = 0
    while position < len(message):
        start = position
        key, position = _read_varint(message, position)
        wire = key & 7
        if wire == _BYTES:
            length, position = _read_varint(message, position)
            end = position + length
        elif wire == 0:
            _, end = _read_varint(message, position)
        elif wire in {1, 5}:
            end = position + (8 if wire == 1 else 4)
        else:
            raise InputError("The model's file is no ONNX model.")
        if end > len(message):
            raise InputError("The model's file is no ONNX model.")
        yield key >> 3, start, position, end
        position = end


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message) and shift < 64:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise InputError("The model's file is no ONNX model.")


def _key(field: int) -> bytes:
    return _varint(field << 3 | _BYTES)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
