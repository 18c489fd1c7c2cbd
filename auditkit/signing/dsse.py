"""DSSE envelopes: a signed statement, as in-toto and Sigstore exchange them.

The signature is over the pre-authentication encoding (PAE) of type and payload *bytes*, so the
signed bytes are verified before anything parses them. Source: the DSSE protocol, version 1.0.2,
https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md

Laws:
    - Lengths in the PAE count bytes, not characters.
    - An envelope that auditkit writes is canonical JSON. `open_envelope` accepts any valid one, and
      refuses one without a signature, with two payloads, or with stray characters in base64.
    - Each signature entry carries the signer's public key in an extension field, `publicKey`, so
      that a machine can check the signature by itself. It does not say whose key that is: the
      signed PDF that holds the envelope does, or a key that the reader already has.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

from auditkit.canonical import Json, canonical_bytes, parse_json
from auditkit.errors import InputError, VerificationError
from auditkit.signing.private_keys import (
    PrivateKey,
    PublicKey,
    check_signature,
    fingerprint_of,
    public_key_from_spki,
    sign_checked,
    spki_of,
)

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedEnvelope:
    """An envelope's payload; every signature on it verified.

    Attributes:
        payload: The signed bytes.
        keys: The public keys that signed, in the envelope's order; at least one.
    """

    payload: bytes
    keys: tuple[PublicKey, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: `DSSEv1 len type len payload`, lengths in bytes.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, key: PrivateKey) -> bytes:
    """Signs a statement's bytes and wraps them in an envelope.

    Args:
        payload: Canonical bytes of an in-toto statement.
        key: The statement key.

    Returns:
        Canonical JSON.

    Raises:
        KeyFileError: If the key cannot be used.
    """
    return canonical_bytes(
        {
            "payload": _base64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [_signature(payload, key)],
        }
    )


def cosign(envelope: bytes, key: PrivateKey) -> bytes:
    """Adds a signature to an envelope, after checking those that are there.

    Args:
        envelope: The envelope.
        key: Who signs it as well; if it has signed before, nothing changes.

    Returns:
        Canonical JSON.

    Raises:
        VerificationError: If it is not an envelope all of whose signatures verify.
        KeyFileError: If the key cannot be used.
    """
    opened = open_envelope(envelope)
    content = parse_json(envelope)
    if key.public_key not in opened.keys:
        content["signatures"].append(_signature(opened.payload, key))
    return canonical_bytes(content)


def _signature(payload: bytes, key: PrivateKey) -> dict[str, Json]:
    return {
        "keyid": fingerprint_of(key.public_key),
        "publicKey": _base64(spki_of(key.public_key)),
        "sig": _base64(sign_checked(key, pae(PAYLOAD_TYPE, payload))),
    }


def open_envelope(envelope: bytes) -> OpenedEnvelope:
    """Checks every signature of an envelope and returns its payload.

    Raises:
        VerificationError: If it is not an envelope over an in-toto statement, if any signature
            does not verify, or if there is none.
    """
    try:
        content = parse_json(envelope)
    except InputError as error:
        raise VerificationError("The envelope is not valid JSON.") from error
    payload = _bytes_at(content, "payload")
    if content.get("payloadType") != PAYLOAD_TYPE:
        raise VerificationError("The envelope does not hold an in-toto statement.")
    entries = content.get("signatures")
    if not isinstance(entries, list) or not entries:
        raise VerificationError("The envelope carries no signature.")
    keys = []
    for entry in entries:
        key = public_key_from_spki(_bytes_at(entry, "publicKey"))
        if entry.get("keyid") != fingerprint_of(key):
            raise VerificationError("The envelope's key id does not match the key in it.")
        check_signature(key, _bytes_at(entry, "sig"), pae(PAYLOAD_TYPE, payload))
        keys.append(key)
    return OpenedEnvelope(payload=payload, keys=tuple(keys))


def _bytes_at(holder: Any, name: str) -> bytes:
    text = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(text, str):
        raise VerificationError(f"The envelope has no field {name!r}.")
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError(f"The envelope's field {name!r} is not base64.") from error
    if _base64(value) != text:
        raise VerificationError(f"The envelope's field {name!r} is not canonical base64.")
    return value


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
