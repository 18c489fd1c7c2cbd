"""Verifying small reports: what is true, and that nothing can be changed unnoticed."""

from __future__ import annotations

import random
import socket
from datetime import UTC, datetime, timedelta

import pytest

from auditkit.errors import InputError
from auditkit.signing import KeyStore, LocalKey, Signer, Trusted
from auditkit.signing.certificates import self_signed, to_pem
from auditkit.verification import ClaimState
from tests.support.repeated import IN_SOAK
from tests.support.small_report import (
    SIGNED_AT,
    attachments,
    signed_report,
    statement_bytes,
    unsigned_report,
)
from tests.support.verifying import verify


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return KeyStore(tmp_path_factory.mktemp("store") / "keys")


@pytest.fixture(scope="module")
def signer(store):
    return store.report_signer()


@pytest.fixture(scope="module")
def report(signer):
    return signed_report(signer)


PROVED = ("signature", "signer", "unchanged", "attachments", "statement", "envelope")


def broken(found):
    """The false claims but for the numbers, which a small report does not print as a whole one."""
    return [c.id for c in found.broken if c.id != "numbers"]


def test_a_report_is_what_it_says(report, store):
    found = verify(report, trust=store.trusted())
    assert {c.id: c.state for c in found.claims if c.id in PROVED} == dict.fromkeys(
        PROVED, ClaimState.TRUE
    )
    assert found.report_id.startswith("AK-")
    assert found.statement["predicate"]["subject"]["name"] == "m"
    assert broken(found) == []
    time = found.claim("time")
    assert (time.state, time.asked) == (ClaimState.UNCHECKED, False)
    assert "Unattested" in time.reason


def test_a_signer_that_nobody_vouches_for_could_not_be_checked(report, signer):
    found = verify(report)
    claim = found.claim("signer")
    assert claim.state is ClaimState.UNCHECKED
    assert signer.fingerprint in claim.reason
    assert "--trust" in claim.reason


def test_trust_is_taken_as_pem_certificate_or_trusted(report, signer):
    for root in (
        to_pem(signer.certificate),
        signer.certificate,
        Trusted(certificate=signer.certificate),
    ):
        assert verify(report, trust=[root]).claim("signer").state is ClaimState.TRUE


def regions(report):
    """The bytes outside the signed range and those in it: a sample, and in the soak every one."""
    start = report.index(b"/Contents <") + len("/Contents ")
    end = report.index(b">", start) + 1
    inside = range(start, end)
    outside = [i for i in range(len(report)) if i not in inside]
    chance = random.Random(1)
    if IN_SOAK:
        return list(inside), outside
    return chance.sample(inside, 300), chance.sample(outside, 60)


@pytest.mark.repeated
def test_no_byte_can_change(report, store):
    trust = store.trusted()
    inside, outside = regions(report)
    unnoticed = []
    for position in inside + outside:
        changed = bytearray(report)
        changed[position] ^= 0x20 if position % 3 == 0 else 0x01  # case of letters, and values
        found = verify(bytes(changed), trust=trust)
        if found.exit_code != 12 or found.claim("signature").state is not ClaimState.FALSE:
            unnoticed.append((position, found))
    assert unnoticed == []
    assert len(inside) >= 300


