"""What the verifier takes apart itself is taken apart in its child first, within limits."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from auditkit.errors import VerificationError
from auditkit.pdf.reading import Archived, DocumentTimestamp, ReadPdf
from auditkit.signing.certificates import Trusted
from auditkit.signing.cms import assemble
from auditkit.signing.validation_data import ValidationData
from auditkit.verification.attached import rehearse
from auditkit.verification.signature_parts import take_apart

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(*, tokens=(), data=None, **files):
    stamped = tuple(DocumentTimestamp(token=one, stamped=b"") for one in tokens)
    archived = Archived(certified=b"", data=data, timestamps=stamped)
    files = {f"{name}.json": content for name, content in files.items()}
    return ReadPdf(archived=archived, files=files, unread=None, signature=None, unsigned=None)


def certificate(name, issuer, key, of_issuer, serial):
    called = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
    return (
        x509.CertificateBuilder(*reversed(called), key.public_key(), serial)
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(of_issuer, hashes.SHA256())
    )


def crossed(count):
    """Authorities each of whom every other one has issued, so that paths are without number."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(count)]
    pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
    return [
        certificate(f"a{i}", f"a{j}", keys[i], keys[j], 1 + number)
        for number, (i, j) in enumerate(pairs)
    ]


def nested(depth):
    der = b""
    for _ in range(depth):
        size = len(der)
        width = (size.bit_length() + 7) // 8 or 1
        head = bytes([size]) if size < 128 else bytes([0x80 | width]) + size.to_bytes(width)
        der = b"\x30" + head + der
    return der


def rehearsed(*given):
    """Rehearses; whatever comes of it, it was not this process that worked."""
    began = time.process_time()
    with suppress(VerificationError):
        rehearse(*given, (NOW,))
    assert time.process_time() - began < 1


@pytest.mark.parametrize("depth", [10, 1000, 20_000])
def test_nested_objects_end_in_the_child(depth):
    der = nested(depth)
    data = ValidationData(certificates=(der,), crls=(der,), ocsps=(der,))
    rehearsed(read(tokens=[der], data=data), der, ())


def test_nested_json_ends_in_the_child():
    deep = b"[" * 400_000
    rehearsed(read(receipt=deep, render=deep), b"", ())


FAR = NOW + timedelta(days=4000)


@pytest.mark.parametrize("times", [(NOW, None), (None, NOW), (FAR, NOW), (FAR, None)])
@pytest.mark.parametrize("revoked", [False, True])
def test_a_maze_of_certificates_ends_in_the_child(times, revoked):
    """At whatever time it is judged here, and if the root that would end it was revoked."""
    certificates = crossed(8)
    der = assemble(
        certificates=certificates, message_digest=b"0" * 32, signature=b"1" * 64, timestamp=None
    )
    assert len(take_apart(der).certificates) == 56
    root = ec.generate_private_key(ec.SECP256R1())
    trust = [Trusted(certificate=certificate("root", "root", root, root, 999))]
    if revoked:
        trust = [Trusted(certificate=certificates[-1], revoked_at=NOW)]
    began = time.process_time()
    with pytest.raises(VerificationError, match="more than 3 seconds of computing"):
        rehearse(read(), der, trust, times)
    assert time.process_time() - began < 1


def test_more_than_any_report_has_is_refused_before():
    with pytest.raises(VerificationError, match="larger"):
        rehearse(read(tokens=[bytes(33 << 20)]), b"", (), (NOW,))
