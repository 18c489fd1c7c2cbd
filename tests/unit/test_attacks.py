"""Published attack files, published signature vectors, and every attack class on our own report.

Nothing may be accepted, crash, or end in an error without a type.
"""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from auditkit.errors import VerificationError
from auditkit.signing import KeyStore
from auditkit.signing.cms import assemble, signed_attributes
from auditkit.signing.private_keys import check_signature
from auditkit.verification import ClaimState, Verification
from tests.support.small_report import (
    SIGNED_AT,
    attachments,
    signed_report,
    statement_bytes,
    unsigned_report,
)
from tests.support.verifying import verify

VECTORS = Path(__file__).parents[1] / "vectors"
PDF_ATTACKS = sorted((VECTORS / "pdf-attacks").glob("*.pdf"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return KeyStore(tmp_path_factory.mktemp("attacks") / "keys")


@pytest.fixture(scope="module")
def report(store):
    return signed_report(store.report_signer())


def refused(data, store):
    """The verification of an attack, which is refused by a claim that is false."""
    found = verify(data, trust=store.trusted())
    assert found.exit_code == 12
    assert found.claim("signature").state is ClaimState.FALSE
    assert all(claim.reason for claim in found.claims)
    return found


def test_all_published_attack_files_are_here():
    assert len(PDF_ATTACKS) == 21


@pytest.mark.parametrize("path", PDF_ATTACKS, ids=lambda p: p.stem)
def test_published_attack_files_are_refused(path, store):
    refused(path.read_bytes(), store)


@pytest.mark.parametrize(
    ("name", "count"), [("ed25519_test", 151), ("ecdsa_secp256r1_sha256_test", 484)]
)
def test_wycheproof(name, count):
    vectors = json.loads((VECTORS / "wycheproof" / f"{name}.json").read_text())
    executed = 0
    for group in vectors["testGroups"]:
        key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            if case["result"] == "valid":
                check_signature(key, signature, message)
            else:
                with pytest.raises(VerificationError):
                    check_signature(key, signature, message)
            executed += 1
    assert executed == vectors["numberOfTests"] == count


# Our own report


def value_at(report):
    """Where the signature's value stands: from `<` to after `>`."""
    start = report.index(b"/Contents <") + len(b"/Contents ")
    return start, report.index(b">", start) + 1


def fitted(report, old, new):
    """Replaces bytes by as many others, so that offsets stay right."""
    assert report.count(old) == 1
    assert len(new) <= len(old)
    return report.replace(old, new.ljust(len(old)))


def contents(value):
    def change(report):
        start, end = value_at(report)
        return report[:start] + value(report[start:end]).ljust(end - start) + report[end:]

    return change


def byte_range(value):
    def change(report):
        found = re.search(rb"/ByteRange \[[^]]*\]", report)[0]
        return fitted(report, found, value)

    return change


def appended(change):
    """An incremental update of the signed file, as a PDF editor would save it."""

    def run(report):
        writer = IncrementalPdfFileWriter(BytesIO(report))
        change(writer)
        out = BytesIO()
        writer.write(out)
        return out.getvalue()

    return run


def replace_page(writer):
    page, _ = writer.find_page_for_modification(0)
    stream = generic.StreamObject(stream_data=b"BT /F1 40 Tf 50 400 Td (approved) Tj ET")
    page.get_object()["/Contents"] = writer.add_object(stream)
    writer.mark_update(page)


def add_annotation(writer):
    page, _ = writer.find_page_for_modification(0)
    note = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/FreeText"),
            generic.pdf_name("/Rect"): generic.ArrayObject(
                [generic.NumberObject(n) for n in (10, 10, 400, 400)]
            ),
            generic.pdf_name("/Contents"): generic.pdf_string("approved"),
        }
    )
    page.get_object()["/Annots"] = generic.ArrayObject([writer.add_object(note)])
    writer.mark_update(page)


def add_signature_field(writer):
    fields.append_signature_field(writer, fields.SigFieldSpec("second", box=(10, 10, 300, 300)))


def swap_attachment(writer):
    names = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
    for position in range(1, len(names), 2):
        embedded = names[position]["/EF"].raw_get("/F")
        stream = generic.StreamObject(stream_data=b"{}")
        writer.objects[(embedded.generation, embedded.idnum)] = stream


def drop_form(writer):
    del writer.root["/AcroForm"]
    writer.update_root()


def drop_permissions(writer):
    del writer.root["/Perms"]
    writer.update_root()


def nothing(writer):
    writer.update_root()


