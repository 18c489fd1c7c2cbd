"""The log's tables in PostgreSQL, for writers on more than one machine."""

# ruff: noqa: D102  (the methods are described where they are declared, in Session)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from auditkit.database.connection import Keeping
from auditkit.database.postgres import PostgresConnection, server_name
from auditkit.ledger.store.tables import Database, Session

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
_FOLLOWERS: Final = {
    "follower": (
        "name text NOT NULL",
        "next_idx bigint NOT NULL",
        "tries bigint NOT NULL",
        "retry_ms bigint NOT NULL",
        "problem text NOT NULL",
        "holder text NOT NULL",
        "held_until_ms bigint NOT NULL",
        "PRIMARY KEY (name)",
    )
}
_INDEX: Final = "INDEX entry_kind ON entry USING btree (kind, idx)"
_FUNCTION: Final = "only_added_to()"
_REFUSES: Final = " BEGIN RAISE EXCEPTION 'the log is only ever added to'; END "
_TRIGGERS: Final = {
    table: f"TRIGGER {table}_kept BEFORE DELETE OR UPDATE OR TRUNCATE ON {table} "
    f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}"
    for table in ("entry", "node")
}


def _create(tables: Mapping[str, Sequence[str]]) -> str:
    return "".join(
        f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(lines)});" for name, lines in tables.items()
    )


_CREATE: Final = "".join(
    [
        _create(_TABLES),
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


class PostgresDatabase(Database):
    """A log in a PostgreSQL database, in the first schema of the search path.

    Args:
        url: `postgresql://user@host/name`, as libpq reads it.
        lock_timeout_s: How long to wait for other writers, in seconds.
    """

    def __init__(self, url: str, *, lock_timeout_s: float) -> None:
        self._url = url
        self._timeout_s = lock_timeout_s
        self.name = server_name(url)

    def connect(self, *, write: bool) -> Session:
        """A new connection."""
        keeping = Keeping("log", self.name)
        return PostgresSession(self._url, keeping, write=write, lock_timeout_s=self._timeout_s)


class PostgresSession(PostgresConnection, Session):
    """One connection to a log in a PostgreSQL database. A lock on the head's row orders writers."""

    def _lock(self) -> None:
        if self._has_tables():
            self._connection.execute("SELECT size FROM head WHERE id = 1 FOR UPDATE")
        else:
            super()._lock()

    def create_tables(self) -> None:
        self.execute(_CREATE)

    def create_followers(self) -> None:
        self.execute(_create(_FOLLOWERS))

    def expected_schema(self) -> Mapping[str, str]:
        every = {**_TABLES, **_FOLLOWERS}
        lines = {name: ["TABLE", *lines] for name, lines in every.items()}
        lines["entry"].append(_INDEX)
        for table, trigger in _TRIGGERS.items():
            lines[table].append(f"{trigger}{_REFUSES}")
        return {f"table {name}": "\n".join(sorted(found)) for name, found in lines.items()}

    def actual_schema(self) -> Mapping[str, str]:
        found: dict[str, list[str]] = {}
        for name, line in self.query(_CATALOGUE, ([*_TABLES, *_FOLLOWERS],)):
            found.setdefault(name, []).append(line)
        return {f"table {name}": "\n".join(sorted(lines)) for name, lines in found.items()}

    def created(self) -> bool:
        with self._translated():
            return self._has_tables() and super().created()

    def _has_tables(self) -> bool:
        row = self._connection.execute("SELECT to_regclass('head')").fetchone()
        return row is not None and row[0] is not None

    def check_storage(self) -> None:
        """Reads nothing: PostgreSQL checks its pages as they are read (data checksums)."""

    def reclaim(self) -> None:
        self.execute("VACUUM (FULL) payload")

    def forget(self) -> None:
        self.execute("VACUUM payload")

    def stored_bytes(self) -> int:
        (row,) = self.query(
            "SELECT SUM(pg_total_relation_size(t::regclass))::bigint FROM unnest("
            "ARRAY['meta','head','entry','node','payload','checkpoint']) t"
        )
        return int(row[0])
