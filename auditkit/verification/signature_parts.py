"""Takes a signature apart, and refuses it if assembling the parts gives different bytes.

Law: `assemble(parts of take_apart(der)) == der`. The object has no unsigned room, no second
encoding, no stray certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from auditkit.canonical import Digest
from auditkit.errors import AuditkitError, VerificationError
from auditkit.signing.cms import assemble, signed_attributes


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureParts:
    """The parts of a signature.

    Attributes:
        certificates: The signer's first, then its issuers.
        message_digest: The digest of the file, as the signature states it.
        signature: The signature's value.
        timestamp: DER of a timestamp token over the value; None: none.
    """

    certificates: tuple[x509.Certificate, ...]
    message_digest: bytes
    signature: bytes
    timestamp: bytes | None

    @property
    def signed_bytes(self) -> bytes:
        """The bytes that were signed."""
        return signed_attributes(self.message_digest, self.certificates)


def take_apart(der: bytes) -> SignatureParts:
    """Reads a CMS object that `auditkit.signing` made.

    Raises:
        VerificationError: If it differs from such an object in any byte.
    """
    try:
        parts = _parts(cms.ContentInfo.load(der, strict=True))
        again = assemble(
            certificates=parts.certificates,
            message_digest=parts.message_digest,
            signature=parts.signature,
            timestamp=parts.timestamp,
        )
    except AuditkitError as error:
        raise VerificationError(error.message) from error
    except Exception as error:  # hostile objects end in errors of any type
        raise VerificationError(
            "The signature's value is not a CMS object that auditkit made."
        ) from error
    if again != der:
        raise VerificationError("The signature's value has an unsigned part.")
    return parts


def _parts(info: cms.ContentInfo) -> SignatureParts:
    content = info["content"]
    (signer,) = content["signer_infos"]
    found = {}
    for choice in content["certificates"]:
        certificate = x509.load_der_x509_certificate(choice.chosen.dump())
        found[Digest.of(certificate.public_bytes(Encoding.DER)).hex] = certificate
    attributes = {a["type"].native: a["values"] for a in signer["signed_attrs"]}
    (bound,) = attributes["signing_certificate_v2"]
    assert isinstance(bound, tsp.SigningCertificateV2)
    order = [entry["cert_hash"].native.hex() for entry in bound["certs"]]
    if sorted(order) != sorted(found):
        raise VerificationError("The signature names certificates other than those it carries.")
    (digest,) = attributes["message_digest"]
    timestamp = None
    if signer["unsigned_attrs"]:
        (attribute,) = signer["unsigned_attrs"]
        (token,) = attribute["values"]
        timestamp = token.dump()
    return SignatureParts(
        certificates=tuple(found[name] for name in order),
        message_digest=digest.native,
        signature=signer["signature"].native,
        timestamp=timestamp,
    )
