"""Checks the signature of a PDF against its bytes: position, coverage, digest.

Laws:
    - The signature covers everything but one hexadecimal string, and that string is the signature's
      DER in upper case followed by zeros: no byte can change unnoticed.
    - Exactly one signature, a certification that allows no changes. Only files as
      `auditkit.signing` writes them are accepted, not other programs' signatures.
    - A parser's answer is never a verdict: it is compared with the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from auditkit.pdf.ranges import ChangedFileError, locate
from auditkit.pdf.reading import FoundSignature
from auditkit.signing.private_keys import check_signature, supported_key
from auditkit.verification.signature_parts import SignatureParts, take_apart


@dataclass(frozen=True, kw_only=True)
class SignedFile:
    """A PDF with one certification signature, which is valid and covers every byte.

    Attributes:
        parts: The signature's certificates, value and timestamp.
        stated_time: The time that the signer states; None: no time is stated.
    """

    parts: SignatureParts
    stated_time: datetime | None


def signed_file(data: bytes, found: FoundSignature) -> SignedFile:
    """Checks a PDF's signature against its bytes.

    Args:
        data: The file.
        found: The signature as the parser found it.

    Raises:
        ChangedFileError: If the bytes differ from the signed ones, or bytes were added.
        VerificationError: If the signature is damaged.
    """
    embedded = locate(data, found.numbers, found.value)
    parts = take_apart(embedded.der)
    if parts.message_digest != embedded.digest:
        raise ChangedFileError("The file was changed: its digest is not the signed one.")
    key = supported_key(parts.certificates[0].public_key())
    check_signature(key, parts.signature, parts.signed_bytes)
    if embedded.end != len(data):
        raise ChangedFileError(
            f"The signature covers {embedded.end:,} bytes of {len(data):,}: something was added "
            "after signing."
        )
    return SignedFile(parts=parts, stated_time=found.stated_time)
