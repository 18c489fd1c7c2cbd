"""The log in PostgreSQL, for writers on more than one machine.

A lock on the head's row orders the writers. A server that does not wait for its disk (`fsync` or
`synchronous_commit` off) is refused, because it may lose what it acknowledged.
"""

# ruff: noqa: D102  (the methods are described where they are declared, in Session)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final, LiteralString, cast

from auditkit.errors import LedgerError, MissingExtraError
from auditkit.ledger.store.tables import Database, Session

if TYPE_CHECKING:
    import psycopg

# Written as in the server's catalogue, so that they can be compared (`actual_schema`).
_TABLES: Final = {
    "meta": ("name text NOT NULL", "value text NOT NULL", "PRIMARY KEY (name)"),
    "head": (
        "id integer NOT NULL",
        "size bigint NOT NULL",
        "note text NOT NULL",
        "PRIMARY KEY (id)",
        "CHECK ((id = 1))",
    ),
    "entry": (
        "idx bigint NOT NULL",
        "time_ms bigint NOT NULL",
        "kind text NOT NULL",
        "retention text NOT NULL",
        "commitment bytea NOT NULL",
        "PRIMARY KEY (idx)",
    ),
    "node": ("id bigint NOT NULL", "hash bytea NOT NULL", "PRIMARY KEY (id)"),
    "payload": (
        "idx bigint NOT NULL",
        "salt bytea NOT NULL",
        "body bytea NOT NULL",
        "PRIMARY KEY (idx)",
    ),
    "checkpoint": ("size bigint NOT NULL", "note text NOT NULL", "PRIMARY KEY (size)"),
}
_INDEX: Final = "INDEX entry_kind ON entry USING btree (kind, idx)"
_FUNCTION: Final = "only_added_to()"
_REFUSES: Final = " BEGIN RAISE EXCEPTION 'the log is only ever added to'; END "
_TRIGGERS: Final = {
    table: f"TRIGGER {table}_kept BEFORE DELETE OR UPDATE OR TRUNCATE ON {table} "
    f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}"
    for table in ("entry", "node")
}
_CREATE: Final = "".join(
    [
        *(
            f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(lines)});"
            for name, lines in _TABLES.items()
        ),
        _INDEX.replace("INDEX", "CREATE INDEX IF NOT EXISTS", 1) + ";",
        f"CREATE OR REPLACE FUNCTION {_FUNCTION} RETURNS trigger LANGUAGE plpgsql ",
        f"AS $${_REFUSES}$$;",
        *(f"CREATE OR REPLACE {trigger};" for trigger in _TRIGGERS.values()),
    ]
)
# For each table: its kind, then its columns, constraints, indexes and triggers.
_CATALOGUE: Final = """
WITH own AS (SELECT name, to_regclass(name) AS id FROM unnest(?::text[]) name)
SELECT name, CASE WHEN relkind = 'r' AND relpersistence = 'p' AND NOT relrowsecurity
    AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = id)
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE id IN (inhrelid, inhparent))
    THEN 'TABLE' ELSE 'another kind of table' END
FROM own JOIN pg_class ON pg_class.oid = id
UNION ALL
SELECT name, attname || ' ' || format_type(atttypid, atttypmod)
    || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
    || coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '')
FROM own JOIN pg_attribute ON attrelid = id AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = id AND adnum = attnum
UNION ALL
SELECT name, pg_get_constraintdef(pg_constraint.oid)
FROM own JOIN pg_constraint ON conrelid = id AND contype NOT IN ('n', 't')
UNION ALL
SELECT name, replace(pg_get_indexdef(indexrelid, 0, true), 'CREATE ', '')
FROM own JOIN pg_index ON indrelid = id
WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
UNION ALL
SELECT name, replace(pg_get_triggerdef(pg_trigger.oid, true), 'CREATE ', '')
    || CASE WHEN tgenabled = 'O' THEN '' ELSE ' not enabled' END || prosrc
FROM own JOIN pg_trigger ON tgrelid = id AND NOT tgisinternal JOIN pg_proc ON pg_proc.oid = tgfoid
"""
# Any number, the same for every writer: "auditkit" in ASCII.
_CREATION_LOCK: Final = 0x6175646974


