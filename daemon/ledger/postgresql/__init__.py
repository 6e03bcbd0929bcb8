"""The ledger in PostgreSQL, which daemons on several machines share; who has which cluster."""
