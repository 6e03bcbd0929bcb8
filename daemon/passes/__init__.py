"""One pass over one cluster: look, decide, record, act, verify, record."""
