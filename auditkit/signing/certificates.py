"""X.509 certificates: read them, name them by fingerprint, make a plainly labelled self-signed one.

Laws:
    - A certificate's fingerprint is `sha256:` and the digest of its DER, everywhere.
    - A certificate made by auditkit is self-signed and vouches for no identity; its name says so.
    - No clock is read: validity is an argument. Without one, a made certificate is valid from
      2020 on and has no well-defined expiry (RFC 5280, section 4.1.2.5: 99991231235959Z).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from auditkit.canonical import Digest, check_name
from auditkit.errors import KeyFileError
from auditkit.signing.private_keys import LocalKey

DEMONSTRATION_NAME: Final = "auditkit DEMONSTRATION key, not an identity"
NO_EXPIRY: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
_DOCUMENT_SIGNING: Final = ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
_PEM_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trusted:
    """A certificate that a verifier trusts, and until when.

    Attributes:
        certificate: A root, an issuer, or the signer's own.
        revoked_at: When it was revoked: later signatures do not count. None: not revoked.
        compromised: Whether someone else may hold the key. Then a time stated only by the signer
            proves nothing, because anyone who holds the key can state any time.
    """

    certificate: x509.Certificate
    revoked_at: datetime | None = None
    compromised: bool = False


def fingerprint(certificate: x509.Certificate) -> str:
    """`sha256:` and the digest of the certificate's DER."""
    return str(Digest.of(certificate.public_bytes(Encoding.DER)))


def common_name(certificate: x509.Certificate) -> str:
    """The subject's common name, or its whole name if it has none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def is_demonstration(certificate: x509.Certificate) -> bool:
    """Whether this is auditkit's demonstration certificate."""
    return common_name(certificate) == DEMONSTRATION_NAME


def read_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Reads all certificates of a PEM file, or the one in a DER file.

    Raises:
        KeyFileError: If there is none, or one cannot be read.
    """
    blocks = _PEM_CERTIFICATE.findall(data)
    try:
        if blocks:
            return tuple(x509.load_pem_x509_certificate(block) for block in blocks)
        return (x509.load_der_x509_certificate(data),)
    except ValueError as error:
        raise KeyFileError(
            "The file holds no readable certificate.",
            remedy="give an X.509 certificate as PEM (-----BEGIN CERTIFICATE-----) or DER",
        ) from error


def to_pem(certificate: x509.Certificate) -> bytes:
    """The certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM)


def self_signed(
    key: LocalKey,
    *,
    name: str = DEMONSTRATION_NAME,
    organisation: str = "",
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> x509.Certificate:
    """Makes a self-signed certificate for signing documents.

    Args:
        key: An ECDSA or RSA key.
        name: The common name, at most 64 characters.
        organisation: The organisation's name; empty: none.
        valid_from: Start of validity. Default: 2020.
        valid_until: End of validity. Default: no well-defined expiry.

    Raises:
        KeyFileError: If the name is empty or too long.
        InputError: If a name holds characters that are not shown as they are.
    """
    check_name(name, what="The key's name")
    check_name(organisation, what="The organisation's name")
    try:
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if organisation:
            attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    except ValueError as error:
        raise KeyFileError(
            "The name for the certificate is empty or too long.",
            remedy="use 1 to 64 characters for name and organisation",
        ) from error
    subject = x509.Name(attributes)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from or _EARLIEST)
        .not_valid_after(valid_until or NO_EXPIRY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([_DOCUMENT_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key), critical=False)
        .sign(key.secret, hashes.SHA256())
    )
