"""A PostgreSQL database, for writers on more than one machine.

A server that does not wait for its disk (`fsync` or `synchronous_commit` off) is refused, because
it may lose what it acknowledged.
"""

# ruff: noqa: D102  (the methods are described where they are declared, in Connection)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, LiteralString, cast

from auditkit.database.connection import Connection, Keeping
from auditkit.errors import MissingExtraError

# Any number, the same for every writer: "auditkit" in ASCII.
_CREATION_LOCK: Final = 0x6175646974


class PostgresConnection(Connection):
    """One connection to a PostgreSQL database, in the first schema of the search path.

    Args:
        url: `postgresql://user@host/name`, as libpq reads it.
        keeping: What it keeps.
        write: Whether to write.
        lock_timeout_s: How long to wait for other writers, in seconds.

    Raises:
        MissingExtraError: If psycopg is not installed.
    """

    def __init__(self, url: str, keeping: Keeping, *, write: bool, lock_timeout_s: float) -> None:
        try:
            import psycopg
        except ImportError:
            raise MissingExtraError(
                "psycopg", extra="postgres", purpose=f"a {keeping.what} in PostgreSQL"
            ) from None
        self._keeping = keeping
        with self._translated():
            self._connection = psycopg.connect(
                url, autocommit=True, connect_timeout=max(2, int(lock_timeout_s))
            )
            try:
                self._prepare(timeout_s=lock_timeout_s, write=write)
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self, *, timeout_s: float, write: bool) -> None:
        connection = self._connection
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{timeout_s:g}s",))
        if not write:
            return
        connection.execute("SET synchronous_commit TO on")
        row = connection.execute("SHOW fsync").fetchone()
        if row is None or row[0] != "on":
            raise self._keeping.error(
                "The PostgreSQL server does not wait for its disk (fsync is off).",
                remedy="set fsync = on in postgresql.conf",
            )

    def check_in_place(self) -> None:
        """Nothing to check: the database is the server's."""

    def begin(self) -> None:
        with self._translated():
            self._connection.execute("BEGIN")
            self._lock()

    def _lock(self) -> None:
        """Makes the transaction exclusive among the writers of this package."""
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))

    def begin_reading(self) -> None:
        with self._translated():
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self) -> None:
        with self._translated():
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        with self._translated():
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        with self._translated():
            self._connection.close()

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._translated():
            return self._connection.execute(_trusted(statement), values, binary=True).fetchall()

    def stream(
        self, statement: str, values: Sequence[Any] = (), *, rows: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        with (
            self._translated(),
            self._connection.cursor(name=f"rows_{id(statement)}", binary=True) as cursor,
        ):
            cursor.execute(_trusted(statement), values)
            while part := cursor.fetchmany(rows):
                yield part

    def execute(self, statement: str) -> None:
        with self._translated():
            self._connection.execute(_trusted(statement))

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._translated(), self._connection.cursor() as cursor:
            cursor.executemany(_trusted(statement), rows)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turns psycopg's errors into ours."""
        import psycopg

        try:
            yield
        except psycopg.errors.LockNotAvailable as error:
            raise self._keeping.held() from error
        except psycopg.Error as error:
            # The server's text may quote values, so only the error's class is shown.
            raise self._keeping.error(
                f"{self._keeping.where} cannot be used ({type(error).__name__}).",
                remedy="check that the server runs and that the role may create and use tables",
            ) from error


def server_name(url: str) -> str:
    """A database's address for messages: without the user, the password and the options."""
    return "PostgreSQL " + url.partition("://")[2].rpartition("@")[2].partition("?")[0]


@cache
def _trusted(statement: str) -> LiteralString:
    """A statement with psycopg's placeholders; values are passed separately."""
    return cast(Any, statement.replace("?", "%s"))  # type: ignore[no-any-return]
