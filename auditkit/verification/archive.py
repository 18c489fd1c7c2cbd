"""What stands behind a report's certification, if anything may: data for later and a timestamp.

Laws:
    - Everything about the report is read from the certified file alone, as it was before anything
      was appended (`Archived.certified`).
    - What was appended is made again from what it holds, by `auditkit.signing.archive`, and has to
      come out the same in every byte. Nothing else may stand there, however harmless a reader of
      PDFs would find it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from auditkit.errors import UnverifiableError, VerificationError
from auditkit.signing.archive import ValidationData, prepare, validation_data
from auditkit.signing.certificates import Trusted
from auditkit.verification.attachments import entry
from auditkit.verification.signed_file import ChangedFileError, locate
from auditkit.verification.timestamp import check_timestamp
from auditkit.wording import plural

_MAX_REVISIONS: Final = 50
_ADDED: Final = "Something was added after signing that is not validation data with a timestamp."


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentTimestamp:
    """A timestamp over a file as it was.

    Attributes:
        token: Its DER.
        stamped: The bytes that it is about.
    """

    token: bytes
    stamped: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Archived:
    """A file in its parts.

    Attributes:
        certified: The file up to where the certification reaches; all of it if nothing follows.
        data: What the file holds for later verifiers; None: nothing was appended.
        timestamps: Over the file, one for each time that something was appended.
    """

    certified: bytes
    data: ValidationData | None = None
    timestamps: tuple[DocumentTimestamp, ...] = ()


def take_off(data: bytes, reader: PdfFileReader) -> Archived:
    """Separates the certified file from what was appended.

    A file whose signatures cannot be read is returned whole: what is wrong with it is for
    `signed_file` to say.

    Raises:
        ChangedFileError: If what was appended is not what auditkit appends.
    """
    try:
        values = [
            value.get_object() for _, value, _ in enumerate_sig_fields(reader, filled_status=True)
        ]
        regular = [v for v in values if entry(v, "/Type", None) != "/DocTimeStamp"]
        end = locate(data, regular[0]).end
        stamps = sorted(locate(data, v).end for v in values if v not in regular)
    except Exception:  # noqa: BLE001 - hostile files end in errors of any type
        return Archived(certified=data)
    if end == len(data) or not stamps:
        return Archived(certified=data)
    if len(stamps) > _MAX_REVISIONS or stamps[-1] != len(data):
        raise ChangedFileError(_ADDED)
    try:
        return _rebuilt(data, data[:end], stamps)
    except ChangedFileError:
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise ChangedFileError(_ADDED) from error


def _rebuilt(data: bytes, certified: bytes, ends: Sequence[int]) -> Archived:
    """Makes each revision again on the one before it."""
    before, held = certified, ValidationData()
    timestamps = []
    for end in ends:
        now = data[:end]
        reader = PdfFileReader(BytesIO(now), strict=True)
        last = _last_timestamp(reader)
        embedded = locate(now, last)
        found = validation_data(reader)
        room = len(last.raw_get("/Contents"))
        prepared = prepare(before, found.since(held), room=room)
        if prepared.filled(embedded.der) != now:
            raise ChangedFileError(_ADDED)
        stamped = now[: prepared.begin] + now[prepared.end :]
        timestamps.append(DocumentTimestamp(token=embedded.der, stamped=stamped))
        before, held = now, found
    _check_readable(held)
    return Archived(certified=certified, data=held, timestamps=tuple(timestamps))


def _last_timestamp(reader: PdfFileReader) -> Any:
    fields = reader.root["/AcroForm"]["/Fields"]
    return fields[len(fields) - 1]["/V"]


def _check_readable(held: ValidationData) -> None:
    """No item is anything but what it is filed as; no room for other things."""
    for items, kind in (
        (held.certificates, x509.Certificate),
        (held.crls, crl.CertificateList),
        (held.ocsps, ocsp.OCSPResponse),
    ):
        for item in items:
            kind.load(item, strict=True).native  # noqa: B018 - parses all of it, or raises


def check_archive(archived: Archived, trust: Sequence[Trusted]) -> str:
    """Checks every document timestamp of a file.

    Returns:
        What the file holds and who attests it, in words.

    Raises:
        VerificationError: If a timestamp is about something else, damaged, or older than the one
            before it.
        UnverifiableError: If an authority leads to no trusted root.
    """
    held = archived.data
    if held is None:
        raise UnverifiableError("The file holds nothing for verification after expiry.")
    told: list[datetime] = []
    authority = ""
    for one in archived.timestamps:
        time, authority = check_timestamp(one.token, one.stamped, trust, held)
        if told and time < told[-1]:
            raise VerificationError("A document timestamp is older than the one before it.")
        told.append(time)
    holds = (
        f"{plural(len(held.certificates), 'certificate')}, "
        f"{plural(len(held.crls), 'revocation list')} and {plural(len(held.ocsps), 'OCSP answer')}"
    )
    return f"{holds}, under {authority}'s timestamp of {told[-1]:%Y-%m-%d %H:%M:%S} UTC."
