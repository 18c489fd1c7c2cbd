"""Storage of access policies: in a folder or a database, sealed and reloaded when they change."""
