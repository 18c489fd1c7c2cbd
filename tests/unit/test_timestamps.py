"""Attested times: a signer and a timestamp authority under one test root, on loopback."""

from __future__ import annotations

import hashlib
import random
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from auditkit.errors import UnverifiableError
from auditkit.pdf.reading import read_pdf
from auditkit.signing import LocalKey, Signer, TimestampAuthority, Trusted
from auditkit.verification import ClaimState
from auditkit.verification.signed_file import signed_file
from tests.support.authority import NOW, Authority, serving
from tests.support.repeated import times
from tests.support.small_report import attachments, statement_bytes, unsigned_report
from tests.support.verifying import verify

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def address(authority, tmp_path_factory):
    with serving(authority, tmp_path_factory.mktemp("tsa")) as url:
        yield url


@pytest.fixture(scope="module")
def signer(authority, address):
    return issued(authority).with_timestamps(address)


def issued(authority, **options):
    key, certificate = authority.issue("Example Bank Model Risk", **options)
    return Signer.of([LocalKey(key)], [certificate, authority.issuer])


@pytest.fixture(scope="module")
def report(signer):
    return signed(signer)


def signed(signer, at=NOW):
    return signer.sign_pdf(
        unsigned_report(attachments(signer, statement_bytes()), signer=signer), at=at
    )


def states(report, trust, **options):
    found = verify(report, trust=trust, **options)
    return {c.id: c.state for c in found.claims if c.id in {"signature", "signer", "time"}}, found


def test_a_trusted_authority_attests_the_time(report, authority, signer):
    found, claims = states(report, [authority.root])
    assert signer.level == "B-T"
    assert set(found.values()) == {ClaimState.TRUE}, claims
    assert "Test Timestamps" in claims.claim("time").reason
    assert claims.claim("time").asked
    assert "issued under a root that you trust" in claims.claim("signer").reason


def test_without_the_root_neither_signer_nor_time_could_be_checked(report):
    found, claims = states(report, [Authority().root])
    assert found["signature"] is ClaimState.TRUE
    assert found["signer"] is found["time"] is ClaimState.UNCHECKED
    assert "--trust" in claims.claim("time").reason


def parts_of(report):
    return signed_file(report, read_pdf(report).the_signature()).parts


def test_openssl_verifies_the_token_too(report, authority, tmp_path):
    from auditkit.signing.certificates import to_pem

    parts = parts_of(report)
    (tmp_path / "token").write_bytes(parts.timestamp)
    (tmp_path / "data").write_bytes(parts.signature)
    (tmp_path / "root.pem").write_bytes(to_pem(authority.root))
    (tmp_path / "issuer.pem").write_bytes(to_pem(authority.issuer))
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-in", "token", "-token_in", "-data", "data", "-CAfile",
         "root.pem", "-untrusted", "issuer.pem"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_expired_certificate_counts_if_the_time_is_attested(authority, address):
    old = issued(authority, days=(-20, 1)).with_timestamps(address)
    report = signed(old)
    later = NOW + timedelta(days=5)
    assert states(report, [authority.root], now=later)[0]["signer"] is ClaimState.TRUE
    plain = signed(issued(authority, days=(-20, 1)))
    assert states(plain, [authority.root], now=later)[0]["signer"] is ClaimState.UNCHECKED


def test_an_attested_time_survives_a_compromise_of_the_key(report, signer, authority):
    for days, expected in ((1, ClaimState.TRUE), (-1, ClaimState.FALSE)):
        own = Trusted(
            certificate=signer.certificate,
            revoked_at=datetime.now(UTC) + timedelta(days=days),
            compromised=True,
        )
        assert states(report, [own, authority.root])[0]["signer"] is expected


def test_a_certificate_outside_its_validity_at_the_attested_time_is_false(authority, address):
    """The signer states a time when the certificate was valid; the authority knows better."""
    expired = issued(authority, days=(-20, -10)).with_timestamps(address)
    report = signed(expired, at=NOW - timedelta(days=15))
    found, claims = states(report, [authority.root])
    assert found["time"] is ClaimState.TRUE
    assert found["signer"] is ClaimState.FALSE
    assert "was not valid on" in claims.claim("signer").reason


