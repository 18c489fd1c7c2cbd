"""Presidio, set up: its analyzer, spaCy's small English pipeline, and this package's recognizers.

This module imports Presidio and spaCy, which takes a second; import it only where it is used.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    LocalRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import (
    NerModelConfiguration,
    NlpArtifacts,
    NlpEngine,
    SpacyNlpEngine,
)
from presidio_analyzer.predefined_recognizers import SpacyRecognizer
from spacy.lang.lex_attrs import is_punct, is_stop
from thinc.api import NumpyOps

from auditkit.deid.detect.false_positives import drop_false_positives
from auditkit.deid.detect.number_guesses import keep_in_address
from auditkit.deid.models.entity_reader import Entity, entity_reader
from auditkit.deid.models.spacy_small import load_pipeline
from auditkit.deid.models.tokens import TokenModel, products_session
from auditkit.deid.rules.matching import match_rules
from auditkit.deid.rules.names import match_names
from auditkit.deid.vocabulary.entity_types import ENTITY_TYPES, entity_type_named
from auditkit.deid.vocabulary.spans import Span

LANGUAGE: Final = "en"
_ENTITIES: Final = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "ADDRESS",
    "ORG": "ORGANIZATION",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}
_IGNORED: Final = [
    "CARDINAL",
    "EVENT",
    "LANGUAGE",
    "LAW",
    "MONEY",
    "NORP",
    "ORDINAL",
    "PERCENT",
    "PRODUCT",
    "QUANTITY",
    "WORK_OF_ART",
]

_CHUNK_CHARACTERS: Final = 40_000


class _Products(NumpyOps):  # type: ignore[misc]  # thinc is not typed for a checker
    """spaCy's arithmetic with matrix products by onnxruntime, which is faster.

    It also releases the GIL, so the token model runs in parallel.
    """

    def __init__(self, session: Any) -> None:
        super().__init__()
        self._session = session

    def gemm(
        self,
        x: Any,
        y: Any,
        *,
        out: Any = None,
        trans1: bool = False,
        trans2: bool = False,
    ) -> Any:
        if out is None and trans2 and not trans1:
            return self._session.run(None, {"x": x, "y": y})[0]
        return super().gemm(x, y, out=out, trans1=trans1, trans2=trans2)


class SpacyWithPrescan(SpacyNlpEngine):
    """spaCy's small English pipeline: only its entity recognizer, nothing downloaded.

    The rules and the token model, if there is one, run here too, a batch at a time. Their findings
    reach the recognizers with the artifacts.
    """

    def __init__(self, model: TokenModel | None) -> None:
        super().__init__(
            models=[{"lang_code": LANGUAGE, "model_name": "en_core_web_sm"}],
            ner_model_configuration=NerModelConfiguration(
                model_to_presidio_entity_mapping=_ENTITIES, labels_to_ignore=_IGNORED
            ),
        )
        self._model = model

    def load(self) -> None:
        """Loads the installed pipeline after checking its files."""
        pipeline = load_pipeline()
        products = _Products(products_session()) if self._model else None
        self.entities = entity_reader(pipeline, products)
        self.nlp: Any = {LANGUAGE: pipeline}

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """Reads one text."""
        return next(self.read([text], language))

    def process_batch(  # type: ignore[override]  # Presidio's two declarations disagree
        self,
        texts: Any,
        language: str,
        batch_size: int = 128,
        n_process: int = 1,
        as_tuples: bool = False,  # noqa: FBT001, FBT002 -- Presidio's signature
    ) -> Generator[tuple[Any, NlpArtifacts, Any] | tuple[Any, NlpArtifacts], Any, None]:
        """Reads texts in order, with the signature of Presidio's batch engine."""
        del batch_size, n_process
        pairs = list(texts) if as_tuples else [(str(text), None) for text in texts]
        read = self.read([text for text, _ in pairs], language)
        for (text, context), artifacts in zip(pairs, read, strict=True):
            yield (text, artifacts, context) if as_tuples else (text, artifacts)

    def read(self, texts: Sequence[str], language: str) -> Iterator[NlpArtifacts]:
        """Reads texts in order."""
        chunks = list(_chunks(texts))
        with ThreadPoolExecutor(1) as beside:
            # The two models run in parallel: onnxruntime releases the GIL. While the caller works
            # on one chunk, the token model reads the next.
            waiting = [beside.submit(_prescan, self._model, c) for c in chunks]
            try:
                for number, chunk in enumerate(chunks):
                    found = self.entities.read(chunk)
                    for read in zip(chunk, found, waiting[number].result(), strict=True):
                        yield _PrescannedText(*read, engine=self, language=language)
            finally:
                beside.shutdown(cancel_futures=True)

    def is_stopword(self, word: str, language: str) -> bool:
        """Whether a word is a stop word. Does not ask the vocabulary, which would grow."""
        return is_stop(word, self.nlp[language].Defaults.stop_words)

    def is_punct(self, word: str, language: str) -> bool:
        """Whether a word is punctuation."""
        del language
        return is_punct(word)


