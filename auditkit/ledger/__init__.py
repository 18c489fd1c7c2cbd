"""The append-only log: what was logged stays, and anyone with one public key can check it.

Example::

    signer = NoteSigner.generate("example.com/audit")
    with Ledger.open("sqlite:///audit.db", key=signer) as log:
        receipt = log.append(kind="access.decision", payload={"allowed": True, "rule": "r-17"})
    verify_receipt(receipt, signer.verifier)      # offline, without the log

What it shows: that an entry was logged and not changed since, that the log only grew between two
checkpoints, and whether the database is an older one than the kept head. What it cannot show by
itself: that its owner, who holds the key and the database, shows everyone the same log. For that,
keep checkpoints elsewhere or let witnesses sign them.

Beside the log itself: `upkeep` destroys payloads by class and on request and places legal holds,
`export` writes a stretch that verifies alone, `rotation` seals a log and goes on in a new one,
`witness` signs that a log only grew.
"""

from auditkit.ledger.full_check import LogReport
from auditkit.ledger.log import Ledger
from auditkit.ledger.records.checkpoint import Checkpoint, open_checkpoint
from auditkit.ledger.records.entry import Entry
from auditkit.ledger.records.note import NoteSigner, NoteVerifier
from auditkit.ledger.records.receipt import (
    Receipt,
    verify_cosignatures,
    verify_proof_text,
    verify_receipt,
)
from auditkit.ledger.records.retention import CLASSES, Destruction, Hold, RetentionClass

__all__ = [
    "CLASSES",
    "Checkpoint",
    "Destruction",
    "Entry",
    "Hold",
    "Ledger",
    "LogReport",
    "NoteSigner",
    "NoteVerifier",
    "Receipt",
    "RetentionClass",
    "open_checkpoint",
    "verify_cosignatures",
    "verify_proof_text",
    "verify_receipt",
]
