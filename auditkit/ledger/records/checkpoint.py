"""Checkpoints: a log's name, size and root, in three signed lines (C2SP tlog-checkpoint).

Example:
    >>> from auditkit.ledger.records.note import NoteSigner
    >>> signer = NoteSigner.generate("example.com/log")
    >>> note = signer.sign(Checkpoint(origin="example.com/log", size=0, root=EMPTY_ROOT).body())
    >>> open_checkpoint(note, [signer.verifier]).size
    0
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import ascii_lowercase
from typing import Final

from auditkit.errors import VerificationError
from auditkit.ledger.records.note import NoteVerifier, from_base64, open_note
from auditkit.merkle import EMPTY_ROOT, HASH_BYTES

_OWN_LETTERS: Final = 12  # 56 bits: no two logs that anyone makes have one name
_BELOW: Final = re.compile(rf"(?:/[a-z]{{{_OWN_LETTERS}}})?(?:/[0-9]+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A log's name, its size, and the root over its entries.

    Attributes:
        origin: The log's name.
        size: How many entries it has.
        root: The root of the tree over them, 32 bytes.
        extensions: Further lines of the text. auditkit writes none.
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
            VerificationError: If it is not a checkpoint.
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
            raise VerificationError("The checkpoint's root is not that of an empty log.")
        return cls(origin=origin, size=int(size), root=root, extensions=tuple(extensions))


def open_checkpoint(
    note: str,
    verifiers: Sequence[NoteVerifier],
    *,
    logged: Callable[[Checkpoint], datetime] | None = None,
) -> Checkpoint:
    """Opens a note that one of a log's keys signed, and returns its checkpoint.

    A key signs for the log of its own name, for logs that were made under it ("name/" and twelve
    letters), and for their later segments: "name/2".

    Args:
        note: The signed note.
        verifiers: The log's keys.
        logged: Returns when an entry that the checkpoint covers was logged; the checkpoint was
            signed no earlier. Called only if a key was revoked; without it, a revoked key's
            signature never counts.

    Raises:
        VerificationError: If none of the keys signed it, if the key that did signs for another
            log, or if every key that did had been revoked.
    """
    text, signed = open_note(note, [v for v in verifiers if not v.is_witness])
    checkpoint = Checkpoint.parse(text)
    speaking = [s.verifier for s in signed if speaks_for(s.verifier.name, checkpoint.origin)]
    if not speaking:
        raise VerificationError("The checkpoint is of another log than the one the key signs for.")
    if any(key.revoked_at is None for key in speaking):
        return checkpoint
    for key in speaking:
        assert key.revoked_at is not None
        if logged is not None and logged(checkpoint) < key.revoked_at:
            return checkpoint
    raise VerificationError(
        f"The checkpoint of {checkpoint.size} entries is signed by a key of the log that was "
        f"revoked on {speaking[0].revoked_at:%Y-%m-%d}, before the entries it covers were logged.",
        remedy="ask the log's owner for a checkpoint under the current key",
    )


def new_origin(name: str) -> str:
    """A name for a new log under a key's name, which no other log has: `name/fqzkbwyhnspe`."""
    return f"{name}/{''.join(secrets.choice(ascii_lowercase) for _ in range(_OWN_LETTERS))}"


def speaks_for(name: str, origin: str) -> bool:
    """Whether the key of this name may sign for a log: of that name, under it, or a segment."""
    below = origin.removeprefix(name)
    return origin.startswith(name) and _BELOW.fullmatch(below) is not None
