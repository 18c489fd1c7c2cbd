"""The append-only log: entries stay, and anyone with its public key can check that they did.

Example::

    signer = NoteSigner.generate("example.com/audit")
    with Ledger.open("sqlite:///audit.db", key=signer) as log:
        receipt = log.append(kind="access.decision", payload={"allowed": True, "rule": "r-17"})
    verify_receipt(receipt, signer.verifier)      # offline, without the log

It shows that an entry was logged and has not changed since, that the log only grew between two
checkpoints, and whether the database is older than the kept head. It cannot show by itself that
its owner, who holds the key and the database, shows everyone the same log. For that, keep
checkpoints elsewhere or let witnesses sign them.

Around the log: `keep.payload_jobs` destroys payloads by class or on request and places legal
holds, `keep.export` writes a range of entries that verifies alone, `keep.rotation` seals a log and
continues it in a new segment, `witness` cosigns checkpoints of a log that only grew.
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
