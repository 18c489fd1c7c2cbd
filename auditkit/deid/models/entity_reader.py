"""spaCy's entity recognizer, read for many texts a step at a time.

Law: what it finds is what the component finds by itself (tests/unit/test_deid_entity_reader.py).
`entity_reader` tries that whenever a pipeline is loaded, and takes the component itself if not.

The weights and the vectors of the words are the component's own; only the choice of the best move
is made here, for all texts at once. It follows the one pipeline whose digests `spacy_model`
verifies. Why: docs/adr/0031.

spaCy remembers every word that it has seen. Texts are read in a memory zone of the pipeline, which
forgets their words at its end, so a process that reads for days does not grow; documents do not
outlive their zone, and what is found leaves it as plain values. A zone belongs to the pipeline, not
to a thread: one thread reads at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.deid.models.self_test import TEXTS

if TYPE_CHECKING:
    import numpy.typing as npt

_logger = logging.getLogger(__name__)
_NOTHING: Final = -1  # no entity is open


@dataclass(frozen=True, slots=True)
class Entity:
    """What the recognizer found, under the names that spaCy's spans have.

    Attributes:
        start_char: Offset of its first character.
        end_char: Offset past its last character.
        label_: spaCy's label.
        text: Its characters.
    """

    start_char: int
    end_char: int
    label_: str
    text: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word, under the names that spaCy's tokens have.

    Attributes:
        idx: Offset of its first character.
        text: Its characters.
    """

    idx: int
    text: str

    def __len__(self) -> int:
        return len(self.text)


class PlainReader:
    """Reads texts with a pipeline whose one component is spaCy's entity recognizer. Thread-safe.

    Args:
        pipeline: The loaded pipeline.
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._lock = Lock()

    def read(self, texts: Sequence[str]) -> list[list[Entity]]:
        """The entities of each text, in order."""
        with self._zone():
            return [
                [Entity(e.start_char, e.end_char, e.label_, e.text) for e in doc.ents]
                for doc in self._pipeline.pipe(texts)
            ]

    def words(self, text: str) -> list[Word]:
        """The words of a text, and its punctuation, as spaCy's tokenizer cuts it."""
        with self._zone():
            return [Word(token.idx, token.text) for token in self._pipeline.make_doc(text)]

    @contextmanager
    def _zone(self) -> Iterator[None]:
        with self._lock, self._pipeline.memory_zone():
            yield


def entity_reader(pipeline: Any, products: Any = None) -> PlainReader:
    """The fast reader, if it finds on the texts of the self-test what the component finds.

    Args:
        pipeline: The loaded pipeline.
        products: Arithmetic for the component instead of its own, see `thinc.api.Ops`. Kept only
            with the fast reader. None: its own.

    Returns:
        An `EntityReader`; a `PlainReader` if they do not agree.
    """
    plain = PlainReader(pipeline)
    wanted = plain.read(TEXTS)
    layers = [(layer, layer.ops) for layer in pipeline.get_pipe("ner").model.walk()]
    try:
        for layer, own in layers:
            layer.ops = products or own
        fast = EntityReader(pipeline)
        if fast.read(TEXTS) == wanted:
            return fast
    except Exception:  # whatever another release of spaCy makes of its inner parts
        _logger.debug("the fast reader of entities cannot be used", exc_info=True)
    for layer, own in layers:
        layer.ops = own
    return plain


