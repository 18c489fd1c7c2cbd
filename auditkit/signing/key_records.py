"""Records of keys without their secrets: the store's index, and the published key list.

The owner gives the output of `auditkit keys list --json` to verifiers. It tells them which keys
were revoked, and when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from auditkit.canonical import Json, parse_json
from auditkit.errors import InputError, KeyFileError

Use = Literal["report", "statement", "log"]
State = Literal["active", "retired", "revoked"]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRecord:
    """One key of the store, without its secret.

    Attributes:
        id: `report-1`, `log-2`: the use and a running number.
        use: "report" signs PDFs, "statement" envelopes, "log" checkpoints.
        algorithm: For example "Ed25519" or "ECDSA P-256".
        fingerprint: Of the certificate for report keys, of the public key for the others.
        state: "active" signs; "retired" signs no more; "revoked" no longer counts.
        created: When it was made; None: not stated.
        ended: When it was retired or revoked; None: it is active, or not stated.
        compromised: Whether it was revoked because someone else may hold it.
        reason: Why it was revoked.
    """

    id: str
    use: Use
    algorithm: str
    fingerprint: str
    state: State = "active"
    created: datetime | None = None
    ended: datetime | None = None
    compromised: bool = False
    reason: str = ""

    def to_json(self) -> dict[str, Json]:
        """The record as the index and `auditkit keys list --json` write it."""
        return {
            "id": self.id,
            "use": self.use,
            "algorithm": self.algorithm,
            "fingerprint": self.fingerprint,
            "state": self.state,
            "created": self.created.isoformat() if self.created else None,
            "ended": self.ended.isoformat() if self.ended else None,
            "compromised": self.compromised,
            "reason": self.reason,
        }

    @classmethod
    def of_json(cls, entry: Any) -> KeyRecord:
        """Reads what `to_json` wrote.

        Raises:
            KeyFileError: If it is anything else.
        """
        try:
            times = {
                name: datetime.fromisoformat(entry[name]) if entry[name] else None
                for name in ("created", "ended")
            }
            record = cls(**{**entry, **times})
        except (KeyError, TypeError, ValueError) as error:
            raise KeyFileError(
                "An entry of the key list is malformed.",
                remedy="give what 'auditkit keys list --json' printed",
            ) from error
        if record.state == "revoked" and (record.ended is None or record.ended.tzinfo is None):
            raise KeyFileError(
                "A revoked key in the key list has no date of revocation.",
                remedy="give what 'auditkit keys list --json' printed",
            )
        return record


def parse_records(data: bytes) -> tuple[KeyRecord, ...]:
    """Reads a published list of keys.

    Raises:
        KeyFileError: If it is not such a list.
    """
    remedy = "give what 'auditkit keys list --json' printed"
    try:
        content = parse_json(data)
    except InputError as error:
        raise KeyFileError("The list of keys is not JSON.", remedy=remedy) from error
    if not isinstance(content, list):
        raise KeyFileError("The file is not a list of keys.", remedy=remedy)
    return tuple(KeyRecord.of_json(entry) for entry in content)


def revoked_keys(records: Iterable[KeyRecord]) -> dict[str, KeyRecord]:
    """The revoked keys, by fingerprint."""
    return {r.fingerprint: r for r in records if r.state == "revoked"}
