"""What a model file is, told by its bytes.

Classes:
    A: data, which this process validates before a library reads it.
    B: data for a native parser, which is run in the confined process alone.
    C: code by design. It is loaded only if the audit file names its digest, or a publisher's
       signature is demanded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auditkit.errors import InputError


@dataclass(frozen=True, slots=True)
class Format:
    """A format of model files.

    Attributes:
        name: Its name, in evidence and for the loader.
        words: Its name in sentences.
        kind: Its class: "A", "B" or "C".
        needs: Packages that load it.
        extra: The extra of auditkit that brings them; empty: it needs none.
    """

    name: str
    words: str
    kind: str
    needs: tuple[str, ...]
    extra: str = ""


_XGBOOST: Final = (("xgboost",), "xgboost")
XGBOOST_JSON: Final = Format("xgboost-json", "an XGBoost model in JSON", "A", *_XGBOOST)
XGBOOST_UBJ: Final = Format("xgboost-ubj", "an XGBoost model in UBJSON", "A", *_XGBOOST)
LIGHTGBM: Final = Format("lightgbm-text", "a LightGBM model", "A", ("lightgbm",), "lightgbm")
CATBOOST_JSON: Final = Format(
    "catboost-json", "a CatBoost model in JSON", "A", ("catboost",), "catboost"
)
CATBOOST: Final = Format("catboost-cbm", "a CatBoost model", "B", ("catboost",), "catboost")
SKOPS: Final = Format("skops", "a skops file", "B", ("sklearn", "skops"), "skops")
ONNX: Final = Format("onnx", "an ONNX model", "B", ("onnx", "onnxruntime"), "onnx")
PICKLE: Final = Format("pickle", "a pickle", "C", ("sklearn", "joblib"))
FUNCTION: Final = Format("function", "a function of Python", "C", ())

FORMATS: Final = {
    one.name: one
    for one in (
        XGBOOST_JSON,
        XGBOOST_UBJ,
        LIGHTGBM,
        CATBOOST_JSON,
        CATBOOST,
        SKOPS,
        ONNX,
        PICKLE,
        FUNCTION,
    )
}
# What a compressed joblib file begins with.
COMPRESSED: Final = {
    b"\x78\x01": "zlib", b"\x78\x5e": "zlib", b"\x78\x9c": "zlib", b"\x78\xda": "zlib",
    b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x5d\x00\x00": "lzma",
}  # fmt: skip
_LENGTHS: Final = b"iUIlLu$#}"  # of a UBJSON key
# Of a message of protocol buffers: the version first, then one of the fields after it.
_ONNX_VERSION: Final = b"\x08"
_ONNX_NEXT: Final = tuple(bytes([tag]) for tag in b"\x12\x1a\x22\x28\x32\x3a\x42")
_END_OF_ARCHIVE: Final = 1 << 20
_KNOWN: Final = (
    "give an XGBoost .json or .ubj, a LightGBM .txt, a CatBoost .cbm, an ONNX model, or a "
    "scikit-learn .joblib, .pkl or .skops"
)


def format_of(data: bytes, name: str) -> Format:
    """The format of a model file.

    Args:
        data: Its bytes.
        name: Its name, for errors alone.

    Raises:
        InputError: If it is none that is known.
    """
    if data[:1] == b"{":
        if data[1:2] and data[1] in _LENGTHS and data[1:2] != b"}":
            return XGBOOST_UBJ
        return CATBOOST_JSON if b'"features_info"' in data[: 1 << 20] else XGBOOST_JSON
    if data[:5] == b"tree\n":
        return LIGHTGBM
    if data[:4] == b"CBM1":
        return CATBOOST
    if is_pickle(data) or compression_of(data):
        return PICKLE
    if data[:1] == _ONNX_VERSION and data[1:2] < b"\x40" and data[2:3] in _ONNX_NEXT:
        return ONNX
    if data[:4] == b"PK\x03\x04" and b"schema.json" in data[-_END_OF_ARCHIVE:]:
        return SKOPS
    if data[:2] == b"PK":
        raise InputError(
            f"{name} is a ZIP archive, as PyTorch and Keras write them; it is not read.",
            remedy=_KNOWN,
        )
    raise InputError(f"{name} is not in a known model format.", remedy=_KNOWN)


def is_pickle(data: bytes) -> bool:
    """Whether bytes begin as a pickle of protocol 2 or later does; joblib writes those."""
    return len(data) > 2 and data[0] == 0x80 and 2 <= data[1] <= 5


def compression_of(data: bytes) -> str:
    """How a file is compressed, by its first bytes; empty: it is not."""
    return next((how for start, how in COMPRESSED.items() if data.startswith(start)), "")
