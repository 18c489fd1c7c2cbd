"""Waivers in a log: who requested, approved and revoked which, and the revocations it knows.

A revocation that somebody removed from the files is still in the log, so an audit that goes into a
log asks it, too. What counts is the signature on it, not that it is logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from auditkit.canonical import Digest, Json, canonical_bytes
from auditkit.ledger import Ledger
from auditkit.ledger.reader import LogReader
from auditkit.waivers.consideration import WaiverFile
from auditkit.waivers.record import Revocation, Waiver, waiver_id

REQUESTED: Final = "waiver.requested"
APPROVED: Final = "waiver.approved"
REVOKED: Final = "waiver.revoked"


def log_waiver(log: Ledger, kind: str, file: WaiverFile, *, by: str) -> int:
    """Logs what was done with a waiver, and the signed file.

    Args:
        log: The log.
        kind: One of the kinds of this module.
        file: The waiver, or its revocation.
        by: Who did it, as the policy lists them.

    Returns:
        The index of the entry.
    """
    record = file.record
    if isinstance(record, Revocation):
        digest = Digest.parse(record.waiver)
        told: dict[str, Json] = {"reason": record.reason}
    else:
        assert isinstance(record, Waiver)
        digest = record.digest
        told = {
            "policy": record.policy,
            "policy_digest": record.policy_digest,
            "rule": record.rule,
            "owner": record.owner,
            "reason": record.reason,
            "expires": record.expires.isoformat(),
        }
    payload: dict[str, Json] = {
        "waiver": waiver_id(digest),
        "digest": str(digest),
        "by": by,
        "file": file.name,
        "envelope": dict(file.envelope) if file.envelope is not None else None,
        **told,
    }
    return log.append(kind=kind, payload=payload).index


def revocations(log: LogReader, files: Sequence[WaiverFile]) -> tuple[WaiverFile, ...]:
    """The revocations in a log of waivers that an audit was given, and was not given with them.

    Args:
        log: The log.
        files: What the audit was given.
    """
    digests = {str(f.record.digest) for f in files if isinstance(f.record, Waiver)}
    known = [_bytes(file.envelope) for file in files]
    found = []
    for entry in log.entries(kind=REVOKED):
        payload: Any = entry.payload
        if payload and payload.get("digest") in digests:
            name = f"entry {entry.index} of the log"
            file = WaiverFile.of(name, _bytes(payload["envelope"]))
            if _bytes(file.envelope) not in known:
                found.append(file)
    return tuple(found)


def _bytes(envelope: Any) -> bytes:
    return canonical_bytes(envelope)
