"""The items of a population, from a stream of the log's entries.

Laws:
    - Every entry of the population's kinds in the period gives its items, whatever it says: one
      whose payload was destroyed or cannot be read is a row that says so.
    - The order is that of the log. The same entries give the same rows.
    - An entry's payload is the one that the log committed to, or an error is raised.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from auditkit.canonical import canonical_bytes
from auditkit.ledger.records.entry import Entry
from auditkit.period.kinds import DERIVED, Kind, columns_of, kinds_of
from auditkit.period.window import Period, stamp

KEPT: Final = "kept"
DESTROYED: Final = "destroyed"
UNREADABLE: Final = "unreadable"

Row = tuple[str, ...]


@dataclass(slots=True)
class Seen:
    """What a reader of a population saw on its way.

    Attributes:
        read: Entries of the population's kinds in the whole log.
        in_period: Entries that lie in the period.
        rows: Items.
        destroyed: Items without a payload, or with one that cannot be read.
        first: Index of the first entry with an item; None: there is none.
        last: Index of the last one.
        repeated: Entries that tell of an item that an earlier one told of.
        told: By what those are known.
    """

    read: int = 0
    in_period: int = 0
    rows: int = 0
    destroyed: int = 0
    first: int | None = None
    last: int | None = None
    repeated: int = 0
    told: set[tuple[str, str]] = field(default_factory=set, repr=False)


def rows(
    entries: Iterable[Entry], population: str, period: Period, seen: Seen | None = None
) -> Iterator[Row]:
    """The rows of a population, in the order of the log; the columns are those of `columns_of`.

    Args:
        entries: The log's entries, from its beginning; those of other kinds are passed over.
        population: One of `POPULATIONS`.
        period: The period.
        seen: Is told what was seen.

    Raises:
        VerificationError: If a payload is not the one that was logged.
    """
    kinds = {kind.name: _Reader(kind, population) for kind in kinds_of(population)}
    seen = Seen() if seen is None else seen
    begin, end = period.begin_ms, period.end_ms
    for entry in entries:
        reader = kinds.get(entry.kind)
        if reader is None:
            continue
        seen.read += 1
        kind = reader.kind
        late = not (begin <= entry.time_ms < end)
        if late and not (kind.once or kind.when):
            continue
        payload: Any = None
        if entry.body is not None:
            entry.check_payload()
            payload = json.loads(entry.body.decode())
        if kind.once and payload is not None and payload.get(kind.once):
            told = (kind.name, str(payload[kind.once]))
            if told in seen.told:
                seen.repeated += not late
                continue
            seen.told.add(told)
        happened = moment_of(payload.get(kind.when)) if payload and kind.when else None
        if happened is not None:
            late = not period.holds(happened)
        if late:
            continue
        seen.in_period += 1
        for row in reader.rows(entry, payload, stamp(happened or entry.time)):
            seen.rows += 1
            seen.destroyed += row[-1] != KEPT
            seen.first = entry.index if seen.first is None else seen.first
            seen.last = entry.index
            yield row


class _Reader:
    """Makes the rows of one kind."""

    def __init__(self, kind: Kind, population: str) -> None:
        self.kind = kind
        columns = dict.fromkeys(f for k in kinds_of(population) for f in k.fields)
        self._fields = [f if f in kind.fields else None for f in columns]
        self._width = len(columns_of(population))

    def rows(self, entry: Entry, payload: Any, time: str) -> Iterator[Row]:
        """The rows of an entry; the payload may be of another form than the product's."""
        name = f"L{entry.index}"
        if not isinstance(payload, Mapping):
            yield self._empty(name, time, DESTROYED if payload is None else UNREADABLE)
        elif not self.kind.parts:
            yield self._row(name, time, payload)
        elif not isinstance(parts := payload.get(self.kind.parts), list):
            yield self._empty(name, time, UNREADABLE)
        else:
            for position, part in enumerate(parts):
                if not isinstance(part, Mapping):
                    yield self._empty(f"{name}.{position}", time, UNREADABLE)
                elif "outcome_of" not in part:  # the end of a request, which is an item already
                    yield self._row(f"{name}.{position}", time, part)

    def _row(self, name: str, time: str, payload: Mapping[str, Any]) -> Row:
        try:
            cells = [
                ""
                if f is None
                else DERIVED[f](payload)
                if f in DERIVED
                else text_of(payload.get(f))
                for f in self._fields
            ]
            who = text_of(payload.get(self.kind.who)) if self.kind.who else ""
        except (AttributeError, TypeError, ValueError):
            return self._empty(name, time, UNREADABLE)
        return (name, time, self.kind.name, who, *cells, KEPT)

    def _empty(self, name: str, time: str, why: str) -> Row:
        return (name, time, self.kind.name, *[""] * (self._width - 4), why)


def text_of(value: Any) -> str:
    """A member of a payload as a cell: yes and no for truth, lists joined, nothing for none."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "; ".join(value)
    if isinstance(value, list | dict):
        return canonical_bytes(value).decode()
    return str(value)


def moment_of(value: Any) -> datetime | None:
    """A day or a time in a payload, UTC; None for anything else."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
