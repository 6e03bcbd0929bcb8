"""cbmaintd, the Couchbase maintenance daemon: pauses backups while maintenance windows are open."""

__version__ = "0.1.0"
