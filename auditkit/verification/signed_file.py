"""A signed PDF, byte by byte: where its signature lies, what it covers, what came after.

Laws:
    - The range of the signature is everything but one hexadecimal string, and that string is the
      signature's DER in upper case followed by zeros: no byte is left to change unnoticed.
    - Exactly one signature, a certification that allows no changes. What other programs sign and
      how they do it is not accepted here: this reads what `auditkit.signing` writes.
    - A parser's answer is never a verdict. What the parser found is compared with the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from auditkit.pdf.ranges import ChangedFileError, locate
from auditkit.pdf.reading import FoundSignature
from auditkit.signing.private_keys import accepted, check_signature
from auditkit.verification.signature_parts import SignatureParts, take_apart


@dataclass(frozen=True, kw_only=True)
class SignedFile:
    """A PDF with one certification signature, which holds and covers every byte.

    Attributes:
        parts: The signature's certificates, value and timestamp.
        stated_time: The time that the signer states; None: none is stated.
    """

    parts: SignatureParts
    stated_time: datetime | None


def signed_file(data: bytes, found: FoundSignature) -> SignedFile:
    """Checks the arithmetic of a PDF's signature.

    Args:
        data: The file.
        found: What is in it.

    Raises:
        ChangedFileError: If the bytes are not those that were signed, or more than those.
        VerificationError: If the signature is damaged.
    """
    embedded = locate(data, found.numbers, found.value)
    parts = take_apart(embedded.der)
    if parts.message_digest != embedded.digest:
        raise ChangedFileError("The file was changed: its digest is not the signed one.")
    key = accepted(parts.certificates[0].public_key())
    check_signature(key, parts.signature, parts.signed_bytes)
    if embedded.end != len(data):
        raise ChangedFileError(
            f"The signature covers {embedded.end:,} bytes of {len(data):,}: something was added "
            "after signing."
        )
    return SignedFile(parts=parts, stated_time=found.stated_time)
