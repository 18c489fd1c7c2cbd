"""A signed PDF, byte by byte: where its signature lies, what it covers, what came after.

Laws:
    - The range of the signature is everything but one hexadecimal string, and that string is the
      signature's DER in upper case followed by zeros: no byte is left to change unnoticed.
    - Exactly one signature, a certification that allows no changes. What other programs sign and
      how they do it is not accepted here: this reads what `auditkit.signing` writes.
    - A parser's answer is never a verdict. What the parser found is compared with the bytes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils.generic import EncryptedObjAccess, Reference, parse_pdf_date
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from auditkit.errors import VerificationError
from auditkit.signing.private_keys import accepted, check_signature
from auditkit.verification.attachments import entry
from auditkit.verification.index_limits import check_index, packed_objects
from auditkit.verification.signature_parts import SignatureParts, take_apart

MAX_BYTES: Final = 512 * 1024 * 1024
_HEADER: Final = b"%PDF-"
_HEX: Final = re.compile(rb"[0-9A-F]+")


class ChangedFileError(VerificationError):
    """The file is not as it was when it was signed."""


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """One signature value in a file.

    Attributes:
        der: The CMS object.
        digest: SHA-256 over what it covers.
        end: Where what it covers ends, counted in bytes from the start of the file.
    """

    der: bytes
    digest: bytes
    end: int


@dataclass(frozen=True, kw_only=True)
class SignedFile:
    """A PDF with one certification signature, which holds and covers every byte.

    Attributes:
        parts: The signature's certificates, value and timestamp.
        stated_time: The time that the signer states; None: none is stated.
    """

    parts: SignatureParts
    stated_time: datetime | None


def parse(data: bytes) -> PdfFileReader:
    """Reads a PDF strictly.

    Raises:
        VerificationError: If it is not one.
    """
    if len(data) > MAX_BYTES:
        raise VerificationError(f"The file is larger than {MAX_BYTES:,} bytes.")
    if not data.startswith(_HEADER):
        # pyHanko reads backwards, and turns for ever before line ends that begin a file.
        raise VerificationError("The file is not a PDF that can be read.")
    try:
        check_index(data)
        reader = PdfFileReader(BytesIO(data), strict=True)
        packed_objects(reader)
        return reader  # noqa: TRY300
    except VerificationError:
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise VerificationError("The file is not a PDF that can be read.") from error


def signed_file(data: bytes, reader: PdfFileReader) -> SignedFile:
    """Finds the signature of a PDF and checks its arithmetic.

    Raises:
        ChangedFileError: If the bytes are not those that were signed, or more than those.
        VerificationError: If there is not exactly one signature, if it is not a certification
            without changes, or if it is damaged.
    """
    try:
        fields = [value for _, value, _ in enumerate_sig_fields(reader, filled_status=True)]
        values = [(field.get_object(), field.reference) for field in fields]
        regular = [v for v in values if entry(v[0], "/Type", None) != "/DocTimeStamp"]
    except Exception as error:  # hostile files end in errors of any type
        raise VerificationError("The file's signatures cannot be read.") from error
    if len(regular) != 1:
        found = "no signature" if not regular else f"{len(regular)} signatures"
        raise VerificationError(f"The file carries {found}; a report carries exactly one.")
    value, reference = regular[0]
    try:
        embedded = locate(data, value)
        _check_certification(reader, value, reference)
        stated = _stated_time(value)
    except VerificationError:
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise VerificationError("The file's signature cannot be read.") from error
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
    return SignedFile(parts=parts, stated_time=stated)


def locate(data: bytes, value: Any) -> Embedded:
    """Finds a signature's value in the bytes and digests what it covers.

    Args:
        data: The file.
        value: The signature's dictionary.

    Raises:
        VerificationError: If the range leaves out more than the value, or the value is not
            DER in upper-case hexadecimal followed by zeros.
    """
    numbers = [int(n) for n in value["/ByteRange"]]
    if len(numbers) != 4:
        raise VerificationError("The signature's range is not made of four numbers.")
    start, first, second, rest = numbers
    end = second + rest
    if start != 0 or not 0 < first < second - 2 < second < end <= len(data):
        raise VerificationError("The signature's range does not cover the file around it.")
    text = data[first + 1 : second - 1]
    fenced = data[first : first + 1] == b"<" and data[second - 1 : second] == b">"
    if not fenced or len(text) % 2 or not _HEX.fullmatch(text):
        raise VerificationError("The signature's value is not where its range says.")
    raw = bytes.fromhex(text.decode("ascii"))
    if bytes(value.raw_get("/Contents", decrypt=EncryptedObjAccess.RAW)) != raw:
        raise VerificationError("The signature's value is not the one that its range leaves out.")
    der = raw[: _der_length(raw)]
    if raw[len(der) :].strip(b"\0"):
        raise VerificationError("Something other than the signature lies in its place.")
    digest = hashlib.sha256(data[:first])
    digest.update(data[second:end])
    return Embedded(der=der, digest=digest.digest(), end=end)


def _check_certification(reader: PdfFileReader, value: Any, reference: Reference) -> None:
    if value["/SubFilter"] != "/ETSI.CAdES.detached":
        raise VerificationError("The signature is not a PAdES signature.")
    certified = reader.root["/Perms"].raw_get("/DocMDP")
    if certified.reference != reference:
        raise VerificationError("The signature is not the file's certification.")
    rules = value["/Reference"]
    if len(rules) != 1 or rules[0]["/TransformMethod"] != "/DocMDP":
        raise VerificationError("The signature does not certify the file.")
    if rules[0]["/TransformParams"]["/P"] != 1:
        raise VerificationError("The certification allows changes; a report's allows none.")


def _stated_time(value: Any) -> datetime | None:
    """The time that the signer states, which is a moment only with its zone."""
    if "/M" not in value:
        return None
    stated: datetime = parse_pdf_date(value["/M"], strict=True)
    if stated.tzinfo is None:
        raise VerificationError("The time that the signer states has no time zone.")
    return stated


def _der_length(raw: bytes) -> int:
    """How many bytes the first DER value takes, with its header."""
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
