"""Fast ways of reading are tried when they are loaded; one that errs is not used, and said so."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.deid import Deidentifier
from auditkit.deid.models import tokens
from auditkit.deid.models.entity_reader import EntityReader, PlainReader, entity_reader
from auditkit.deid.models.self_test import MARKED, TEXTS
from auditkit.deid.models.spacy_small import load_pipeline
from auditkit.deid.models.tokens import TokenModel

NOTE = ["Ann Lee of Boston called Dr. Kowalczyk on 5 May 2021."]


def marks(model, texts):
    return [tuple((s.start, s.end, s.kind) for s in spans) for spans in model.spans(list(texts))]


@pytest.fixture(scope="module")
def files_own():
    """The model by the arithmetic of its file."""
    return TokenModel(plain=True)


def test_what_is_written_down_is_what_the_file_finds(files_own):
    assert marks(files_own, TEXTS) == [*MARKED.values()]
    assert sum(map(len, MARKED.values())) > 20


def test_here_the_fast_ways_are_used_and_nothing_more_is_said():
    deid = Deidentifier(model=True)
    before = deid.describe()
    deid.find(NOTE)
    assert not deid.model.is_plain
    assert type(deid.analyzer.nlp_engine.entities) is EntityReader
    assert deid.describe() == before


def coarse(ranges):
    """Ranges under which integers cannot hold what the activations are."""
    return {name: tokens.Range(r.zero, tuple(20 * x for x in r.largest)) for name, r in ranges}


def nothing(*_):
    raise AttributeError


@pytest.mark.parametrize("way", ["other numbers", "an error"])
def test_integer_products_that_err_are_not_used(monkeypatch, files_own, way):
    if way == "an error":
        monkeypatch.setattr(tokens, "with_integer_products", nothing)
    else:
        ranges = tokens.ranges().items()
        monkeypatch.setattr(tokens, "ranges", lambda: coarse(ranges))
    model = TokenModel()
    assert model.is_plain
    assert marks(model, NOTE) == marks(files_own, NOTE)


def without_rules(self, own=EntityReader.forbid):
    """Moves that may always be made: as if spaCy named them in another way."""
    return np.zeros_like(own(self))


@pytest.mark.parametrize("change", [without_rules, nothing])
def test_a_reader_that_errs_is_not_used(monkeypatch, change):
    monkeypatch.setattr(EntityReader, "forbid", change)
    pipeline = load_pipeline()
    layers = list(pipeline.get_pipe("ner").model.walk())
    own = [layer.ops for layer in layers]
    reader = entity_reader(pipeline, products=object())
    assert type(reader) is PlainReader
    assert [layer.ops for layer in layers] == own
    by_spacy = [doc.ents for doc in load_pipeline().pipe(NOTE)]
    assert places(reader.read(NOTE)) == places(by_spacy)
    assert any(by_spacy)


def places(found):
    return [[(e.start_char, e.end_char, e.label_) for e in entities] for entities in found]


def test_products_that_err_are_not_used():
    """Arithmetic by another library, such as one that loses digits."""
    from thinc.api import NumpyOps

    class Coarse(NumpyOps):
        def gemm(self, *args, **kwargs):
            return np.round(super().gemm(*args, **kwargs))

    reader = entity_reader(load_pipeline(), products=Coarse())
    assert type(reader) is PlainReader


def test_the_evidence_says_what_was_not_used(monkeypatch):
    monkeypatch.setattr(EntityReader, "forbid", nothing)
    monkeypatch.setattr(tokens, "with_integer_products", nothing)
    deid, fast = Deidentifier(model=True), Deidentifier(model=True)
    assert deid.describe() == fast.describe()
    assert deid.find(NOTE)
    more = deid.describe().items() - fast.describe().items()
    assert {key for key, _ in more} == {"engine_method", "token_model_method"}
    assert all("did not agree" in text for _, text in more)
