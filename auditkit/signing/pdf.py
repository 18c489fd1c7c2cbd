"""Certifies a PDF: a PAdES signature over the whole file that allows no change after it.

Laws:
    - The signature is appended; not one byte of the unsigned file changes, and its metadata is
      not rewritten. The signing time is an argument; without one the signature states no time.
    - Always SHA-256, always DocMDP 1 (no changes), always over everything but its own value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from cryptography import x509
from pyhanko.pdf_utils.generic import (
    ByteStringObject,
    EncryptedObjAccess,
    parse_pdf_date,
    pdf_name,
    pdf_string,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.cms_embedder import (
    PdfCMSEmbedder,
    SigIOSetup,
    SigMDPSetup,
    SigObjSetup,
)
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from auditkit.errors import InputError
from auditkit.signing.cms import assemble, signature_size, signed_attributes
from auditkit.signing.private_keys import PrivateKey, sign_checked
from auditkit.signing.timestamps import TimestampAuthority

FIELD_NAME: Final = "auditkit"
_TIMESTAMP_ROOM: Final = 16 * 1024  # bytes reserved for a timestamp token and its certificates


class UnchangedMetadataWriter(IncrementalPdfFileWriter):
    """Appends to a PDF without touching its metadata, whose dates are those of the report.

    Args:
        unsigned: The PDF.
        changed_id: The identifier of the file as it is after the change; None: a random one.
    """

    def __init__(self, unsigned: bytes, *, changed_id: bytes | None = None) -> None:
        super().__init__(BytesIO(unsigned), strict=True)
        if changed_id is not None:
            self._document_id[1] = ByteStringObject(changed_id)

    def _update_meta(self) -> None:
        """Leaves the metadata unchanged; the base class would write the clock's time."""


def certify(
    unsigned: bytes,
    *,
    key: PrivateKey,
    certificates: Sequence[x509.Certificate],
    reason: str,
    contact: str = "",
    at: datetime | None = None,
    timestamps: TimestampAuthority | None = None,
) -> bytes:
    """Appends a certification signature to a PDF.

    Args:
        unsigned: A PDF without signatures.
        key: The signer's key.
        certificates: The signer's first, then its issuers; the root may be left out.
        reason: Why it was signed, as PDF readers show it.
        contact: How to reach the signer; empty: left out.
        at: The time that the signer states; None: no time is stated.
        timestamps: Attests the time (PAdES B-T); None: the time stays unattested (B-B).

    Raises:
        InputError: If the bytes are not a PDF that can be signed, or are already signed.
        KeyFileError: If the key cannot be used.
        UnverifiableError: If the timestamp authority does not answer correctly.
    """
    room = len(
        assemble(
            certificates=certificates,
            message_digest=bytes(32),
            signature=bytes(signature_size(key.public_key)),
        )
    ) + (_TIMESTAMP_ROOM if timestamps is not None else 0)
    protocol, prepared, output = _prepared(
        unsigned, reason=reason, contact=contact, at=at, reserved=2 * room
    )
    signature = sign_checked(key, signed_attributes(prepared.document_digest, certificates))
    token = timestamps.stamp(signature) if timestamps is not None else None
    contents = assemble(
        certificates=certificates,
        message_digest=prepared.document_digest,
        signature=signature,
        timestamp=token,
    )
    if len(contents) > room:
        raise InputError(
            "The timestamp authority's answer is larger than the room reserved for it.",
            remedy="use an authority that sends fewer certificates",
        )
    protocol.send(contents)
    signed: bytes = output.getvalue()
    return signed


def certified_anew(unsigned: bytes, certified: bytes) -> bytes:
    """An unsigned PDF with the signature of another file appended, as `certify` appends it.

    What the signature states is taken over, and its value, which is not checked. If it was made for
    this PDF, the result is the same file. Call it in a child process: `certified` is parsed.

    Args:
        unsigned: A PDF without signatures.
        certified: The PDF that may have been made of it by `certify`.
    """
    reader = PdfFileReader(BytesIO(certified), strict=True)
    (value,) = [value.get_object() for _, value, _ in enumerate_sig_fields(reader, True)]
    _, first, second, _ = (int(number) for number in value["/ByteRange"])
    contents = bytes(value.raw_get("/Contents", decrypt=EncryptedObjAccess.RAW))
    at = parse_pdf_date(value["/M"], strict=True) if "/M" in value else None
    protocol, _, output = _prepared(
        unsigned,
        reason=str(value["/Reason"]),
        contact=str(value["/ContactInfo"]) if "/ContactInfo" in value else "",
        at=at,
        reserved=second - first - 2,
        changed_id=bytes(reader.trailer["/ID"][1].original_bytes),
    )
    protocol.send(contents)
    made: bytes = output.getvalue()
    return made


def _prepared(
    unsigned: bytes,
    *,
    reason: str,
    contact: str,
    at: datetime | None,
    reserved: int,
    changed_id: bytes | None = None,
) -> tuple[Any, Any, BytesIO]:
    """A PDF with room for a signature's value; the protocol takes the value.

    Raises:
        InputError: If the bytes are not a PDF that can be signed, or are already signed.
    """
    try:
        writer = UnchangedMetadataWriter(unsigned, changed_id=changed_id)
        if writer.prev.embedded_signatures:
            raise InputError(
                "The PDF is already signed, but a certification must be a file's first signature.",
                remedy="sign the unsigned report",
            )
        protocol = PdfCMSEmbedder().write_cms(field_name=FIELD_NAME, writer=writer)
        next(protocol)
        protocol.send(
            SigObjSetup(
                sig_placeholder=SignatureObject(
                    timestamp=at,
                    subfilter=SigSeedSubFilter.PADES,
                    reason=reason,
                    contact_info=contact or None,
                    bytes_reserved=reserved,
                ),
                mdp_setup=SigMDPSetup(
                    md_algorithm="sha256", certify=True, docmdp_perms=MDPPerm.NO_CHANGES
                ),
            )
        )
        _name_the_field(writer)
        prepared, output = protocol.send(SigIOSetup(md_algorithm="sha256"))
    except (PdfError, SigningError, ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(
            "The bytes are not a PDF that can be signed.", remedy="give an unsigned report"
        ) from error
    return protocol, prepared, output


def _name_the_field(writer: IncrementalPdfFileWriter) -> None:
    """Gives the signature field a description, which PDF/UA requires of every form field."""
    for reference in writer.root["/AcroForm"]["/Fields"]:
        field = reference.get_object()
        field[pdf_name("/TU")] = pdf_string("Signature of the audit report")
