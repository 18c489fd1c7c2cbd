"""The claims about the log: inclusion, checkpoint, witnesses, consistency.

Laws:
    - Checking inclusion needs no key; checking that the checkpoint is the log's needs the log's
      public key from another source. They are two claims.
    - If the verifier has no key that signed the checkpoint, the claim *could not be checked*; if a
      known key's signature is wrong, it is *false*.
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
# A proof in a log of four billion entries takes 2 kB, each witness 0.2 kB.
_MOST_BYTES: Final = 1 << 20


def read_receipt(content: bytes | None) -> Receipt:
    """Reads the receipt among the attachments.

    Raises:
        UnverifiableError: If there is none: the statement was not logged.
        VerificationError: If it is not a receipt.
    """
    if content is None:
        raise UnverifiableError("The report carries no receipt: its statement was not logged.")
    if len(content) > _MOST_BYTES:
        raise VerificationError("The receipt is larger than that of any report.")
    try:
        return Receipt.from_json(parse_json(content))
    except InputError as error:
        raise VerificationError("The receipt is not valid JSON.") from error


def check_inclusion(receipt: Receipt, statement: Digest) -> str:
    """Checks that a receipt is for a statement, and its inclusion proof.

    Returns:
        Where in the log the statement is, in words.

    Raises:
        VerificationError: If it is for another statement, or the proof is wrong.
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
        raise UnverifiableError("The entry's payload was destroyed, so its content is unknown.")
    entry.check_payload()
    if payload.get("statement") != str(statement):
        raise VerificationError("The receipt is for another statement than the attached one.")
    logged = f"{entry.time:%Y-%m-%d %H:%M} UTC by the log's clock"
    place = f"Entry {receipt.index}, counted from zero, in {receipt.origin}"
    return f"{place}, a log of {checkpoint.size}; logged {logged}."


def check_checkpoint(receipt: Receipt, log_keys: Sequence[NoteVerifier]) -> str:
    """Checks that the log's key signed the receipt's checkpoint.

    Returns:
        Whose key signed, in words.

    Raises:
        VerificationError: If a known key's signature is wrong.
        UnverifiableError: If no known key signed it, or the one that did was compromised.
    """
    keys = _signing(receipt.checkpoint, [k for k in log_keys if not k.is_witness])
    open_checkpoint(receipt.checkpoint, keys, logged=lambda _: receipt.entry.time)
    if all(k.compromised for k in keys):
        raise UnverifiableError(
            "The log's key that signed the checkpoint has since been compromised; anyone who holds "
            "it can make a log with any dates.",
            remedy="ask the log's owner for a receipt under the current key: auditkit log prove",
        )
    return f"Signed with {keys[0]}, a key of the log that you trust."


def check_witnesses(receipt: Receipt, witnesses: Sequence[NoteVerifier], quorum: int) -> str:
    """Checks that enough witnesses cosigned the checkpoint.

    Returns:
        Who cosigned, in words.

    Raises:
        VerificationError: If fewer than `quorum` cosigned, or a cosignature is wrong.
    """
    signed = verify_cosignatures(receipt.checkpoint, witnesses, quorum=quorum)
    names = ", ".join(sorted(s.verifier.name for s in signed))
    return f"Cosigned by {names}."


def check_consistency(
    receipt: Receipt,
    kept: str,
    log_keys: Sequence[NoteVerifier],
    proof: Sequence[bytes],
) -> str:
    """Checks that the receipt and a kept checkpoint are of one log that only grew.

    Args:
        receipt: The report's receipt.
        kept: The checkpoint that the verifier kept, as text.
        log_keys: The log's public keys.
        proof: The consistency proof between the two sizes; empty if they are equal.

    Returns:
        How they agree, in words.

    Raises:
        VerificationError: If the log forked, or they are of different logs.
        UnverifiableError: If a proof is needed and none was given, or no known key signed.
    """
    keys = [k for k in log_keys if not k.is_witness]
    logged = receipt.entry.time
    mine = open_checkpoint(kept, _signing(kept, keys), logged=lambda _: logged)
    theirs = open_checkpoint(
        receipt.checkpoint, _signing(receipt.checkpoint, keys), logged=lambda _: logged
    )
    if mine.origin != theirs.origin:
        raise VerificationError(f"The kept checkpoint is of another log, {mine.origin}.")
    old, new = sorted((mine, theirs), key=lambda c: c.size)
    if old.size != new.size and not proof:
        raise UnverifiableError(
            f"The kept checkpoint has {mine.size} entries and the report's {theirs.size}; a "
            "consistency proof is needed to compare them.",
            remedy="ask the log's owner for the output of 'auditkit log consistency LOG "
            f"{old.size} {new.size}', and give that file as --consistency",
        )
    verify_consistency(old.size, new.size, proof, old.root, new.root)
    return f"The log of {old.size} entries is the beginning of the one of {new.size}."


def as_verifiers(keys: Sequence[Any]) -> tuple[NoteVerifier, ...]:
    """Keys of logs and witnesses, given as `NoteVerifier` or as one line of text.

    Raises:
        KeyFileError: If a text is not such a key.
    """
    return tuple(k if isinstance(k, NoteVerifier) else NoteVerifier.parse(str(k)) for k in keys)


def _signing(note: str, keys: Sequence[NoteVerifier]) -> list[NoteVerifier]:
    """The keys that have a signature line in the note."""
    _, lines = split_note(note)
    found = {(name, signature[:4]) for name, signature in lines}
    signing = [k for k in keys if (k.name, k.key_id) in found]
    if not signing:
        raise UnverifiableError(
            "None of the log keys that you trust signed the checkpoint.",
            remedy="obtain the log's public key through another channel and give it as --log-key",
        )
    return signing
