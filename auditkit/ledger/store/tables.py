"""The log's tables, in any database.

::

    meta(name, value)                    the log's name, and the format of these tables
    head(id = 1, size, note)             the newest checkpoint: the one row that changes
    entry(idx, time_ms, kind, retention, commitment)         never changed, never deleted
    node(id, hash)                       every perfect subtree, numbered as in `auditkit.merkle`
    payload(idx, salt, body)             deleted when a payload is destroyed
    checkpoint(size, note)               published checkpoints, with their cosignatures

Beside them there may be a table of readers that follow the log, see `followers`.

Laws:
    - One transaction adds entries, nodes, payloads and head together, or nothing.
    - Only one writer at a time holds a write transaction.
    - A leaf's bytes are computed from the entry's columns, so no column can differ from what the
      leaf commits to.

The SQL statements are here; the differences between databases are in `sqlite` and `postgres`.
"""

# ruff: noqa: S608  (only placeholders and our own names are formatted into statements)

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditkit.database import Connection
from auditkit.errors import InputError, LedgerError, VerificationError
from auditkit.ledger.records.entry import Entry
from auditkit.merkle import Node, node_id

FORMAT: Final = "auditkit/ledger-tables/v1"
# The one table that may be missing.
FOLLOWERS: Final = "table follower"
_MAX_PLACEHOLDERS: Final = 500
_ENTRY: Final = (
    "SELECT e.idx, e.time_ms, e.kind, e.retention, e.commitment, p.salt, p.body "
    "FROM entry e LEFT JOIN payload p ON p.idx = e.idx"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The newest state of the log.

    Attributes:
        size: How many entries it has.
        note: The signed checkpoint of that size.
    """

    size: int
    note: str


class Session(Connection):
    """One connection to the log's tables."""

    # Differs between databases.

    @abstractmethod
    def create_tables(self) -> None:
        """Creates the log's missing tables."""

    @abstractmethod
    def create_followers(self) -> None:
        """Creates the table of followers if it is missing."""

    @abstractmethod
    def expected_schema(self) -> Mapping[str, str]:
        """The tables, indexes and triggers that auditkit makes: definitions by name."""

    @abstractmethod
    def actual_schema(self) -> Mapping[str, str]:
        """The tables, indexes and triggers in the database, in the form of `expected_schema`."""

    @abstractmethod
    def check_storage(self) -> None:
        """Has the database check its own files for damage.

        Raises:
            LedgerError: If it reports damage.
        """

    @abstractmethod
    def reclaim(self) -> None:
        """Overwrites or frees the space of deleted rows. Outside any transaction."""

    @abstractmethod
    def forget(self) -> None:
        """Removes deleted rows from the write-ahead log. Outside any transaction."""

    @abstractmethod
    def stored_bytes(self) -> int:
        """The size of the log's tables, in bytes."""

    # The same for every database.

    def created(self) -> bool:
        """Whether the tables hold a log."""
        return bool(self.meta())

    def check_tables(self) -> None:
        """Compares the tables with those that auditkit creates, and looks for rows outside the log.

        Raises:
            VerificationError: If a table, an index or a trigger is missing, extra or changed, or
                if a row belongs to no entry of the log.
        """
        expected, actual = self.expected_schema(), self.actual_schema()
        for name in sorted(expected.keys() | actual.keys()):
            if name == FOLLOWERS and name not in actual:
                continue
            if name not in actual:
                raise VerificationError(f"The log's {name} is missing.")
            if name not in expected:
                raise VerificationError(f"The {name} does not belong to the log.")
            if expected[name] != actual[name]:
                raise VerificationError(f"The log's {name} was changed.")
        if self.meta().keys() != {"origin", "format"}:
            raise VerificationError("The log's table meta has missing or extra rows.")
        for what, where, values in (
            ("entry", "entry WHERE idx < 0 OR idx >= ?", (self.head().size,)),
            (
                "payload",
                "payload WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.idx = payload.idx)",
                (),
            ),
        ):
            if rows := self.query(f"SELECT idx FROM {where} ORDER BY idx LIMIT 1", values):
                raise VerificationError(
                    f"The log's table {what} holds row {rows[0][0]}, which is outside the log."
                )

    def meta(self) -> dict[str, str]:
        """The log's name and its format; empty before the tables are created."""
        return dict(self.query("SELECT name, value FROM meta"))

    def put_meta(self, **values: str) -> None:
        """Adds to the table meta."""
        self.execute_many("INSERT INTO meta VALUES (?, ?)", list(values.items()))

    def head(self) -> Head:
        """The newest checkpoint.

        Raises:
            LedgerError: If there is none.
        """
        rows = self.query("SELECT size, note FROM head WHERE id = 1")
        if len(rows) != 1:
            raise LedgerError("The log's tables have no head.", remedy="restore the database")
        return Head(size=rows[0][0], note=rows[0][1])

    def put_head(self, head: Head, *, first: bool = False) -> None:
        """Updates the head, or inserts the first one."""
        if first:
            statement = "INSERT INTO head (id, size, note) VALUES (1, ?, ?)"
        else:
            statement = "UPDATE head SET size = ?, note = ? WHERE id = 1"
        self.execute_many(statement, [(head.size, head.note)])

    def nodes(self, nodes: Sequence[Node]) -> list[bytes]:
        """The hashes of some nodes, in the given order.

        Raises:
            LedgerError: If one is missing.
        """
        ids = [node_id(level, position) for level, position in nodes]
        found: dict[int, bytes] = {}
        for start in range(0, len(ids), _MAX_PLACEHOLDERS):
            part = ids[start : start + _MAX_PLACEHOLDERS]
            marks = ",".join("?" * len(part))
            found.update(self.query(f"SELECT id, hash FROM node WHERE id IN ({marks})", part))
        try:
            return [bytes(found[number]) for number in ids]
        except KeyError:
            raise LedgerError(
                "Hashes are missing from the log's tables.", remedy="restore the database"
            ) from None

    def put_entries(self, entries: Sequence[Entry], nodes: Sequence[tuple[int, bytes]]) -> None:
        """Adds entries, their payloads, and the nodes that they complete."""
        self.execute_many(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?)",
            [(e.index, e.time_ms, e.kind, e.retention, e.commitment) for e in entries],
        )
        self.execute_many(
            "INSERT INTO payload VALUES (?, ?, ?)",
            [(e.index, e.salt, e.body) for e in entries],
        )
        self.execute_many("INSERT INTO node VALUES (?, ?)", nodes)

    def entry(self, index: int) -> Entry:
        """One entry.

        Raises:
            InputError: If the log has no such index.
        """
        rows = self.query(f"{_ENTRY} WHERE e.idx = ?", (index,))
        if not rows:
            raise InputError(f"The log has no entry {index}.")
        return as_entry(rows[0])

    def counts(self) -> dict[str, int]:
        """How many entries there are of each kind, by name."""
        return dict(self.query("SELECT kind, COUNT(*) FROM entry GROUP BY kind ORDER BY kind"))

    def entries_between(self, begin_ms: int, end_ms: int, *, end: int) -> int:
        """How many of the first `end` entries were logged in `[begin_ms, end_ms)`."""
        (row,) = self.query(
            "SELECT COUNT(*) FROM entry WHERE time_ms >= ? AND time_ms < ? AND idx < ?",
            (begin_ms, end_ms, end),
        )
        return int(row[0])

    def last_time_ms(self) -> int:
        """When the newest entry was logged; 0 in an empty log."""
        rows = self.query("SELECT time_ms FROM entry ORDER BY idx DESC LIMIT 1")
        return int(rows[0][0]) if rows else 0

    def last_index(self) -> int:
        """The largest index in the table of entries; -1 if it is empty."""
        (row,) = self.query("SELECT MAX(idx) FROM entry")
        return -1 if row[0] is None else int(row[0])

    def period(self, since_ms: int, until_ms: int) -> tuple[int, int]:
        """The shortest range [begin, end) that holds every entry logged in a period.

        It holds other entries too if the clock was set back in it. Empty if there is no entry.
        """
        ((begin, end),) = self.query(
            "SELECT MIN(idx), MAX(idx) FROM entry WHERE time_ms >= ? AND time_ms < ?",
            (since_ms, until_ms),
        )
        return (0, 0) if begin is None else (begin, end + 1)

    def first_between(self, after_ms: int, until_ms: int) -> int | None:
        """The first index logged after one time and at or before another; None if none was."""
        ((found,),) = self.query(
            "SELECT MIN(idx) FROM entry WHERE time_ms > ? AND time_ms <= ?",
            (after_ms, until_ms),
        )
        return None if found is None else int(found)

    def stream_entries(
        self,
        *,
        begin: int = 0,
        end: int | None = None,
        kinds: Collection[str] | None = None,
        since_ms: int | None = None,
        rows: int,
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Rows of entries, in the order of the log."""
        where, values = ["e.idx >= ?"], list[Any]([begin])
        for column, sign, value in (("idx", "<", end), ("time_ms", ">=", since_ms)):
            if value is not None:
                where.append(f"e.{column} {sign} ?")
                values.append(value)
        if kinds is not None:
            where.append(f"e.kind IN ({', '.join('?' * len(kinds)) or 'NULL'})")
            values += kinds
        statement = f"{_ENTRY} WHERE {' AND '.join(where)} ORDER BY e.idx"
        return self.stream(statement, values, rows=rows)

    def stream_nodes(self, *, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """Rows of (id, hash), in the order of their ids."""
        return self.stream("SELECT id, hash FROM node ORDER BY id", rows=rows)

    def payloads_until(self, retention: str, time_ms: int) -> list[tuple[int, str]]:
        """Index and kind of a class's entries up to a time whose payload is not destroyed."""
        return [
            (index, kind)
            for index, kind in self.query(
                "SELECT e.idx, e.kind FROM entry e JOIN payload p ON p.idx = e.idx "
                "WHERE e.retention = ? AND e.time_ms <= ? ORDER BY e.idx",
                (retention, time_ms),
            )
        ]

    def delete_payloads(self, indexes: Sequence[int]) -> None:
        """Destroys payloads and their salts."""
        self.execute_many("DELETE FROM payload WHERE idx = ?", [(i,) for i in indexes])

    def checkpoints(self) -> list[tuple[int, str]]:
        """The published checkpoints, as (size, note), the smallest first."""
        return [(s, n) for s, n in self.query("SELECT size, note FROM checkpoint ORDER BY size")]

    def checkpoint(self, size: int) -> str | None:
        """The kept checkpoint of a size, if there is one."""
        rows = self.query("SELECT note FROM checkpoint WHERE size = ?", (size,))
        return rows[0][0] if rows else None

    def has_kind(self, kind: str) -> bool:
        """Whether there is any entry of a kind."""
        return bool(self.query("SELECT 1 FROM entry WHERE kind = ? LIMIT 1", (kind,)))

    def put_checkpoint(self, size: int, note: str) -> None:
        """Stores a checkpoint, in place of an earlier one of that size."""
        self.execute_many("DELETE FROM checkpoint WHERE size = ?", [(size,)])
        self.execute_many("INSERT INTO checkpoint VALUES (?, ?)", [(size, note)])


class Database(ABC):
    """A log's database.

    Attributes:
        name: Its address, for messages: never with a password.
    """

    name: str

    @abstractmethod
    def connect(self, *, write: bool) -> Session:
        """A new connection.

        Raises:
            LedgerError: If the database cannot be reached, or may lose what it commits.
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
