"""Events, the log, and a writer that nobody waits for."""