def shadow_replace(report):
    """A second xref section that points an old object number at new bytes."""
    page = re.search(rb"(\d+) 0 obj\s*<<[^>]*/Type /Page\b", report)
    number = int(page[1])
    start = len(report)
    body = b"%d 0 obj\n<</Type /Page /MediaBox [0 0 9 9]>>\nendobj\n" % number
    previous = int(re.findall(rb"startxref\s+(\d+)", report)[-1])
    root = re.findall(rb"/Root (\d+ 0 R)", report)[-1]
    size = re.findall(rb"/Size (\d+)", report)[-1]
    table = b"xref\n%d 1\n%010d 00000 n \ntrailer\n<</Root %b /Size %b /Prev %d>>\n" % (
        number,
        start,
        root,
        size,
        previous,
    )
    end = b"startxref\n%d\n%%%%EOF\n" % (start + len(body))
    return report + body + table + end


def isolated_trailer(report):
    """Incremental saving without a cross-reference: what some readers repair and show."""
    return report + b"1 0 obj\n<</Type /Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n"


def wrapped(report):
    """The signed second part is moved back, and other bytes stand where it stood."""
    start, end = value_at(report)
    second = report[end:]
    moved = report[:end] + b"\n%evil\n" + second
    found = re.search(rb"/ByteRange \[[^]]*\]", report)[0]
    new = b"/ByteRange [0 %d %d %d]" % (start, end + 7, len(second))
    return moved.replace(found, new.ljust(len(found)))


def wrapped_in_place(report):
    """The range leaves out more than the value."""
    start, end = value_at(report)
    found = re.search(rb"/ByteRange \[[^]]*\]", report)[0]
    new = b"/ByteRange [0 %d %d %d]" % (start - 20, end, len(report) - end)
    return report.replace(found, new.ljust(len(found)))


def stripped(report):
    with pikepdf.open(BytesIO(report)) as pdf:
        del pdf.Root.AcroForm
        del pdf.Root.Perms
        del pdf.pages[0].Annots
        out = BytesIO()
        pdf.save(out)
        return out.getvalue()


def rewritten(report):
    with pikepdf.open(BytesIO(report)) as pdf:
        out = BytesIO()
        pdf.save(out)
        return out.getvalue()


def weaker_permission(report):
    return re.sub(rb"/P 1(?=\s)", b"/P 2", report)


