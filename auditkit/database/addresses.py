"""What a database's address names."""

from __future__ import annotations

from pathlib import Path

from auditkit.database.connection import Connection, Keeping
from auditkit.database.postgres import PostgresConnection, server_name
from auditkit.database.sqlite import SqliteConnection, refuse_folder
from auditkit.errors import InputError


def located(url: str, what: str) -> Path | str:
    """The file of a SQLite address, or the libpq address of a PostgreSQL one.

    Args:
        url: `sqlite:///path`, or `postgresql://user@host/name`.
        what: What is kept there, for the message.

    Raises:
        InputError: If the URL names neither.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest not in ("/", "/:memory:"):
        return Path(rest[1:])
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return f"postgresql://{rest}"
    raise InputError(
        f"The {what}'s address is neither a SQLite file nor a PostgreSQL database.",
        remedy="write sqlite:///folder/audit.db or postgresql://user@host/name",
    )


def connect(
    url: str, what: str, *, error: type[InputError], write: bool, lock_timeout_s: float
) -> Connection:
    """A connection to the database that a URL names.

    Args:
        url: As for `located`.
        what: What is kept there, for messages.
        error: What to raise when the database cannot be used.
        write: Whether to write.
        lock_timeout_s: How long to wait for other writers, in seconds.

    Raises:
        InputError: If the URL names no database, or the database cannot be used.
    """
    place = located(url, what)
    if isinstance(place, str):
        keeping = Keeping(what, server_name(place), error)
        return PostgresConnection(place, keeping, write=write, lock_timeout_s=lock_timeout_s)
    keeping = Keeping(what, place.name, error)
    refuse_folder(place, keeping)
    return SqliteConnection(place, keeping, write=write, lock_timeout_s=lock_timeout_s)
