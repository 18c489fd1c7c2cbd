"""PAdES B-LTA: reports that verify offline after their certificates have expired.

The authorities are certomancer's, on loopback; the second opinion is pyHanko's.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import re
import socket
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from auditkit.errors import InputError, UnverifiableError
from auditkit.signing.archive import ValidationData, prepare, validation_data
from auditkit.signing.issuers import as_asn1
from auditkit.signing.long_term import extend
from auditkit.verification import ClaimState
from tests.support.pki import SIGNED_AT, infrastructure
from tests.support.repeated import times
from tests.support.small_report import attachments, statement_bytes, unsigned_report
from tests.support.verifying import verify

pytestmark = pytest.mark.server

LATER = datetime(2029, 6, 1, tzinfo=UTC)  # the signer's certificate has expired
MUCH_LATER = datetime(2040, 1, 1, tzinfo=UTC)  # the authority's, too
LOOKED_AT = {"signature", "signer", "time", "long_term", "unchanged"}


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    with infrastructure(tmp_path_factory.mktemp("pki")) as running:
        yield running


@pytest.fixture(scope="module")
def root(pki):
    return pki.certificate("root")


def signed(pki, label="signer", *, long_term=False):
    pki.set_time(SIGNED_AT)
    signer = pki.signer(label).with_timestamps(pki.url, long_term=long_term)
    return signer.sign_pdf(
        unsigned_report(attachments(signer, statement_bytes()), signer=signer), at=SIGNED_AT
    )


@pytest.fixture(scope="module")
def attested(pki):
    """A report with an attested time: B-T."""
    return signed(pki)


@pytest.fixture(scope="module")
def report(pki):
    """The same with what later verifiers need: B-LTA."""
    return signed(pki, long_term=True)


def appended(pki, before, data):
    """A revision with any data, stamped by the authority as anyone may ask it to."""
    prepared = prepare(before, data, room=6000)
    return prepared.filled(pki.signer().timestamps.stamp_digest(prepared.digest))


def states(data, *trust, now=MUCH_LATER):
    found = verify(data, trust=trust, now=now)
    return {c.id: c.state for c in found.claims if c.id in LOOKED_AT}, found


def refused(data, *trust):
    found = verify(data, trust=trust, now=SIGNED_AT)
    assert found.exit_code == 12
    assert found.claim("signature").state is ClaimState.FALSE
    return found


def test_it_verifies_offline_when_every_certificate_has_expired(report, root, monkeypatch):
    def no_network(*arguments):
        raise AssertionError("verify opened a socket")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    found, claims = states(report, root)
    assert set(found.values()) == {ClaimState.TRUE}, claims
    assert claims.claim("long_term").asked
    assert "not revoked then, as the file shows" in claims.claim("signer").reason
    assert "1 OCSP answer" in claims.claim("long_term").reason


def test_all_of_it_works_where_a_loop_is_running_already(pki, root):
    """In a notebook or a web server: what needs a loop asks for one of its own."""

    async def cell():
        made = signed(pki, long_term=True)
        renewed = extend(made, pki.signer().timestamps)
        return verify(renewed, trust=[root], now=SIGNED_AT)

    found = asyncio.run(cell())
    told = {c: found.claim(c).state for c in ("signature", "signer", "time", "long_term")}
    assert told == dict.fromkeys(told, ClaimState.TRUE)


def test_nothing_before_the_appended_revision_changes(report, attested):
    """Both were signed at one second; only the timestamp's number differs between them."""
    reader = PdfFileReader(BytesIO(report))
    (own,) = reader.embedded_regular_signatures
    _, _, start, length = (int(n) for n in own.byte_range)
    assert start + length == len(attested)
    assert report[: own.byte_range[1]] == attested[: own.byte_range[1]]


def test_pyhanko_validates_it_as_lta(report, root):
    """Its own reading of EN 319 102-1, a day later: the OCSP answer alone would be stale then."""
    from pyhanko.sign.validation import ades
    from pyhanko.sign.validation.policy_decl import (
        PdfSignatureValidationSpec,
        SignatureValidationSpec,
    )
    from pyhanko_certvalidator.context import CertValidationPolicySpec
    from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
    from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
    from pyhanko_certvalidator.registry import SimpleTrustManager

    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=[as_asn1(root)]),
        revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO, retroactive_revinfo=True),
    )
    day_after = SIGNED_AT + timedelta(days=1)
    (own,) = PdfFileReader(BytesIO(report)).embedded_regular_signatures
    result = asyncio.run(
        ades.ades_lta_validation(
            own,
            PdfSignatureValidationSpec(
                SignatureValidationSpec(
                    cert_validation_policy=policy, ts_cert_validation_policy=policy
                )
            ),
            timing_info=ValidationTimingInfo(
                validation_time=day_after,
                best_signature_time=day_after,
                point_in_time_validation=True,
            ),
        )
    )
    assert result.ades_subindic.name == "OK"
    assert result.oldest_evidence_record_timestamp == SIGNED_AT
    assert result.api_status.modification_level.name == "LTA_UPDATES"
    assert result.api_status.docmdp_ok


