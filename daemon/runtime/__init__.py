"""The daemon: its parts, its loop, reload, health, and what it reports."""
