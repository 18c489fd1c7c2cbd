"""A process that reads texts for days keeps nothing of them, in any number of threads."""

import logging
import random
import string
from concurrent.futures import ThreadPoolExecutor

import pytest
from presidio_analyzer import Pattern, PatternRecognizer

from auditkit.deid import Deidentifier
from auditkit.deid.models.entity_reader import EntityReader
from auditkit.deid.models.spacy_small import load_pipeline


def words(seed, count=60):
    rng = random.Random(seed)
    return " ".join("".join(rng.choices(string.ascii_lowercase, k=9)) for _ in range(count))


def vocabulary(pipeline):
    return len(pipeline.vocab.strings), sum(1 for _ in pipeline.vocab)


def test_the_vocabulary_does_not_grow_with_the_texts_read():
    deid = Deidentifier()
    deid.find([f"{words(0)} met Ann Lee of Boston."])
    pipeline = deid.analyzer.nlp_engine.nlp["en"]
    before = vocabulary(pipeline)
    for seed in range(1, 6):
        deid.find([f"{words(seed)} met Ann Lee of Boston." for seed in range(seed, seed + 3)])
    assert vocabulary(pipeline) == before


def test_without_a_zone_the_vocabulary_grows():
    """The law above can fail: what spaCy does by itself."""
    pipeline = load_pipeline()
    before = vocabulary(pipeline)
    list(pipeline.pipe([words(1)]))
    assert vocabulary(pipeline) > before


def test_recognizers_that_ask_for_words_around_do_not_make_it_grow():
    deid = Deidentifier(model=False)
    near = PatternRecognizer(
        "ID", patterns=[Pattern("box", r"\bZX\d{3}\b", 0.3)], context=["locker"]
    )
    deid.analyzer.registry.add_recognizer(near)
    assert "ZX123" not in deid.redact("Her locker is ZX123.")
    assert "ZX124" in deid.redact("It says ZX124.")
    pipeline = deid.analyzer.nlp_engine.nlp["en"]
    before = vocabulary(pipeline)
    deid.redact(f"Her locker is ZX125. {words(7)}")
    assert vocabulary(pipeline) == before


def test_threads_find_what_one_thread_finds():
    deid = Deidentifier()
    texts = [
        [f"{words(seed, 8)} spoke with Ann Lee in Boston. Call 617-555-{seed:04}." for _ in "ab"]
        for seed in range(24)
    ]
    alone = [deid.find(pair) for pair in texts]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(deid.find, texts)) == alone


def test_words_are_those_of_spacys_tokenizer():
    pipeline = load_pipeline()
    text = "Mr. O'Neil's MRN: 44-18, isn't\n  here."
    words = EntityReader(pipeline).words(text)
    assert [(word.idx, word.text) for word in words] == [(t.idx, t.text) for t in pipeline(text)]


@pytest.mark.parametrize("name", ["presidio-analyzer", "spacy", ""])
def test_reading_sets_no_level_of_logging(name):
    logger = logging.getLogger(name)
    before = logger.level, list(logger.handlers), list(logger.filters)
    Deidentifier(model=False).redact("Ann Lee owes 12 dollars for the first French book.")
    assert (logger.level, list(logger.handlers), list(logger.filters)) == before
