"""What a report's receipt proves: that its statement is in the log, and that the log holds still.

Laws:
    - Inclusion is arithmetic and needs no key; that the checkpoint is the log's needs the log's
      public key from elsewhere. They are two claims.
    - A checkpoint signed by a key that the verifier does not have *could not be checked*; one
      whose signature by a known key is wrong is *false*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from auditkit.canonical import Digest, parse_json
from auditkit.errors import InputError, UnverifiableError, VerificationError
from auditkit.ledger import Checkpoint, NoteVerifier, Receipt, open_checkpoint, verify_cosignatures
from auditkit.ledger.records.note import split_note
from auditkit.merkle import verify_consistency, verify_inclusion

STATEMENT_KIND: Final = "audit.statement"


def read_receipt(content: bytes | None) -> Receipt:
    """The receipt among the attachments.

    Raises:
        UnverifiableError: If there is none: the statement was not logged.
        VerificationError: If it is not a receipt.
    """
    if content is None:
        raise UnverifiableError("The report carries no receipt: its statement was not logged.")
    try:
        return Receipt.from_json(parse_json(content))
    except InputError as error:
        raise VerificationError("The receipt is not valid JSON.") from error


def check_inclusion(receipt: Receipt, statement: Digest) -> str:
    """Checks that a receipt is about a statement and leads to its checkpoint.

    Returns:
        Where the statement stands, in words.

    Raises:
        VerificationError: If it is about another statement, or the proof is wrong.
        UnverifiableError: If the entry's payload was destroyed.
    """
    text, _ = split_note(receipt.checkpoint)
    checkpoint = Checkpoint.parse(text)
    if checkpoint.origin != receipt.origin:
        raise VerificationError("The receipt and its checkpoint name different logs.")
    entry = receipt.entry
    verify_inclusion(
        entry.leaf_hash(), receipt.index, checkpoint.size, receipt.proof, checkpoint.root
    )
    if entry.kind != STATEMENT_KIND:
        raise VerificationError("The receipt is for an entry that records something else.")
    payload = entry.payload
    if payload is None:
        raise UnverifiableError("The log destroyed what the entry said; only its place is left.")
    entry.check_payload()
    if payload.get("statement") != str(statement):
        raise VerificationError("The receipt is for another statement than the attached one.")
    logged = f"{entry.time:%Y-%m-%d %H:%M} UTC by the log's clock"
    place = f"Entry {receipt.index}, counted from zero, in {receipt.origin}"
    return f"{place}, a log of {checkpoint.size}; logged {logged}."


def check_checkpoint(receipt: Receipt, log_keys: Sequence[NoteVerifier]) -> str:
    """Checks that the log's key signed the receipt's checkpoint.

    Returns:
        Whose key, in words.

    Raises:
        VerificationError: If a known key's signature is wrong.
        UnverifiableError: If no known key signed it.
    """
    keys = _signing(receipt.checkpoint, [k for k in log_keys if not k.is_witness])
    open_checkpoint(receipt.checkpoint, keys, logged=lambda _: receipt.entry.time)
    if all(k.compromised for k in keys):
        raise UnverifiableError(
            "The log's key that signed the checkpoint was compromised since; whoever holds it can "
            "make a log of any time.",
            remedy="ask the log's owner for a receipt under the present key: auditkit ledger prove",
        )
    return f"Signed with {keys[0]}, a key of the log that you trust."


def check_witnesses(receipt: Receipt, witnesses: Sequence[NoteVerifier], quorum: int) -> str:
    """Checks that enough witnesses saw the checkpoint.

    Returns:
        Who, in words.

    Raises:
        VerificationError: If fewer than `quorum` signed, or a signature is wrong.
    """
    signed = verify_cosignatures(receipt.checkpoint, witnesses, quorum=quorum)
    names = ", ".join(sorted(s.verifier.name for s in signed))
    return f"Seen and signed by {names}."


def check_consistency(
    receipt: Receipt,
    kept: str,
    log_keys: Sequence[NoteVerifier],
    proof: Sequence[bytes],
) -> str:
    """Checks that the log of the receipt and the one of a kept checkpoint are one.

    Args:
        receipt: The report's receipt.
        kept: The checkpoint that the verifier kept, as text.
        log_keys: The log's public keys.
        proof: The consistency proof between the two sizes; empty if they are equal.

    Returns:
        How they agree, in words.

    Raises:
        VerificationError: If they are not one log.
        UnverifiableError: If a proof is needed and none was given, or no known key signed.
    """
    keys = [k for k in log_keys if not k.is_witness]
    logged = receipt.entry.time
    mine = open_checkpoint(kept, _signing(kept, keys), logged=lambda _: logged)
    theirs = open_checkpoint(
        receipt.checkpoint, _signing(receipt.checkpoint, keys), logged=lambda _: logged
    )
    if mine.origin != theirs.origin:
        raise VerificationError(f"The kept checkpoint is of the log {mine.origin}, not this one.")
    old, new = sorted((mine, theirs), key=lambda c: c.size)
    if old.size != new.size and not proof:
        raise UnverifiableError(
            f"The kept checkpoint has {mine.size} entries and the report's {theirs.size}; a proof "
            "is needed to compare them.",
            remedy=f"ask the log's owner for what 'auditkit ledger consistency LOG {old.size} "
            f"{new.size}' prints, and give that file as --consistency",
        )
    verify_consistency(old.size, new.size, proof, old.root, new.root)
    return f"The log of {old.size} entries is the beginning of the one of {new.size}."


def as_verifiers(keys: Sequence[Any]) -> tuple[NoteVerifier, ...]:
    """Keys of logs and witnesses, given as `NoteVerifier` or as their one-line text.

    Raises:
        KeyFileError: If a text is no such key.
    """
    return tuple(k if isinstance(k, NoteVerifier) else NoteVerifier.parse(str(k)) for k in keys)


def _signing(note: str, keys: Sequence[NoteVerifier]) -> list[NoteVerifier]:
    """Those of the keys that have a line in the note."""
    _, lines = split_note(note)
    found = {(name, signature[:4]) for name, signature in lines}
    signing = [k for k in keys if (k.name, k.key_id) in found]
    if not signing:
        raise UnverifiableError(
            "The checkpoint is signed by no key of the log that you trust.",
            remedy="obtain the log's public key through another channel and give it as --log-key",
        )
    return signing
