"""The effect of a key's revocation on its signatures.

Laws:
    - A signature made before the revocation stays true; a later one is *false*.
    - Anyone who holds a compromised key can state any time: a signature not proven to be earlier
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
    """Checks that a key was not revoked when it signed.

    Args:
        whose: Whose key it is, for the message: "signer's" or "statement's".
        key: Its record; None: not listed, so it counts as not revoked.
        moment: When it signed.

    Raises:
        VerificationError: If it was revoked before it signed.
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
            f"The {whose} key was compromised by {ended:%Y-%m-%d}; anyone who holds it can state "
            "any time, and nothing proves that this was signed before."
        )


def marked_roots(roots: Sequence[Trusted], ended: Mapping[str, KeyRecord]) -> tuple[Trusted, ...]:
    """Trusted certificates; those that a key list says are revoked are marked."""
    return tuple(
        replace(root, revoked_at=record.ended, compromised=record.compromised)
        if root.revoked_at is None and (record := ended.get(fingerprint(root.certificate)))
        else root
        for root in roots
    )


def marked_log_keys(
    keys: Sequence[NoteVerifier], ended: Mapping[str, KeyRecord]
) -> tuple[NoteVerifier, ...]:
    """Log keys; those that a key list says are revoked are marked."""
    found = []
    for key in keys:
        public = Ed25519PublicKey.from_public_bytes(key.public_key)
        record = ended.get(fingerprint_of(public)) if key.revoked_at is None else None
        found.append(
            replace(key, revoked_at=record.ended, compromised=record.compromised) if record else key
        )
    return tuple(found)
