"""Finds a signature's value in a file's bytes, and digests what it covers, without a parser."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditkit.errors import VerificationError

_HEX: Final = b"0123456789ABCDEF"


class ChangedFileError(VerificationError):
    """The file was changed after signing."""


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """One signature value in a file.

    Attributes:
        der: The CMS object.
        digest: SHA-256 over the bytes it covers.
        end: Offset of the end of the covered bytes from the start of the file.
    """

    der: bytes
    digest: bytes
    end: int


def locate(data: bytes, numbers: Sequence[int], value: bytes) -> Embedded:
    """Finds a signature's value in the bytes and digests what it covers.

    Args:
        data: The file.
        numbers: The range that the signature claims to cover, four numbers.
        value: The signature's value, from its dictionary.

    Raises:
        VerificationError: If the range leaves out more than the value, or the value is not
            DER in upper-case hexadecimal followed by zeros.
    """
    start, first, second, rest = numbers
    end = second + rest
    if start != 0 or not 0 < first < second - 2 < second < end <= len(data):
        raise VerificationError("The signature's range does not cover the file around it.")
    text = data[first + 1 : second - 1]
    fenced = data[first : first + 1] == b"<" and data[second - 1 : second] == b">"
    if not fenced or len(text) % 2 or text.translate(None, _HEX):
        raise VerificationError("The signature's value is not where its range says.")
    raw = bytes.fromhex(text.decode("ascii"))
    if value != raw:
        raise VerificationError("The signature's value is not the one that its range leaves out.")
    der = raw[: _der_length(raw)]
    if raw[len(der) :].strip(b"\0"):
        raise VerificationError("Something other than the signature lies in its place.")
    digest = hashlib.sha256(data[:first])
    digest.update(data[second:end])
    return Embedded(der=der, digest=digest.digest(), end=end)


def _der_length(raw: bytes) -> int:
    """The length of the first DER value in bytes, with its header."""
    if len(raw) < 2 or raw[0] != 0x30:
        raise VerificationError("The signature's value is empty or not a CMS object.")
    if raw[1] < 0x80:
        return 2 + raw[1]
    count = raw[1] & 0x7F
    if not 1 <= count <= 4:
        raise VerificationError("The signature's value has no definite length.")
    length = 2 + count + int.from_bytes(raw[2 : 2 + count], "big")
    if length > len(raw):
        raise VerificationError("The signature's value is cut short.")
    return length
