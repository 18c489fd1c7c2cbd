"""Makes a signed report checkable after its certificates have expired (PAdES B-LTA), and again.

A report with an attested time (B-T) gets what its verification needs and a timestamp over all of
it. Doing it again before the last timestamp's certificate expires carries it on.
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
from auditkit.signing.issuers import gather
from auditkit.signing.timestamps import TimestampAuthority

_SPARE_BYTES = 512  # a token may be longer than the last one by its numbers and its accuracy


def extend(signed: bytes, authority: TimestampAuthority) -> bytes:
    """Appends validation data and a document timestamp.

    Args:
        signed: A report with an attested time, as `certify` made it, or an extended one.
        authority: Attests the time of the extension.

    Raises:
        InputError: If the bytes are no such report.
        UnverifiableError: If the authority does not answer, or if a certificate is revoked or
            nobody says that it is not.
    """
    # Asked once for nothing, to learn whose certificate the real token will carry.
    sample = authority.stamp(b"")
    now = cms.ContentInfo.load(sample)["content"]["encap_content_info"]["content"].parsed
    at: datetime = now["gen_time"].native
    try:
        reader = PdfFileReader(BytesIO(signed), strict=True)
        held = validation_data(reader)
        tokens = [value.signed_data for value in reader.embedded_signatures]
    except Exception as error:  # hostile files end in errors of any type
        raise InputError("The bytes are not a PDF that auditkit signed.") from error
    tokens += [inner for value in tokens for inner in _timestamps(value)]
    tokens.append(cms.ContentInfo.load(sample)["content"])
    leaves, others = [], []
    for token in tokens:
        leaf, issuers = _certificates(token)
        leaves.append(leaf)
        others += issuers
    # What has expired was good when an earlier revision said so; nobody answers for it any more.
    asked = [one for one in dict.fromkeys(leaves) if at <= one.not_valid_after_utc]
    found = gather(asked, others, at=at)
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
    """Whose certificate signed, and the others that travel with it."""
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
        raise InputError("A signature does not carry the certificate of its signer.")
    return leaf, others
