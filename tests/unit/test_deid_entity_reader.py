"""What the reader finds is what spaCy's own recognizer of entities finds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.deid.models.entity_reader import EntityReader
from auditkit.deid.models.spacy_small import load_pipeline
from tests.support.marked_texts import marked_texts
from tests.support.personal_texts import texts_of
from tests.support.repeated import times

PIPELINE = load_pipeline()
READER = EntityReader(PIPELINE)
ODD = [
    "",
    " ",
    "\n",
    "Ann",
    "\nParis",
    "New York\n",
    "Mr. John \t\n Smith Jr. ",
    "a\n\nAnn Lee \n\n Bob  \n",
]
WORDS = [
    "Ann", "Lee", "Smith", "Mr.", "Jr.", "New", "York", "Paris", "the", "of", "on", "in", "and",
    "5", "May", "2021", "$", "3.50", "10", "%", "noon", "Acme", "Inc.", "Bank", "first", "French",
    "\n", "  ", ",", ".", "-", "war",
]  # fmt: skip


def plain(found):
    return [[(e.start_char, e.end_char, e.label_, e.text) for e in entities] for entities in found]


def agree(texts):
    by_spacy = [doc.ents for doc in PIPELINE.pipe(texts, batch_size=128)]
    assert plain(READER.read(texts)) == plain(by_spacy)


@pytest.mark.repeated
@pytest.mark.parametrize("name", ["clinical", "business", "disguised"])
def test_texts_of_styles_are_read_as_spacy_reads_them(name):
    agree([sample.text for half in (0, 1) for sample in texts_of(name, half, times(30, 200))])


def test_texts_written_one_by_one_are_read_as_spacy_reads_them():
    styles = [*marked_texts("mended_on").values(), *marked_texts("never_mended_on").values()]
    agree([sample.text for samples in styles for sample in samples])


def test_odd_texts_are_read_as_spacy_reads_them():
    agree(ODD)
    agree([])
    agree(["", ""])


@pytest.mark.repeated
@settings(max_examples=times(60, 600), deadline=None)
@given(
    st.lists(
        st.one_of(
            st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join), st.text(max_size=60)
        ),
        max_size=8,
    )
)
def test_any_texts_are_read_as_spacy_reads_them(texts):
    agree(texts)
