"""Where an access policy is kept: a folder or a database, sealed and followed."""
