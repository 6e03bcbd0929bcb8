"""What a repository is, what is remembered of it, and what is to be done. Pure."""
