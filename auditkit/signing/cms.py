"""The CMS object inside a PDF signature (PAdES B-B); only this module makes it.

    ContentInfo{SignedData{sha256, detached data, certificates, one SignerInfo}}
    signed attributes: content type, message digest, signing-certificate-v2 (every certificate)
    unsigned attributes: none, or one signature timestamp

Laws:
    - The DER is canonical, and every byte is determined by certificates, digest, signature and
      timestamp: `assemble` with the same parts gives the same bytes. A verifier takes an object
      apart, assembles it again, and refuses it if the bytes differ.
    - Every certificate in the object is bound by signing-certificate-v2 (RFC 5035), so none can be
      exchanged without breaking the signature.

Sources: RFC 5652; RFC 5035; ETSI EN 319 122-1 and 319 142-1.
"""

from __future__ import annotations

from collections.abc import Sequence

from asn1crypto import algos, cms, core, tsp, x509
from cryptography import x509 as cx509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from auditkit.canonical import Digest
from auditkit.signing.private_keys import PublicKey, supported_key


def signed_attributes(message_digest: bytes, certificates: Sequence[cx509.Certificate]) -> bytes:
    """The DER of the signed attributes, the bytes that are signed.

    Args:
        message_digest: SHA-256 over the signed ranges of the file, 32 bytes.
        certificates: The signer's first, then its issuers.
    """
    return _attributes(message_digest, certificates).dump()  # type: ignore[no-any-return]


def assemble(
    *,
    certificates: Sequence[cx509.Certificate],
    message_digest: bytes,
    signature: bytes,
    timestamp: bytes | None = None,
) -> bytes:
    """Puts a signature together: canonical DER of the ContentInfo.

    Args:
        certificates: The signer's first, then its issuers.
        message_digest: SHA-256 over the signed ranges of the file.
        signature: Over `signed_attributes`.
        timestamp: DER of an RFC 3161 token over the signature; None: none.
    """
    parsed = [_parsed(certificate) for certificate in certificates]
    sha256 = cms.DigestAlgorithm({"algorithm": "sha256"})
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            {
                "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                    {"issuer": parsed[0].issuer, "serial_number": parsed[0].serial_number}
                )
            }
        ),
        "digest_algorithm": sha256,
        "signature_algorithm": _mechanism(supported_key(certificates[0].public_key())),
        "signed_attrs": _attributes(message_digest, certificates),
        "signature": signature,
    }
    if timestamp is not None:
        token = cms.ContentInfo.load(timestamp, strict=True)
        signer["unsigned_attrs"] = cms.CMSAttributes(
            [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": (token,)})]
        )
    return cms.ContentInfo(  # type: ignore[no-any-return]
        {
            "content_type": "signed_data",
            "content": cms.SignedData(
                {
                    "version": "v1",
                    "digest_algorithms": cms.DigestAlgorithms([sha256]),
                    "encap_content_info": {"content_type": "data"},
                    "certificates": [
                        cms.CertificateChoices(name="certificate", value=one) for one in parsed
                    ],
                    "signer_infos": [cms.SignerInfo(signer)],
                }
            ),
        }
    ).dump()


def signature_size(key: PublicKey) -> int:
    """The largest size of a signature by this key, in bytes."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return 2 * ((key.curve.key_size + 7) // 8) + 16
    return getattr(key, "key_size", 512) // 8


def _parsed(certificate: cx509.Certificate) -> x509.Certificate:
    return x509.Certificate.load(certificate.public_bytes(Encoding.DER), strict=True)


def _attributes(
    message_digest: bytes, certificates: Sequence[cx509.Certificate]
) -> cms.CMSAttributes:
    bound = [
        tsp.ESSCertIDv2({"cert_hash": bytes.fromhex(Digest.of(one.public_bytes(Encoding.DER)).hex)})
        for one in certificates
    ]
    return cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ("data",)}),
            cms.CMSAttribute({"type": "message_digest", "values": (message_digest,)}),
            cms.CMSAttribute(
                {
                    "type": "signing_certificate_v2",
                    "values": (tsp.SigningCertificateV2({"certs": bound}),),
                }
            ),
        ]
    )


def _mechanism(key: PublicKey) -> algos.SignedDigestAlgorithm:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})
    return algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa", "parameters": core.Null()})
