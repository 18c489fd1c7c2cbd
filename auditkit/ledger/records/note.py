r"""Signed notes: readable text, followed by one line for each signature.

This is how a log signs its checkpoints (C2SP signed-note). A witness adds its own line, the
cosignature, with the time at which it saw the log (C2SP tlog-cosignature).

Laws:
    - `str(NoteVerifier.parse(text)) == text`; the signed bytes themselves are verified, never a
      text that was parsed and written again.
    - Lines by unknown keys are ignored. A note is rejected if a line by a known key does not
      verify, or if no known key signed it.
    - Signatures of logs and cosignatures of witnesses are different kinds: neither passes for the
      other.

Example:
    >>> signer = NoteSigner.generate("example.com/log")
    >>> text, signed = open_note(signer.sign("Hello.\n"), [signer.verifier])
    >>> text, signed[0].verifier.name
    ('Hello.\n', 'example.com/log')
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from auditkit.canonical import is_clear
from auditkit.errors import InputError, KeyFileError, VerificationError

_LOG_SIGNATURE: Final = 0x01
_COSIGNATURE: Final = 0x04
_MAX_NOTE_BYTES: Final = 65536
_MAX_SIGNATURES: Final = 64
_SIGNATURE_START: Final = "\N{EM DASH} "
_CONTROLS: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_RAW: Final = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteVerifier:
    """The public half of a key that signs notes.

    Attributes:
        name: Whose key it is; for a log, its origin.
        public_key: The Ed25519 public key, 32 bytes.
        is_witness: Whether it checks a witness's cosignatures instead of a log's signatures.
        revoked_at: When the key was revoked: later signatures do not count. None: not revoked.
            Not part of the key's line.
        compromised: Whether it was revoked because someone else may hold it.
    """

    name: str
    public_key: bytes
    is_witness: bool = False
    revoked_at: datetime | None = None
    compromised: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public_key) != 32:
            raise KeyFileError(
                "The public key does not have the 32 bytes of an Ed25519 key.",
                remedy="give an Ed25519 public key",
            )

    @classmethod
    def parse(cls, text: str) -> NoteVerifier:
        """Reads what `str` wrote: `name+hash+key`.

        Raises:
            KeyFileError: If the text is not such a line, or the hash does not match the key.
        """
        name, _, rest = text.strip().partition("+")
        key_hash, _, encoded = rest.partition("+")
        try:
            key = from_base64(encoded)
        except ValueError:
            key = b""
        if not _is_name(name) or len(key) != 33 or key[0] not in (_LOG_SIGNATURE, _COSIGNATURE):
            raise KeyFileError(
                "The text is not the public key of a log or of a witness.",
                remedy="give the line 'name+hash+key' that the log's owner published",
            )
        verifier = cls(name=name, public_key=key[1:], is_witness=key[0] == _COSIGNATURE)
        if verifier.key_id.hex() != key_hash:
            raise KeyFileError(
                "The hash in the public key's line does not match its name and key.",
                remedy="copy the whole line 'name+hash+key' as the log's owner published it",
            )
        return verifier

    @classmethod
    def of(cls, name: str, key: Ed25519PublicKey) -> NoteVerifier:
        """The public key of a log, under its name."""
        return cls(name=name, public_key=key.public_bytes(*_RAW))

    def __str__(self) -> str:
        """The key as one line, `name+hash+key`, to publish and to store."""
        encoded = base64.b64encode(bytes([self._kind]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @property
    def key_id(self) -> bytes:
        """Four bytes that find this key's line in a note; too short to identify the key."""
        return _key_id(self.name, self._kind, self.public_key)

    @property
    def _kind(self) -> int:
        return _COSIGNATURE if self.is_witness else _LOG_SIGNATURE

    def check(self, text: str, signature: bytes) -> int | None:
        """Checks one signature over a note's text.

        Returns:
            When a witness signed, in seconds since 1970; None for a log.

        Raises:
            VerificationError: If it does not verify.
        """
        message, seconds = text.encode(), None
        if self.is_witness:
            seconds = int.from_bytes(signature[:8])
            message, signature = _cosigned(text, seconds), signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except InvalidSignature:
            raise VerificationError(
                f"The note's signature by {self.name} does not verify."
            ) from None
        return seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteSigner:
    """A key that signs notes, as a log or as a witness.

    The private key may be elsewhere (in a token or a key service): only `sign_bytes` is called.

    Attributes:
        name: Whose key it is; for a log, its origin, for example "example.com/audit".
        public_key: The Ed25519 public key, 32 bytes.
        sign_bytes: Signs a message with the private key and returns 64 bytes.
    """

    name: str
    public_key: bytes
    sign_bytes: Callable[[bytes], bytes] = field(repr=False)
    _private: Ed25519PrivateKey | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_name(self.name)

    @classmethod
    def generate(cls, name: str) -> Self:
        """A new key.

        Args:
            name: Whose key it is: not empty, without white space and without "+".
        """
        return cls.of(Ed25519PrivateKey.generate(), name=name)

    @classmethod
    def from_pem(cls, pem: bytes, *, name: str, passphrase: bytes | None = None) -> Self:
        """Reads an Ed25519 private key.

        Raises:
            KeyFileError: If it is not such a key, or the passphrase is wrong.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyFileError(
                "The log's private key cannot be read.",
                remedy="give an Ed25519 key in PEM, with its passphrase if it has one",
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(
                "The log's private key is not an Ed25519 key.",
                remedy="make one with 'auditkit keys init'",
            )
        return cls.of(key, name=name)

    @classmethod
    def of(cls, key: Ed25519PrivateKey, *, name: str) -> Self:
        """A key in memory, under its owner's name."""
        public = key.public_key().public_bytes(*_RAW)
        return cls(name=name, public_key=public, sign_bytes=key.sign, _private=key)

    def to_pem(self, *, passphrase: bytes | None = None) -> bytes:
        """The private key as PKCS#8 PEM, encrypted if there is a passphrase.

        Raises:
            KeyFileError: If the private key is not in this process.
        """
        if self._private is None:
            raise KeyFileError(
                "The private key is outside this process and cannot be written.",
                remedy="export it where it is kept, if that allows it",
            )
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase)
            if passphrase
            else serialization.NoEncryption(),
        )

    @property
    def verifier(self) -> NoteVerifier:
        """The verifier of this key's signatures as a log."""
        return NoteVerifier(name=self.name, public_key=self.public_key)

    @property
    def witness_verifier(self) -> NoteVerifier:
        """The verifier of this key's cosignatures as a witness."""
        return NoteVerifier(name=self.name, public_key=self.public_key, is_witness=True)

    def sign(self, text: str) -> str:
        """The text as a note signed by this key.

        Args:
            text: Must end in a newline and hold no other control character.
        """
        _check_text(text)
        key_id = _key_id(self.name, _LOG_SIGNATURE, self.public_key)
        return f"{text}\n{_line(self.name, key_id, self.sign_bytes(text.encode()))}"

    def cosign(self, text: str, *, seconds: int) -> str:
        """A witness's cosignature line over a checkpoint's body.

        Args:
            text: The checkpoint's body, as `open_note` returned it.
            seconds: The time since 1970.
        """
        _check_text(text)
        signature = self.sign_bytes(_cosigned(text, seconds))
        key_id = _key_id(self.name, _COSIGNATURE, self.public_key)
        return _line(self.name, key_id, seconds.to_bytes(8) + signature)


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """A signature line that was checked.

    Attributes:
        verifier: The key that made it.
        seconds: When a witness made it, in seconds since 1970; None for a log.
    """

    verifier: NoteVerifier
    seconds: int | None


