"""Private keys: in a file, in a token (PKCS#11), or in a key service.

`PrivateKey` is the interface. Everything above it (PDF signatures, envelopes) needs only a public
key and signatures, so a key that never leaves its hardware signs reports like any other.

Laws:
    - The kind of key determines the algorithm: Ed25519; ECDSA (P-256, P-384) over SHA-256, DER;
      RSA of at least 2048 bits, PKCS #1 v1.5 over SHA-256.
    - A signature is checked against the public key before it is returned, so that a faulty token
      or service is noticed at signing, not by the auditor.
    - No error message quotes a key or a passphrase.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditkit.canonical import Digest
from auditkit.errors import KeyFileError, VerificationError

PublicKey: TypeAlias = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
LocalSecret: TypeAlias = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_MIN_RSA_BITS: Final = 2048
_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384"}


class PrivateKey(Protocol):
    """Something that signs. Implemented by files, PKCS#11 tokens and cloud services."""

    @property
    def public_key(self) -> PublicKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """Signs a message, by the algorithm of this kind of key.

        Raises:
            KeyFileError: If the key cannot be used.
        """


@dataclass(frozen=True, slots=True)
class LocalKey:
    """A private key in this process's memory.

    Attributes:
        secret: The key as an object of the `cryptography` package.
    """

    secret: LocalSecret

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self.secret.public_key()

    def sign(self, message: bytes) -> bytes:
        """Signs in this process."""
        if isinstance(self.secret, ed25519.Ed25519PrivateKey):
            return self.secret.sign(message)
        if isinstance(self.secret, ec.EllipticCurvePrivateKey):
            return self.secret.sign(message, ec.ECDSA(hashes.SHA256()))
        return self.secret.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def __repr__(self) -> str:
        """Names the algorithm and the public key; never the secret."""
        return f"LocalKey({algorithm_of(self.public_key)}, {fingerprint_of(self.public_key)})"


def sign_checked(key: PrivateKey, message: bytes) -> bytes:
    """Signs, and checks the signature before returning it.

    Raises:
        KeyFileError: If the signature does not verify with the key's own public half.
    """
    signature = key.sign(message)
    try:
        check_signature(key.public_key, signature, message)
    except VerificationError as error:
        raise KeyFileError(
            "The key made a signature that its public key does not verify.",
            remedy="check that the token's or service's key belongs to the certificate",
        ) from error
    return signature


def check_signature(key: PublicKey, signature: bytes, message: bytes) -> None:
    """Checks a signature, by the algorithm of this kind of key.

    Raises:
        VerificationError: If it is not a signature of the message by that key.
    """
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise VerificationError("The signature does not match the bytes and the key.") from error


def algorithm_of(key: PublicKey) -> str:
    """The algorithm's name: `Ed25519`, `ECDSA P-256`, `RSA 3072`."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
    return f"RSA {key.key_size}"


def supported_key(key: object) -> PublicKey:
    """Returns a public key if auditkit signs and verifies with its kind.

    Raises:
        KeyFileError: If it is of another kind, or an RSA key below 2048 bits.
    """
    remedy = "use Ed25519, ECDSA on P-256 or P-384, or RSA of at least 2048 bits"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
        return key
    raise KeyFileError("Keys of this kind cannot sign reports.", remedy=remedy)


def spki_of(key: PublicKey) -> bytes:
    """The public key as DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def fingerprint_of(key: PublicKey) -> str:
    """`sha256:` and the digest of the public key's DER."""
    return str(Digest.of(spki_of(key)))


def public_key_from_spki(der: bytes) -> PublicKey:
    """Reads what `spki_of` wrote.

    Raises:
        VerificationError: If it is not exactly one public key of a supported kind.
    """
    try:
        key = supported_key(serialization.load_der_public_key(der))
    except (ValueError, TypeError, KeyFileError) as error:
        raise VerificationError("The public key cannot be read.") from error
    except Exception as error:  # unsupported algorithms raise errors of several types
        raise VerificationError("The public key is of an unknown kind.") from error
    if spki_of(key) != der:
        raise VerificationError("The public key is not in its canonical form.")
    return key


def local_key(secret: object) -> LocalKey:
    """Wraps a private key of a supported kind.

    Raises:
        KeyFileError: If it is of another kind.
    """
    if not isinstance(
        secret, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    ):
        raise KeyFileError(
            "Private keys of this kind cannot sign reports.",
            remedy="use Ed25519, ECDSA on P-256 or P-384, or RSA of at least 2048 bits",
        )
    supported_key(secret.public_key())
    return LocalKey(secret)
