"""Opens the database that a log's address names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditkit.errors import InputError
from auditkit.ledger.store.postgres import PostgresDatabase
from auditkit.ledger.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from auditkit.ledger.store.tables import Database


def open_database(url: str, *, lock_timeout_s: float) -> Database:
    """The database that a URL names.

    Args:
        url: `sqlite:///path`, or `postgresql://user@host/name`.
        lock_timeout_s: How long to wait for other writers, in seconds.

    Raises:
        InputError: If the URL names neither.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest not in ("/", "/:memory:"):
        return SqliteDatabase(rest[1:], lock_timeout_s=lock_timeout_s)
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return PostgresDatabase(f"postgresql://{rest}", lock_timeout_s=lock_timeout_s)
    raise InputError(
        "The log's address is neither a SQLite file nor a PostgreSQL database.",
        remedy="write sqlite:///folder/audit.db or postgresql://user@host/name",
    )
