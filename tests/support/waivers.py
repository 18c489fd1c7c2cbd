"""People with keys, and waivers that they sign."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from auditkit.evidence import Finding
from auditkit.policy import Policy
from auditkit.signing.dsse import cosign, seal
from auditkit.signing.private_keys import LocalKey, fingerprint_of
from auditkit.waivers.consideration import WaiverFile
from auditkit.waivers.record import Condition, Revocation, Waiver

BEGINS, ENDS = date(2026, 11, 1), date(2027, 1, 29)


def key(name: str) -> LocalKey:
    """A key that follows from a name, so that envelopes are the same in every run."""
    seed = hashlib.sha256(name.encode()).digest()
    return LocalKey(ed25519.Ed25519PrivateKey.from_private_bytes(seed))


def fingerprint(name: str) -> str:
    """What a policy lists of the key of that name."""
    return fingerprint_of(key(name).public_key)


# Ada has two keys; Eve is not listed.
LISTED = {"Ada Obi": ("ada", "ada-2"), "Bo Li": ("bo",), "Cy Day": ("cy",)}
_LINES = [f"{name}: [{', '.join(map(fingerprint, keys))}]" for name, keys in LISTED.items()]
APPROVERS = f"waiver_approvers: {{{', '.join(_LINES)}}}\n"


def waiver_for(policy: Policy, findings: Any, *, artifact: str, **changes: Any) -> Waiver:
    """A waiver for findings of one rule: of its conditions, or the rule's own."""
    wanted: list[Finding] = list(findings)
    fields = {
        "policy": policy.id,
        "policy_digest": str(policy.digest),
        "rule": wanted[0].rule,
        "artifact": artifact,
        "conditions": tuple(Condition.of(f) for f in wanted),
        "owner": "Ada Obi",
        "reason": "The successor model is in validation.",
        "requested": BEGINS,
        "expires": ENDS,
    }
    return Waiver.model_validate({**fields, **changes})


def signed(record: Waiver | Revocation, *keys: str) -> bytes:
    """The file of a record that keys have signed, by their names."""
    envelope = seal(record.payload, key(keys[0]))
    for name in keys[1:]:
        envelope = cosign(envelope, key(name))
    return envelope


def given(record: Waiver | Revocation, *keys: str, name: str = "w.dsse.json") -> WaiverFile:
    """The same, as an audit is given it."""
    return WaiverFile.of(name, signed(record, *keys))
