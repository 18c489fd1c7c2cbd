"""One entry of the log: its leaf, and the payload stored beside it.

The leaf commits to the entry's index, time, kind and retention class, and to its payload by a
salted digest. The payload and its salt can be destroyed. What remains says that something of this
kind was logged at this time, and nothing about its content.

Law: the leaf's bytes are the canonical JSON of `Entry.leaf()`, so that anyone can recompute them.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from auditkit.canonical import Json, canonical_bytes, check_name, parse_json
from auditkit.errors import InputError, VerificationError
from auditkit.merkle import leaf_hash

SALT_BYTES: Final = 32
CLOCK_SET_BACK: Final = "ledger.clock-set-back"
ENTRY_TYPE: Final = "auditkit/ledger-entry/v1"
_COMMITMENT: Final = b"auditkit/ledger-payload/v1\0"
_NAME: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*\Z")
# Members of a payload that name who acted, or what was acted on.
_NAMES: Final = frozenset({"actor", "approver", "by", "owner", "reviewer", "subject", "user"})
_MAX_NAME: Final = 64
_MAX_PAYLOAD: Final = 1 << 20
_MAX_TIME_MS: Final = 253_402_300_799_999  # The end of the year 9999.
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Item = tuple[str, str, bytes, bytes]  # Kind, retention class, salt, body.


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry of the log.

    Attributes:
        index: Its index in the log, from 0.
        time_ms: When it was logged, in milliseconds since 1970 UTC. Earlier than the entry before
            it only in an entry that says so (`CLOCK_SET_BACK`).
        kind: What it records, for example "access.decision".
        retention: The retention class, which says how long its payload is kept.
        commitment: The salted digest of the payload, 32 bytes.
        salt: 32 random bytes, or None once the payload is destroyed.
        body: The payload as canonical JSON, or None once it is destroyed.
    """

    index: int
    time_ms: int
    kind: str
    retention: str
    commitment: bytes
    salt: bytes | None
    body: bytes | None

    @property
    def time(self) -> datetime:
        """When it was logged, UTC."""
        return _EPOCH + timedelta(milliseconds=self.time_ms)

    @property
    def payload(self) -> dict[str, Any] | None:
        """What was logged, or None once it is destroyed."""
        if self.body is None:
            return None
        found: dict[str, Any] = parse_json(self.body)
        return found

    def leaf(self) -> dict[str, Json]:
        """What the leaf commits to."""
        return {
            "index": self.index,
            "kind": self.kind,
            "payload": f"sha256:{self.commitment.hex()}",
            "retention": self.retention,
            "time_ms": self.time_ms,
            "type": ENTRY_TYPE,
        }

    def leaf_bytes(self) -> bytes:
        """The leaf's bytes."""
        return leaf_bytes(self.index, self.time_ms, self.kind, self.retention, self.commitment)

    def leaf_hash(self) -> bytes:
        """The entry's hash in the tree."""
        return leaf_hash(self.leaf_bytes())

    @classmethod
    def of_leaf(cls, leaf: Any, *, salt: bytes | None, body: bytes | None) -> Entry:
        """Reads what `leaf` wrote.

        Raises:
            VerificationError: If it is anything else.
        """
        wrong = VerificationError("The entry is not an entry of a log.")
        if not isinstance(leaf, Mapping):
            raise wrong
        index: Any = leaf.get("index")
        kind: Any = leaf.get("kind")
        payload: Any = leaf.get("payload")
        retention: Any = leaf.get("retention")
        time_ms: Any = leaf.get("time_ms")
        if not (
            _is_count(index, 2**53)
            and _is_count(time_ms, _MAX_TIME_MS)
            and is_name(kind)
            and is_name(retention)
        ):
            raise wrong
        if not isinstance(payload, str) or not re.fullmatch(r"sha256:[0-9a-f]{64}", payload):
            raise wrong
        entry = cls(
            index=index,
            time_ms=time_ms,
            kind=kind,
            retention=retention,
            commitment=bytes.fromhex(payload[7:]),
            salt=salt,
            body=body,
        )
        if dict(leaf) != entry.leaf():
            raise wrong
        return entry

    def check_payload(self) -> None:
        """Checks that the payload is the one that the leaf commits to.

        Requires that the payload was not destroyed.

        Raises:
            VerificationError: If it is not.
        """
        if self.salt is None or self.body is None or len(self.salt) != SALT_BYTES:
            raise VerificationError(f"The payload of entry {self.index} has no salt.")
        if commitment(self.salt, self.body) != self.commitment:
            raise VerificationError(f"The payload of entry {self.index} is not what was logged.")


def leaf_bytes(index: int, time_ms: int, kind: str, retention: str, commitment: bytes) -> bytes:
    """The canonical JSON of a leaf, faster than the general writer.

    The names of kinds and classes hold no character that JSON would escape (`is_name`).
    """
    return (
        f'{{"index":{index},"kind":"{kind}","payload":"sha256:{commitment.hex()}"'
        f',"retention":"{retention}","time_ms":{time_ms},"type":"{ENTRY_TYPE}"}}'
    ).encode()


def commitment(salt: bytes, body: bytes) -> bytes:
    """The salted digest of a payload: without the salt, nobody can test guesses at the payload.

    SHA-256 of a fixed prefix, the salt (32 bytes), and the payload's canonical JSON.
    """
    return hashlib.sha256(_COMMITMENT + salt + body).digest()


def payload_bytes(payload: Mapping[str, Json]) -> bytes:
    """A payload's canonical JSON, as it is stored and committed to.

    Raises:
        InputError: If it is not an object with a canonical JSON form of at most 1 MiB, or if a name
            in it holds characters that are not shown as they are.
    """
    if not isinstance(payload, Mapping):
        raise InputError("The payload is not a JSON object.", remedy="give a dict with string keys")
    for member in _NAMES & payload.keys():
        if isinstance(name := payload[member], str):
            check_name(name, what=f"The entry's {member}")
    found = canonical_bytes(payload)
    if len(found) > _MAX_PAYLOAD:
        raise InputError(
            "The payload is larger than 1 MiB.", remedy="log its digest, and store it elsewhere"
        )
    return found


def item(kind: str, payload: Mapping[str, Json], retention: str) -> Item:
    """A new entry's parts, with a fresh salt."""
    return kind, retention, secrets.token_bytes(SALT_BYTES), payload_bytes(payload)


def is_name(value: Any) -> bool:
    """Whether a value is a valid kind or retention class: lower case, digits, . _ - between."""
    return isinstance(value, str) and len(value) <= _MAX_NAME and bool(_NAME.match(value))


def milliseconds(moment: datetime) -> int:
    """A moment in milliseconds since 1970 UTC, rounded down.

    Raises:
        InputError: If it has no time zone, or is before 1970.
    """
    if moment.tzinfo is None:
        raise InputError("The clock's time has no time zone.", remedy="use datetime.now(UTC)")
    found = (moment - _EPOCH) // timedelta(milliseconds=1)
    if found < 0:
        raise InputError("The clock's time is before 1970.", remedy="set the machine's clock")
    return found


def _is_count(value: Any, maximum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= maximum