class EntityReader(PlainReader):
    """The same, a step at a time for all texts.

    Args:
        pipeline: The loaded pipeline.
    """

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        component = pipeline.get_pipe("ner")
        names = [component.moves.get_class_name(i) for i in range(component.moves.n_moves)]
        self._words = component.model.get_ref("tok2vec")
        self._lower = component.model.get_ref("lower")
        self._upper = component.model.get_ref("upper")
        # A move is O, or B, I, L or U and a label: outside, at the beginning, inside, at the last
        # word of an entity, or one of a single word.
        self._kinds = np.array([name[0] for name in names])
        self._begins = np.isin(self._kinds, ("B", "U"))
        self._ends = np.isin(self._kinds, ("L", "U"))
        self._labels = sorted({name[2:] for name in names} - {""})
        places = {label: place for place, label in enumerate(self._labels)}
        self._label = np.array([places.get(name[2:], _NOTHING) for name in names])
        self._forbidden = self.forbid()

    def read(self, texts: Sequence[str]) -> list[list[Entity]]:
        """The entities of each text, in order."""
        found: list[list[Entity]] = [[] for _ in texts]
        with self._zone():
            docs = list(enumerate(map(self._pipeline.make_doc, texts)))
            # Longest first: those that still have a word at some place are then the first few.
            ordered = sorted((d for d in docs if len(d[1])), key=lambda d: len(d[1]), reverse=True)
            entities = self._entities([doc for _, doc in ordered]) if ordered else []
            for (number, doc), words in zip(ordered, entities, strict=True):
                for first, after, label in words:
                    start, end = doc[first].idx, doc[after - 1].idx + len(doc[after - 1])
                    found[number].append(Entity(start, end, label, texts[number][start:end]))
            del docs, ordered
        return found

    def _entities(self, docs: Sequence[Any]) -> list[list[tuple[int, int, str]]]:
        """Start, end and label of the entities of each text; the longest text comes first."""
        lengths = np.array([len(doc) for doc in docs])
        offsets = np.cumsum(lengths) - lengths
        spaces = np.concatenate([doc.to_array("IS_SPACE") for doc in docs]).astype(np.intp)
        parts, blank = self._parts(docs)
        bias, weights = self._lower.get_param("b"), self._upper.get_param("W").T
        constant = self._upper.get_param("b")
        found: list[list[tuple[int, int, str]]] = [[] for _ in docs]
        # Where the entity that is open began, and its label.
        start, label = np.full(len(docs), _NOTHING), np.full(len(docs), _NOTHING)
        for place in range(int(lengths[0])):
            n = int(np.searchsorted(-lengths, -place))  # texts that have a word here
            word, is_open = offsets[:n] + place, start[:n] != _NOTHING
            # What the component looks at: this word, and of an open entity the first and the last.
            first = np.where(is_open, offsets[:n] + start[:n], blank)
            last = np.where(is_open, word - 1, blank)
            hidden = parts[word, 0] + parts[first, 1] + parts[last, 2] + bias
            scores = hidden.max(-1) @ weights + constant
            at_end = (lengths[:n] == place + 1).astype(np.intp)
            best = (scores + self._forbidden[label[:n], at_end, spaces[word]]).argmax(1)
            start[:n][self._begins[best]] = place
            ended = self._ends[best].nonzero()[0]
            for text in ended.tolist():
                name = self._labels[self._label[best[text]]]
                found[text].append((int(start[text]), place + 1, name))
            start[ended] = _NOTHING
            label[:n] = np.where(start[:n] == _NOTHING, _NOTHING, self._label[best])
        return found

    def _parts(self, docs: Sequence[Any]) -> tuple[npt.NDArray[np.float32], int]:
        """What each word adds to the hidden layer (word, part, unit, piece); where the blank is."""
        weights, blank = self._lower.get_param("W"), self._lower.get_param("pad")
        n_parts, n_units, n_pieces, width = weights.shape
        words = self._words.predict(docs)
        flat = self._lower.ops.gemm(words, weights.reshape(-1, width), trans2=True)
        parts = flat.reshape(-1, n_parts, n_units, n_pieces)
        return np.concatenate([parts, blank]), len(parts)

    def forbid(self) -> npt.NDArray[np.float32]:
        """Minus infinity for moves that may not be made (open label, at the end, at a space, move).

        No label is the last of the labels, where `_NOTHING` finds it.
        """
        kinds, known = self._kinds, self._label != _NOTHING
        forbidden = np.zeros((len(self._labels) + 1, 2, 2, len(kinds)), np.float32)
        for label, end, space in np.ndindex(forbidden.shape[:3]):
            if label == len(self._labels):
                allowed = (self._begins & known & (not space)) | (kinds == "O")
                allowed &= (kinds != "B") | (not end)
            else:
                allowed = ((kinds == "L") | ((kinds == "I") & (not end))) & (self._label == label)
            forbidden[label, end, space, ~allowed] = -np.inf
        return forbidden