class PostgresDatabase(Database):
    """A log in a PostgreSQL database, in the first schema of the search path.

    Args:
        url: `postgresql://user@host/name`, as libpq reads it.
        lock_timeout_s: How long to wait for other writers, in seconds.
    """

    def __init__(self, url: str, *, lock_timeout_s: float) -> None:
        self._url = url
        self._timeout_s = lock_timeout_s
        self.name = "PostgreSQL " + url.partition("://")[2].rpartition("@")[2].partition("?")[0]

    def connect(self, *, write: bool) -> Session:
        """A new connection."""
        try:
            import psycopg
        except ImportError:
            raise MissingExtraError(
                "psycopg", extra="postgres", purpose="a log in PostgreSQL"
            ) from None
        with _translated(self.name):
            connection = psycopg.connect(
                self._url, autocommit=True, connect_timeout=max(2, int(self._timeout_s))
            )
            try:
                _prepare(connection, timeout_s=self._timeout_s, write=write)
            except BaseException:
                connection.close()
                raise
            return PostgresSession(connection, self.name)


def _prepare(connection: psycopg.Connection[Any], *, timeout_s: float, write: bool) -> None:
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{timeout_s:g}s",))
    if not write:
        return
    connection.execute("SET synchronous_commit TO on")
    row = connection.execute("SHOW fsync").fetchone()
    if row is None or row[0] != "on":
        raise LedgerError(
            "The PostgreSQL server does not wait for its disk (fsync is off).",
            remedy="set fsync = on in postgresql.conf",
        )


class PostgresSession(Session):
    """One connection to a PostgreSQL database."""

    def __init__(self, connection: psycopg.Connection[Any], name: str) -> None:
        self._connection = connection
        self._name = name

    def begin(self) -> None:
        with _translated(self._name):
            self._connection.execute("BEGIN")
            if self._has_tables():
                self._connection.execute("SELECT size FROM head WHERE id = 1 FOR UPDATE")
            else:
                self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))

    def begin_reading(self) -> None:
        with _translated(self._name):
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self) -> None:
        with _translated(self._name):
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        with _translated(self._name):
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        with _translated(self._name):
            self._connection.close()

    def create_tables(self) -> None:
        with _translated(self._name):
            self._connection.execute(_trusted(_CREATE))

    def expected_schema(self) -> Mapping[str, str]:
        lines = {name: ["TABLE", *lines] for name, lines in _TABLES.items()}
        lines["entry"].append(_INDEX)
        for table, trigger in _TRIGGERS.items():
            lines[table].append(f"{trigger}{_REFUSES}")
        return {f"table {name}": "\n".join(sorted(found)) for name, found in lines.items()}

    def actual_schema(self) -> Mapping[str, str]:
        found: dict[str, list[str]] = {}
        for name, line in self.query(_CATALOGUE, (list(_TABLES),)):
            found.setdefault(name, []).append(line)
        return {f"table {name}": "\n".join(sorted(lines)) for name, lines in found.items()}

    def created(self) -> bool:
        with _translated(self._name):
            return self._has_tables() and super().created()

    def _has_tables(self) -> bool:
        row = self._connection.execute("SELECT to_regclass('head')").fetchone()
        return row is not None and row[0] is not None

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _translated(self._name):
            return self._connection.execute(_trusted(statement), values, binary=True).fetchall()

    def stream(
        self, statement: str, values: Sequence[Any] = (), *, rows: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        with (
            _translated(self._name),
            self._connection.cursor(name=f"log_{id(statement)}", binary=True) as cursor,
        ):
            cursor.execute(_trusted(statement), values)
            while part := cursor.fetchmany(rows):
                yield part

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with _translated(self._name), self._connection.cursor() as cursor:
            cursor.executemany(_trusted(statement), rows)

    def check_storage(self) -> None:
        """Reads nothing: PostgreSQL checks its pages as they are read (data checksums)."""

    def reclaim(self) -> None:
        with _translated(self._name):
            self._connection.execute("VACUUM (FULL) payload")

    def forget(self) -> None:
        with _translated(self._name):
            self._connection.execute("VACUUM payload")

    def stored_bytes(self) -> int:
        (row,) = self.query(
            "SELECT SUM(pg_total_relation_size(t::regclass))::bigint FROM unnest("
            "ARRAY['meta','head','entry','node','payload','checkpoint']) t"
        )
        return int(row[0])


@cache
def _trusted(statement: str) -> LiteralString:
    """A statement with psycopg's placeholders.

    Statements come only from this package; values are passed separately.
    """
    return cast(Any, statement.replace("?", "%s"))  # type: ignore[no-any-return]


@contextmanager
def _translated(name: str) -> Iterator[None]:
    import psycopg

    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise LedgerError(
            f"Another process holds the log in {name}.",
            remedy="wait for it, or raise lock_timeout_s",
        ) from error
    except psycopg.Error as error:
        # The server's text may quote values, so only the error's class is shown.
        raise LedgerError(
            f"{name} cannot be used ({type(error).__name__}).",
            remedy="check that the server runs and that the role may create and use tables",
        ) from error
