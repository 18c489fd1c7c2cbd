"""The tables in which the log lies, whatever database holds them.

::

    meta(name, value)                    what log this is, and the format of these tables
    head(id = 1, size, note)             the newest checkpoint: the one row that changes
    entry(idx, time_ms, kind, retention, commitment)         never changed, never deleted
    node(id, hash)                       every whole subtree, numbered as `auditkit.merkle` draws
    payload(idx, salt, body)             deleted when a payload is destroyed
    checkpoint(size, note)               checkpoints that were asked for, with their cosignatures

Laws:
    - One transaction adds entries, nodes, payloads and head together, or nothing.
    - Writers are in one order: who holds the write transaction is alone.
    - A leaf's bytes are made from the entry's columns, so that no column can say another thing
      than what the leaf commits to.

What differs between databases is in `sqlite` and `postgres`; the statements are here.
"""

# ruff: noqa: S608  (what is formatted into statements is parameter marks and our own names)

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditkit.errors import InputError, LedgerError, VerificationError
from auditkit.ledger.records.entry import Entry
from auditkit.merkle import Node, node_id

FORMAT: Final = "auditkit/ledger-tables/v1"
_AT_ONCE: Final = 500
_ENTRY: Final = (
    "SELECT e.idx, e.time_ms, e.kind, e.retention, e.commitment, p.salt, p.body "
    "FROM entry e LEFT JOIN payload p ON p.idx = e.idx"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """How far the log has come.

    Attributes:
        size: How many entries it has.
        note: The signed checkpoint of that size.
    """

    size: int
    note: str


class Session(ABC):
    """One connection to the log's tables. Not shared between threads without a lock.

    In every statement a `?` stands for a value.
    """

    # What differs between databases.

    @abstractmethod
    def begin(self) -> None:
        """Begins a transaction in which no other can write."""

    @abstractmethod
    def begin_reading(self) -> None:
        """Begins a transaction that sees one state of the log to its end."""

    @abstractmethod
    def commit(self) -> None:
        """Makes the transaction durable, or raises and leaves it undone or whole."""

    @abstractmethod
    def rollback(self) -> None:
        """Undoes the transaction."""

    @abstractmethod
    def close(self) -> None:
        """Gives the connection back."""

    @abstractmethod
    def create_tables(self) -> None:
        """Makes the tables where they are missing."""

    @abstractmethod
    def made(self) -> Mapping[str, str]:
        """What `create_tables` makes, by its name: tables, columns, indexes, triggers."""

    @abstractmethod
    def there(self) -> Mapping[str, str]:
        """What there is, in the same words."""

    @abstractmethod
    def fetch(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small answer."""

    @abstractmethod
    def stream(
        self, statement: str, values: Sequence[Any] = (), *, rows: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a large answer, `rows` at a time; the last part may be shorter."""

    @abstractmethod
    def put(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs a statement once for each row of values."""

    @abstractmethod
    def check_storage(self) -> None:
        """Asks the database to look for damage in its own files.

        Raises:
            LedgerError: If it finds some.
        """

    @abstractmethod
    def reclaim(self) -> None:
        """Overwrites or drops the room of deleted rows. Outside any transaction."""

    @abstractmethod
    def forget(self) -> None:
        """Drops deleted rows from where a log of writes still has them. Outside any transaction."""

    @abstractmethod
    def stored_bytes(self) -> int:
        """How much room the log's tables take, in bytes."""

    # What does not.

    def created(self) -> bool:
        """Whether the tables hold a log yet."""
        return bool(self.meta())

    def check_tables(self) -> None:
        """Compares the tables with those that the log makes, and looks for rows outside the log.

        Raises:
            VerificationError: If a table, an index or a trigger is missing, other or one more, or
                if a row belongs to no entry of the log.
        """
        made, there = self.made(), self.there()
        for name in sorted(made.keys() | there.keys()):
            if name not in there:
                raise VerificationError(f"The log's tables lack the {name}.")
            if name not in made:
                raise VerificationError(f"The log did not make the {name} that is there.")
            if made[name] != there[name]:
                raise VerificationError(f"The {name} is not as the log made it.")
        if self.meta().keys() != {"origin", "format"}:
            raise VerificationError("The log's tables say more of the log than the log wrote.")
        for what, where, values in (
            ("entry", "entry WHERE idx < 0 OR idx >= ?", (self.head().size,)),
            (
                "payload",
                "payload WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.idx = payload.idx)",
                (),
            ),
        ):
            if rows := self.fetch(f"SELECT idx FROM {where} ORDER BY idx LIMIT 1", values):
                raise VerificationError(
                    f"The tables hold a row {rows[0][0]} in {what} that is outside the log."
                )

    def meta(self) -> dict[str, str]:
        """What the log says of itself and its format; empty before the first opening."""
        return dict(self.fetch("SELECT name, value FROM meta"))

    def put_meta(self, **values: str) -> None:
        """Adds to what the log says of itself."""
        self.put("INSERT INTO meta VALUES (?, ?)", list(values.items()))

    def head(self) -> Head:
        """The newest checkpoint.

        Raises:
            LedgerError: If there is none.
        """
        rows = self.fetch("SELECT size, note FROM head WHERE id = 1")
        if len(rows) != 1:
            raise LedgerError("The log's tables have no head.", remedy="restore the database")
        return Head(size=rows[0][0], note=rows[0][1])

    def put_head(self, head: Head, *, first: bool = False) -> None:
        """Moves the head, or sets the first one."""
        if first:
            statement = "INSERT INTO head (id, size, note) VALUES (1, ?, ?)"
        else:
            statement = "UPDATE head SET size = ?, note = ? WHERE id = 1"
        self.put(statement, [(head.size, head.note)])

    def nodes(self, nodes: Sequence[Node]) -> list[bytes]:
        """The hashes of some nodes, in the order asked.

        Raises:
            LedgerError: If one is missing.
        """
        ids = [node_id(level, position) for level, position in nodes]
        found: dict[int, bytes] = {}
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            marks = ",".join("?" * len(part))
            found.update(self.fetch(f"SELECT id, hash FROM node WHERE id IN ({marks})", part))
        try:
            return [bytes(found[number]) for number in ids]
        except KeyError:
            raise LedgerError(
                "The log's tables lack hashes that they once had.", remedy="restore the database"
            ) from None

    def put_entries(self, entries: Sequence[Entry], nodes: Sequence[tuple[int, bytes]]) -> None:
        """Adds entries, with their payloads and the nodes that they complete."""
        self.put(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?)",
            [(e.index, e.time_ms, e.kind, e.retention, e.commitment) for e in entries],
        )
        self.put(
            "INSERT INTO payload VALUES (?, ?, ?)",
            [(e.index, e.salt, e.body) for e in entries],
        )
        self.put("INSERT INTO node VALUES (?, ?)", nodes)

    def entry(self, index: int) -> Entry:
        """One entry.

        Raises:
            InputError: If the log has no such index.
        """
        rows = self.fetch(f"{_ENTRY} WHERE e.idx = ?", (index,))
        if not rows:
            raise InputError(f"The log has no entry {index}.")
        return as_entry(rows[0])

    def counts(self) -> dict[str, int]:
        """How many entries there are of each kind, by name."""
        return dict(self.fetch("SELECT kind, COUNT(*) FROM entry GROUP BY kind ORDER BY kind"))

    def last_time_ms(self) -> int:
        """When the newest entry was logged; 0 in an empty log."""
        rows = self.fetch("SELECT time_ms FROM entry ORDER BY idx DESC LIMIT 1")
        return int(rows[0][0]) if rows else 0

    def last_index(self) -> int:
        """The largest index in the table of entries; -1 if it is empty."""
        (row,) = self.fetch("SELECT MAX(idx) FROM entry")
        return -1 if row[0] is None else int(row[0])

    def period(self, since_ms: int, until_ms: int) -> tuple[int, int]:
        """The shortest range that holds every entry logged in a period, as [begin, end).

        Where the clock was set back inside it, it holds others too. Empty if there is no entry.
        """
        ((begin, end),) = self.fetch(
            "SELECT MIN(idx), MAX(idx) FROM entry WHERE time_ms >= ? AND time_ms < ?",
            (since_ms, until_ms),
        )
        return (0, 0) if begin is None else (begin, end + 1)

    def first_between(self, after_ms: int, until_ms: int) -> int | None:
        """The first index logged after a time, and no later than another; None if there is none."""
        ((found,),) = self.fetch(
            "SELECT MIN(idx) FROM entry WHERE time_ms > ? AND time_ms <= ?",
            (after_ms, until_ms),
        )
        return None if found is None else int(found)

    def stream_entries(
        self,
        *,
        begin: int = 0,
        end: int | None = None,
        kind: str | None = None,
        since_ms: int | None = None,
        rows: int,
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Rows of entries, in the order of the log."""
        where, values = ["e.idx >= ?"], [begin]
        for column, sign, value in (
            ("idx", "<", end),
            ("kind", "=", kind),
            ("time_ms", ">=", since_ms),
        ):
            if value is not None:
                where.append(f"e.{column} {sign} ?")
                values.append(value)  # type: ignore[arg-type]
        statement = f"{_ENTRY} WHERE {' AND '.join(where)} ORDER BY e.idx"
        return self.stream(statement, values, rows=rows)

    def stream_nodes(self, *, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """Rows of (id, hash), in the order of their ids."""
        return self.stream("SELECT id, hash FROM node ORDER BY id", rows=rows)

    def payloads_until(self, retention: str, time_ms: int) -> list[tuple[int, str]]:
        """Index and kind of the entries of a class up to a time that have their payload."""
        return [
            (index, kind)
            for index, kind in self.fetch(
                "SELECT e.idx, e.kind FROM entry e JOIN payload p ON p.idx = e.idx "
                "WHERE e.retention = ? AND e.time_ms <= ? ORDER BY e.idx",
                (retention, time_ms),
            )
        ]

    def delete_payloads(self, indexes: Sequence[int]) -> None:
        """Destroys payloads and their salts."""
        self.put("DELETE FROM payload WHERE idx = ?", [(i,) for i in indexes])

    def checkpoints(self) -> list[tuple[int, str]]:
        """The checkpoints that were asked for, as (size, note), the smallest first."""
        return [(s, n) for s, n in self.fetch("SELECT size, note FROM checkpoint ORDER BY size")]

    def checkpoint(self, size: int) -> str | None:
        """The kept checkpoint of a size, if there is one."""
        rows = self.fetch("SELECT note FROM checkpoint WHERE size = ?", (size,))
        return rows[0][0] if rows else None

    def has_kind(self, kind: str) -> bool:
        """Whether any entry is of a kind."""
        return bool(self.fetch("SELECT 1 FROM entry WHERE kind = ? LIMIT 1", (kind,)))

    def put_checkpoint(self, size: int, note: str) -> None:
        """Keeps a checkpoint, in the place of an earlier one of that size."""
        self.put("DELETE FROM checkpoint WHERE size = ?", [(size,)])
        self.put("INSERT INTO checkpoint VALUES (?, ?)", [(size, note)])


class Database(ABC):
    """Where a log lies, and how to reach it.

    Attributes:
        name: Where it lies, for messages: never with a password.
    """

    name: str

    @abstractmethod
    def connect(self, *, write: bool) -> Session:
        """A new connection.

        Raises:
            LedgerError: If the database cannot be reached, or cannot keep what it commits.
        """


def as_entry(row: tuple[Any, ...]) -> Entry:
    """The entry in a row of `stream_entries`."""
    index, time_ms, kind, retention, commitment, salt, body = row
    return Entry(
        index=index,
        time_ms=time_ms,
        kind=kind,
        retention=retention,
        commitment=bytes(commitment),
        salt=None if salt is None else bytes(salt),
        body=None if body is None else bytes(body),
    )
