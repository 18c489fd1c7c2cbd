"""Where a log is kept: SQLite or PostgreSQL, one commit for many writers."""
