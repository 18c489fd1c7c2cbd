"""Opens the database that a log's address names."""

from __future__ import annotations

from auditkit.database.addresses import located
from auditkit.ledger.store.postgres import PostgresDatabase
from auditkit.ledger.store.sqlite import SqliteDatabase
from auditkit.ledger.store.tables import Database


def open_database(url: str, *, lock_timeout_s: float) -> Database:
    """The database that a URL names.

    Args:
        url: `sqlite:///path`, or `postgresql://user@host/name`.
        lock_timeout_s: How long to wait for other writers, in seconds.

    Raises:
        InputError: If the URL names neither.
    """
    place = located(url, "log")
    if isinstance(place, str):
        return PostgresDatabase(place, lock_timeout_s=lock_timeout_s)
    return SqliteDatabase(place, lock_timeout_s=lock_timeout_s)
