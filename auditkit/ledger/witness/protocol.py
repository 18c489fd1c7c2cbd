"""A witness: remembers a log's last checkpoint, and cosigns only checkpoints that extend it.

The owner of a log holds its key and its database, and could show each reader a different log, each
valid by itself. A witness prevents that: it cosigns a checkpoint only with a consistency proof
from the one it cosigned last. A reader who asks for cosignatures sees the log that everyone sees.

Laws:
    - A log that forked or shrank gets no cosignature.
    - A checkpoint is remembered before its cosignature is handed out, and requests are handled one
      at a time.

The protocol is C2SP tlog-witness: a request is text. It travels over HTTP
(`auditkit.ledger.witness.http`), or as a file for machines without a network.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from auditkit.errors import LedgerError, OutputError, VerificationError
from auditkit.files import read_text, write_whole
from auditkit.ledger.log import Ledger
from auditkit.ledger.records.checkpoint import Checkpoint, open_checkpoint
from auditkit.ledger.records.entry import milliseconds
from auditkit.ledger.records.note import (
    NoteSigner,
    NoteVerifier,
    add_signatures,
    from_base64,
    open_note,
    split_note,
)
from auditkit.merkle import verify_consistency

_MAX_PROOF: Final = 63


class RefusalError(VerificationError):
    """The witness refuses to cosign.

    Attributes:
        status: The HTTP status of the answer: 400, 403, 404, 409 or 422.
        known_size: On 409, the size that the witness cosigned last.
    """

    def __init__(self, message: str, *, status: int, known_size: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.known_size = known_size


class Witness:
    """Cosigns checkpoints of the logs it knows.

    Args:
        signer: The witness's key.
        logs: Public keys of the logs.
        folder: Keeps the last checkpoint of each log; created if it does not exist.
        clock: Returns the time, with its zone.
    """

    def __init__(
        self,
        *,
        signer: NoteSigner,
        logs: Sequence[NoteVerifier],
        folder: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._signer = signer
        self._logs = tuple(logs)
        self._folder = folder
        self._clock = clock
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unusable(folder, error) from error

    def sign(self, request: str) -> str:
        """Checks a request, remembers its checkpoint, and cosigns it.

        Args:
            request: A request, as `request_text` writes it.

        Returns:
            The cosignature line.

        Raises:
            RefusalError: If the log is unknown, or does not extend the last cosigned checkpoint.
            LedgerError: If the checkpoint cannot be stored.
        """
        old_size, proof, note = read_request(request)
        text, _ = split_note(note)
        origin = Checkpoint.parse(text).origin
        mine = [
            log for log in self._logs if origin == log.name or origin.startswith(log.name + "/")
        ]
        if not mine:
            raise RefusalError("The witness does not know the log.", status=404)
        try:
            checkpoint = open_checkpoint(note, mine)
        except VerificationError as error:
            raise RefusalError(error.message, status=403) from error
        if old_size > checkpoint.size:
            raise RefusalError("The old size is larger than the checkpoint's.", status=400)
        with self._locked():
            self._check_growth(checkpoint, old_size, proof, mine)
            self._remember(origin, note)
        seconds = milliseconds(self._clock()) // 1000
        return self._signer.cosign(text, seconds=seconds)

    def known(self, origin: str) -> str | None:
        """The checkpoint of a log that was cosigned last; None if there is none."""
        path = self._path(origin)
        return read_text(path, what="checkpoint", kind=LedgerError) if path.exists() else None

    def _check_growth(
        self,
        checkpoint: Checkpoint,
        old_size: int,
        proof: Sequence[bytes],
        keys: Sequence[NoteVerifier],
    ) -> None:
        known = self.known(checkpoint.origin)
        before = None if known is None else open_checkpoint(known, keys)
        known_size = 0 if before is None else before.size
        if old_size != known_size:
            raise RefusalError(
                f"The witness last cosigned {known_size} entries, not {old_size}.",
                status=409,
                known_size=known_size,
            )
        if before is None or before.size == 0:
            if proof:
                raise RefusalError(
                    "A first request must not carry a consistency proof.", status=422
                )
            return
        if before.size == checkpoint.size and before.root != checkpoint.root:
            raise RefusalError(
                f"The log forked: it has two roots for {before.size} entries.",
                status=409,
                known_size=known_size,
            )
        try:
            verify_consistency(before.size, checkpoint.size, proof, before.root, checkpoint.root)
        except VerificationError as error:
            raise RefusalError(
                f"The log does not extend the one known: {error.message}", status=422
            ) from error

    def _remember(self, origin: str, note: str) -> None:
        try:
            write_whole(self._path(origin), note.encode())
        except OutputError as error:
            raise _unusable(self._folder, error) from error

    def _path(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def request_text(*, old_size: int, proof: Sequence[bytes], checkpoint: str) -> str:
    """A request to a witness, as text.

    Args:
        old_size: The size that the witness cosigned last; 0 if it never did.
        proof: The consistency proof from there; empty if the old size is 0 or the same.
        checkpoint: The signed checkpoint.
    """
    lines = "".join(f"{base64.b64encode(value).decode()}\n" for value in proof)
    return f"old {old_size}\n{lines}\n{checkpoint}"


def read_request(text: str) -> tuple[int, tuple[bytes, ...], str]:
    """Reads what `request_text` wrote: old size, proof, checkpoint.

    Raises:
        RefusalError: If it is anything else.
    """
    malformed = RefusalError("The text is not a request to a witness.", status=400)
    head, blank, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    word, _, number = first.partition(" ")
    try:
        proof = tuple(from_base64(line) for line in lines)
        old_size = int(number[:20])
        split_note(note)
        Checkpoint.parse(split_note(note)[0])
    except (ValueError, VerificationError):
        raise malformed from None
    if not blank or word != "old" or str(old_size) != number or old_size < 0:
        raise malformed
    if len(proof) > _MAX_PROOF or any(len(value) != 32 for value in proof):
        raise malformed
    return old_size, proof, note


def request_for(log: Ledger, *, old_size: int) -> str:
    """A request to a witness for a log's newest checkpoint, which is stored in the log.

    Args:
        log: The log, open for writing.
        old_size: The size that the witness cosigned last; 0 if it never did.

    Raises:
        VerificationError: If the witness knows a longer log than this one.
    """
    note = log.checkpoint()
    size = Checkpoint.parse(split_note(note)[0]).size
    if old_size > size:
        raise VerificationError(
            f"The witness cosigned {old_size} entries, but the log has {size}: it was rolled back.",
            remedy="restore the newest database",
        )
    proof = log.prove_consistency(old_size, size) if old_size else ()
    return request_text(old_size=old_size, proof=proof, checkpoint=note)


def last_cosigned(log: Ledger, witness: NoteVerifier) -> int:
    """The size of the newest kept checkpoint that a witness cosigned; 0 if there is none."""
    with log.reading() as session:
        kept = session.checkpoints()
    for size, note in reversed(kept):
        try:
            open_note(note, [witness])
        except VerificationError:
            continue
        return size
    return 0


def keep_cosignature(log: Ledger, request: str, answer: str, witness: NoteVerifier) -> str:
    """Checks a witness's answer and stores it with the checkpoint that it cosigned.

    Args:
        log: The log, open for writing.
        request: The request that the witness answered.
        answer: Its cosignature line.
        witness: Its public key.

    Returns:
        The checkpoint with all its signatures.

    Raises:
        VerificationError: If the line is not the witness's cosignature of that checkpoint.
    """
    _, _, note = read_request(request)
    open_note(add_signatures(note, answer), [witness])
    size = open_checkpoint(note, log.verifiers).size
    with log.writing() as session:
        kept = session.checkpoint(size)
        if kept is None or split_note(kept)[0] != split_note(note)[0]:
            raise VerificationError("The log does not keep the checkpoint of the request.")
        signed = add_signatures(kept, answer)
        open_note(signed, [witness])
        session.put_checkpoint(size, signed)
    return signed


def _unusable(folder: Path, error: Exception) -> LedgerError:
    return LedgerError(
        f"The witness cannot use its folder {folder.name} ({type(error).__name__}).",
        remedy="check the folder's permissions and the disk space",
    )
