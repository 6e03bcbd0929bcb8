"""The command line; the only place that turns an error into an exit code."""