def split_note(note: str) -> tuple[str, tuple[tuple[str, bytes], ...]]:
    """Splits a note into its text and its signature lines (name, key id and signature).

    Checks nothing else.

    Raises:
        VerificationError: If it is not a well-formed note.
    """
    malformed = VerificationError("The text is not a signed note.")
    try:
        size = len(note.encode())
    except (UnicodeEncodeError, AttributeError):
        raise malformed from None
    text, blank, tail = note.rpartition("\n\n")
    if size > _MAX_NOTE_BYTES or not blank or not text or not tail.endswith("\n"):
        raise malformed
    if _CONTROLS.search(note):
        raise malformed
    lines = tail[:-1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise malformed
    found = []
    for line in lines:
        name, space, encoded = line.removeprefix(_SIGNATURE_START).partition(" ")
        try:
            signature = from_base64(encoded)
        except ValueError:
            raise malformed from None
        if not line.startswith(_SIGNATURE_START) or not (name and space) or len(signature) < 5:
            raise malformed
        found.append((name, signature))
    return text + "\n", tuple(found)


def open_note(note: str, verifiers: Sequence[NoteVerifier]) -> tuple[str, tuple[Signed, ...]]:
    """Opens a note: its text, and the signatures on it by known keys, all of which verify.

    Raises:
        VerificationError: If it is malformed, a known key's line does not verify, or no known key
            signed it.
    """
    text, lines = split_note(note)
    known = {(v.name, v.key_id): v for v in verifiers}
    signed: dict[NoteVerifier, Signed] = {}
    for name, signature in lines:
        verifier = known.get((name, signature[:4]))
        if verifier is not None:
            seconds = verifier.check(text, signature[4:])
            signed[verifier] = Signed(verifier=verifier, seconds=seconds)
    if not signed:
        raise VerificationError(
            "The note is not signed by any of the trusted keys.",
            remedy="give the public key of the log or witness, as its owner published it (--key), "
            "or the folder of the log's own keys (--keys)",
        )
    return text, tuple(signed.values())


def add_signatures(note: str, lines: str) -> str:
    """The note with further signature lines, each line once."""
    split_note(note)
    extra = [line for line in lines.split("\n") if line and f"\n{line}\n" not in note]
    joined = note + "".join(f"{line}\n" for line in extra)
    split_note(joined)
    return joined


def _line(name: str, key_id: bytes, signature: bytes) -> str:
    return f"{_SIGNATURE_START}{name} {base64.b64encode(key_id + signature).decode()}\n"


@lru_cache(maxsize=256)
def _key_id(name: str, kind: int, public_key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


@lru_cache(maxsize=256)
def _is_name(name: str) -> bool:
    return bool(name) and is_clear(name) and not any(c.isspace() or c == "+" for c in name)


def _check_name(name: str) -> None:
    if not _is_name(name):
        raise InputError(
            "The key's name is empty, or has white space, a plus sign or hidden characters.",
            remedy="name it like an address without a scheme: example.com/audit",
        )


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROLS.search(text):
        raise InputError(
            "The note's text has a control character, or does not end in a newline.",
            remedy="end it in a newline, and use no other control character",
        )
    if text.startswith("cosignature/"):
        raise InputError(
            "The note's text begins like a cosigned message.",
            remedy="begin it with something other than 'cosignature/'",
        )


def from_base64(text: str) -> bytes:
    """Decodes standard base64 with its padding, in canonical form only.

    Raises:
        ValueError: If it is anything else.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data
