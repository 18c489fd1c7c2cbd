"""Makes a signed report verifiable after its certificates have expired (PAdES B-LTA).

A report with an attested time (B-T) gets validation data and a document timestamp over all of it.
Repeating this before the last timestamp's certificate expires extends the time further.
"""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

from asn1crypto import cms
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader

from auditkit.errors import InputError
from auditkit.signing.archive import prepare, validation_data
from auditkit.signing.issuers import ask_issuers
from auditkit.signing.timestamps import TimestampAuthority

_SPARE_BYTES = 512  # the next token's numbers and accuracy may be longer than the last one's


def extend(signed: bytes, authority: TimestampAuthority) -> bytes:
    """Appends validation data and a document timestamp.

    Args:
        signed: A report with an attested time, as `certify` made it, or an extended one.
        authority: Attests the time of the extension.

    Raises:
        InputError: If the bytes are not such a report.
        UnverifiableError: If the authority does not answer, if a certificate is revoked, or if
            its status cannot be determined.
    """
    # A first token, to learn which certificate the real one will carry.
    sample = authority.stamp(b"")
    now = cms.ContentInfo.load(sample)["content"]["encap_content_info"]["content"].parsed
    at: datetime = now["gen_time"].native
    try:
        reader = PdfFileReader(BytesIO(signed), strict=True)
        held = validation_data(reader)
        tokens = [value.signed_data for value in reader.embedded_signatures]
    except Exception as error:  # hostile files end in errors of any type
        raise InputError(
            "The bytes are not a PDF that auditkit signed.", remedy="give a signed report"
        ) from error
    tokens += [inner for value in tokens for inner in _timestamps(value)]
    tokens.append(cms.ContentInfo.load(sample)["content"])
    leaves, others = [], []
    for token in tokens:
        leaf, issuers = _certificates(token)
        leaves.append(leaf)
        others += issuers
    # Expired certificates: an earlier revision showed that they were valid; no issuer answers now.
    asked = [one for one in dict.fromkeys(leaves) if at <= one.not_valid_after_utc]
    found = ask_issuers(asked, others, at=at)
    prepared = prepare(signed, found.without(held), room=len(sample) + _SPARE_BYTES)
    return prepared.filled(authority.stamp_digest(prepared.digest))


def _timestamps(content: cms.SignedData) -> list[cms.SignedData]:
    """The timestamp inside a signature, if there is one."""
    (signer,) = content["signer_infos"]
    return [
        token["content"]
        for attribute in signer["unsigned_attrs"] or ()
        if attribute["type"].native == "signature_time_stamp_token"
        for token in attribute["values"]
    ]


def _certificates(content: cms.SignedData) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """The signer's certificate, and the others in the signature."""
    (signer,) = content["signer_infos"]
    sid: Any = signer["sid"].chosen
    wanted = (sid["issuer"], sid["serial_number"].native)
    leaf, others = None, []
    for choice in content["certificates"]:
        certificate = x509.load_der_x509_certificate(choice.chosen.dump())
        if (choice.chosen.issuer, choice.chosen.serial_number) == wanted:
            leaf = certificate
        else:
            others.append(certificate)
    if leaf is None:
        raise InputError(
            "A signature does not carry the certificate of its signer.",
            remedy="give a report as auditkit signed it",
        )
    return leaf, others
