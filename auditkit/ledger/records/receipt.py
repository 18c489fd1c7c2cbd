"""A receipt: shows, offline, that one entry was logged.

It carries the entry, its payload with the salt, the inclusion proof, and the checkpoint that the
proof leads to. Anyone who trusts the log's public key needs nothing else to check it.

Laws:
    - `Receipt.from_json(r.to_json()) == r`.
    - `verify_receipt` opens no file and no socket and reads no clock. It returns None, or raises
      `VerificationError` (checked and false) or `UnverifiableError` (could not be checked).

A receipt does not show that the log shows everyone the same entries. For that, compare checkpoints
with others, or ask for witnesses' cosignatures (`verify_cosignatures`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditkit.canonical import Json, canonical_bytes
from auditkit.errors import AuditkitError, InputError, UnverifiableError, VerificationError
from auditkit.ledger.records.checkpoint import Checkpoint, open_checkpoint
from auditkit.ledger.records.entry import Entry, payload_bytes
from auditkit.ledger.records.note import NoteVerifier, Signed, from_base64, open_note
from auditkit.merkle import leaf_hash, verify_inclusion

RECEIPT_TYPE: Final = "auditkit/ledger-receipt/v1"
_PROOF_TYPE: Final = "c2sp.org/tlog-proof@v1"
_MAX_PROOF: Final = 63


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """Evidence that an entry is in a log.

    Attributes:
        origin: The log's name.
        entry: The entry; its payload and salt are None once they are destroyed.
        proof: The inclusion proof, the leaf's sibling first; hashes of 32 bytes.
        checkpoint: The signed checkpoint that the proof leads to, as text.
    """

    origin: str
    entry: Entry
    proof: tuple[bytes, ...]
    checkpoint: str

    @property
    def index(self) -> int:
        """The entry's index in the log, from 0."""
        return self.entry.index

    def to_json(self) -> dict[str, Json]:
        """The receipt as JSON, to store or to attach."""
        salt = self.entry.salt
        return {
            "type": RECEIPT_TYPE,
            "origin": self.origin,
            "index": self.index,
            "entry": self.entry.leaf(),
            "salt": None if salt is None else salt.hex(),
            "payload": self.entry.payload,
            "proof": [value.hex() for value in self.proof],
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def from_json(cls, value: Any) -> Receipt:
        """Reads what `to_json` wrote. Checks its form, not its truth.

        Raises:
            VerificationError: If it is not a receipt.
        """
        wrong = VerificationError("The document is not a receipt of the log.")
        if not isinstance(value, Mapping) or value.get("type") != RECEIPT_TYPE:
            raise wrong
        origin, proof, checkpoint = value.get("origin"), value.get("proof"), value.get("checkpoint")
        if not isinstance(origin, str) or not isinstance(checkpoint, str):
            raise wrong
        if not isinstance(proof, list | tuple) or len(proof) > _MAX_PROOF:
            raise wrong
        salt, payload = value.get("salt"), value.get("payload")
        try:
            entry = Entry.of_leaf(
                value.get("entry"),
                salt=None if salt is None else _from_hex(salt),
                body=None if payload is None else payload_bytes(payload),
            )
            hashes = tuple(_from_hex(text) for text in proof)
        except (InputError, ValueError):
            raise wrong from None
        if value.get("index") != entry.index or isinstance(value.get("index"), bool):
            raise wrong
        return cls(origin=origin, entry=entry, proof=hashes, checkpoint=checkpoint)

    def to_proof_text(self) -> str:
        """The proof alone, in the C2SP tlog-proof format, for tools that do not know receipts.

        The leaf's bytes are the format's extra data, which is not authenticated by itself: a
        verifier checks them by hashing them.
        """
        extra = base64.b64encode(self.entry.leaf_bytes()).decode()
        hashes = "".join(f"{base64.b64encode(value).decode()}\n" for value in self.proof)
        return f"{_PROOF_TYPE}\nextra {extra}\nindex {self.index}\n{hashes}\n{self.checkpoint}"


def verify_receipt(
    receipt: Receipt,
    verifier: NoteVerifier | Sequence[NoteVerifier],
    *,
    payload: Mapping[str, Json] | None = None,
) -> None:
    """Checks that an entry is in the log whose key is given.

    Args:
        receipt: The receipt.
        verifier: The log's public key, or its current and former keys.
        payload: The payload that should have been logged. Without it, the payload in the receipt
            is checked, if there is one.

    Raises:
        VerificationError: If the signature, the proof or the payload is wrong.
        UnverifiableError: If a payload is given, but the entry's payload and salt were destroyed.
    """
    verifiers = [verifier] if isinstance(verifier, NoteVerifier) else list(verifier)
    entry = receipt.entry
    checkpoint = open_checkpoint(receipt.checkpoint, verifiers, logged=lambda _: entry.time)
    if checkpoint.origin != receipt.origin:
        raise VerificationError("The receipt and its checkpoint name different logs.")
    leaf = entry.leaf_hash()
    verify_inclusion(leaf, receipt.index, checkpoint.size, receipt.proof, checkpoint.root)
    if entry.body is not None or entry.salt is not None:
        entry.check_payload()
    if payload is None:
        return
    if entry.body is None:
        raise UnverifiableError(
            f"The payload of entry {entry.index} was destroyed, with the salt needed to check it."
        )
    if _canonical_or_none(payload) != entry.body:
        raise VerificationError(f"Entry {entry.index} does not hold the expected payload.")


def verify_cosignatures(
    checkpoint: str, witnesses: Sequence[NoteVerifier], *, quorum: int
) -> tuple[Signed, ...]:
    """Checks that enough witnesses cosigned a checkpoint.

    Args:
        checkpoint: The signed checkpoint, as text.
        witnesses: Public keys of the trusted witnesses.
        quorum: How many of them must have cosigned, at least 1.

    Returns:
        The cosignatures, with the time of each.

    Raises:
        VerificationError: If a cosignature is wrong, or there are fewer than `quorum`.
        InputError: If the quorum is below 1 or exceeds the number of witnesses.
    """
    keys = {v.public_key: v for v in witnesses if v.is_witness}
    if not 1 <= quorum <= len(keys):
        raise InputError(
            f"A quorum of {quorum} among {len(keys)} witnesses is impossible.",
            remedy="ask for at least 1, and give the public key of each witness",
        )
    _, signed = open_note(checkpoint, list(keys.values()))
    if len(signed) < quorum:
        raise VerificationError(f"Only {len(signed)} of {quorum} required witnesses cosigned.")
    return signed


def verify_proof_text(
    text: str, leaf: bytes, verifier: NoteVerifier | Sequence[NoteVerifier]
) -> tuple[int, Checkpoint]:
    """Checks a C2SP tlog-proof.

    Args:
        text: The proof.
        leaf: The bytes of the entry, from elsewhere: the proof's own extra data is not trusted.
        verifier: The log's public key, or its current and former keys.

    Returns:
        The entry's index and the checkpoint.

    Raises:
        VerificationError: If the proof is malformed or wrong.
    """
    verifiers = [verifier] if isinstance(verifier, NoteVerifier) else list(verifier)
    malformed = VerificationError("The text is not a C2SP tlog-proof.")
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != _PROOF_TYPE:
        raise malformed
    try:
        if lines and lines[0].startswith("extra "):
            from_base64(lines.pop(0).removeprefix("extra "))
        word, _, number = lines.pop(0).partition(" ")
        proof = [from_base64(line) for line in lines]
        index = int(number[:20])
    except (ValueError, IndexError):
        raise malformed from None
    if word != "index" or str(index) != number or len(proof) > _MAX_PROOF:
        raise malformed
    checkpoint = open_checkpoint(note, verifiers)
    verify_inclusion(leaf_hash(leaf), index, checkpoint.size, proof, checkpoint.root)
    return index, checkpoint


def _canonical_or_none(payload: Mapping[str, Json]) -> bytes | None:
    try:
        return canonical_bytes(payload)
    except AuditkitError:
        return None


def _from_hex(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) != 64 or text != text.lower():
        raise ValueError("not 32 bytes")
    return bytes.fromhex(text)
