"""One version, traced through the log from its making to production."""

from __future__ import annotations

from typing import Any, Final

from auditkit.ledger.reader import LogReader
from auditkit.period.attributes import ATTRIBUTES, attributes_of
from auditkit.period.changes import CONTEXT, ChangeBook, Event
from auditkit.period.kinds import BY_NAME
from auditkit.period.populations import text_of
from auditkit.period.window import stamp

_TOLD: Final = ("name", "how", "decision", "outcome", "reason", "comment", "request", "id", "claim",
                "breakglass", "artifact_digest")  # fmt: skip


def traced(log: LogReader, model: str, version: str, *, with_receipts: bool) -> dict[str, Any]:
    """Every entry about a version, and the attributes of each of its moves.

    Args:
        log: The log.
        model: The registered model's name.
        version: The number of its version, as text.
        with_receipts: Whether to prove each entry.

    Returns:
        `entries`, `tested` and `receipts`, as JSON.
    """
    book = read_changes(log)
    events = book.about(model, version)
    changes = {c.done.index: c for c in book.changes()} if events else {}
    tested = [
        {
            "change": change.item,
            "attribute": letter,
            "outcome": one.outcome,
            "found": one.found,
            "entry": "" if one.index is None else one.index,
            "expected": ATTRIBUTES[letter],
        }
        for event in events
        if (change := changes.get(event.index)) is not None and book.ends is not None
        for letter, one in attributes_of(change, ends=book.ends).items()
    ]
    receipts = [log.prove(e.index).to_json() for e in events] if with_receipts else []
    return {
        "version": f"{model}/{version}",
        "entries": [_line(event) for event in events],
        "tested": tested,
        "receipts": receipts,
    }


def read_changes(log: LogReader, *, size: int | None = None) -> ChangeBook:
    """The changes of a whole log, or of its first entries, with the last one's time."""
    book = ChangeBook()
    size = log.size if size is None else size
    book.read(log.entries(kind=CONTEXT, end=size))
    book.read(log.entries(begin=max(0, size - 1), end=size, kind=_OTHERS))
    return book


# Any entry tells how far the log is known.
_OTHERS: Final = tuple(name for name in BY_NAME if name not in CONTEXT)


def _line(event: Event) -> dict[str, Any]:
    facts = [f"{name} {text}" for name in _TOLD if (text := text_of(event.payload.get(name)))]
    return {
        "entry": event.index,
        "time": stamp(event.time),
        "kind": event.kind,
        "who": event.who,
        "what": ", ".join(facts),
    }
