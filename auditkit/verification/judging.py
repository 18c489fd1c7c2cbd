"""Checks a report's attachments against each other and its pages; runs only in a child process.

Whoever holds a key can attach anything: JSON that takes gigabytes when it is parsed, a number with
a billion digits. Here that reaches a limit. `auditkit.verification.attached` calls `judge`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import pyhanko_certvalidator  # noqa: F401 - loaded before the first job
from cryptography.x509 import load_der_x509_certificate

from auditkit.canonical import Digest, parse_json
from auditkit.isolation.messages import pack, unpack
from auditkit.signing.certificates import Trusted
from auditkit.signing.dsse import open_envelope
from auditkit.signing.validation_data import KINDS, ValidationData
from auditkit.verification.attachments import ENVELOPE, STATEMENT
from auditkit.verification.claims import Claims
from auditkit.verification.contents import (
    check_attachments,
    check_envelope,
    check_named,
    check_numbers,
    check_printed_digest,
    check_verdict,
    read_statement,
)
from auditkit.verification.log_claims import check_inclusion, read_receipt
from auditkit.verification.signature_parts import take_apart
from auditkit.verification.timestamp import rehearse_timestamp
from auditkit.verification.trust import check_path

T = TypeVar("T")


def rehearse(message: bytes) -> bytes:
    """Takes apart what the verifier then takes apart itself: does it end, within the limits?

    What is wrong with it is found again, and said, there.

    Args:
        message: Packed: the times at which a signer may be judged, besides those that a timestamp
            attests; whether the file holds validation data;
            and how many parts of each kind follow, kind after kind.
    """
    said, parts = unpack(message)
    rest = iter(parts)
    given = {kind: [bytes(next(rest)) for _ in range(n)] for kind, n in said["counts"].items()}
    trust = [Trusted(certificate=load_der_x509_certificate(one)) for one in given["trust"]]
    held = {name: tuple(given[name]) for _, name in KINDS}
    archived = ValidationData(**held) if said["archived"] else None

    def signature() -> None:
        found = take_apart(given["signature"][0])
        times = [datetime.fromisoformat(time) for time in said["times"]]
        if found.timestamp is not None:
            attested = _tried(partial(rehearse_timestamp, found.timestamp, trust, archived))
            times += [attested] if attested is not None else []
        for at in times:  # at one of them the signer is judged there
            _tried(partial(check_path, found.certificates, trust, at, archived))

    _tried(signature)
    for token in given["tokens"]:
        _tried(partial(rehearse_timestamp, token, trust, archived))
    for receipt in given["receipt"]:
        _tried(partial(_receipt, receipt))
    for stated_there in given["rendering"]:
        _tried(partial(parse_json, stated_there))
    return b""


def _receipt(content: bytes) -> None:
    check_inclusion(read_receipt(content), Digest.of(b""))


def _tried(work: Callable[[], T]) -> T | None:
    try:
        return work()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - hostile objects end in errors of any type
        return None


def judge(message: bytes) -> bytes:
    """Checks every claim on the attachments that asks nothing of a key or a log.

    Args:
        message: Packed: the files' `names`; the text of each page, null if they were not read; the
            signer's name and fingerprint, null if the file is not signed. Then the files.

    Returns:
        Packed: the claims, each with its state and reason; whether the statement can be read; and
        the keys that signed it.
    """
    said, contents = unpack(message)
    files = dict(zip(said["names"], contents, strict=True))
    pages, signer = said["pages"], said["signer"]
    claims, found, keys = Claims(), dict[str, Any](), list[str]()

    def statement() -> str:
        found.update(read_statement(files))
        return f"Printed and attached: {check_printed_digest(files, pages or ())}." if pages else ""

    def envelope() -> str:
        keys.extend(check_envelope(files))
        return f"Signed by {', '.join(keys)}, a key that the signed file carries."

    claims.check("statement", statement)
    claims.check("envelope", envelope)
    if found:
        claims.check("attachments", lambda: check_attachments(files, found))
        claims.check("verdict", lambda: check_verdict(found))
        if pages and signer is not None:
            claims.check("named", lambda: check_named(files, pages, *signer))
    if pages and found:
        claims.check("numbers", lambda: check_numbers(files, found, pages))
    said = [claim.to_json() for claim in claims.found()]
    return pack({"claims": said, "read": bool(found), "keys": keys})


def judge_alone(envelope: bytes) -> bytes:
    """Checks an envelope, and the statement in it, by itself.

    Args:
        envelope: Its bytes.

    Returns:
        Packed as by `judge`; then the statement's bytes.
    """
    claims, found, keys, files = Claims(), dict[str, Any](), list[str](), dict[str, bytes]()

    def signed() -> str:
        files[STATEMENT] = open_envelope(envelope).payload
        keys.extend(check_envelope({**files, ENVELOPE: envelope}))
        return f"Signed by {', '.join(keys)}, a key that the envelope carries."

    def statement() -> str:
        found.update(read_statement(files))
        return f"In the envelope: {Digest.of(files[STATEMENT])}."

    if claims.check("envelope", signed):
        claims.check("statement", statement)
    if found:
        claims.check("verdict", lambda: check_verdict(found))
    said = [claim.to_json() for claim in claims.found()]
    content = files.get(STATEMENT, b"")
    return pack({"claims": said, "read": bool(found), "keys": keys}, [content])
