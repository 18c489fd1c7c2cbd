"""Whether the waivers that an audit was given count, and why not.

Laws:
    - A waiver counts if it was given for this policy, by its digest, and this model; if two of the
      people whom the policy lists signed it, one of whom is its owner; if it is for no more days
      than the policy allows; and on its days, unless one of the listed revoked it.
    - Two keys of one person are one person. Whom the policy does not list, signs for nobody.
    - One that does not count is as none. It stays in the statement, with the reason.
    - Everything follows from the files' envelopes, the policy, the model and the day: so whoever
      has the statement can find the same again.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

from auditkit.canonical import Digest, Json, canonical_bytes, parse_json
from auditkit.errors import InputError, VerificationError
from auditkit.policy import Policy
from auditkit.waivers.record import (
    REVOCATION_PREDICATE,
    WAIVER_PREDICATE,
    Revocation,
    Waiver,
    read_record,
    waiver_id,
)

# The largest file that is read; one with ten signatures has 8 kB.
MOST_BYTES: Final = 64 * 1024
# How many of the listed people must sign a waiver.
SIGNERS: Final = 2


@dataclass(frozen=True, kw_only=True)
class WaiverFile:
    """A file that an audit was given as a waiver.

    Attributes:
        name: Its name.
        envelope: Its content as JSON; None: it is not an envelope of a waiver or a revocation, and
            is not kept, because it may be the wrong file.
    """

    name: str
    envelope: Mapping[str, Any] | None

    @classmethod
    def of(cls, name: str, content: bytes) -> WaiverFile:
        """Reads a file's bytes; it refuses none."""
        kept = None
        if len(content) <= MOST_BYTES:
            try:
                found = parse_json(content)
                canonical_bytes(found)
                kept = found if _kind(found) in (WAIVER_PREDICATE, REVOCATION_PREDICATE) else None
            except (InputError, KeyError, TypeError, ValueError, AttributeError):
                kept = None
        return cls(name=name, envelope=kept)

    @cached_property
    def record(self) -> Waiver | Revocation | None:
        """What it says, whoever signed it; None: it says nothing that can be read."""
        if self.envelope is None:
            return None
        try:
            return read_record(_payload(self.envelope))
        except (InputError, KeyError, TypeError, ValueError):
            return None

    def signers(self) -> list[str]:
        """The fingerprints of the keys that signed it, in their order.

        Raises:
            VerificationError: If a signature does not verify, or there is none.
        """
        from auditkit.signing.dsse import open_envelope  # loads the libraries for signatures
        from auditkit.signing.private_keys import fingerprint_of

        if self.envelope is None:
            raise VerificationError("It is no envelope.")
        opened = open_envelope(canonical_bytes(self.envelope))
        return [fingerprint_of(key) for key in opened.keys]


