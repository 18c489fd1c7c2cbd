"""Keys that never leave their hardware (PKCS#11) or their service (a cloud's KMS).

For a service, the caller passes an object with one method, which makes the signing call of that
service: AWS KMS `Sign` with MessageType DIGEST, Google `AsymmetricSign`, Azure Key Vault `sign`
(put its r and s into DER). Why there is no client here: docs/adr/0017.

Laws:
    - The PIN is held as long as the key object, and never shown.
    - Every signature is checked with the public key before use (`sign_checked`), so that a
      service that signs with another key, or in another format, is noticed at once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from auditkit.errors import KeyFileError, MissingExtraError, argument
from auditkit.signing.certificates import read_certificates
from auditkit.signing.private_keys import PrivateKey, PublicKey, algorithm_of, supported_key

# A key, then its certificate and its issuers.
KeyWithChain = tuple[PrivateKey, tuple[x509.Certificate, ...]]


class KeyService(Protocol):
    """The interface to a cloud's key service. Implement it with that cloud's client."""

    def sign_digest(self, key_id: str, digest: bytes, algorithm: str) -> bytes:
        """Signs a digest.

        Args:
            key_id: As the service names the key.
            digest: SHA-256 of the message, 32 bytes.
            algorithm: "ECDSA P-256", "ECDSA P-384" or "RSA ...". Return DER for ECDSA, PKCS #1
                v1.5 for RSA.
        """


@dataclass(frozen=True, kw_only=True)
class ServiceKey:
    """A key in a cloud's key service.

    Attributes:
        service: The client.
        key_id: As the service names the key.
        public: The public half, from the certificate that was issued for it.
    """

    service: KeyService
    key_id: str
    public: PublicKey

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self.public

    def sign(self, message: bytes) -> bytes:
        """Has the service sign the digest of a message.

        Raises:
            KeyFileError: If the service fails for any reason.
        """
        digest = hashlib.sha256(message).digest()
        try:
            return self.service.sign_digest(self.key_id, digest, algorithm_of(self.public))
        except Exception as error:  # each client has its own exceptions
            raise KeyFileError(
                f"The key service did not sign: {type(error).__name__}.",
                remedy="check that this machine may use the key",
            ) from error


def service_key(service: KeyService, key_id: str, *, certificate: bytes) -> KeyWithChain:
    """A key in a cloud's key service, with its certificates.

    Args:
        service: The client.
        key_id: As the service names the key.
        certificate: PEM or DER of the certificate issued for the key, then of its issuers.

    Raises:
        KeyFileError: If the certificate cannot be read.
    """
    chain = read_certificates(certificate)
    key = ServiceKey(service=service, key_id=key_id, public=supported_key(chain[0].public_key()))
    return key, chain


@dataclass(frozen=True, kw_only=True)
class TokenKey:
    """A key in a PKCS#11 token: a smart card, an HSM, SoftHSM.

    Attributes:
        module: Path of the token's library.
        token: The token's label.
        label: The key's label.
        pin: The user's PIN.
        public: The public half, from the certificate.
    """

    module: str
    token: str
    label: str
    pin: str = field(repr=False)
    public: PublicKey

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self.public

    def sign(self, message: bytes) -> bytes:
        """Has the token sign a message.

        Raises:
            KeyFileError: If token, PIN or key cannot be used.
        """
        pkcs11 = _library()
        with _session(self.module, self.token, self.pin) as session:
            try:
                key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self.label)
                return _sign(key, self.public, message)
            except pkcs11.PKCS11Error as error:
                raise KeyFileError(
                    f"The token did not sign with {self.label!r}: {type(error).__name__}.",
                    remedy="check the key's label and that it may sign",
                ) from error


def token_key(
    module: str | Path,
    *,
    token: str,
    label: str,
    pin: str,
    certificate: bytes | None = None,
) -> KeyWithChain:
    """A key in a PKCS#11 token, with its certificates.

    Args:
        module: Path of the token's library, for example /usr/lib/softhsm/libsofthsm2.so.
        token: The token's label.
        label: The label of key and certificate in it.
        pin: The user's PIN.
        certificate: PEM or DER of the certificate and its issuers; None: read it from the token.

    Raises:
        KeyFileError: If the token cannot be opened or holds no such key or certificate.
        MissingExtraError: If python-pkcs11 is not installed.
    """
    chain = read_certificates(certificate or _stored_certificate(str(module), token, label, pin))
    public = supported_key(chain[0].public_key())
    key = TokenKey(module=str(module), token=token, label=label, pin=pin, public=public)
    return key, chain


def token_key_at(
    address: str, *, pin: bytes | None, certificate: bytes | None = None
) -> KeyWithChain:
    """A key in a PKCS#11 token by its address (RFC 7512), with its certificates.

    Args:
        address: For example
            `pkcs11:token=audit;object=report?module-path=/usr/lib/libsofthsm2.so`.
        pin: The user's PIN.
        certificate: PEM or DER of the certificate and its issuers; None: read it from the token.

    Raises:
        KeyFileError: As for `token_key`, and if the address has a missing or an unknown part, or
            carries the PIN.
    """
    remedy = "write pkcs11:token=LABEL;object=LABEL?module-path=/path/of/the/library.so"
    path, _, query = address.removeprefix("pkcs11:").partition("?")
    parts = [part.partition("=") for part in (*path.split(";"), *query.split("&")) if part]
    given = {name: unquote(value) for name, _, value in parts}
    if "pin-value" in given or "pin-source" in given:
        raise KeyFileError(
            "The token's address carries its PIN.",
            remedy="leave it out, and give the PIN in a passphrase file, in the environment or at "
            "the prompt",
        )
    wanted = {"token", "object", "module-path"}
    if (
        len(given) != len(parts)
        or given.pop("type", "private") != "private"
        or set(given) != wanted
    ):
        raise KeyFileError("The token's address is malformed.", remedy=remedy)
    if not pin:
        raise KeyFileError(
            "The token's PIN is missing.",
            remedy="give it in a passphrase file, in AUDITKIT_PASSPHRASE, or at the prompt",
        )
    return token_key(
        given["module-path"],
        token=given["token"],
        label=given["object"],
        pin=pin.decode("utf-8", "replace"),
        certificate=certificate,
    )


def _stored_certificate(module: str, token: str, label: str, pin: str) -> bytes:
    pkcs11 = _library()
    wanted = {
        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
        pkcs11.Attribute.LABEL: label,
    }
    with _session(module, token, pin) as session:
        for found in session.get_objects(wanted):
            return bytes(found[pkcs11.Attribute.VALUE])
    raise KeyFileError(
        f"The token holds no certificate with the label {label!r}.",
        remedy=f"store it in the token, or give it as {argument('certificate')}",
    )


def _sign(key: Any, public: PublicKey, message: bytes) -> bytes:
    pkcs11 = _library()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return bytes(key.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
    if isinstance(public, ec.EllipticCurvePublicKey):
        from pkcs11.util.ec import encode_ecdsa_signature

        digest = hashlib.sha256(message).digest()
        return bytes(encode_ecdsa_signature(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)))
    return bytes(key.sign(message, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS))


def _session(module: str, token: str, pin: str) -> Any:
    pkcs11 = _library()
    try:
        return pkcs11.lib(module).get_token(token_label=token).open(user_pin=pin)
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise KeyFileError(
            f"The token {token!r} cannot be opened: {type(error).__name__}.",
            remedy="check the module's path, the token's label and the PIN",
        ) from error


def _library() -> Any:
    try:
        import pkcs11
    except ImportError as error:
        raise MissingExtraError(
            "pkcs11", extra="pkcs11", purpose="Signing with a PKCS#11 token"
        ) from error
    return pkcs11