@pytest.mark.parametrize(
    "change",
    {
        "nothing": lambda r: b"",
        "cut": lambda r: r[:-1],
        "half": lambda r: r[: len(r) // 2],
        "a byte more": lambda r: r + b"\n",
        "a byte before": lambda r: b"\n" + r,
        "twice": lambda r: r + r,
        "not a PDF": lambda r: b"hello",
        "header only": lambda r: b"%PDF-1.7\n",
    }.values(),
)
def test_no_byte_can_be_added_or_taken(report, store, change):
    assert verify(change(report), trust=store.trusted()).exit_code == 12


def test_what_was_added_or_changed_after_signing_is_named(report, store):
    changed = bytearray(report)
    changed[report.index(b"/Length")] ^= 0x20
    for data in (report + b"%more\n", bytes(changed)):
        assert {"signature", "unchanged"} <= set(broken(verify(data, trust=store.trusted())))


def test_an_unsigned_report_is_not_fine(signer, store):
    unsigned = unsigned_report(attachments(signer, statement_bytes()), signer=signer)
    found = verify(unsigned, trust=store.trusted())
    assert found.exit_code == 12
    assert "no signature" in found.claim("signature").reason


def test_a_report_signed_by_another_key_is_not_accepted(store, tmp_path):
    other = KeyStore(tmp_path / "other").report_signer()
    found = verify(signed_report(other), trust=store.trusted())
    assert found.claim("signer").state is ClaimState.UNCHECKED


def swapped(signer, **files):
    original = attachments(signer, statement_bytes())
    return signer.sign_pdf(unsigned_report(original | files, signer=signer), at=SIGNED_AT)


def test_a_swapped_table_breaks_the_attachments(signer, store):
    found = verify(swapped(signer, **{"table-rates.json": b"{}"}), trust=store.trusted())
    assert broken(found) == ["attachments"]
    assert "table-rates.json" in found.claim("attachments").reason


def test_an_extra_attachment_breaks_the_attachments(signer, store):
    found = verify(swapped(signer, **{"evil.bin": b"x"}), trust=store.trusted())
    assert broken(found) == ["attachments"]


def test_a_swapped_envelope_breaks_the_envelope(signer, store):
    envelope = signer.sign_statement(statement_bytes(rows=7))
    found = verify(swapped(signer, **{"statement.dsse.json": envelope}), trust=store.trusted())
    assert broken(found) == ["envelope"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evidence": []}, None),
        ({"evidence": [{"id": "E-0001", "digest": "sha256:", "tables": []}]}, "E-0001"),
        ({"evidence": None}, "lacks parts"),
        ({"subject": {"digest": "sha256:" + "0" * 64}}, "two different models"),
    ],
)
def test_a_statement_that_contradicts_itself_is_false(signer, store, changes, message):
    statement = statement_bytes(**changes)
    report = signer.sign_pdf(
        unsigned_report(attachments(signer, statement), signer=signer), at=SIGNED_AT
    )
    claim = verify(report, trust=store.trusted()).claim("statement")
    if message is None:
        assert claim.state is ClaimState.TRUE
    else:
        assert claim.state is ClaimState.FALSE
        assert message in claim.reason


def test_a_statement_with_spaces_is_false(signer, store):
    spaced = statement_bytes().replace(b",", b", ", 1)
    report = signer.sign_pdf(
        unsigned_report(attachments(signer, spaced), signer=signer), at=SIGNED_AT
    )
    found = verify(report, trust=store.trusted())
    assert "canonical" in found.claim("statement").reason


def test_a_report_that_prints_another_digest_is_false(signer, store):
    files = attachments(signer, statement_bytes())
    pages_of_another = attachments(signer, statement_bytes(rows=9))
    import pikepdf

    from tests.support.small_report import saved

    with pikepdf.open(_stream(unsigned_report(pages_of_another, signer=signer))) as pdf:
        for name, content in files.items():
            pdf.attachments[name] = pikepdf.AttachedFileSpec(pdf, content, filename=name)
        unsigned = saved(pdf)
    found = verify(signer.sign_pdf(unsigned, at=SIGNED_AT), trust=store.trusted())
    assert broken(found) == ["statement"]
    assert "No page prints the digest" in found.claim("statement").reason


def _stream(data):
    from io import BytesIO

    return BytesIO(data)


# Time


def state(report, trust, **options):
    claim = verify(report, trust=trust, **options).claim("signer")
    return claim.state, claim.reason


def test_expired_and_not_yet_valid_certificates_are_false(tmp_path):
    def dated(start, end):
        store = KeyStore(tmp_path / f"{start}{end}")
        store.make(
            "report",
            at=SIGNED_AT + timedelta(days=start),
            valid_until=SIGNED_AT + timedelta(days=end),
        )
        signer = store.report_signer()
        files = attachments(signer, statement_bytes())
        from auditkit.signing.pdf import certify

        return certify(
            unsigned_report(files, signer=signer),
            key=signer.key,
            certificates=signer.certificates,
            reason="r",
            at=SIGNED_AT,
        ), store.trusted()

    for start, end in ((-10, -1), (1, 10)):
        found, reason = state(*dated(start, end))
        assert found is ClaimState.FALSE
        assert "was not valid on 2026-03-01" in reason
    report, trust = dated(-1, 1)
    assert state(report, trust)[0] is ClaimState.TRUE
    assert state(report, trust, now=SIGNED_AT)[0] is ClaimState.TRUE
    later = state(report, trust, now=SIGNED_AT + timedelta(days=2))
    assert later[0] is ClaimState.UNCHECKED
    assert "expired since" in later[1]
    earlier = state(report, trust, now=SIGNED_AT - timedelta(days=2))
    assert earlier[0] is ClaimState.UNCHECKED
    assert "in the future" in earlier[1]


