"""Finds identifiers in text: Presidio's analyzer, with this package's recognizers and merging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from auditkit.deid.detect.false_positives import drop_false_positives
from auditkit.deid.detect.merging import whole_identifiers
from auditkit.deid.models import spacy_small
from auditkit.deid.models.tokens import DIGESTS, SOURCE, TokenModel, absence, model_folder
from auditkit.deid.rules.matching import match_rules
from auditkit.deid.rules.names import match_names
from auditkit.deid.vocabulary.entity_types import entity_type_named
from auditkit.deid.vocabulary.normalization import Normalized, normalize
from auditkit.deid.vocabulary.spans import Span, merged, replaced
from auditkit.errors import InputError

if TYPE_CHECKING:
    from auditkit.canonical import Json

# Longer texts are cut at white space, to stay within spaCy's limit and to bound memory.
_DISAGREED: Final = "did not agree with it when it was loaded"
_MAX_CHARACTERS: Final = 20_000
_CUT_OVERLAP: Final = 400


class Deidentifier:
    """Finds and removes identifiers in text. Loads its models on first use; keep and reuse it.

    Args:
        engine: Any Presidio NLP engine (spaCy, Stanza, transformers, GLiNER ...). Default: spaCy's
            small English pipeline, which is installed with auditkit and needs no network.
        model: Whether to use the token-classification model (the extra `ner` and its weights).
            None: if it is installed; `describe` says what is missing.
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

        return build_analyzer(self.model, self._engine)

    @cached_property
    def model(self) -> TokenModel | None:
        """The token-classification model, if it is used; loaded on first use."""
        return TokenModel() if self._use_model else None

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
        normalized = [normalize(text) for text in texts]
        distinct = {f.text: None for f in normalized}
        found = dict(zip(distinct, self._find_plain(list(distinct)), strict=True))
        return [
            merged(_placed(found[plain.text], plain), text)
            for text, plain in zip(texts, normalized, strict=True)
        ]

    def find_by_rules(self, texts: Sequence[str]) -> list[list[Span]]:
        """Findings of rules and lists, without the models; far faster than `find`."""
        results = []
        for text in texts:
            normalized = normalize(text)
            plain = normalized.text
            found = chain(match_rules(plain), match_names(plain))
            parts = (part for span in found for part in drop_false_positives(span, plain))
            results.append(_placed(whole_identifiers(parts, plain), normalized))
        return results

    def redact(self, text: str) -> str:
        """A text with each identifier replaced by its type, such as `<PERSON>`."""
        return replaced(text, self.find([text])[0], lambda span, _: f"<{span.kind}>")

    def describe(self) -> dict[str, Json]:
        """The detector's parts, for evidence: engines, models, digests, versions.

        A model that is loaded and is read the plain way, because the fast one failed its test, is
        named with that.
        """
        from importlib.metadata import version

        return self._fallbacks() | {
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

    def _fallbacks(self) -> dict[str, Json]:
        if "analyzer" not in self.__dict__:  # nothing was loaded
            return {}
        from auditkit.deid.models.entity_reader import EntityReader

        found: dict[str, Json] = {}
        reader = getattr(self.analyzer.nlp_engine, "entities", None)
        if reader is not None and not isinstance(reader, EntityReader):
            found["engine_method"] = f"spaCy's own recognizer; the fast reader {_DISAGREED}"
        if self.model is not None and self.model.is_plain:
            found["token_model_method"] = (
                f"the file's own arithmetic; integer products {_DISAGREED}"
            )
        return found

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
                        entity_type_named(result.entity_type),
                        result.score,
                        name,
                    )
                )
        return [whole_identifiers(spans, text) for spans, text in zip(found, texts, strict=True)]


def _placed(spans: Iterable[Span], normalized: Normalized) -> list[Span]:
    """Spans of the normalized text, mapped to the original text."""
    if normalized.offsets is None:
        return list(spans)
    placed = []
    for span in spans:
        start, end = normalized.original(span.start, span.end)
        placed.append(span.over(start, end))
    return placed


def cuts(text: str) -> list[tuple[int, str]]:
    """A long text in overlapping pieces, cut at white space if there is any."""
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
