"""Encoded words of mail headers and other escapes, against the standard library's own reading."""

from email.header import Header, decode_header, make_header
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.deid import Deidentifier
from auditkit.deid.vocabulary.normalization import normalize

DEID = Deidentifier()
LETTERS = "abcdefgh ijklmnop ABCDEFG äöüéèñçø ÄÖÜ .,:-"


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet=LETTERS, min_size=1, max_size=120).map(str.strip).filter(bool),
    st.sampled_from(["utf-8", "iso-8859-1", "windows-1252"]),
    st.booleans(),
)
def test_encoded_words_are_read_as_the_standard_library_reads_them(text, charset, base):
    from email.charset import BASE64, QP, Charset

    written = Charset(charset)
    written.header_encoding = BASE64 if base else QP
    header = Header(text, written, maxlinelen=60).encode()
    assert str(make_header(decode_header(header))) == text  # the oracle's own round trip
    normalized = normalize(f"To: {header} <x@y.zz>")
    assert normalized.text == f"To: {normalize(text).text} <x@y.zz>"
    start, end = normalized.original(4, len(normalized.text) - 9)
    assert f"To: {header} <x@y.zz>"[start:end] == header


@pytest.mark.parametrize(
    ("header", "secrets"),
    [
        ("From: =?UTF-8?Q?J=C3=BCrgen_Baum?= <jb@example.de>", "Baum jb@"),
        ("To: =?utf-8?B?R3JldGEgTGluZHF2aXN0?= <gl@example.se>", "R3JldGEg gl@"),
        ("From: =?iso-8859-1?q?Andr=E9_P=E9rez?= <ap@example.es>", "P=E9rez"),
        ("From: =?koi8-r?B?6dfBziDwxdTSz9c=?= <ip@example.ru>", "6dfBziDwxdTSz9c"),
        ("From: =?UTF-8*de?Q?J=C3=BCrgen_Baum?= <jb@example.de>", "Baum"),
        ("From: =?UTF-8?Q?Karol=C3=ADna_?=\r\n =?UTF-8?Q?Dvo=C5=99=C3=A1kov=C3=A1?=", "Karol Dvo"),
        ("attachment; filename*=UTF-8''J%C3%BCrgen%20Baum.pdf from J%C3%BCrgen Baum", "Baum"),
    ],
)  # fmt: skip
def test_names_in_encoded_words_go(header, secrets):
    left = DEID.redact(header)
    assert not [secret for secret in secrets.split() if secret in left], left


@pytest.mark.parametrize(
    "text",
    [
        "Subject: =?UTF-8?Q?Build_2=2E4=2E1_passed?=",
        "=?no-such-set?Q?abc?=",
        "=?utf-8?B?!?=",
        "a =? b ?= c",
    ],
)
def test_encoded_words_of_nobody_stay(text):
    assert DEID.redact(text) == text


def test_what_an_escape_stands_for_is_covered_whole():
    text = "x =?utf-8?Q?Ann_Lee?= y"
    normalized = normalize(text)
    start = normalized.text.index("Ann")
    for length in (1, 3, 7):
        a, b = normalized.original(start, start + length)
        assert text[a:b] == "=?utf-8?Q?Ann_Lee?="


def test_quoted_addresses_of_the_net_are_read_in_utf_8():
    assert normalize(quote("name/Jörg Müller")).text == "name/Jörg Müller"
