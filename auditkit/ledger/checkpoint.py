"""Checkpoints: what a log says of itself, in three lines that its key signs (C2SP tlog-checkpoint).

Example:
    >>> from auditkit.ledger.note import NoteSigner
    >>> signer = NoteSigner.generate("example.com/log")
    >>> note = signer.sign(Checkpoint(origin="example.com/log", size=0, root=EMPTY_ROOT).body())
    >>> open_checkpoint(note, [signer.verifier]).size
    0
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from auditkit.errors import VerificationError
from auditkit.ledger.note import NoteVerifier, from_base64, open_note
from auditkit.merkle import EMPTY_ROOT, HASH_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """What a log says of itself: which one it is, how long, and the root over its entries.

    Attributes:
        origin: The log's name.
        size: How many entries it has.
        root: The root of the tree over them, 32 bytes.
        extensions: Further lines of the text. This log writes none.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def body(self) -> str:
        """The text that is signed."""
        encoded = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, encoded, *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Reads a note's text as a checkpoint.

        Raises:
            VerificationError: If it is none.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or "" in lines:
            raise VerificationError("The note is not a checkpoint: it needs three lines of text.")
        origin, size, encoded, *extensions = lines
        if not (size.isascii() and size.isdigit()) or str(int(size[:20])) != size:
            raise VerificationError("The checkpoint's second line is not a number of entries.")
        try:
            root = from_base64(encoded)
        except ValueError:
            root = b""
        if len(root) != HASH_BYTES:
            raise VerificationError("The checkpoint's third line is not the base64 of 32 bytes.")
        if int(size) == 0 and root != EMPTY_ROOT:
            raise VerificationError("The checkpoint gives an empty log a root that it cannot have.")
        return cls(origin=origin, size=int(size), root=root, extensions=tuple(extensions))


def open_checkpoint(note: str, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    """The checkpoint in a note that one of a log's keys signed.

    A key speaks for the log of its own name, and for that log's later segments: "name/2".

    Raises:
        VerificationError: If no given key signed it, or one that speaks for another log.
    """
    text, signed = open_note(note, [v for v in verifiers if not v.is_witness])
    checkpoint = Checkpoint.parse(text)
    if not any(speaks_for(found.verifier.name, checkpoint.origin) for found in signed):
        raise VerificationError("The checkpoint is of another log than the one the key signs for.")
    return checkpoint


def speaks_for(name: str, origin: str) -> bool:
    """Whether a key of a name may sign for a log: its own, or a segment of it."""
    segment = origin.removeprefix(f"{name}/")
    return origin == name or (segment != origin and segment.isascii() and segment.isdigit())
