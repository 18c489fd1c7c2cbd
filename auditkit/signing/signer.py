"""The signer of a report: a certificate with its key, and the key for statements.

Example:
    Signer.load("key.p12", passphrase="...") gives
    Signer('Example Bank Model Risk', ECDSA P-256, sha256:7d1c…; statements by the same key)

Laws:
    - The statement's envelope is signed by the Ed25519 key beside the certificate if there is one,
      else by the certificate's own key; `statement_key_words` says which.
    - The verifier decides whether to trust the certificate. A certificate outside its validity
      does not sign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import pkcs12

from auditkit.errors import KeyFileError, argument
from auditkit.files import read_bytes
from auditkit.signing import dsse
from auditkit.signing.certificates import (
    common_name,
    fingerprint,
    is_demonstration,
    read_certificates,
)
from auditkit.signing.private_keys import (
    LocalKey,
    PrivateKey,
    algorithm_of,
    fingerprint_of,
    local_key,
    supported_key,
)
from auditkit.signing.timestamps import TimestampAuthority
from auditkit.signing.tokens import KeyService, service_key, token_key, token_key_at

_PEM_KEY: Final = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
_UNOPENED: Final = "check the passphrase, and that the file is complete"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signer:
    """Signs the report and its statement.

    Attributes:
        certificates: The signer's X.509 certificate, then its known issuers.
        key: The private key of the first certificate.
        statement_key: Signs the statement's envelope.
        timestamps: A timestamp authority that attests the time; None: the time is unattested.
        long_term: Whether a report carries the data to verify it after the certificates have
            expired (PAdES B-LTA). Requires `timestamps`.
    """

    certificates: tuple[x509.Certificate, ...]
    key: PrivateKey
    statement_key: PrivateKey
    timestamps: TimestampAuthority | None = None
    long_term: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.key.public_key, ed25519.Ed25519PublicKey):
            raise KeyFileError(
                "PDF readers do not verify Ed25519 signatures.",
                remedy="sign reports with an RSA or ECDSA key; use Ed25519 for statements and logs",
            )
        if supported_key(self.certificates[0].public_key()) != self.key.public_key:
            raise KeyFileError(
                "The certificate and the private key do not belong together.",
                remedy="give the certificate that was issued for this key, before its issuers",
            )

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        passphrase: bytes | str | None = None,
        certificate: str | Path | None = None,
    ) -> Signer:
        """Reads a key and its certificate from PKCS#12 or PEM, or finds them in a token.

        Args:
            path: The file. A PEM file may also hold an Ed25519 key, which then signs statements.
                Or the address of a key in a PKCS#11 token (RFC 7512), for example
                `pkcs11:token=audit;object=report?module-path=/usr/lib/softhsm/libsofthsm2.so`.
            passphrase: The file's passphrase, or the token's PIN; None if it has none.
            certificate: A file with the certificate and its issuers, if `path` holds only keys.

        Raises:
            KeyFileError: If a file is unreadable, the passphrase is wrong, there is no
                certificate, or it does not belong to the key.
        """
        secret = passphrase.encode() if isinstance(passphrase, str) else passphrase
        if str(path).startswith("pkcs11:"):
            chain = _read(certificate) if certificate is not None else None
            key, issued = token_key_at(str(path), pin=secret, certificate=chain)
            return cls.of([key], issued)
        data = _read(path)
        if _PEM_KEY.search(data):
            keys, certificates = _from_pem(data, secret, alone=certificate is not None)
        else:
            keys, certificates = _from_pkcs12(data, secret)
        if certificate is not None:
            certificates = read_certificates(_read(certificate))
        return cls.of(keys, certificates)

    @classmethod
    def from_token(
        cls,
        module: str | Path,
        *,
        token: str,
        label: str,
        pin: str,
        certificate: bytes | None = None,
    ) -> Signer:
        """Signs with a key in a PKCS#11 token; see `tokens.token_key`."""
        key, chain = token_key(module, token=token, label=label, pin=pin, certificate=certificate)
        return cls.of([key], chain)

    @classmethod
    def from_service(cls, service: KeyService, key_id: str, *, certificate: bytes) -> Signer:
        """Signs with a key in a cloud's key service; see `tokens.service_key`."""
        key, chain = service_key(service, key_id, certificate=certificate)
        return cls.of([key], chain)

    @classmethod
    def of(cls, keys: Sequence[PrivateKey], certificates: Sequence[x509.Certificate]) -> Signer:
        """Makes a signer from keys and certificates.

        Args:
            keys: One RSA or ECDSA key, and at most one Ed25519 key, which signs statements.
            certificates: In any order, with the one of the RSA or ECDSA key among them.

        Raises:
            KeyFileError: If the keys or certificates do not make one signer.
        """
        reports = [k for k in keys if not isinstance(k.public_key, ed25519.Ed25519PublicKey)]
        statements = [k for k in keys if isinstance(k.public_key, ed25519.Ed25519PublicKey)]
        if len(reports) != 1 or len(statements) > 1:
            raise KeyFileError(
                f"A signer has one RSA or ECDSA key and at most one Ed25519 key; there are "
                f"{len(reports)} and {len(statements)}.",
                remedy="give a file with the keys of one signer",
            )
        own = [c for c in certificates if c.public_key() == reports[0].public_key]
        if not own:
            raise KeyFileError(
                "No certificate belongs to the private key.",
                remedy="give the X.509 certificate of this key with it: in the PKCS#12 file, "
                f"in the same PEM file, or as {argument('certificate')}",
            )
        return cls(
            certificates=(own[0], *_issuers(own[0], certificates)),
            key=reports[0],
            statement_key=(statements or reports)[0],
        )

    @property
    def certificate(self) -> x509.Certificate:
        """The signer's own certificate."""
        return self.certificates[0]

    @property
    def name(self) -> str:
        """The name in the certificate."""
        return common_name(self.certificate)

    @property
    def fingerprint(self) -> str:
        """`sha256:` and the digest of the certificate, to compare through another channel."""
        return fingerprint(self.certificate)

    @property
    def is_demonstration(self) -> bool:
        """Whether this is auditkit's demonstration key, which vouches for no identity."""
        return is_demonstration(self.certificate)

    @property
    def statement_key_words(self) -> str:
        """Which key signs statements, as text for a page."""
        if self.statement_key is self.key:
            return f"{algorithm_of(self.key.public_key)}, the key of the report's certificate"
        public = self.statement_key.public_key
        return f"{algorithm_of(public)}, {fingerprint_of(public)}"

    @property
    def level(self) -> str:
        """The PAdES level of this signer's reports: B-B, B-T (attested time), or B-LTA."""
        if self.timestamps is None:
            return "B-B"
        return "B-LTA" if self.long_term else "B-T"

    @property
    def time_words(self) -> str:
        """Whether anyone but the signer attests the time, as text for a page."""
        if self.timestamps is None:
            return "unattested time (PAdES B-B)"
        return f"time attested by a timestamp authority (PAdES {self.level})"

    def with_timestamps(
        self, authority: TimestampAuthority | str, *, long_term: bool = False
    ) -> Signer:
        """The same signer, with its times attested.

        Args:
            authority: A timestamp authority, or its address.
            long_term: Whether to add certificates, revocation data and a document timestamp
                (PAdES B-LTA), so that a report verifies after its certificates have expired. The
                certificates' issuers are asked over the network.
        """
        if isinstance(authority, str):
            authority = TimestampAuthority(url=authority)
        return replace(self, timestamps=authority, long_term=long_term)

    def sign_statement(self, statement: bytes) -> bytes:
        """Wraps a statement's bytes in a signed DSSE envelope, as canonical JSON.

        Raises:
            KeyFileError: If the key cannot be used.
        """
        return dsse.seal(statement, self.statement_key)

    def cosign_statement(self, envelope: bytes) -> bytes:
        """Adds this signer's signature to a signed DSSE envelope.

        Raises:
            VerificationError: If it is no envelope all of whose signatures verify.
            KeyFileError: If the key cannot be used.
        """
        return dsse.cosign(envelope, self.statement_key)

    def sign_pdf(
        self,
        unsigned: bytes,
        *,
        reason: str = "Audit evidence: this file as it was issued",
        contact: str = "",
        at: datetime | None = None,
    ) -> bytes:
        """Certifies a PDF and allows no later change.

        Args:
            unsigned: A PDF without signatures.
            reason: Why it was signed, as PDF readers show it.
            contact: How to reach the signer.
            at: The time that the signer states, with its zone; None: no time is stated.

        Raises:
            InputError: If the bytes are not an unsigned PDF.
            KeyFileError: If the key cannot be used, or the certificate is not valid at `at`.
            UnverifiableError: If the timestamp authority does not answer correctly, or, for
                long-term validation, the certificates' revocation status cannot be determined.
        """
        if at is not None and not (
            self.certificate.not_valid_before_utc <= at <= self.certificate.not_valid_after_utc
        ):
            raise KeyFileError(
                "The certificate is not valid at the time of signing.",
                remedy="renew it, or rotate the key: auditkit keys rotate",
            )
        from auditkit.signing.pdf import certify  # loads the PDF library

        signed = certify(
            unsigned,
            key=self.key,
            certificates=self.certificates,
            reason=reason,
            contact=contact,
            at=at,
            timestamps=self.timestamps,
        )
        if self.timestamps is None or not self.long_term:
            return signed
        from auditkit.signing.long_term import extend

        return extend(signed, self.timestamps)

    def __repr__(self) -> str:
        """Name, algorithm and fingerprint; never a secret."""
        algorithm = algorithm_of(self.key.public_key)
        return f"Signer({self.name!r}, {algorithm}, {self.fingerprint[:18]}…)"


