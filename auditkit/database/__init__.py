"""SQL databases: one way to SQLite and PostgreSQL, on their drivers, for every room."""

from auditkit.database.addresses import connect, located
from auditkit.database.connection import Connection, Keeping
from auditkit.database.shared import SharedConnection

__all__ = ["Connection", "Keeping", "SharedConnection", "connect", "located"]
