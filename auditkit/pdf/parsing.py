"""Parses untrusted PDFs with pyHanko and PDFium; runs only in a child process.

A signature does not make a file harmless: anyone with a key can sign any pages. The libraries get
only the file's bytes, and are stopped at a limit (see `auditkit.isolation`). `auditkit.pdf.reading`
calls the functions without underscore.

Law: a parser's answer is never a verdict on bytes. It only says where to look;
`auditkit.verification.signed_file` compares it with the file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import pypdfium2 as _loaded_beforehand  # noqa: F401 - once, not in each process that forks off
from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.generic import EncryptedObjAccess, Reference, parse_pdf_date
from pyhanko.sign.fields import enumerate_sig_fields

from auditkit.errors import AuditkitError, VerificationError
from auditkit.isolation.messages import pack, unpack
from auditkit.pdf.attachments import entry, read_attachments
from auditkit.pdf.drawn import drawn_otherwise
from auditkit.pdf.objects import OTHERS, SAME, differences
from auditkit.pdf.pages import check_sizes, page_texts
from auditkit.pdf.ranges import ChangedFileError, locate
from auditkit.pdf.strict_reader import StrictReader, opened
from auditkit.signing.archive import prepare, validation_data
from auditkit.signing.pdf import certified_anew
from auditkit.signing.validation_data import ValidationData

_MAX_REVISIONS: Final = 50
_ADDED: Final = "Something was added after signing that is not validation data with a timestamp."


def structure(data: bytes) -> bytes:
    """A file's signature, the revisions after it, and its attachments, as packed bytes.

    `auditkit.pdf.reading.read_pdf` describes each part.
    """
    parts: list[bytes] = []

    def put(part: bytes) -> int:
        parts.append(part)
        return len(parts) - 1

    found: dict[str, Any] = {}
    reader = opened(data)
    try:
        found["end"], held, stamps = _split_revisions(data, reader)
    except ChangedFileError as error:
        return pack({"changed": error.message})
    if held is not None:
        reader = opened(data[: found["end"]])
        found["held"] = [
            [put(one) for one in kind] for kind in (held.certificates, held.crls, held.ocsps)
        ]
        found["stamps"] = [{**stamp, "token": put(stamp["token"])} for stamp in stamps]
    try:
        found["files"] = {name: put(file) for name, file in read_attachments(reader).items()}
    except VerificationError as error:
        found["unread"] = error.message
    try:
        found["signature"] = {**(signature := _signature(reader)), "value": put(signature["value"])}
    except VerificationError as error:
        found["unsigned"] = error.message
    return pack(found, parts)


def pages(data: bytes) -> bytes:
    """The text of each page, as a JSON list."""
    try:
        check_sizes(opened(data))
    except (AuditkitError, MemoryError):
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise VerificationError("The pages cannot be read.") from error
    return json.dumps(page_texts(data)).encode()


def compare(message: bytes) -> bytes:
    """Compares a certified PDF with the unsigned one that it should have been made of.

    Args:
        message: Packed: whether other libraries drew it; the unsigned PDF, and the certified one.

    Returns:
        Packed: `same`, whether each byte is; else `never`, what the file has that no report has,
        and `other`, how it is otherwise, in words; empty: nothing.
    """
    by_others, (unsigned, certified) = unpack(message)
    made = certified_anew(unsigned, certified)
    if made == certified:
        return pack({"same": True})
    allowed = OTHERS if by_others else SAME
    found = differences(opened(made), opened(certified), allowed)
    never = next((one.words for one in found if one.never), "")
    other = next((one.words for one in found), "")
    if not other:
        other = drawn_otherwise(made, certified, points=allowed.points, alike=by_others)
    return pack({"same": False, "never": never, "other": other})


def _signature(reader: StrictReader) -> dict[str, Any]:
    """The one signature of a report: its range, its value, and the time it states."""
    try:
        fields = [value for _, value, _ in enumerate_sig_fields(reader, filled_status=True)]
        values = [(field.get_object(), field.reference) for field in fields]
        regular = [v for v in values if entry(v[0], "/Type", None) != "/DocTimeStamp"]
    except MemoryError:
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise VerificationError("The file's signatures cannot be read.") from error
    if len(regular) != 1:
        found = "no signature" if not regular else f"{len(regular)} signatures"
        raise VerificationError(f"The file carries {found}; a report carries exactly one.")
    value, reference = regular[0]
    try:
        numbers, content = _placed(value)
        _check_certification(reader, value, reference)
        return {"range": numbers, "value": content, "stated": _stated_time(value)}
    except (VerificationError, MemoryError):
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise VerificationError("The file's signature cannot be read.") from error


def _placed(value: Any) -> tuple[list[int], bytes]:
    """A signature's range and value, from its dictionary."""
    numbers = value["/ByteRange"]
    if len(numbers) != 4:
        raise VerificationError("The signature's range is not made of four numbers.")
    content = bytes(value.raw_get("/Contents", decrypt=EncryptedObjAccess.RAW))
    return [int(n) for n in numbers], content


