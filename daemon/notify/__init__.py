"""Telling people: what, to whom, and in which words."""
