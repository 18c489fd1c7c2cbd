"""The database of a log: SQLite or PostgreSQL, and group commit for many writers."""
