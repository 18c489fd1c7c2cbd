"""Reads an untrusted PDF: the PDF libraries run in a child process, within limits.

A file that takes more to read than any report is not a report: that is *false*. A failure of this
machine, such as a process that does not start, means *could not be checked*.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from auditkit.errors import UnverifiableError, VerificationError
from auditkit.isolation import ChildError, ChildUnavailableError, Limits, shared
from auditkit.isolation.messages import pack, unpack
from auditkit.pdf.ranges import ChangedFileError
from auditkit.signing.validation_data import ValidationData

MAX_BYTES: Final = 128 << 20
# A report of 30 pages takes 0.3 s and 100 MB more than the libraries. All attachments together
# are at most 64 MB, see `attachments`.
LIMITS: Final = Limits(
    cpu_seconds=3, wall_seconds=60.0, memory_bytes=1 << 30, answer_bytes=80 << 20
)
# How many times as large a report may get when another program saves it.
_MOST_LARGER: Final = 8
_PARSER: Final = shared("auditkit.pdf.parsing")


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentTimestamp:
    """A timestamp over a file and its revisions up to that point.

    Attributes:
        token: Its DER.
        stamped: The bytes that it covers.
    """

    token: bytes
    stamped: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Archived:
    """A file in its parts.

    Attributes:
        certified: The bytes that the certification covers; the whole file if nothing follows.
        data: The validation data in the file; None: nothing was appended.
        timestamps: The document timestamps, one for each appended revision.
    """

    certified: bytes
    data: ValidationData | None = None
    timestamps: tuple[DocumentTimestamp, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundSignature:
    """A file's one signature as a PDF library finds it, not yet compared with the bytes.

    Attributes:
        numbers: The range that it claims to cover.
        value: Its value.
        stated_time: The time that the signer states, with its zone; None: none.
    """

    numbers: Sequence[int]
    value: bytes
    stated_time: datetime | None


@dataclass(frozen=True, kw_only=True)
class ReadPdf:
    """The contents of a file, as the PDF library reads it.

    Attributes:
        archived: The certified file, and the revisions after it.
        files: The attachments by name; empty if they cannot be read.
        unread: Why the attachments cannot be read; None: they were read.
        signature: Its one signature.
        unsigned: Why there is no such signature; None: there is one.
    """

    archived: Archived
    files: Mapping[str, bytes]
    unread: VerificationError | None
    signature: FoundSignature | None
    unsigned: VerificationError | None

    def the_signature(self) -> FoundSignature:
        """The one signature.

        Raises:
            VerificationError: If there is not exactly one, or it is not as a report's must be.
        """
        if self.signature is None:
            raise self.unsigned or VerificationError("The file carries no signature.")
        return self.signature


def get_ready() -> None:
    """Starts loading the libraries in the child process, without waiting for it."""
    with suppress(ChildUnavailableError):  # the first call raises it again
        _PARSER.start()


def read_pdf(data: bytes) -> ReadPdf:
    """Reads a PDF strictly: its signature, what was appended to it, its attachments.

    Raises:
        ChangedFileError: If something was appended that auditkit does not append.
        VerificationError: If the file is not a PDF, or takes more to read than any report.
        UnverifiableError: If it could not be read on this machine.
    """
    if len(data) > MAX_BYTES:
        raise VerificationError(f"The file is larger than {MAX_BYTES:,} bytes.")
    found, parts = unpack(_called("structure", data))
    if "changed" in found:
        raise ChangedFileError(found["changed"])
    files = {name: parts[at] for name, at in found.get("files", {}).items()}
    unread = found.get("unread")
    unsigned = found.get("unsigned")
    return ReadPdf(
        archived=_archived(data, found, parts),
        files=files,
        unread=None if unread is None else VerificationError(unread),
        signature=_signature(found["signature"], parts) if "signature" in found else None,
        unsigned=None if unsigned is None else VerificationError(unsigned),
    )


def read_pages(data: bytes) -> list[str]:
    """The text of each page.

    Raises:
        VerificationError: If the pages take more to read than any report's.
        UnverifiableError: If they could not be read on this machine.
        AuditkitError: If there are more than in any report.
    """
    return [str(text) for text in json.loads(_called("pages", data))]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A certified PDF beside the unsigned one that it should have been made of.

    Attributes:
        same: Whether every byte is the same.
        never: What the file has that no report has, in words; empty: nothing was found.
        other: How it is otherwise; empty: it holds and draws the same.
    """

    same: bool
    never: str = ""
    other: str = ""


def compare_pdfs(unsigned: bytes, certified: bytes, *, by_others: bool) -> Compared:
    """Compares a certified PDF with the unsigned one that it should have been made of.

    Args:
        unsigned: Rendered here.
        certified: Read before, see `read_pdf`.
        by_others: Whether other versions of the libraries drew it, so that places and pictures may
            differ a little.

    Raises:
        VerificationError: If it takes more to compare than any report.
        UnverifiableError: If it could not be compared on this machine.
    """
    if len(certified) > _MOST_LARGER * len(unsigned) + (1 << 20):
        return Compared(same=False, never="The file is far larger than what follows.")
    # What it takes follows from the report, whatever the file holds: 7 s for 30 pages.
    limits = replace(LIMITS, cpu_seconds=10 + len(unsigned) // 50_000, wall_seconds=600.0)
    message = pack(by_others, [unsigned, certified])
    found, _ = unpack(_called("compare", message, limits))
    return Compared(**found)


def _called(function: str, data: bytes, limits: Limits | None = None) -> bytes:
    try:
        return _PARSER.call(function, data, limits=limits or LIMITS)
    except ChildUnavailableError as error:
        raise UnverifiableError(error.message, remedy=error.remedy) from error
    except ChildError as error:
        raise VerificationError(f"The file cannot be read as a report: {error.message}") from error


def _archived(data: bytes, found: Mapping[str, Any], parts: tuple[bytes, ...]) -> Archived:
    certified = data[: found["end"]]
    if "held" not in found:
        return Archived(certified=certified)
    certificates, crls, ocsps = (tuple(parts[at] for at in kind) for kind in found["held"])
    return Archived(
        certified=certified,
        data=ValidationData(certificates=certificates, crls=crls, ocsps=ocsps),
        timestamps=tuple(
            DocumentTimestamp(
                token=parts[one["token"]],
                stamped=data[: one["begin"]] + data[one["resume"] : one["end"]],
            )
            for one in found["stamps"]
        ),
    )


def _signature(found: Mapping[str, Any], parts: tuple[bytes, ...]) -> FoundSignature:
    stated = found["stated"]
    return FoundSignature(
        numbers=tuple(found["range"]),
        value=parts[found["value"]],
        stated_time=None if stated is None else datetime.fromisoformat(stated),
    )
