"""spaCy's entity recognizer, read for many texts a step at a time.

Law: what it finds is what the component finds by itself (tests/unit/test_deid_entity_reader.py).

Why: of the component's time the greater part goes, in its compiled loop, into taking and leaving
the interpreter's lock for each of 74 moves a token, and threads beside it wait for that lock. The
weights and the vectors of the words are the component's own; only the choice of the best move is
made here, for all texts at once. It follows the one pipeline whose digests `spacy_model` verifies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_OUTSIDE, _BEGIN, _INSIDE, _LAST, _UNIT = range(5)
_MOVES: Final = {"O": _OUTSIDE, "B": _BEGIN, "I": _INSIDE, "L": _LAST, "U": _UNIT}
_NOTHING: Final = -1  # no entity is open


class EntityReader:
    """Reads texts with a pipeline whose one component is spaCy's entity recognizer.

    Args:
        pipeline: The loaded pipeline.
    """

    def __init__(self, pipeline: Any) -> None:
        component = pipeline.get_pipe("ner")
        names = [component.moves.get_class_name(i) for i in range(component.moves.n_moves)]
        self._pipeline = pipeline
        self._words = component.model.get_ref("tok2vec")
        self._lower = component.model.get_ref("lower")
        self._upper = component.model.get_ref("upper")
        self._move = np.array([_MOVES[name[0]] for name in names])
        self._labels = sorted({name[2:] for name in names} - {""})
        places = {label: place for place, label in enumerate(self._labels)}
        self._label = np.array([places.get(name[2:], _NOTHING) for name in names])
        self._forbidden = self._forbid()

    def read(self, texts: Sequence[str]) -> list[Any]:
        """The texts as spaCy's documents, with their entities, in order."""
        from spacy.tokens import Span

        docs = [self._pipeline.make_doc(text) for text in texts]
        # Longest first: those that still have a word at some place are then the first few.
        ordered = sorted((doc for doc in docs if len(doc)), key=len, reverse=True)
        if ordered:
            for doc, found in zip(ordered, self._entities(ordered), strict=True):
                doc.ents = [Span(doc, start, end, label) for start, end, label in found]
        return docs

    def _entities(self, docs: Sequence[Any]) -> list[list[tuple[int, int, str]]]:
        """Start, end and label of the entities of each text; the longest text comes first."""
        lengths = np.array([len(doc) for doc in docs])
        offsets = np.cumsum(lengths) - lengths
        spaces = np.array([word.is_space for doc in docs for word in doc], np.intp)
        parts, blank = self._parts(docs)
        bias, weights = self._lower.get_param("b"), self._upper.get_param("W").T
        constant = self._upper.get_param("b")
        shape = (len(docs), int(lengths[0]))
        moves, starts = np.zeros(shape, np.intp), np.zeros(shape, np.intp)
        start = np.full(len(docs), _NOTHING)
        label = np.full(len(docs), _NOTHING)
        for place in range(shape[1]):
            n = int(np.searchsorted(-lengths, -place))  # texts that have a word here
            word, is_open = offsets[:n] + place, start[:n] != _NOTHING
            # What the component looks at: this word, and of an open entity the first and the last.
            first = np.where(is_open, offsets[:n] + start[:n], blank)
            last = np.where(is_open, word - 1, blank)
            hidden = parts[word, 0] + parts[first, 1] + parts[last, 2] + bias
            scores = hidden.max(-1) @ weights + constant
            ends = (lengths[:n] == place + 1).astype(np.intp)
            scores += self._forbidden[label[:n], ends, spaces[word]]
            best = scores.argmax(1)
            move = self._move[best]
            begins = (move == _BEGIN) | (move == _UNIT)
            start[:n] = np.where(begins, place, start[:n])
            label[:n] = np.where(begins, self._label[best], label[:n])
            moves[:n, place], starts[:n, place] = best, start[:n]
            closed = (move == _LAST) | (move == _UNIT)
            start[:n][closed] = label[:n][closed] = _NOTHING
        found: list[list[tuple[int, int, str]]] = [[] for _ in docs]
        chosen = self._move[moves]
        ended = ((chosen == _LAST) | (chosen == _UNIT)) & (np.arange(shape[1]) < lengths[:, None])
        for text, place in np.argwhere(ended).tolist():
            name = self._labels[self._label[moves[text, place]]]
            found[text].append((int(starts[text, place]), place + 1, name))
        return found

    def _parts(self, docs: Sequence[Any]) -> tuple[npt.NDArray[np.float32], int]:
        """What each word adds to the hidden layer (word, part, unit, piece); where the blank is."""
        weights, blank = self._lower.get_param("W"), self._lower.get_param("pad")
        n_parts, n_units, n_pieces, width = weights.shape
        words = self._words.predict(docs)
        flat = self._lower.ops.gemm(words, weights.reshape(-1, width), trans2=True)
        parts = flat.reshape(-1, n_parts, n_units, n_pieces)
        return np.concatenate([parts, blank]), len(parts)

    def _forbid(self) -> npt.NDArray[np.float32]:
        """Minus infinity for moves that may not be made (open label, at the end, at a space, move).

        No label is the last of the labels, where `_NOTHING` finds it.
        """
        starts, known = np.isin(self._move, (_BEGIN, _UNIT)), self._label != _NOTHING
        forbidden = np.zeros((len(self._labels) + 1, 2, 2, len(self._move)), np.float32)
        for label, end, space in np.ndindex(forbidden.shape[:3]):
            if label == len(self._labels):
                allowed = (starts & known) | (self._move == _OUTSIDE)
                allowed &= ~((self._move == _BEGIN) & bool(end)) & ~(starts & bool(space))
            else:
                inside = (self._move == _INSIDE) & (not end)
                allowed = (inside | (self._move == _LAST)) & (self._label == label)
            forbidden[label, end, space, ~allowed] = -np.inf
        return forbidden
