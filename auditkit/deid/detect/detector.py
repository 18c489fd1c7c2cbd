"""Finds identifiers in text: Presidio's analyzer, with this package's recognizers and merging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from auditkit.deid.detect.false_positives import weeded
from auditkit.deid.detect.merging import refined
from auditkit.deid.models import spacy_small
from auditkit.deid.models.tokens import DIGESTS, SOURCE, TokenModel, absence, model_folder
from auditkit.deid.rules.all_rules import spans_of
from auditkit.deid.rules.names import spans_of_people
from auditkit.deid.vocabulary.entity_types import kind_named
from auditkit.deid.vocabulary.normalization import Folded, fold
from auditkit.deid.vocabulary.spans import Span, merged, replaced
from auditkit.errors import InputError

if TYPE_CHECKING:
    from auditkit.canonical import Json

# Longer texts are cut at white space: spaCy's limit, and memory, are for documents, not for dumps.
_MAX_CHARACTERS: Final = 20_000
_CUT_OVERLAP: Final = 400


class Deidentifier:
    """Finds and removes identifiers in text. Loads its models on first use; keep and reuse it.

    Args:
        engine: Any Presidio NLP engine (spaCy, Stanza, transformers, GLiNER ...). Default: spaCy's
            small English pipeline, which is installed with auditkit and needs no network.
        model: Whether to use the token-classification model (the extra `ner` and its weights).
            None: if it is installed; `describe` says what is lacking.
        threshold: Findings with a lower score are dropped.

    Example:
        >>> deid = Deidentifier(model=False)
        >>> deid.redact("Call 617-555-0188")
        'Call <PHONE_NUMBER>'
    """

    def __init__(
        self, *, engine: Any = None, model: bool | None = None, threshold: float = 0.4
    ) -> None:
        self._engine = engine
        self._use_model = model_folder() is not None if model is None else model
        self.threshold = threshold

    @cached_property
    def analyzer(self) -> Any:
        """Presidio's `AnalyzerEngine`; add recognizers to its registry if you have your own.

        Raises:
            VerificationError: If the model's files are not the expected bytes.
        """
        from auditkit.deid.detect.presidio import build_analyzer

        return build_analyzer(TokenModel() if self._use_model else None, self._engine)

    def find(self, texts: Iterable[str]) -> list[list[Span]]:
        """The identifiers in each text: in order, without overlap.

        Args:
            texts: Any number of texts of any length. Offsets count code points.

        Raises:
            InputError: If given one string, or something that is not text.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise InputError(
                    f"Text {number} is a {type(text).__name__}.", remedy="pass strings"
                )
        folded = [fold(text) for text in texts]
        distinct = {f.text: None for f in folded}
        found = dict(zip(distinct, self._find_plain(list(distinct)), strict=True))
        return [
            merged(_placed(found[plain.text], plain), text)
            for text, plain in zip(texts, folded, strict=True)
        ]

    def find_forms(self, texts: Sequence[str]) -> list[list[Span]]:
        """What rules and lists find, without the models: as `find`, a hundred times as fast."""
        results = []
        for text in texts:
            folded = fold(text)
            plain = folded.text
            found = chain(spans_of(plain), spans_of_people(plain))
            parts = (part for span in found for part in weeded(span, plain))
            results.append(_placed(refined(parts, plain), folded))
        return results

    def redact(self, text: str) -> str:
        """A text with each identifier replaced by its kind, as `<PERSON>`."""
        return replaced(text, self.find([text])[0], lambda span, _: f"<{span.kind}>")

    def describe(self) -> dict[str, Json]:
        """What does the finding, for evidence: engines, models, digests, versions."""
        from importlib.metadata import version

        return {
            "presidio_analyzer": version("presidio-analyzer"),
            "engine": type(self._engine).__name__ if self._engine is not None else spacy_small.NAME,
            "engine_digest": ""
            if self._engine is not None
            else f"sha256:{spacy_small.DIGESTS['ner/model']}",
            "token_model": SOURCE
            if self._use_model
            else f"not used: {absence() or 'not asked for'}",
            "token_model_digest": f"sha256:{DIGESTS['onnx/model_q4.onnx']}"
            if self._use_model
            else "",
            "threshold": self.threshold,
        }

    def _find_plain(self, texts: Sequence[str]) -> list[list[Span]]:
        pieces = [(i, start, piece) for i, t in enumerate(texts) for start, piece in cuts(t)]
        found: list[list[Span]] = [[] for _ in texts]
        artifacts = self.analyzer.nlp_engine.process_batch([p for *_, p in pieces], "en")
        for (number, offset, piece), (_, read) in zip(pieces, artifacts, strict=True):
            for result in self.analyzer.analyze(
                piece, "en", nlp_artifacts=read, score_threshold=self.threshold
            ):
                name = (result.recognition_metadata or {}).get("recognizer_name", "")
                found[number].append(
                    Span(
                        result.start + offset,
                        result.end + offset,
                        kind_named(result.entity_type),
                        result.score,
                        name,
                    )
                )
        return [refined(spans, text) for spans, text in zip(found, texts, strict=True)]


def _placed(spans: Iterable[Span], folded: Folded) -> list[Span]:
    """Spans of the plain spelling, in the original text."""
    if folded.offsets is None:
        return list(spans)
    placed = []
    for span in spans:
        start, end = folded.original(span.start, span.end)
        placed.append(span.over(start, end))
    return placed


def cuts(text: str) -> list[tuple[int, str]]:
    """A long text in overlapping pieces that begin and end at white space where there is any."""
    if len(text) <= _MAX_CHARACTERS:
        return [(0, text)]
    pieces = []
    start = 0
    while True:
        end = start + _MAX_CHARACTERS
        if end >= len(text):
            pieces.append((start, text[start:]))
            return pieces
        gap = text.rfind(" ", end - _CUT_OVERLAP, end)
        end = gap if gap > 0 else end
        pieces.append((start, text[start:end]))
        gap = text.find(" ", end - _CUT_OVERLAP, end)
        start = gap + 1 if gap > 0 else end - _CUT_OVERLAP