def _read(path: str | Path) -> bytes:
    remedy = "check that it exists and that you may read it"
    return read_bytes(Path(path), what="key file", kind=KeyFileError, remedy=remedy)


def _from_pem(
    data: bytes, passphrase: bytes | None, *, alone: bool
) -> tuple[list[LocalKey], tuple[x509.Certificate, ...]]:
    keys = []
    for block in _PEM_KEY.finditer(data):
        encrypted = b"ENCRYPTED" in block.group(0)
        try:
            secret = serialization.load_pem_private_key(
                block.group(0), passphrase if encrypted else None
            )
        except (ValueError, TypeError) as error:
            raise KeyFileError(
                "The passphrase does not open the private key, or the key is damaged.",
                remedy=_UNOPENED,
            ) from error
        keys.append(local_key(secret))
    return keys, () if alone else read_certificates(_certificates_only(data))


def _certificates_only(data: bytes) -> bytes:
    return _PEM_KEY.sub(b"", data)


def _from_pkcs12(
    data: bytes, passphrase: bytes | None
) -> tuple[list[LocalKey], tuple[x509.Certificate, ...]]:
    try:
        secret, certificate, others = pkcs12.load_key_and_certificates(data, passphrase)
    except (ValueError, TypeError) as error:
        raise KeyFileError(
            "The passphrase does not open the key file, or it is neither PKCS#12 nor PEM.",
            remedy=_UNOPENED,
        ) from error
    if secret is None or certificate is None:
        raise KeyFileError(
            "The PKCS#12 file holds no private key with a certificate.",
            remedy="export the key together with its certificate",
        )
    return [local_key(secret)], (certificate, *others)


def _issuers(
    certificate: x509.Certificate, available: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """The available chain above a certificate, without unrelated certificates."""
    chain: list[x509.Certificate] = []
    current = certificate
    while current.subject != current.issuer:
        issuer = next((c for c in available if c.subject == current.issuer and c != current), None)
        if issuer is None or issuer in chain:
            break
        chain.append(issuer)
        current = issuer
    return tuple(chain)