def test_it_can_be_renewed_before_the_last_timestamp_expires(pki, report, root):
    pki.set_time(LATER)
    renewed = extend(report, pki.signer().timestamps)
    pki.set_time(SIGNED_AT)
    found, claims = states(renewed, root)
    assert set(found.values()) == {ClaimState.TRUE}, claims
    assert "timestamp of 2029-06-01" in claims.claim("long_term").reason
    assert "was not valid" not in claims.claim("signer").reason
    again = validation_data(PdfFileReader(BytesIO(renewed)))
    assert again.since(validation_data(PdfFileReader(BytesIO(report)))).crls
    assert len(set(again.certificates)) == len(again.certificates)


def test_the_command_renews_in_place_and_leaves_the_file_if_it_cannot(pki, attested, tmp_path):
    from auditkit.cli import run

    path = tmp_path / "report.pdf"
    path.write_bytes(attested)
    assert run(["renew", str(path), "--timestamps", "http://127.0.0.1:9/"]) == 11
    assert path.read_bytes() == attested
    assert run(["renew", str(path), "--timestamps", pki.url]) == 0
    assert path.read_bytes().startswith(attested)
    assert run(["renew", str(tmp_path / "none.pdf"), "--timestamps", pki.url]) == 2


def test_timestamps_out_of_order_are_false(pki, report, root):
    """A later revision with an earlier time: somebody's clock, or somebody's hand."""
    pki.set_time(SIGNED_AT - timedelta(days=20))
    changed = appended(pki, report, ValidationData())
    pki.set_time(SIGNED_AT)
    found, claims = states(changed, root)
    assert found["long_term"] is ClaimState.FALSE
    assert "older than the one before" in claims.claim("long_term").reason


# Revocation


def test_a_revoked_or_unanswered_certificate_is_not_archived(pki):
    with pytest.raises(UnverifiableError, match="is revoked"):
        signed(pki, "revoked", long_term=True)
    with pytest.raises(UnverifiableError, match="No issuer says") as caught:
        signed(pki, "unanswered", long_term=True)
    assert "without long-term validation" in caught.value.remedy


def test_an_issuer_that_is_not_there_is_an_error(pki, attested):
    pki.down = "/bank/crls"
    with pytest.raises(UnverifiableError, match="No issuer says"):
        extend(attested, pki.signer().timestamps)
    pki.down = "/bank/certs"
    with pytest.raises(UnverifiableError, match="is missing"):
        extend(attested, pki.signer().timestamps)
    pki.down = None


def test_a_revoked_signer_is_false_even_if_somebody_archives_it(pki, root):
    data = ValidationData(crls=(pki.crl("issuer"), pki.crl("root")))
    found, claims = states(appended(pki, signed(pki, "revoked"), data), root)
    assert found["signer"] is ClaimState.FALSE
    assert "was revoked before it was used" in claims.claim("signer").reason


def test_a_revocation_after_signing_does_not_count(pki, root):
    report = signed(pki, "revoked-later")
    after = datetime(2026, 7, 1, tzinfo=UTC)
    data = ValidationData(crls=(pki.crl("issuer", after), pki.crl("root", after)))
    assert set(states(appended(pki, report, data), root)[0].values()) == {ClaimState.TRUE}


@pytest.mark.parametrize(
    "crls",
    [
        pytest.param([], id="none"),
        pytest.param([("root", SIGNED_AT)], id="of another issuer"),
        pytest.param(
            [("issuer", SIGNED_AT - timedelta(days=90)), ("root", SIGNED_AT)], id="out of date"
        ),
    ],
)
def test_lists_that_say_nothing_about_the_signer_leave_it_unchecked(pki, root, crls):
    data = ValidationData(crls=tuple(pki.crl(name, at) for name, at in crls))
    found, claims = states(appended(pki, signed(pki, "crl-only"), data), root)
    assert found["signer"] is ClaimState.UNCHECKED
    assert "Nothing in the file says" in claims.claim("signer").reason
    assert claims.exit_code != 0


def test_a_list_that_somebody_changed_says_nothing(pki, root):
    """The entry of the revoked certificate is edited away; the list's signature no longer fits."""
    serial = pki.certificate("revoked").serial_number.to_bytes(20).lstrip(b"\0")
    listed = pki.crl("issuer")
    assert serial in listed
    changed = listed.replace(serial, bytes(b ^ 1 for b in serial))
    data = ValidationData(crls=(changed, pki.crl("root")))
    found, _ = states(appended(pki, signed(pki, "revoked"), data), root)
    assert found["signer"] is not ClaimState.TRUE