def test_without_any_time_only_a_certificate_without_end_can_be_checked(signer, store, tmp_path):
    unsigned = unsigned_report(attachments(signer, statement_bytes()), signer=signer)
    assert state(signer.sign_pdf(unsigned), store.trusted())[0] is ClaimState.TRUE
    ending = KeyStore(tmp_path / "k")
    ending.make("report", at=SIGNED_AT, valid_until=SIGNED_AT + timedelta(days=9))
    report = ending.report_signer().sign_pdf(unsigned)
    found, reason = state(report, ending.trusted())
    assert found is ClaimState.UNCHECKED
    assert "no time of signing" in reason
    assert state(report, ending.trusted(), now=SIGNED_AT)[0] is ClaimState.TRUE


@pytest.mark.parametrize(
    ("days", "compromised", "expected"),
    [
        (-1, False, ClaimState.FALSE),
        (-1, True, ClaimState.FALSE),
        (1, False, ClaimState.TRUE),
        (1, True, ClaimState.UNCHECKED),
    ],
)
def test_a_revoked_key_counts_only_for_what_it_signed_before(
    report, signer, days, compromised, expected
):
    trusted = Trusted(
        certificate=signer.certificate,
        revoked_at=SIGNED_AT + timedelta(days=days),
        compromised=compromised,
    )
    assert state(report, [trusted])[0] is expected


def test_rotation_keeps_old_signatures_verifiable(tmp_path):
    store = KeyStore(tmp_path / "k")
    old = signed_report(store.report_signer())
    store.make("report", at=datetime(2026, 4, 1, tzinfo=UTC))
    assert state(old, store.trusted())[0] is ClaimState.TRUE
    new = store.report_signer().sign_pdf(
        unsigned_report(
            attachments(store.report_signer(), statement_bytes()), signer=store.report_signer()
        ),
        at=datetime(2026, 4, 2, tzinfo=UTC),
    )
    assert state(new, store.trusted())[0] is ClaimState.TRUE


# Laws


def test_verify_opens_no_socket_and_reads_no_clock(report, store, monkeypatch):
    import time

    verify(report, trust=store.trusted())  # imports what it needs

    def refuse(*args, **kwargs):
        raise AssertionError("not allowed here")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(time, "time", refuse)
    found = verify(report, trust=store.trusted())
    assert found.claim("signature").state is ClaimState.TRUE
    assert found.claim("signer").state is ClaimState.TRUE


def test_signing_changes_no_byte_of_the_unsigned_file(signer):
    unsigned = unsigned_report(attachments(signer, statement_bytes()), signer=signer)
    assert signer.sign_pdf(unsigned, at=SIGNED_AT).startswith(unsigned)


def test_a_signed_file_is_not_signed_again(signer, report):
    with pytest.raises(InputError, match="already signed"):
        signer.sign_pdf(report, at=SIGNED_AT)
    with pytest.raises(InputError, match="not a PDF"):
        signer.sign_pdf(b"hello", at=SIGNED_AT)


@pytest.mark.parametrize("kind", ["rsa", "p384"])
def test_other_kinds_of_keys_sign_reports_too(kind):
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = LocalKey(
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if kind == "rsa"
        else ec.generate_private_key(ec.SECP384R1())
    )
    certificate = self_signed(key, name="Example Bank")
    signer = Signer.of([key], [certificate])
    found = verify(signed_report(signer), trust=[certificate])
    assert broken(found) == []
    assert found.claim("envelope").state is ClaimState.TRUE


def test_exit_codes_and_json(report, store):
    found = verify(report, trust=store.trusted())
    content = found.to_json()
    assert [c["id"] for c in content["claims"]] == [c.id for c in found.claims]
    assert content["exit_code"] == found.exit_code
    with pytest.raises(InputError, match="no claim 'absent'"):
        found.claim("absent")