def _check_certification(reader: StrictReader, value: Any, reference: Reference) -> None:
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


def _stated_time(value: Any) -> str | None:
    """The time that the signer states, which must have a time zone."""
    if "/M" not in value:
        return None
    stated = parse_pdf_date(value["/M"], strict=True)
    if stated.tzinfo is None:
        raise VerificationError("The time that the signer states has no time zone.")
    return str(stated.isoformat())


def _split_revisions(
    data: bytes, reader: StrictReader
) -> tuple[int, ValidationData | None, list[dict[str, Any]]]:
    """Splits a file into the certified part and the revisions after it.

    If its signatures cannot be read, the whole file counts as certified: `_signature` and
    `signed_file` report the fault.

    Raises:
        ChangedFileError: If something was appended that auditkit does not append.
    """
    try:
        values = [
            value.get_object() for _, value, _ in enumerate_sig_fields(reader, filled_status=True)
        ]
        regular = [v for v in values if entry(v, "/Type", None) != "/DocTimeStamp"]
        end = locate(data, *_placed(regular[0])).end
        stamps = sorted(locate(data, *_placed(v)).end for v in values if v not in regular)
    except Exception:  # noqa: BLE001 - hostile files end in errors of any type
        return len(data), None, []
    if end == len(data) or not stamps:
        return len(data), None, []
    if len(stamps) > _MAX_REVISIONS or stamps[-1] != len(data):
        raise ChangedFileError(_ADDED)
    try:
        return end, *_rebuilt(data, data[:end], stamps)
    except ChangedFileError:
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise ChangedFileError(_ADDED) from error


def _rebuilt(
    data: bytes, certified: bytes, ends: Sequence[int]
) -> tuple[ValidationData, list[dict[str, Any]]]:
    """Rebuilds each revision on the one before it."""
    before, held = certified, ValidationData()
    stamps = []
    for end in ends:
        now = data[:end]
        reader = StrictReader(now)
        last = _last_timestamp(reader)
        embedded = locate(now, *_placed(last))
        found = validation_data(reader)
        room = len(last.raw_get("/Contents"))
        prepared = prepare(before, found.since(held), room=room)
        if prepared.filled(embedded.der) != now:
            raise ChangedFileError(_ADDED)
        stamps.append(
            {"token": embedded.der, "begin": prepared.begin, "resume": prepared.end, "end": end}
        )
        before, held = now, found
    _check_readable(held)
    return held, stamps


def _last_timestamp(reader: StrictReader) -> Any:
    fields = reader.root["/AcroForm"]["/Fields"]
    return fields[len(fields) - 1]["/V"]


def _check_readable(held: ValidationData) -> None:
    """Checks that every item is of its declared kind, so that nothing else can hide in it."""
    for items, kind in (
        (held.certificates, x509.Certificate),
        (held.crls, crl.CertificateList),
        (held.ocsps, ocsp.OCSPResponse),
    ):
        for item in items:
            kind.load(item, strict=True).native  # noqa: B018 - parses all of it, or raises