@dataclass(frozen=True, kw_only=True)
class Considered:
    """A file of waivers, and what came of it in an audit.

    Attributes:
        file: The file.
        approvers: Who signed a waiver besides its owner, or signed a revocation; empty if it does
            not count.
        lifts: The ids of the findings that it lifts.
        reason: Why it does not count, or lifts nothing; of a revocation, whether it counts.
    """

    file: WaiverFile
    approvers: tuple[str, ...] = ()
    lifts: tuple[str, ...] = ()
    reason: str = ""

    @property
    def waiver(self) -> Waiver | None:
        """The waiver, if it is one that counts."""
        record = self.file.record
        return record if isinstance(record, Waiver) and self.approvers else None

    @property
    def record(self) -> Waiver | Revocation | None:
        """What the file says, whether it counts or not."""
        return self.file.record

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement."""
        return {
            "file": self.file.name,
            "envelope": dict(self.file.envelope) if self.file.envelope is not None else None,
            "approvers": list(self.approvers),
            "lifts": list(self.lifts),
            "reason": self.reason,
        }


def files_in(predicate: Mapping[str, Any]) -> tuple[WaiverFile, ...]:
    """The files of waivers that a statement holds.

    Raises:
        KeyError, TypeError: If there is something else in their place.
    """
    found = []
    for entry in predicate.get("waivers", ()):
        if entry["envelope"] is not None and not isinstance(entry["envelope"], Mapping):
            raise TypeError
        found.append(WaiverFile(name=entry["file"], envelope=entry["envelope"]))
    return tuple(found)


def consider(
    files: Sequence[WaiverFile],
    policy: Policy,
    *,
    name: str,
    artifact: str,
    today: date | None,
) -> tuple[Considered, ...]:
    """Judges each file, in the order of their names.

    Args:
        files: The files.
        policy: The policy of the audit.
        name: The model's name.
        artifact: The model's digest, `sha256:...`.
        today: The day of the audit; None: no waiver is in force.
    """
    people = {key: person for person, keys in policy.waiver_approvers.items() for key in keys}
    ordered = sorted(files, key=lambda f: (f.name, canonical_bytes(f.envelope)))
    revoked: dict[str, str] = {}
    for file in ordered:
        record = file.record
        if isinstance(record, Revocation) and not _fault_of_revocation(file, record, people):
            said = f"{record.by} revoked it on {record.revoked}: {record.reason}"
            revoked.setdefault(record.waiver, said)
    found = []
    for file in ordered:
        record = file.record
        if isinstance(record, Waiver):
            fault, approvers = _judged(file, record, policy, people)
            fault = (
                fault
                or _other_model(record, name, artifact)
                or revoked.get(str(record.digest), "")
                or _not_today(record, today)
            )
            approvers = () if fault else approvers
            found.append(Considered(file=file, approvers=approvers, reason=fault))
        elif isinstance(record, Revocation):
            fault = _fault_of_revocation(file, record, people)
            says = f"It revokes {waiver_id(Digest.parse(record.waiver))}"
            signers = () if fault else (record.by,)
            found.append(Considered(file=file, approvers=signers, reason=fault or f"{says}."))
        else:
            found.append(Considered(file=file, reason="It cannot be read as a waiver."))
    return tuple(found)


def signed_by(file: WaiverFile, people: Mapping[str, str]) -> tuple[str, ...]:
    """The listed people who signed a file, each once.

    Args:
        file: The file.
        people: The person of each key, by its fingerprint.

    Raises:
        VerificationError: If a signature does not verify, or there is none.
    """
    return tuple(dict.fromkeys(people[key] for key in file.signers() if key in people))


def _judged(
    file: WaiverFile, waiver: Waiver, policy: Policy, people: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """Why a waiver does not count under a policy, and who signed it besides its owner."""
    if not people:
        return "The policy lists nobody who may grant a waiver.", ()
    try:
        signers = signed_by(file, people)
    except VerificationError:
        return _FALSE, ()
    if (waiver.policy, waiver.policy_digest) != (policy.id, str(policy.digest)):
        return "It was given for another policy, or for another state of this one.", ()
    if waiver.rule not in {rule.id for rule in policy.rules}:
        return f"The policy has no rule {waiver.rule}.", ()
    if waiver.owner not in signers:
        return f"Its owner, {waiver.owner}, did not sign it with a key that the policy lists.", ()
    approvers = tuple(person for person in signers if person != waiver.owner)
    if len(signers) < SIGNERS:
        return (
            f"Of the people whom the policy lists only {waiver.owner} signed it: it takes two.",
            (),
        )
    if waiver.days > policy.waiver_days:
        return f"It is for {waiver.days} days; the policy allows {policy.waiver_days}.", ()
    return "", approvers


def _other_model(waiver: Waiver, name: str, artifact: str) -> str:
    if waiver.model in (None, name) and waiver.artifact in (None, artifact):
        return ""
    return f"It was given for another model, {waiver.model or waiver.artifact}."


def _not_today(waiver: Waiver, today: date | None) -> str:
    if today is None:
        return "The audit states no day, and a waiver is in force only on its days."
    if today < waiver.requested:
        return f"It begins on {waiver.requested}."
    if today > waiver.expires:
        return f"It ended on {waiver.expires}."
    return ""


def _fault_of_revocation(
    file: WaiverFile, revocation: Revocation, people: Mapping[str, str]
) -> str:
    try:
        signers = signed_by(file, people)
    except VerificationError:
        return _FALSE
    if revocation.by not in signers:
        return (
            f"It revokes nothing: {revocation.by} did not sign it with a key that the policy lists."
        )
    return ""


_FALSE: Final = "A signature on it does not verify: it was altered, or is not signed."


def _payload(envelope: Any) -> bytes:
    return base64.b64decode(envelope["payload"], validate=True)


def _kind(envelope: Any) -> Any:
    return parse_json(_payload(envelope))["predicateType"]
