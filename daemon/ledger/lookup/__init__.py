"""Names in a ledger's file, for a shell that waits: read without SQLAlchemy."""
