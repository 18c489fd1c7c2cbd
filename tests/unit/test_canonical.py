"""Canonical JSON against another implementation and over random values."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from auditkit.canonical import Digest, canonical_bytes, digest_of, parse_json
from auditkit.errors import InputError

SAFE = 2**53 - 1
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-SAFE, SAFE)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_equals_an_independent_implementation(value):
    assert canonical_bytes(value) == rfc8785.dumps(value)


@given(values)
def test_reading_and_writing_again_changes_nothing(value):
    written = canonical_bytes(value)
    assert canonical_bytes(parse_json(written)) == written


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53 + 1, {1: 2}, "\ud800", b"bytes", {1, 2}, object()],
    ids=lambda value: type(value).__name__,
)
def test_refuses_what_has_no_canonical_form(value):
    with pytest.raises(InputError):
        canonical_bytes(value)


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', "[NaN]", "[Infinity]", "[1e400]", "[-1e999]", "9" * 5000, "", "{", "[1,]"],
    ids=lambda text: text[:12],
)
def test_reads_strictly(text):
    with pytest.raises(InputError):
        parse_json(text)


def test_digests_name_their_algorithm_and_kind():
    digest = Digest.of(b"abc")
    assert Digest.parse(str(digest)) == digest
    assert digest_of("policy/v1", {}) != digest_of("statement/v1", {})
    for wrong in ("md5:00", "sha256:" + "G" * 64, "sha256:00", digest.hex):
        with pytest.raises(InputError):
            Digest.parse(wrong)