ATTACKS = {
    "forgery: no value": contents(lambda v: b"<>"),
    "forgery: null value": contents(lambda v: b"null"),
    "forgery: zero value": contents(lambda v: b"<" + b"0" * (len(v) - 2) + b">"),
    "forgery: one byte": contents(lambda v: b"<00>"),
    "forgery: lower case": contents(lambda v: v.lower()),
    "forgery: no name": lambda r: fitted(r, b"/Contents <", b"/Nothing  <"),
    "forgery: null range": byte_range(b"/ByteRange null"),
    "forgery: empty range": byte_range(b"/ByteRange []"),
    "forgery: zero range": byte_range(b"/ByteRange [0 0 0 0]"),
    "forgery: negative range": byte_range(b"/ByteRange [0 -1 -1 9]"),
    "forgery: large range": byte_range(b"/ByteRange [0 1 4 9999999]"),
    "forgery: no range": byte_range(b"/NoneRange [0 1 2 3]"),
    "forgery: names in range": byte_range(b"/ByteRange [/a /b /c /d]"),
    "forgery: SubFilter": lambda r: fitted(r, b"/ETSI.CAdES.detached", b"/adbe.x509.rsa_sha1"),
    "saving: nothing": appended(nothing),
    "saving: page": appended(replace_page),
    "saving: repaired": isolated_trailer,
    "saving: shadow": shadow_replace,
    "saving: attachment": appended(swap_attachment),
    "certified: annotation": appended(add_annotation),
    "certified: field": appended(add_signature_field),
    "certified: no permissions": appended(drop_permissions),
    "certified: weaker": weaker_permission,
    "wrapping: moved": wrapped,
    "wrapping: wider": wrapped_in_place,
    "stripped: form": appended(drop_form),
    "stripped: whole": stripped,
    "rewritten": rewritten,
    "trailing: zeros": lambda r: r + bytes(100),
    "trailing: comment": lambda r: r + b"%comment\n",
    "trailing: another PDF": lambda r: r + r,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_attacks_on_our_own_report_are_refused(attack, report, store):
    changed = attack(report)
    assert changed != report
    refused(changed, store)


def test_a_second_signature_after_ours_is_refused(report, store):
    """An approval signature, whole and over the whole file, added after the certification."""
    signer = store.report_signer()
    protocol = PdfCMSEmbedder().write_cms(
        field_name="second", writer=IncrementalPdfFileWriter(BytesIO(report))
    )
    next(protocol)
    value = SignatureObject(subfilter=fields.SigSeedSubFilter.PADES, bytes_reserved=8192)
    protocol.send(SigObjSetup(sig_placeholder=value))
    prepared, output = protocol.send(SigIOSetup(md_algorithm="sha256"))
    attributes = signed_attributes(prepared.document_digest, signer.certificates)
    protocol.send(
        assemble(
            certificates=signer.certificates,
            message_digest=prepared.document_digest,
            signature=signer.key.sign(attributes),
        )
    )
    found = refused(output.getvalue(), store)
    assert "2 signatures" in found.claim("signature").reason


def _asn1_key(signer):
    from asn1crypto import keys
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    der = signer.key.secret.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return keys.PrivateKeyInfo.load(der)


def test_a_signature_with_extra_certificate_is_refused(store, tmp_path):
    """Room in the CMS that no signature covers: another certificate in the set."""
    from asn1crypto import cms

    from auditkit.verification.trust import as_asn1

    report = signed_report(store.report_signer())
    start, end = value_at(report)
    raw = bytes.fromhex(report[start + 1 : end - 1].decode())
    info = cms.ContentInfo.load(raw)
    other = KeyStore(tmp_path / "other").report_signer()
    info["content"]["certificates"].append(
        cms.CertificateChoices(name="certificate", value=as_asn1(other.certificate))
    )
    grown = info.dump(force=True).hex().upper().encode()
    room = end - start - 2
    if len(grown) > room:
        grown = grown[:room]
    refused(report[: start + 1] + grown.ljust(room, b"0") + report[end - 1 :], store)


def test_a_report_of_our_key_with_pyhankos_own_signature_is_refused(store):
    """A good signature over the whole file that allows changes is not one of ours."""
    from pyhanko.sign.signers.pdf_cms import SimpleSigner
    from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner

    from auditkit.verification.trust import as_asn1

    signer = store.report_signer()
    pyhanko_signer = SimpleSigner(
        signing_cert=as_asn1(signer.certificate),
        signing_key=_asn1_key(signer),
        cert_registry=None,
    )
    unsigned = unsigned_report(attachments(signer, statement_bytes()), signer=signer)
    for meta in (
        PdfSignatureMetadata(field_name="s", md_algorithm="sha256"),
        PdfSignatureMetadata(
            field_name="s",
            md_algorithm="sha256",
            certify=True,
            docmdp_permissions=fields.MDPPerm.FILL_FORMS,
            subfilter=fields.SigSeedSubFilter.PADES,
        ),
    ):
        out = BytesIO()
        PdfSigner(meta, signer=pyhanko_signer).sign_pdf(
            IncrementalPdfFileWriter(BytesIO(unsigned)), output=out
        )
        refused(out.getvalue(), store)


def test_pyhanko_itself_calls_our_signature_valid(report, store):
    """A second opinion, so that our rules are not met by files that no one else accepts."""
    import logging

    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    from auditkit.verification.trust import as_asn1

    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    (signature,) = PdfFileReader(BytesIO(report)).embedded_regular_signatures
    context = ValidationContext(
        trust_roots=[as_asn1(store.report_signer().certificate)], moment=SIGNED_AT
    )
    status = validate_pdf_signature(signature, signer_validation_context=context)
    assert status.intact
    assert status.valid
    assert status.trusted
    assert status.docmdp_ok
    assert status.coverage.name == "ENTIRE_FILE"


# Fuzzing, the short form; tests/soak/soak_verify.py is the long one

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "copy", "swap"]),
        st.integers(min_value=0, max_value=2**20),
        st.integers(min_value=1, max_value=400),
        st.binary(max_size=40),
    ),
    min_size=1,
    max_size=6,
)


def edited(data, edits):
    for kind, place, length, new in edits:
        at = place % (len(data) + 1)
        if kind == "flip":
            data = data[:at] + bytes(b ^ 0x55 for b in data[at : at + 1]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at] + data[at + length :]
        elif kind == "insert":
            data = data[:at] + new + data[at:]
        elif kind == "copy":
            data = data[:at] + data[at : at + length] + data[at:]
        else:
            data = data[:at] + new + data[at + len(new) :]
    return data


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=EDITS)
def test_edited_reports_get_a_typed_verdict(edits, report, store):
    data = edited(report, edits)
    found = verify(data, trust=store.trusted())
    assert isinstance(found, Verification)
    if data != report:
        assert found.claim("signature").state is ClaimState.FALSE


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=2000))
@example(data=b"\n\n")
def test_any_bytes_get_a_typed_verdict(data):
    for start in (b"", b"%PDF-1.7\n"):
        assert verify(start + data).exit_code == 12
