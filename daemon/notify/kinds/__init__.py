"""The kinds of targets, one module each."""
