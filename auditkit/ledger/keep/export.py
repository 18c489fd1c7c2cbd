"""A range of the log's entries as one file that verifies alone.

The file is JSON lines: a header, then one line for each entry in the order of the log. The header
carries a signed checkpoint and the subtree roots to the left and right of the range. Together with
the leaves between them they give the checkpoint's root, so no entry of the range is missing,
added, changed or moved. Single receipts cannot show that none is missing.

Law: `verify_export` reads nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditkit.canonical import Json, canonical_bytes, parse_json
from auditkit.errors import InputError, VerificationError
from auditkit.ledger.reader import LogReader
from auditkit.ledger.records.checkpoint import open_checkpoint
from auditkit.ledger.records.entry import Entry, milliseconds
from auditkit.ledger.records.note import NoteVerifier
from auditkit.ledger.records.receipt import Receipt
from auditkit.ledger.store.tables import as_entry
from auditkit.merkle import Node, fold, whole_subtrees

EXPORT_TYPE: Final = "auditkit/ledger-export/v1"
_ROWS: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A range of a log's entries, checked.

    Attributes:
        origin: The log's name.
        begin: The first index.
        end: The index after the last.
        size: How many entries the log had.
        checkpoint: The signed checkpoint that the entries are included in.
        entries: The entries; destroyed payloads are None.
    """

    origin: str
    begin: int
    end: int
    size: int
    checkpoint: str
    entries: tuple[Entry, ...]

    @property
    def destroyed(self) -> int:
        """How many payloads are missing."""
        return sum(entry.body is None for entry in self.entries)


def export_lines(log: LogReader, *, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The lines of an export, each ending in a newline.

    Args:
        log: The log.
        begin: The first index.
        end: The index after the last. Default: the log's size.

    Raises:
        InputError: If the log has no such range.
    """
    with log.snapshot() as session:
        head = session.head()
        stop = head.size if end is None else end
        if not 0 <= begin < stop <= head.size:
            raise InputError(
                f"The log has {head.size} entries, and none in that range.",
                remedy=f"give a range within 0 and {head.size}",
            )
        left, right = _around(begin, stop, head.size)
        hashes = [value.hex() for value in session.nodes([*left, *right])]
        header: dict[str, Json] = {
            "type": EXPORT_TYPE,
            "origin": log.origin,
            "begin": begin,
            "end": stop,
            "checkpoint": session.checkpoint(head.size) or head.note,
            "left": hashes[: len(left)],
            "right": hashes[len(left) :],
        }
        yield canonical_bytes(header) + b"\n"
        for rows in session.stream_entries(begin=begin, end=stop, rows=_ROWS):
            for row in rows:
                entry = as_entry(row)
                line: dict[str, Json] = {
                    "entry": entry.leaf(),
                    "salt": None if entry.salt is None else entry.salt.hex(),
                    "payload": entry.payload,
                }
                yield canonical_bytes(line) + b"\n"


def period(log: LogReader, *, since: datetime, until: datetime) -> tuple[int, int]:
    """The range `[begin, end)` of the entries logged from `since` to before `until`.

    Times go back only where the clock was set back by more than a day. A range around that moment
    also holds entries of other times; none is left out.

    Raises:
        InputError: If nothing was logged in that period.
    """
    with log.reading() as session:
        begin, end = session.period(milliseconds(since), milliseconds(until))
    if begin >= end:
        raise InputError("Nothing was logged in that period.", remedy="choose another period")
    return begin, end


def verify_export(data: bytes, verifier: NoteVerifier | Sequence[NoteVerifier]) -> Export:
    """Checks an export against a log's public key.

    Args:
        data: The file's bytes.
        verifier: The log's public key, or its present and former keys.

    Raises:
        VerificationError: If an entry is missing, added, changed or moved, or the checkpoint is
            not signed by the key.
    """
    verifiers = [verifier] if isinstance(verifier, NoteVerifier) else list(verifier)
    wrong = VerificationError("The file is not an export of a log.")
    try:
        lines = [parse_json(line) for line in data.removesuffix(b"\n").split(b"\n")]
        header = lines.pop(0)
        if header["type"] != EXPORT_TYPE:
            raise wrong
        begin, end, note = header["begin"], header["end"], header["checkpoint"]
        origin = header["origin"]
        left, right = (_hashes(header[name]) for name in ("left", "right"))
        receipts = [
            Receipt.from_json(
                {
                    "type": "auditkit/ledger-receipt/v1",
                    "origin": origin,
                    "index": line["entry"]["index"],
                    "proof": [],
                    "checkpoint": note,
                    "entry": line["entry"],
                    "salt": line["salt"],
                    "payload": line["payload"],
                }
            )
            for line in lines
        ]
    except (InputError, KeyError, TypeError, ValueError, AttributeError):
        raise wrong from None
    entries = tuple(receipt.entry for receipt in receipts)
    if not entries:
        raise wrong
    checkpoint = open_checkpoint(note, verifiers, logged=lambda _: entries[-1].time)
    if not (type(begin) is int and type(end) is int and 0 <= begin < end <= checkpoint.size):
        raise wrong
    if origin != checkpoint.origin:
        raise VerificationError("The export and its checkpoint name different logs.")
    if [entry.index for entry in entries] != list(range(begin, end)):
        raise VerificationError("The export has missing, extra or reordered entries.")
    for entry in entries:
        if entry.body is not None or entry.salt is not None:
            entry.check_payload()
    before, after = _around(begin, end, checkpoint.size)
    if (len(before), len(after)) != (len(left), len(right)):
        raise wrong
    leaves = [((0, entry.index), entry.leaf_hash()) for entry in entries]
    row = [*zip(before, left, strict=True), *leaves, *zip(after, right, strict=True)]
    if fold(row) != checkpoint.root:
        raise VerificationError("The export's entries are not those of the checkpoint.")
    return Export(
        origin=checkpoint.origin,
        begin=begin,
        end=end,
        size=checkpoint.size,
        checkpoint=note,
        entries=entries,
    )


def _around(begin: int, end: int, size: int) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    return tuple(whole_subtrees(0, begin)), tuple(whole_subtrees(end, size))


def _hashes(values: Any) -> list[bytes]:
    found = [bytes.fromhex(value) for value in values]
    if any(len(value) != 32 for value in found):
        raise ValueError("not hashes")
    return found
