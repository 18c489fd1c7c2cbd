"""The claims on a report's attachments, which are judged in a child process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from auditkit.canonical import parse_json
from auditkit.errors import UnverifiableError, VerificationError
from auditkit.isolation import Child, ChildError, ChildUnavailableError, Limits
from auditkit.isolation.messages import pack, unpack
from auditkit.pdf.reading import ReadPdf
from auditkit.signing.certificates import Trusted
from auditkit.signing.validation_data import KINDS, ValidationData
from auditkit.verification.attachments import RECEIPT, RENDERING, STATEMENT
from auditkit.verification.claims import Claims, ClaimState

# A report of 30 pages takes 0.4 s, and 150 MB more than the libraries.
_LIMITS: Final = Limits(
    cpu_seconds=3, wall_seconds=60.0, memory_bytes=1 << 30, answer_bytes=32 << 20
)
_JUDGE: Final = Child("auditkit.verification.judging")
# Revocation lists of large authorities have some megabytes.
_MOST_REHEARSED: Final = 32 << 20


def get_judge_ready() -> None:
    """Starts loading what judges in the child process, without waiting for it."""
    with suppress(ChildUnavailableError):  # the first call raises it again
        _JUDGE.start()


def rehearse(
    read: ReadPdf, signature: bytes, trust: Sequence[Trusted], times: Sequence[datetime | None]
) -> None:
    """Has the child take apart what is taken apart here next: signature, tokens, receipt.

    Args:
        read: The file; its small attachments are parsed too.
        signature: Its DER.
        trust: Certificates that the verifier trusts.
        times: At which the signer may be judged: what it states, and the verifier's own.

    Raises:
        VerificationError: If that takes more than for any report.
        UnverifiableError: If this machine cannot do it.
    """
    held = read.archived.data or ValidationData()
    given = {
        "signature": [signature],
        # A revoked root ends no path, there as here.
        "trust": [t.certificate.public_bytes(Encoding.DER) for t in trust if t.revoked_at is None],
        "tokens": [one.token for one in read.archived.timestamps],
        **{name: list(getattr(held, name)) for _, name in KINDS},
        "receipt": [read.files[RECEIPT]] if RECEIPT in read.files else [],
        "rendering": [read.files[RENDERING]] if RENDERING in read.files else [],
    }
    parts = [part for kind in given.values() for part in kind]
    if sum(map(len, parts)) > _MOST_REHEARSED:
        raise VerificationError("Its signature and receipt are larger than those of any report.")
    head = {
        "times": [time.isoformat() for time in times if time is not None],
        "archived": read.archived.data is not None,
        "counts": {kind: len(of_kind) for kind, of_kind in given.items()},
    }
    try:
        _JUDGE.call("rehearse", pack(head, parts), limits=_LIMITS)
    except ChildUnavailableError as error:
        raise UnverifiableError(error.message, remedy=error.remedy) from error
    except ChildError as error:
        raise VerificationError(
            f"Its signature or receipt cannot be read as a report's: {error.message}"
        ) from error


def check_attached(
    claims: Claims,
    files: Mapping[str, bytes],
    *,
    pages: Sequence[str],
    signer: tuple[str, str] | None,
) -> tuple[Any, tuple[str, ...]]:
    """Makes the claims on statement, envelope, attachments, verdict, numbers and signer's name.

    Args:
        claims: Gets them.
        files: The attachments.
        pages: The text of each page; empty: they were not read, and nothing printed is checked.
        signer: The signer's name and fingerprint; None: the file's signature is not valid.

    Returns:
        The statement, parsed; None if it cannot be read. And the keys that signed it, by algorithm
        and fingerprint.
    """
    names = sorted(files)
    head = {"names": names, "pages": list(pages) or None, "signer": signer}
    said, _ = _judged(claims, "judge", pack(head, [files[name] for name in names]), "statement")
    # What the child could parse within its limits can be parsed here.
    statement = parse_json(files[STATEMENT]) if said["read"] else None
    return statement, tuple(said["keys"])


def check_alone(claims: Claims, envelope: bytes) -> tuple[bytes, Any, tuple[str, ...]]:
    """Makes the claims on an envelope, and on the statement in it.

    Args:
        claims: Gets them.
        envelope: The envelope's bytes.

    Returns:
        The statement's bytes; the statement, parsed, None if it cannot be read; and the keys that
        signed it, by algorithm and fingerprint.
    """
    said, parts = _judged(claims, "judge_alone", envelope, "envelope")
    statement = parse_json(parts[0]) if said["read"] else None
    return (parts[0] if parts else b""), statement, tuple(said["keys"])


def _judged(
    claims: Claims, function: str, message: bytes, on_failure: str
) -> tuple[Any, tuple[bytes, ...]]:
    """What the child says, its claims made; if it says nothing, one claim is refused."""
    try:
        said, parts = unpack(_JUDGE.call(function, message, limits=_LIMITS))
    except ChildUnavailableError as error:
        claims.refuse(on_failure, UnverifiableError(error.message, remedy=error.remedy))
        return {"read": False, "keys": []}, ()
    except ChildError as error:
        words = f"The attachments cannot be read as a report's: {error.message}"
        claims.refuse(on_failure, VerificationError(words))
        return {"read": False, "keys": []}, ()
    for claim in said["claims"]:
        claims.add(claim["id"], ClaimState(claim["state"]), claim["reason"])
    return said, parts
