"""The edit of the model's file: every 4-bit product, nothing else, and the file read whole."""

import pytest

from auditkit.deid.onnx_edit import with_integer_products
from auditkit.deid.token_model import model_folder
from auditkit.errors import InputError

LEVEL = b"\x2a\x15\x0a\x0eaccuracy_level\x18\x04\xa0\x01\x02"


def field(number, content):
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def model(*operators):
    nodes = b"".join(field(1, field(4, operator)) for operator in operators)
    return b"\x08\x09" + field(7, nodes) + field(2, b"maker")


def test_only_four_bit_products_get_the_attribute():
    edited = with_integer_products(model(b"Add", b"MatMulNBits", b"MatMul"))
    node = field(1, field(4, b"MatMulNBits") + LEVEL)
    nodes = field(1, field(4, b"Add")) + node + field(1, field(4, b"MatMul"))
    assert edited == b"\x08\x09" + field(7, nodes) + field(2, b"maker")
    assert with_integer_products(model(b"Add")) == model(b"Add")


def test_the_models_37_products_are_all_there():
    content = (model_folder() / "onnx" / "model_q4.onnx").read_bytes()
    edited = with_integer_products(content)
    assert b"accuracy_level" not in content
    assert edited.count(LEVEL) == 37
    # Lengths of the 37 nodes and of the graph still fit: it is the same but for what was added.
    assert 0 <= len(edited) - len(content) - 37 * len(LEVEL) <= 37 * 2 + 2


@pytest.mark.parametrize("content", [b"\xff" * 20, b"\x3a\x7fshort", b"\x0b", model(b"Add")[:-1]])
def test_other_bytes_are_refused(content):
    with pytest.raises(InputError, match="no ONNX model"):
        with_integer_products(content)