def test_a_stale_token_is_false(report, signer, authority):
    """The timestamp of another signature, moved here."""
    from auditkit.signing.cms import assemble

    older = parts_of(report)
    fresh = signed(signer, at=NOW + timedelta(seconds=1))
    parts = parts_of(fresh)
    moved = assemble(
        certificates=parts.certificates,
        message_digest=parts.message_digest,
        signature=parts.signature,
        timestamp=older.timestamp,
    )
    start = fresh.index(b"/Contents <") + len(b"/Contents <")
    end = fresh.index(b">", start)
    changed = fresh[:start] + moved.hex().upper().encode().ljust(end - start, b"0") + fresh[end:]
    found, claims = states(changed, [authority.root])
    assert found["time"] is ClaimState.FALSE
    assert "something else" in claims.claim("time").reason
    assert claims.exit_code == 12


def token_of(report):
    return parts_of(report).timestamp


@pytest.mark.repeated
def test_no_byte_of_the_issuers_certificate_in_the_token_can_change(report, authority):
    """Nothing in the token vouches for it; the root that the verifier trusts does."""
    token, issuer = token_of(report), authority.issuer.public_bytes(Encoding.DER)
    start = report.index(token.hex().upper().encode()) + 2 * token.index(issuer)
    for place in random.Random(3).sample(range(len(issuer)), times(20, len(issuer))):
        changed = bytearray(report)
        at = start + 2 * place
        changed[at : at + 2] = b"%02X" % (int(report[at : at + 2], 16) ^ 1)
        claim = verify(bytes(changed), trust=[authority.root]).claim("time")
        if claim.state is not ClaimState.FALSE:  # its issuer's name or key identifier
            assert claim.state is ClaimState.UNCHECKED, (place, claim)
            assert "leads to no certificate that you trust" in claim.reason


def test_a_changed_issuer_is_told_from_an_unknown_one(report, authority):
    token, issuer = token_of(report), authority.issuer.public_bytes(Encoding.DER)
    start = report.index(token.hex().upper().encode()) + 2 * token.index(issuer)
    changed = bytearray(report)
    last = start + 2 * (len(issuer) - 1)
    changed[last : last + 2] = b"%02X" % (int(report[last : last + 2], 16) ^ 1)
    claim = verify(bytes(changed), trust=[authority.root]).claim("time")
    assert claim.state is ClaimState.FALSE
    assert "not signed by the issuer that it names" in claim.reason
    namesake = verify(report, trust=[Authority().root]).claim("time")
    assert namesake.state is ClaimState.UNCHECKED
    assert "did not sign the certificate of Test Issuer" in namesake.reason


@pytest.mark.repeated
def test_no_byte_of_the_token_can_change(report, authority):
    """No byte changes without a claim that is not true."""
    token = token_of(report)
    start = report.index(token.hex().upper().encode())
    places = random.Random(5).sample(range(0, 2 * len(token), 2), times(40, len(token)))
    accepted = []
    for place in places:
        changed = bytearray(report)
        old = int(report[start + place : start + place + 2], 16)
        changed[start + place : start + place + 2] = b"%02X" % (old ^ 1)
        found, claims = states(bytes(changed), [authority.root])
        if claims.exit_code == 0 or set(found.values()) == {ClaimState.TRUE}:
            accepted.append((place // 2, claims))
    assert accepted == []


# Authorities that misbehave


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda body: b"", "cannot be read"),
        (lambda body: b"hello", "cannot be read"),
        (lambda body: body[:-1], "cannot be read"),
        (lambda body: body + bytes(70000), "too long"),
        (lambda body: b"\x30\x05\x30\x03\x02\x01\x02", "refused"),
    ],
)
def test_a_bad_answer_is_an_error(authority, tmp_path, answer, message):
    with (
        serving(authority, tmp_path, answer=answer) as url,
        pytest.raises(UnverifiableError, match=message),
    ):
        TimestampAuthority(url=url).stamp(b"x")


def test_an_answer_to_another_question_is_an_error(authority, tmp_path):
    kept = []

    def replay(body):
        kept.append(body)
        return kept[0]

    with serving(authority, tmp_path, answer=replay) as url:
        tsa = TimestampAuthority(url=url)
        assert hashlib.sha256(b"x").digest() in tsa.stamp(b"x")
        with pytest.raises(UnverifiableError, match="another request"):
            tsa.stamp(b"x")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "file:///etc/passwd", "nonsense"])
def test_an_authority_that_is_not_there_is_an_error(url):
    with pytest.raises(UnverifiableError) as caught:
        TimestampAuthority(url=url, timeout_seconds=2).stamp(b"x")
    assert "unattested" in caught.value.remedy
