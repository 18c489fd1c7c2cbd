"""DSSE envelopes."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from auditkit.canonical import canonical_bytes
from auditkit.errors import KeyFileError, VerificationError
from auditkit.signing.dsse import PAYLOAD_TYPE, open_envelope, pae, seal
from auditkit.signing.private_keys import LocalKey

KEYS = {
    "ed25519": LocalKey(ed25519.Ed25519PrivateKey.generate()),
    "p256": LocalKey(ec.generate_private_key(ec.SECP256R1())),
    "p384": LocalKey(ec.generate_private_key(ec.SECP384R1())),
    "rsa": LocalKey(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
}


def test_pae_is_the_protocols_own_example():
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == expected


def test_pae_counts_bytes():
    assert pae("é", "ü".encode()).startswith(b"DSSEv1 2 \xc3\xa9 2 ")


@pytest.mark.parametrize("name", KEYS)
def test_what_is_sealed_opens(name):
    opened = open_envelope(seal(b'{"a":1}', KEYS[name]))
    assert opened.payload == b'{"a":1}'
    assert opened.keys == (KEYS[name].public_key,)


def test_another_library_verifies_the_signature():
    key = KEYS["p256"]
    entry = json.loads(seal(b"{}", key))["signatures"][0]
    signature = base64.b64decode(entry["sig"])
    message = b"DSSEv1 28 application/vnd.in-toto+json 2 {}"
    key.public_key.verify(signature, message, ec.ECDSA(hashes.SHA256()))


@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_no_bit_of_an_envelope_can_change(position, bit):
    envelope = bytearray(ENVELOPE)
    envelope[position % len(envelope)] ^= 1 << bit
    with pytest.raises(VerificationError):
        open_envelope(bytes(envelope))


ENVELOPE = seal(b'{"_type":"x"}', KEYS["ed25519"])


def without(**changes):
    content = json.loads(ENVELOPE)
    return canonical_bytes(content | changes)


def entry(**changes):
    return [json.loads(ENVELOPE)["signatures"][0] | changes]


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        without(signatures=[]),
        without(signatures={}),
        without(signatures=[None]),
        without(signatures=None),
        without(payload=None),
        without(payload="e30"),
        without(payload="e31="),
        without(payload=" e30="),
        without(payloadType="text/plain"),
        without(signatures=entry(keyid="")),
        without(signatures=entry(sig="")),
        without(signatures=entry(publicKey="AAAA")),
        without(signatures=entry() + entry(sig="AAAA")),
    ],
)
def test_what_is_no_envelope_is_refused(envelope):
    with pytest.raises(VerificationError):
        open_envelope(envelope)


def test_type_of_envelope():
    assert json.loads(ENVELOPE)["payloadType"] == PAYLOAD_TYPE


def test_a_key_that_signs_wrongly_is_found_at_signing():
    class Faulty:
        public_key = KEYS["ed25519"].public_key

        def sign(self, message):
            return bytes(64)

    with pytest.raises(KeyFileError, match="does not verify"):
        seal(b"{}", Faulty())
