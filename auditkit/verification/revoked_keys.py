"""What a revocation by the keys' owner means for what the key signed.

Laws:
    - What a revoked key signed before it was revoked stays true; what it signed later is *false*.
    - Of a compromised key, whoever holds it can state any time: what is not proven to be earlier
      *could not be checked*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from auditkit.errors import UnverifiableError, VerificationError
from auditkit.ledger import NoteVerifier
from auditkit.signing.certificates import Trusted, fingerprint
from auditkit.signing.key_records import KeyRecord
from auditkit.signing.private_keys import fingerprint_of
from auditkit.verification.trust import Moment


def check_not_revoked(whose: str, key: KeyRecord | Trusted | None, moment: Moment) -> None:
    """Checks that a key counted when it signed.

    Args:
        whose: "signer's", "statement's": whose key it is, for the message.
        key: What is known of it; None: nothing, so that it was not revoked.
        moment: When it signed.

    Raises:
        VerificationError: If it was revoked before.
        UnverifiableError: If that depends on a time that nothing proves.
    """
    ended = key.ended if isinstance(key, KeyRecord) else key.revoked_at if key else None
    if key is None or ended is None:
        return
    if moment.best >= ended:
        raise VerificationError(
            f"The {whose} key was revoked on {ended:%Y-%m-%d}, before it signed this."
        )
    if key.compromised and moment.proven is None:
        raise UnverifiableError(
            f"The {whose} key was compromised by {ended:%Y-%m-%d}; whoever holds it can state any "
            "time, and nothing proves that this was signed before."
        )


def marked_roots(roots: Sequence[Trusted], ended: Mapping[str, KeyRecord]) -> tuple[Trusted, ...]:
    """Trusted certificates, those that a list of keys calls revoked marked so."""
    return tuple(
        replace(root, revoked_at=record.ended, compromised=record.compromised)
        if root.revoked_at is None and (record := ended.get(fingerprint(root.certificate)))
        else root
        for root in roots
    )


def marked_log_keys(
    keys: Sequence[NoteVerifier], ended: Mapping[str, KeyRecord]
) -> tuple[NoteVerifier, ...]:
    """Keys of logs, those that a list of keys calls revoked marked so."""
    found = []
    for key in keys:
        public = Ed25519PublicKey.from_public_bytes(key.public_key)
        record = ended.get(fingerprint_of(public)) if key.revoked_at is None else None
        found.append(
            replace(key, revoked_at=record.ended, compromised=record.compromised) if record else key
        )
    return tuple(found)