class _PrescannedText(NlpArtifacts):
    """A text's entities and prescan. Its words are computed when a recognizer asks for them.

    Attributes:
        prescan: Findings of the rules and the token model.
    """

    def __init__(
        self,
        text: str,
        entities: list[Entity],
        prescan: Prescan,
        *,
        engine: SpacyWithPrescan,
        language: str,
    ) -> None:
        mapped = [
            replace(entity, label_=_ENTITIES[entity.label_])
            for entity in entities
            if entity.label_ in _ENTITIES
        ]
        read: Any = {"entities": mapped, "tokens": None}  # spaCy's, by Presidio's declaration
        score = engine.ner_model_configuration.default_score or 0.0
        super().__init__(
            **read,
            tokens_indices=[],
            lemmas=[],
            nlp_engine=None,
            language=language,
            scores=[score] * len(mapped),
        )
        del self.keywords, self.lemmas, self.tokens_indices, self.tokens  # not gathered yet
        self.prescan = prescan
        self.nlp_engine: SpacyWithPrescan = engine
        self._text = text
        self._language = language

    @cached_property
    def tokens(self) -> Any:  # type: ignore[override]  # as good as an attribute
        """The words of the text."""
        return self.nlp_engine.entities.words(self._text)

    @cached_property
    def lemmas(self) -> list[str]:  # type: ignore[override]
        """The words in lower case."""
        return [word.text.lower() for word in self.tokens]

    @cached_property
    def tokens_indices(self) -> list[int]:  # type: ignore[override]
        """Where they begin."""
        return [word.idx for word in self.tokens]

    @cached_property
    def keywords(self) -> list[str]:  # type: ignore[override]
        """The words of the text without stop words and punctuation."""
        return self.set_keywords(self.nlp_engine, self.lemmas, self._language)

    def to_json(self) -> str:
        """JSON for Presidio's trace of decisions."""
        return json.dumps(
            {
                "entities": [entity.text for entity in self.entities],
                "tokens": self.lemmas,
                "tokens_indices": self.tokens_indices,
                "keywords": self.keywords,
                "scores": self.scores,
            }
        )


@dataclass(frozen=True, slots=True)
class Prescan:
    """What the rules and the token model find in a text; the model is given the rules' findings."""

    rules: list[Span]
    model: list[Span]


def _prescan(model: TokenModel | None, texts: Sequence[str]) -> list[Prescan]:
    rules = [list(match_rules(text)) for text in texts]
    found = model.spans(texts, known=rules) if model else [[] for _ in texts]
    return [Prescan(*pair) for pair in zip(rules, found, strict=True)]


