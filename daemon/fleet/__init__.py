"""A lane for each cluster that is ours, and which clusters are, of several daemons."""
