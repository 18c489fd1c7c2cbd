"""The decisions that a log holds, reads included."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from auditkit.access.record.approvals import DECISION
from auditkit.access.record.log import READS, LoggedEntry


def decisions_in(entry: LoggedEntry) -> list[dict[str, Any]]:
    """The decisions in one entry, in order; none of a request that named nobody."""
    if entry.payload is None:
        return []
    if entry.kind == DECISION:
        return [entry.payload]
    if entry.kind == READS:
        return [d for d in entry.payload["decisions"] if "decisions" in d]
    return []


def logged_decisions(entries: Iterable[LoggedEntry]) -> Iterable[dict[str, Any]]:
    """Every decision in the log, in its order."""
    for entry in entries:
        yield from decisions_in(entry)
