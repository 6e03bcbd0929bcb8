"""Notifying people: of what, by which target, in which words."""