# Attacks on what was appended


def test_an_unknown_authority_attests_nothing(report, pki):
    found, _ = states(report, pki.certificate("issuer"))
    assert found["long_term"] is found["time"] is ClaimState.UNCHECKED
    assert found["unchanged"] is ClaimState.TRUE


def test_stripping_all_of_it_leaves_what_it_was_before(report, attested, root):
    found, claims = states(report[: len(attested)], root, now=SIGNED_AT)
    assert found["long_term"] is ClaimState.UNCHECKED
    assert not claims.claim("long_term").asked
    assert found["signer"] is ClaimState.TRUE


def without_store(report):
    return report.replace(b"/DSS ", b"/DSX ", 1)


def page_replaced(report):
    """An editor's page in a revision of its own, behind everything."""
    writer = IncrementalPdfFileWriter(BytesIO(report))
    page, _ = writer.find_page_for_modification(0)
    stream = generic.StreamObject(stream_data=b"BT /F1 40 Tf 50 400 Td (approved) Tj ET")
    page.get_object()["/Contents"] = writer.add_object(stream)
    writer.mark_update(page)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


ATTACKS = {
    "no store": without_store,
    "page": page_replaced,
    "zeros": lambda r: r + bytes(40),
    "comment": lambda r: r + b"%comment\n",
    "cut": lambda r: r[:-30],
    "twice": lambda r: r + r,
    "a byte in the token's room": lambda r: (
        r[: r.rindex(b"00>")] + b"01" + r[r.rindex(b"00>") + 2 :]
    ),
    "lower case": lambda r: re.sub(
        rb"(?<=/Contents <)[0-9A-F]+(?=>\n/ByteRange[^/]*/Type /DocTime)",
        lambda m: m[0].lower(),
        r,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_attacks_behind_the_certification_are_refused(attack, report, root):
    changed = attack(report)
    assert changed != report
    refused(changed, root)


def test_a_changed_page_is_refused_although_a_timestamp_covers_it(pki, attested, root):
    """Any authority stamps any bytes: a timestamp over a forged revision vouches for nothing."""
    forged = page_replaced(attested)
    data = ValidationData(crls=(pki.crl("issuer"), pki.crl("root")))
    refused(appended(pki, forged, data), root)
    refused(appended(pki, page_replaced(appended(pki, attested, data)), data), root)


def test_an_object_more_in_the_revision_is_refused(pki, attested, root):
    """The shadow of an attack: another catalog behind the right one, before the index."""
    prepared = prepare(attested, ValidationData(), room=6000)
    at = prepared.data.rindex(b"xref\n", 0, prepared.data.rindex(b"startxref"))
    hidden = b"99 0 obj\n<<\n/Type /Catalog\n>>\nendobj\n"
    grown = prepared.data[:at] + hidden + prepared.data[at:]
    old, new = b"startxref\n%d" % at, b"startxref\n%d" % (at + len(hidden))
    numbers = b"%d]" % (len(prepared.data) - prepared.end)
    longer = b"%d]" % (len(grown) - prepared.end)
    grown = grown.replace(old, new).replace(numbers, longer)
    digest = hashlib.sha256(grown[: prepared.begin] + grown[prepared.end :]).digest()
    token = pki.signer().timestamps.stamp_digest(digest)
    digits = token.hex().upper().encode().ljust(12000, b"0")
    forged = grown[: prepared.begin + 1] + digits + grown[prepared.end - 1 :]
    found = refused(forged, root)
    assert "Something was added" in found.claim("unchanged").reason


@pytest.mark.parametrize(
    "data",
    [
        ValidationData(certificates=(b"%PDF-1.7 hello",)),
        ValidationData(crls=(b"0\x03\x02\x01\x01",)),
        ValidationData(ocsps=(b"",)),
    ],
)
def test_a_store_of_other_things_is_refused(pki, attested, root, data):
    refused(appended(pki, attested, data), root)


@pytest.mark.repeated
def test_no_byte_behind_the_certification_can_change(report, attested, root):
    rng = random.Random(7)
    accepted = []
    for place in rng.sample(range(len(attested), len(report)), times(20, 1000)):
        changed = bytearray(report)
        changed[place] ^= 1
        found = verify(bytes(changed), trust=[root], now=SIGNED_AT)
        three = {found.claim(name).state for name in ("signature", "signer", "long_term")}
        if three == {ClaimState.TRUE}:
            accepted.append(place)
    assert accepted == []


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7\n"])
def test_only_reports_can_be_extended(pki, data):
    with pytest.raises(InputError, match="not a PDF that auditkit signed"):
        extend(data, pki.signer().timestamps)