def _prescan_of(text: str, read: NlpArtifacts | None, model: TokenModel | None) -> Prescan:
    """The prescan of a text; made now if another engine read the text."""
    return read.prescan if isinstance(read, _PrescannedText) else _prescan(model, [text])[0]


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Texts in order, about `_CHUNK_CHARACTERS` at a time, to bound memory."""
    chunk: list[str] = []
    length = 0
    for text in texts:
        if chunk and length + len(text) > _CHUNK_CHARACTERS:
            yield chunk
            chunk, length = [], 0
        chunk.append(text)
        length += len(text)
    if chunk:
        yield chunk


class ContextAndFalsePositives(LemmaContextAwareEnhancer):
    """Raises scores by context words and removes false positives.

    Presidio's next step drops a finding inside another of the same type. False positives must be
    removed before, or a rule's correct finding would be dropped with them.
    """

    def enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        nlp_artifacts: NlpArtifacts,
        recognizers: list[EntityRecognizer],
        context: list[str] | None = None,
    ) -> list[RecognizerResult]:
        """The results without false positives, scores raised by context words."""
        results = raw_results
        if any(recognizer.context for recognizer in recognizers):
            results = super().enhance_using_context(
                text, raw_results, nlp_artifacts, recognizers, context
            )
        parts = [
            (part, result)
            for result in results
            for part in drop_false_positives(_span(result), text)
        ]
        parts.sort(key=lambda pair: (pair[0].start, pair[0].end))
        kept = keep_in_address([part for part, _ in parts], text)
        return [
            _over(result, part) for (part, result), keep in zip(parts, kept, strict=True) if keep
        ]


def _over(result: RecognizerResult, part: Span) -> RecognizerResult:
    """The same result over a part of its range."""
    if (part.start, part.end) == (result.start, result.end):
        return result
    return RecognizerResult(
        result.entity_type,
        part.start,
        part.end,
        result.score,
        recognition_metadata=result.recognition_metadata,
    )


def _span(result: RecognizerResult) -> Span:
    name = (result.recognition_metadata or {}).get(RecognizerResult.RECOGNIZER_NAME_KEY, "")
    return Span(result.start, result.end, entity_type_named(result.entity_type), result.score, name)


class RuleRecognizer(LocalRecognizer):
    """The rules and the lists of names as one Presidio recognizer."""

    def __init__(self) -> None:
        super().__init__(
            supported_entities=list(ENTITY_TYPES), name="rules", supported_language=LANGUAGE
        )

    def load(self) -> None:
        """Nothing to load."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """The rules' spans as Presidio's results."""
        found = [*_prescan_of(text, nlp_artifacts, None).rules, *match_names(text)]
        return [_result(s, self) for s in found if s.kind in entities]


class TokenModelRecognizer(LocalRecognizer):
    """The token-classification model as a Presidio recognizer."""

    def __init__(self, model: TokenModel) -> None:
        self._model = model
        super().__init__(
            supported_entities=[
                "PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "URL", "TAX_ID", "ACCOUNT", "ID",
                "ROUTING_NUMBER", "PASSPORT", "DRIVER_LICENSE", "ADDRESS", "CITY", "LOCATION",
                "ZIP_CODE",
            ],
            name="model",
            supported_language=LANGUAGE,
        )  # fmt: skip

    def load(self) -> None:
        """Nothing to load: the model comes loaded."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """The model's findings as Presidio's results."""
        found = _prescan_of(text, nlp_artifacts, self._model).model
        return [_result(s, self) for s in found if s.kind in entities]


def _result(span: Span, recognizer: LocalRecognizer) -> RecognizerResult:
    return RecognizerResult(
        span.kind,
        span.start,
        span.end,
        span.score,
        recognition_metadata={
            RecognizerResult.RECOGNIZER_NAME_KEY: span.source,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: recognizer.id,
        },
    )


def build_analyzer(model: TokenModel | None, nlp_engine: NlpEngine | None = None) -> AnalyzerEngine:
    """Presidio's analyzer with the recognizers of this package.

    Args:
        model: The token model; None to do without.
        nlp_engine: Any engine that Presidio supports. Default: spaCy's small English pipeline.
    """
    engine = nlp_engine or SpacyWithPrescan(model)
    if not engine.is_loaded():
        engine.load()
    registry = RecognizerRegistry(supported_languages=[LANGUAGE])
    registry.add_recognizer(
        SpacyRecognizer(
            supported_language=LANGUAGE, supported_entities=sorted(set(_ENTITIES.values()))
        )
        if nlp_engine is None
        else registry.get_nlp_recognizer(engine)(supported_language=LANGUAGE)
    )
    registry.add_recognizer(RuleRecognizer())
    if model is not None:
        registry.add_recognizer(TokenModelRecognizer(model))
    return AnalyzerEngine(
        registry=registry,
        nlp_engine=engine,
        supported_languages=[LANGUAGE],
        context_aware_enhancer=ContextAndFalsePositives(),
    )
