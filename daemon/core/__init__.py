"""What a repository is, what is remembered about it, and what is to be done. Pure."""
