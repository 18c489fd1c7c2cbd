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
from typing import Final

from cryptography import x509
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
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
    """Appends to a PDF without touching its metadata, whose dates are those of the report."""

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
    try:
        writer = UnchangedMetadataWriter(BytesIO(unsigned), strict=True)
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
                    bytes_reserved=2 * room,
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


def _name_the_field(writer: IncrementalPdfFileWriter) -> None:
    """Gives the signature field a description, which PDF/UA requires of every form field."""
    for reference in writer.root["/AcroForm"]["/Fields"]:
        field = reference.get_object()
        field[pdf_name("/TU")] = pdf_string("Signature of the audit report")
